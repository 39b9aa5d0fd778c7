"""The pictures of a recalibration: calibration and risks, before and after."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from service.validation.calibration_curve import CalibrationCurve, calibration_curve
from service.validation.svg import (
    COLOURS,
    GREY,
    Draw,
    draw_pictures,
    risk_square,
)

__all__ = ["BeforeAfter", "before_after", "draw_recalibration"]

_Array: TypeAlias = NDArray[np.float64]

_BINS: Final = 25


@dataclass(frozen=True, slots=True, eq=False)
class BeforeAfter:
    """
    The same patients by the original and by the updated model.

    Attributes
    ----------
    before, after : numpy.ndarray of shape (n_patients,)
        Risks.
    curve_before, curve_after : CalibrationCurve
        Which share had SCNEN at each risk. The second is right by construction.
    """

    before: _Array
    after: _Array
    curve_before: CalibrationCurve
    curve_after: CalibrationCurve


def before_after(before: _Array, after: _Array, outcome: _Array) -> BeforeAfter:
    """
    Compare two models on the patients that the second was fitted to.

    Parameters
    ----------
    before, after : numpy.ndarray of shape (n_patients,)
        Risks, in (0, 1).
    outcome : numpy.ndarray of shape (n_patients,)
        1 with the outcome, 0 without.

    Returns
    -------
    BeforeAfter
        Risks and curves.

    Raises
    ------
    ValueError
        As `service.validation.calibration_curve.calibration_curve`.
    """
    curves = (calibration_curve(outcome, risk) for risk in (before, after))
    return BeforeAfter(before, after, *curves)


def draw_recalibration(
    compared: BeforeAfter, *, is_synthetic: bool
) -> Mapping[str, str]:
    """
    Draw them.

    Parameters
    ----------
    compared : BeforeAfter
        The risks and curves.
    is_synthetic : bool
        Whether nobody is a patient; each picture then says so.

    Returns
    -------
    Mapping[str, str]
        SVG elements by name: ``calibration`` and ``risks``.
    """
    pictures: dict[str, tuple[str, Draw]] = {
        "calibration": (
            "Calibration before and after",
            partial(_calibration, compared=compared),
        ),
        "risks": (
            "Risks before and after",
            partial(_risks, compared=compared),
        ),
    }
    return draw_pictures(pictures, is_synthetic=is_synthetic)


def _calibration(axes: Axes, compared: BeforeAfter) -> None:
    curves = compared.curve_before, compared.curve_after
    risk_square(axes, *(part for each in curves for part in (each.risk, each.observed)))
    before, after = curves
    axes.fill_between(
        before.risk, before.low, before.high, color=COLOURS[1], alpha=0.15, lw=0
    )
    axes.plot(
        before.risk,
        before.observed,
        color=COLOURS[1],
        linestyle="--",
        label="before, with 95 % band",
    )
    axes.plot(after.risk, after.observed, color=COLOURS[0], label="after")
    axes.legend(loc="upper left")


def _risks(axes: Axes, compared: BeforeAfter) -> None:
    top = max(float(compared.before.max()), float(compared.after.max()))
    edges = np.linspace(0, top, _BINS + 1)
    for risk, colour, style, label in (
        (compared.before, COLOURS[1], "--", "before"),
        (compared.after, COLOURS[0], "-", "after"),
    ):
        counts, _ = np.histogram(risk, edges)
        axes.stairs(counts, edges, color=colour, linestyle=style, label=label, lw=1.5)
        axes.axvline(float(risk.mean()), color=colour, linestyle=style, lw=0.8)
    axes.text(
        0.98,
        0.72,
        "vertical: means",
        color=GREY,
        transform=axes.transAxes,
        ha="right",
        fontsize=9,
    )
    axes.set(xlabel="Predicted risk", ylabel="Patients", xlim=(0, top))
    axes.legend(loc="upper right")
