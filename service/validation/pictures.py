"""The pictures of a validation report, as SVG that comes out the same each time."""

import io
import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from typing import Any, Final, TypeAlias

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from service.validation.performance import Performance, ScoredPatients
from service.validation.points import total_points

__all__ = ["draw_all"]

_Array: TypeAlias = NDArray[np.float64]

#: Blue, orange, light blue: told apart by the colour-blind (Okabe, Ito); lines differ
#: in style as well, for prints without colour.
_COLOURS: Final = ("#0072b2", "#d55e00", "#56b4e9")
_GREY: Final = "#6b6b6b"
_RED: Final = "#b3261e"
_SYNTHETIC: Final = "SYNTHETIC patients"
_STYLE: Final[Any] = {
    "svg.hashsalt": "scnen-cds",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "legend.frameon": False,
    "legend.fontsize": 9,
}
_SIZE: Final = (5.2, 4.2)
_BINS: Final = 20
_MEDIAN: Final = {"color": "black", "linewidth": 1.5}
#: Dots are spread over this width, the same way each time.
_SPREAD: Final = 0.36
_GOLDEN: Final = 0.6180339887
_NO_METADATA: Final = {"Date": None, "Creator": None, "Format": None, "Type": None}


def draw_all(
    patients: ScoredPatients, found: Performance, *, is_synthetic: bool = False
) -> Mapping[str, str]:
    """
    Draw all pictures of a validation.

    Parameters
    ----------
    patients : ScoredPatients
        On whom.
    found : Performance
        What was found.
    is_synthetic : bool
        Whether nobody is a patient; each picture then says so, wherever it is shown.

    Returns
    -------
    Mapping[str, str]
        SVG elements by name: ``roc``, ``calibration``, ``decision``, ``points``,
        ``predictors``.
    """
    pictures: dict[str, tuple[str, Callable[[Axes], None]]] = {
        "roc": ("ROC curve", partial(_roc, found=found)),
        "calibration": (
            "Calibration curve",
            partial(_calibration, patients=patients, found=found),
        ),
        "decision": ("Decision curve", partial(_decision, found=found)),
        "points": (
            "Nomogram points by outcome",
            partial(_points_by_outcome, patients=patients),
        ),
        "predictors": (
            "AUC of each predictor and of the model",
            partial(_predictors, found=found),
        ),
    }
    mark = _SYNTHETIC if is_synthetic else ""
    return {
        name: _svg(name, title, draw, mark) for name, (title, draw) in pictures.items()
    }


