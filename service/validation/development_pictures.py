"""The pictures of a new model: path, cross-validation, nomogram, three curves."""

from collections.abc import Mapping
from functools import partial
from typing import Final, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from service.model.drawing import Words, draw, risk_axis
from service.model.nomogram import marks
from service.validation.candidates import Candidates
from service.validation.charts import Chart
from service.validation.development_tables import short_mark
from service.validation.new_model import NewModel
from service.validation.optimism_curves import CorrectedCurve, CorrectedCurves
from service.validation.svg import (
    COLOURS,
    GREY,
    Draw,
    draw_pictures,
    mark_of,
    risk_square,
)

__all__ = ["draw_development", "draw_nomogram"]

_Array: TypeAlias = NDArray[np.float64]

#: Told apart by the colour-blind (Okabe, Ito); with more lines styles differ, too.
_LINES: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#000000")
_STYLES: Final = ("-", "--", ":", "-.")
_WIDE: Final = (5.2, 4.6)


def draw_development(model: NewModel, candidates: Candidates) -> Mapping[str, str]:
    """
    Draw all but the nomogram.

    Parameters
    ----------
    model : NewModel
        The results.
    candidates : Candidates
        Patients and columns.

    Returns
    -------
    Mapping[str, str]
        SVG elements by name: ``path``, ``cross_validation`` and, of a model with
        predictors, ``roc``, ``calibration``, ``decision``.
    """
    pictures: dict[str, tuple[str, Draw]] = {
        "path": ("LASSO path", partial(_path, model=model, candidates=candidates)),
        "cross_validation": (
            "Cross-validation of the penalty",
            partial(_cross_validation, model=model),
        ),
    }
    curves = model.optimism.curves
    if curves is not None and model.model:
        pictures |= {
            "roc": ("ROC curve", partial(_roc, model=model, curve=curves.roc)),
            "calibration": (
                "Calibration curve",
                partial(_calibration, curve=curves.calibration),
            ),
            "decision": ("Decision curve", partial(_decision, curves=curves)),
        }
    is_synthetic = model.source.is_synthetic
    return draw_pictures(pictures, is_synthetic=is_synthetic, size=_WIDE)


def draw_nomogram(layout: Chart, *, is_synthetic: bool) -> str:
    """
    Draw the nomogram.

    Parameters
    ----------
    layout : Chart
        The new model.
    is_synthetic : bool
        Whether nobody is a patient; the drawing then says so.

    Returns
    -------
    str
        An SVG element.
    """
    names = {item.name: item.name.replace("_", " ") for item in layout.predictors}
    mark = mark_of(is_synthetic=is_synthetic)
    words = Words(
        title=": ".join(filter(None, ("Nomogram of the new model", mark))),
        points="Points",
        total="Total points",
        predictors=names,
        codes={
            mark.label: short_mark(mark)
            for row in marks(layout).values()
            for mark in row
        },
        captions=[
            "Not validated on other patients. Points are of the model as fitted, not"
            " corrected for optimism.",
            *filter(None, [mark]),
        ],
    )
    return draw(layout, risk_axis(layout, "Risk, %"), words)


def _path(axes: Axes, model: NewModel, candidates: Candidates) -> None:
    scale, path = np.log(np.array(model.penalties)), np.array(model.path)
    # Of one standard deviation, so that units do not decide how large a line is.
    spread = path * candidates.design.std(axis=0)
    used = model.penalties.index(model.one_se_penalty)
    kept = 0
    for place, name in enumerate(candidates.column_names):
        if not path[used, place]:
            axes.plot(scale, spread[:, place], color=GREY, alpha=0.4, linewidth=0.8)
            continue
        axes.plot(
            scale,
            spread[:, place],
            color=_LINES[kept % len(_LINES)],
            linestyle=_STYLES[kept // len(_LINES) % len(_STYLES)],
            label=name.replace("_", " "),
        )
        kept += 1
    _penalties(axes, model)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.invert_xaxis()
    axes.set(
        xlabel="log λ (weaker penalty to the right)",
        ylabel="Log odds of one standard deviation",
    )
    if kept:
        low, high = axes.get_ylim()
        # Room above the lines, a line of text for each name and one for the title.
        axes.set_ylim(low, high + (high - low) * 0.09 * (kept + 1))
        axes.legend(
            loc="upper left", title="selected at λ1se", title_fontsize=9, frameon=True
        )


def _cross_validation(axes: Axes, model: NewModel) -> None:
    scale = np.log(np.array(model.penalties))
    axes.errorbar(
        scale,
        model.deviance,
        yerr=model.deviance_error,
        fmt=".",
        color=COLOURS[0],
        ecolor=COLOURS[2],
        elinewidth=0.8,
        markersize=4,
    )
    _penalties(axes, model)
    axes.invert_xaxis()
    axes.set(
        xlabel="log λ (weaker penalty to the right)",
        ylabel="Deviance of patients left out",
    )
    counts = (np.array(model.path) != 0).sum(axis=1)
    shown = np.linspace(0, scale.size - 1, 8).round().astype(int)
    above = axes.secondary_xaxis("top")
    above.set_xticks(scale[shown], [str(counts[each]) for each in shown])
    above.set_xlabel("columns in the model")


def _penalties(axes: Axes, model: NewModel) -> None:
    """Mark the penalty with the least deviance, and the one that is used."""
    axes.axvline(np.log(model.best_penalty), color=GREY, linestyle=":", linewidth=1.0)
    axes.axvline(np.log(model.one_se_penalty), color="black", lw=1.0, linestyle="--")


def _roc(axes: Axes, model: NewModel, curve: CorrectedCurve) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    found = model.optimism
    for values, area, colour, style in (
        (curve.apparent, found.apparent.auc, COLOURS[1], "--"),
        (curve.corrected, found.corrected.auc, COLOURS[0], "-"),
    ):
        name = "apparent" if style == "--" else "corrected for optimism"
        axes.plot(
            curve.at,
            values,
            color=colour,
            linestyle=style,
            label=f"{name}, AUC {area:.3f}",
        )
    axes.set(
        xlabel="1 - specificity",
        ylabel="Sensitivity",
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
    )
    axes.legend(loc="lower right")


def _calibration(axes: Axes, curve: CorrectedCurve) -> None:
    at, apparent, corrected = map(np.array, (curve.at, curve.apparent, curve.corrected))
    risk_square(axes, at, apparent, corrected)
    _both(axes, at, apparent, corrected)
    axes.legend(loc="upper left")


def _decision(axes: Axes, curves: CorrectedCurves) -> None:
    curve = curves.decision
    _both(axes, *map(np.array, (curve.at, curve.apparent, curve.corrected)))
    axes.plot(curve.at, curves.treat_all, color=GREY, label="follow up all")
    axes.axhline(0, color=GREY, linewidth=0.8, linestyle=":", label="follow up none")
    highest = max(float(np.nanmax(curve.apparent)), curves.treat_all[0])
    axes.set(
        xlabel="Threshold probability",
        ylabel="Net benefit",
        xlim=(0, curve.at[-1]),
        ylim=(-0.25 * highest, 1.1 * highest),
    )
    axes.legend()


def _both(axes: Axes, at: _Array, apparent: _Array, corrected: _Array) -> None:
    axes.plot(at, apparent, color=COLOURS[1], linestyle="--", label="apparent")
    axes.plot(at, corrected, color=COLOURS[0], label="corrected for optimism")
