"""Calibration in two numbers: right on average, and not too extreme or too mild."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.validation.arrays import (
    check_outcome,
    check_risk,
    check_weights,
    log_odds,
)
from service.validation.estimates import Z_95, Estimate, unknown, wald
from service.validation.logistic import fit_logistic

__all__ = [
    "CalibrationLine",
    "calibration_in_the_large",
    "calibration_line",
    "observed_expected",
]

_Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CalibrationLine:
    """
    Outcome regressed on the log odds of the risk (Cox).

    Attributes
    ----------
    intercept : Estimate
        Log odds of the event at a risk of 50 %, from the same fit as the slope; ideal
        0. It says little alone: see `calibration_in_the_large`.
    slope : Estimate
        Ideal 1. Below 1 risks are too extreme, above 1 too moderate.
    """

    intercept: Estimate
    slope: Estimate


def calibration_in_the_large(
    outcome: ArrayLike, risk: ArrayLike, *, weights: ArrayLike | None = None
) -> Estimate:
    """
    Intercept in the large: how far risks are off on average, on the log-odds scale.

    Parameters
    ----------
    outcome : array_like of shape (n_patients,)
        1 with the event, 0 without.
    risk : array_like of shape (n_patients,)
        Predicted probabilities, in (0, 1).
    weights : array_like of shape (n_patients,), optional
        Inverse probability of having been examined; the interval is then robust.

    Returns
    -------
    Estimate
        Intercept with the slope held at 1, Wald interval; ideal 0, above 0 risks are
        too low. NaN with the reason if it cannot be fitted.

    Raises
    ------
    ValueError
        If an array is malformed, the outcome has one class, or a risk is 0 or 1.

    Examples
    --------
    >>> round(calibration_in_the_large([1, 1, 0, 0], [0.2] * 4).value, 6)
    1.386294
    """
    y, score = _scored(outcome, risk)
    fit = fit_logistic(np.ones((y.size, 1)), y, offset=score, weights=weights)
    if not fit.converged:
        return unknown(fit.reason)
    return wald(float(fit.coefficients[0]), float(fit.standard_errors[0]))


def calibration_line(
    outcome: ArrayLike, risk: ArrayLike, *, weights: ArrayLike | None = None
) -> CalibrationLine:
    """
    Calibration slope, and the intercept that was fitted with it.

    Parameters
    ----------
    outcome : array_like of shape (n_patients,)
        1 with the event, 0 without.
    risk : array_like of shape (n_patients,)
        Predicted probabilities, in (0, 1).
    weights : array_like of shape (n_patients,), optional
        Inverse probability of having been examined; intervals are then robust.

    Returns
    -------
    CalibrationLine
        Both with Wald intervals. NaN with the reason if all risks are equal or the
        risk separates the classes: then no finite slope fits.

    Raises
    ------
    ValueError
        If an array is malformed, the outcome has one class, or a risk is 0 or 1.

    Examples
    --------
    >>> line = calibration_line([0, 1, 0, 1], [0.2, 0.2, 0.2, 0.2])
    >>> line.slope.note
    'the predictors are collinear, or one is constant'
    """
    y, score = _scored(outcome, risk)
    design = np.column_stack([np.ones(y.size), score])
    fit = fit_logistic(design, y, weights=weights)
    if not fit.converged:
        return CalibrationLine(unknown(fit.reason), unknown(fit.reason))
    errors = fit.standard_errors
    return CalibrationLine(
        *(
            wald(float(b), float(e))
            for b, e in zip(fit.coefficients, errors, strict=True)
        )
    )


def observed_expected(
    outcome: ArrayLike, risk: ArrayLike, *, weights: ArrayLike | None = None
) -> Estimate:
    """
    Divide the events that were observed by those that the model expected (O:E).

    The interval is symmetric on the log scale, with the standard error
    sqrt((1 - O/n) / O) that the required sample size rests on (Riley et al. 2021,
    doi:10.1002/sim.9025); with weights the linearised one of a ratio.

    Parameters
    ----------
    outcome : array_like of shape (n_patients,)
        1 with the event, 0 without.
    risk : array_like of shape (n_patients,)
        Predicted probabilities, in [0, 1].
    weights : array_like of shape (n_patients,), optional
        Inverse probability of having been examined.

    Returns
    -------
    Estimate
        The ratio; ideal 1, above 1 risks are too low. NaN with the reason if the
        model expects no event.

    Raises
    ------
    ValueError
        If an array is malformed or the outcome has one class.

    Examples
    --------
    >>> observed_expected([1, 0, 0, 0, 0], [0.1, 0.1, 0.1, 0.1, 0.1]).value
    2.0
    """
    y = check_outcome(outcome)
    p = check_risk(risk, y.size)
    w = np.ones(y.size) if weights is None else check_weights(weights, y.size)
    expected = float(w @ p)
    if expected == 0:
        return unknown("the model expects no event: all risks are 0")
    observed = float(w @ y)
    ratio = observed / expected
    if weights is None:
        error = np.sqrt((1 - observed / y.size) / observed)
    else:
        error = np.sqrt(np.sum((w * (y - ratio * p)) ** 2)) / observed
    factor = float(np.exp(Z_95 * error))
    return Estimate(ratio, ratio / factor, ratio * factor)


def _scored(outcome: ArrayLike, risk: ArrayLike) -> tuple[_Array, _Array]:
    y = check_outcome(outcome)
    return y, log_odds(check_risk(risk, y.size))
