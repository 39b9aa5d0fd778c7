"""The pictures of a validation report."""

from collections.abc import Mapping
from functools import partial
from typing import Final, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from service.validation.performance import Performance, ScoredPatients
from service.validation.points import FiveNumbers, total_points
from service.validation.svg import (
    COLOURS,
    GREY,
    Draw,
    draw_pictures,
    risk_square,
)

__all__ = ["MOST_DOTS", "draw_all"]

_Array: TypeAlias = NDArray[np.float64]

#: Of each group no more patients are drawn as dots: a report stays small for any n.
MOST_DOTS: Final = 500
_BINS: Final = 20
_MEDIAN: Final = {"color": "black", "linewidth": 1.5}
#: Dots are spread over this width, the same way each time.
_SPREAD: Final = 0.36
_GOLDEN: Final = 0.6180339887


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
        ``predictors``; no ``calibration`` of patients who were sampled by outcome.
    """
    pictures: dict[str, tuple[str, Draw]] = {
        "roc": ("ROC curve", partial(_roc, found=found)),
        "calibration": (
            "Calibration curve",
            partial(_calibration, patients=patients, found=found),
        ),
        "decision": ("Decision curve", partial(_decision, found=found)),
        "points": (
            "Nomogram points by outcome",
            partial(_points_by_outcome, patients=patients, found=found),
        ),
        "predictors": (
            "AUC of each predictor and of the model",
            partial(_predictors, found=found),
        ),
    }
    if found.decision.is_population:
        del pictures["calibration"]
    return draw_pictures(pictures, is_synthetic=is_synthetic)


def _roc(axes: Axes, found: Performance) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    axes.plot(1 - found.roc.specificity, found.roc.sensitivity, color=COLOURS[0])
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
    top = risk_square(axes, curve.risk, curve.observed)
    axes.fill_between(
        curve.risk, curve.low, curve.high, color=COLOURS[0], alpha=0.2, linewidth=0
    )
    axes.plot(
        curve.risk, curve.observed, color=COLOURS[0], label="here, with 95 % band"
    )
    if found.recalibrated is not None:
        axes.plot(
            found.recalibrated.risk,
            found.recalibrated.corrected,
            color=COLOURS[1],
            linestyle="--",
            label="after recalibration (bias-corrected)",
        )
    _rugs(axes, patients, top)
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
            color=GREY,
            alpha=0.35,
            linewidth=0,
        )


def _decision(axes: Axes, found: Performance) -> None:
    curve = found.decision
    if curve.limits is not None:
        axes.fill_between(
            curve.thresholds, *curve.limits.model, color=COLOURS[0], alpha=0.2, lw=0
        )
    axes.plot(curve.thresholds, curve.model, color=COLOURS[0], label="model")
    axes.plot(
        curve.thresholds,
        curve.treat_all,
        color=COLOURS[1],
        linestyle="--",
        label="follow up all",
    )
    axes.axhline(0, color=GREY, linewidth=0.8, label="follow up none")
    highest = max(float(np.nanmax(curve.model)), curve.prevalence)
    axes.set(
        xlabel="Threshold probability",
        ylabel="Net benefit",
        xlim=(0, float(curve.thresholds[-1])),
        ylim=(-0.25 * highest, 1.1 * highest),
    )
    axes.legend()


def _points_by_outcome(
    axes: Axes, patients: ScoredPatients, found: Performance
) -> None:
    """Draw the box of each group, and patients as dots, as the paper does."""
    points = total_points(patients.model, patients.design)
    boxes = found.points.without_outcome, found.points.with_outcome
    labels = []
    for place, (box, name) in enumerate(
        zip(boxes, ("without SCNEN", "SCNEN"), strict=True)
    ):
        group = points[patients.outcome == place]
        labels.append(f"{name}\nn = {box.n}")
        dots = _some(group)
        beside = place + _SPREAD * (np.arange(dots.size) * _GOLDEN % 1 - 0.5)
        axes.plot(beside, dots, ".", color=COLOURS[place], alpha=0.35, markersize=3)
        axes.bxp(
            [_box(box, group)],
            positions=[place],
            widths=0.5,
            showfliers=False,
            medianprops=_MEDIAN,
        )
    axes.set_xticks([0, 1], labels)
    axes.set(ylabel="Total nomogram points")


def _some(group: _Array) -> _Array:
    """Take all, or so many from the lowest to the highest, evenly by rank."""
    if group.size <= MOST_DOTS:
        return group
    ranks = np.linspace(0, group.size - 1, MOST_DOTS).round().astype(np.intp)
    result: _Array = np.sort(group)[ranks]
    return result


def _box(found: FiveNumbers, group: _Array) -> dict[str, float]:
    """Give the box, and whiskers to the last patients within 1.5 of its height."""
    reach = 1.5 * (found.upper_quartile - found.lower_quartile)
    low, high = found.lower_quartile - reach, found.upper_quartile + reach
    inside = group[(group >= low) & (group <= high)]
    return {
        "med": found.median,
        "q1": found.lower_quartile,
        "q3": found.upper_quartile,
        "whislo": min(float(inside.min()), found.lower_quartile),
        "whishi": max(float(inside.max()), found.upper_quartile),
    }


def _predictors(axes: Axes, found: Performance) -> None:
    names = [each.name.replace("_", " ") for each in found.predictors] + ["model"]
    areas = [each.against_model.first for each in found.predictors]
    areas.append(found.auc.auc.value)
    places = np.arange(len(names))[::-1]
    axes.barh(
        places,
        areas,
        color=[COLOURS[2]] * (len(names) - 1) + [COLOURS[0]],
        height=0.6,
    )
    for place, area in zip(places, areas, strict=True):
        axes.text(area + 0.01, place, f"{area:.3f}", va="center")
    axes.axvline(0.5, color=GREY, linewidth=0.8)
    axes.set_yticks(places, names)
    axes.set(xlabel="Area under the ROC curve", xlim=(0.4, 1))