def _svg(name: str, title: str, draw: Callable[[Axes], None], mark: str) -> str:
    """Draw an element that scales with the page and asks for nothing from elsewhere."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        draw(axes)
        axes.set_title(mark, color=_RED)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    width, height = (72 * side for side in _SIZE)
    label = escape(": ".join(filter(None, (title, mark))))
    opening = (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {width:g} {height:g}"'
        ' xmlns="http://www.w3.org/2000/svg"'
        ' xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    # Ids of parts are unique in one picture only, and a page has several.
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\1{name}-", text)
    return re.sub(r"<svg[^>]*>", lambda _: opening, text, count=1).strip()


def _roc(axes: Axes, found: Performance) -> None:
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.8)
    axes.plot(1 - found.roc.specificity, found.roc.sensitivity, color=_COLOURS[0])
    axes.set(
        xlabel="1 - specificity",
        ylabel="Sensitivity",
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
    )
    area = found.auc.auc
    axes.text(
        0.98,
        0.05,
        f"AUC {area.value:.3f}\n(95 % {area.low:.3f} to {area.high:.3f})",
        ha="right",
    )


def _calibration(axes: Axes, patients: ScoredPatients, found: Performance) -> None:
    curve = found.curve.curve
    top = _round_up(max(float(curve.risk.max()), float(np.nanmax(curve.observed))))
    axes.plot([0, top], [0, top], color=_GREY, linewidth=0.8, label="ideal")
    axes.fill_between(
        curve.risk, curve.low, curve.high, color=_COLOURS[0], alpha=0.2, linewidth=0
    )
    axes.plot(
        curve.risk, curve.observed, color=_COLOURS[0], label="here, with 95 % band"
    )
    if found.recalibrated is not None:
        axes.plot(
            found.recalibrated.risk,
            found.recalibrated.corrected,
            color=_COLOURS[1],
            linestyle="--",
            label="after recalibration (bias-corrected)",
        )
    _rugs(axes, patients, top)
    axes.set(
        xlabel="Predicted risk",
        ylabel="Observed share with SCNEN",
        xlim=(0, top),
        ylim=(0, top),
    )
    axes.legend(loc="upper left")


def _rugs(axes: Axes, patients: ScoredPatients, top: float) -> None:
    """Show how many patients have which risk: with SCNEN above, without below."""
    counts = [
        np.histogram(patients.risk[patients.outcome == is_event], _BINS, (0, top))
        for is_event in (0, 1)
    ]
    largest = max(int(count.max()) for count, _ in counts)
    for (count, edges), base, sign in zip(counts, (0.0, top), (1, -1), strict=True):
        axes.bar(
            edges[:-1],
            sign * 0.12 * top * count / largest,
            np.diff(edges),
            bottom=base,
            align="edge",
            color=_GREY,
            alpha=0.35,
            linewidth=0,
        )


def _decision(axes: Axes, found: Performance) -> None:
    curve = found.decision
    if curve.limits is not None:
        axes.fill_between(
            curve.thresholds, *curve.limits.model, color=_COLOURS[0], alpha=0.2, lw=0
        )
    axes.plot(curve.thresholds, curve.model, color=_COLOURS[0], label="model")
    axes.plot(
        curve.thresholds,
        curve.treat_all,
        color=_COLOURS[1],
        linestyle="--",
        label="follow up all",
    )
    axes.axhline(0, color=_GREY, linewidth=0.8, label="follow up none")
    highest = max(float(np.nanmax(curve.model)), curve.prevalence)
    axes.set(
        xlabel="Threshold probability",
        ylabel="Net benefit",
        xlim=(0, float(curve.thresholds[-1])),
        ylim=(-0.25 * highest, 1.1 * highest),
    )
    axes.legend()


def _points_by_outcome(axes: Axes, patients: ScoredPatients) -> None:
    """Draw the box of each group, and a dot for each patient, as the paper does."""
    points = total_points(patients.model, patients.design)
    labels = []
    for place, (is_event, name) in enumerate(((0, "without SCNEN"), (1, "SCNEN"))):
        group = points[patients.outcome == is_event]
        labels.append(f"{name}\nn = {group.size}")
        beside = place + _SPREAD * (np.arange(group.size) * _GOLDEN % 1 - 0.5)
        axes.plot(beside, group, ".", color=_COLOURS[place], alpha=0.35, markersize=3)
        axes.boxplot(
            group, positions=[place], widths=0.5, showfliers=False, medianprops=_MEDIAN
        )
    axes.set_xticks([0, 1], labels)
    axes.set(ylabel="Total nomogram points")


def _predictors(axes: Axes, found: Performance) -> None:
    names = [each.name.replace("_", " ") for each in found.predictors] + ["model"]
    areas = [each.against_model.first for each in found.predictors]
    areas.append(found.auc.auc.value)
    places = np.arange(len(names))[::-1]
    axes.barh(
        places,
        areas,
        color=[_COLOURS[2]] * (len(names) - 1) + [_COLOURS[0]],
        height=0.6,
    )
    for place, area in zip(places, areas, strict=True):
        axes.text(area + 0.01, place, f"{area:.3f}", va="center")
    axes.axvline(0.5, color=_GREY, linewidth=0.8)
    axes.set_yticks(places, names)
    axes.set(xlabel="Area under the ROC curve", xlim=(0.4, 1))


def _round_up(value: float) -> float:
    return min(1.0, math.ceil(value * 10) / 10)
