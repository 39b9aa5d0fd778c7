"""Calibration by bootstrap: of a model that stays, and of one that is refitted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.validation.arrays import check_outcome, check_risk, check_weights
from service.validation.calibration_curve import (
    CalibrationCurve,
    CurveErrors,
    calibration_curve,
    curve_errors,
)
from service.validation.draws import Draws
from service.validation.estimates import Estimate
from service.validation.resampling import Rows
from service.validation.smoothing import fit_smoother

__all__ = [
    "BootstrappedCurve",
    "CorrectedCalibration",
    "Refit",
    "bootstrap_curve",
    "corrected_calibration",
]

_Array: TypeAlias = NDArray[np.float64]
#: From places of patients to the risks of all patients, by the model fitted on them.
#: Every step of the modelling belongs into it.
Refit: TypeAlias = Callable[[Rows], _Array]

_POINTS: Final = 50
#: The curve runs from the fifth smallest to the fifth largest risk.
_MARGIN: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class BootstrappedCurve:
    """
    Flexible calibration of a fixed model, with what resampling the patients says of it.

    Attributes
    ----------
    curve : CalibrationCurve
        The curve of the patients as they are; its band is the percentile band.
    ici, e50, e90, emax : Estimate
        As in `CurveErrors`, with percentile intervals.
    resamples : int
        How many were drawn.
    failures : Mapping of str to int
        Why resamples failed, and how many.
    """

    curve: CalibrationCurve
    ici: Estimate
    e50: Estimate
    e90: Estimate
    emax: Estimate
    resamples: int
    failures: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class CorrectedCalibration:
    """
    Calibration of a model on its own patients, corrected for having been fitted there.

    Attributes
    ----------
    risk : numpy.ndarray of shape (50,)
        Predicted probabilities, from the fifth smallest to the fifth largest.
    apparent : numpy.ndarray of shape (50,)
        Share with the event at each, by lowess.
    optimism : numpy.ndarray of shape (50,)
        By how much it is better in patients that a model was fitted on: mean over the
        resamples that reach the point.
    corrected : numpy.ndarray of shape (50,)
        ``apparent - optimism``; may leave [0, 1] a little.
    errors : CurveErrors
        Of the model's risks from the corrected curve, where it runs; `ici` is the mean
        absolute error that the plots of `calibrate` name.
    reached : numpy.ndarray of int of shape (50,)
        How many resamples reach each point.
    resamples : int
        How many were drawn.
    failures : Mapping of str to int
        Why resamples failed, and how many.
    """

    risk: _Array
    apparent: _Array
    optimism: _Array
    corrected: _Array
    errors: CurveErrors
    reached: NDArray[np.intp]
    resamples: int
    failures: Mapping[str, int]


def bootstrap_curve(
    outcome: ArrayLike,
    risk: ArrayLike,
    *,
    draws: Draws,
    weights: ArrayLike | None = None,
) -> BootstrappedCurve:
    """
    Bootstrap the calibration curve of a model that was made elsewhere.

    The model stays as it is, so that there is no optimism to correct: patients are
    resampled, and the spread of their curves is what chance does.

    Parameters
    ----------
    outcome : array_like of shape (n_patients,)
        1 with the event, 0 without.
    risk : array_like of shape (n_patients,)
        Predicted probabilities, in [0, 1].
    draws : Draws
        How patients are drawn.
    weights : array_like of shape (n_patients,), optional
        Inverse probability of having been examined.

    Returns
    -------
    BootstrappedCurve
        The curve, its band and its errors with intervals. NaN at risks that more than
        10 % of the resamples do not reach.

    Raises
    ------
    ValueError
        As `calibration_curve` and `bootstrap` do.

    Notes
    -----
    The errors cannot be below 0, and chance makes them larger: in small samples their
    intervals lie too high, and may leave out the estimate.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> risk = rng.uniform(0.05, 0.6, 400)
    >>> outcome = rng.random(400) < risk
    >>> found = bootstrap_curve(outcome, risk, draws=Draws(rng, resamples=50))
    >>> found.ici.low < found.ici.high, found.failures
    (True, {})
    """
    whole = calibration_curve(outcome, risk, weights=weights)
    y, p = np.asarray(outcome, np.float64), np.asarray(risk, np.float64)
    w = None if weights is None else check_weights(weights, y.size)

    def statistic(rows: Rows, weight: _Array | None = w) -> _Array:
        there = None if weight is None else weight[rows]
        smoother = fit_smoother(check_outcome(y[rows]), p[rows], there)
        errors = curve_errors(p[rows], smoother.at(p[rows]), there)
        return np.concatenate(
            [_numbers(errors), np.clip(smoother.at(whole.risk), 0, 1)]
        )

    drawn = draws.run(statistic, y.size)
    low, high = drawn.band()
    first = _numbers(whole.errors)
    ici, e50, e90, emax = drawn.estimates(first)
    return BootstrappedCurve(
        replace(whole, low=low[first.size :], high=high[first.size :]),
        ici,
        e50,
        e90,
        emax,
        draws.resamples,
        drawn.reasons,
    )


def corrected_calibration(
    outcome: ArrayLike,
    refit: Refit,
    *,
    draws: Draws,
) -> CorrectedCalibration:
    """
    Correct the calibration curve of a model for optimism, as `calibrate` of R's rms.

    The model is made anew in each resample; how much better its curve is there than in
    all patients is the optimism (Efron, Gong; Harrell).

    Parameters
    ----------
    outcome : array_like of shape (n_patients,)
        1 with the event, 0 without.
    refit : Refit
        Makes the model from some of the patients, and gives the risks of all. May raise
        `NotEstimableError`.
    draws : Draws
        How patients are drawn.

    Returns
    -------
    CorrectedCalibration
        Apparent and corrected curve, and the mean absolute error.

    Raises
    ------
    ValueError
        If the outcome is malformed, there are fewer than eleven patients, or the model
        gives no risks.
    NotEstimableError
        If the model or the curve cannot be made with all patients, or in no resample.

    Examples
    --------
    >>> outcome = np.repeat([0.0, 1.0], [30, 20])
    >>> noise = np.random.default_rng(1).normal(size=50)
    >>> def refit(rows):
    ...     lift = noise[rows][outcome[rows] == 1].mean()
    ...     return 1 / (1 + np.exp(0.4 - lift * noise))
    >>> draws = Draws(np.random.default_rng(2), resamples=20)
    >>> found = corrected_calibration(outcome, refit, draws=draws)
    >>> found.corrected.shape
    (50,)
    """
    y = check_outcome(outcome)
    everyone = np.arange(y.size)
    risk = check_risk(refit(everyone), y.size)
    points = _inner_grid(risk)
    apparent = fit_smoother(y, risk).at(points)

    def optimism(rows: Rows) -> _Array:
        there = check_outcome(y[rows])
        again = check_risk(refit(rows), y.size)
        trained = fit_smoother(there, again[rows]).at(points)
        return trained - fit_smoother(y, again).at(points)

    drawn = draws.run(optimism, y.size)
    reached = draws.resamples - drawn.failed
    total = np.nansum(drawn.values, axis=0)
    mean = np.where(reached > 0, total / np.maximum(reached, 1), np.nan)
    corrected = apparent - mean
    return CorrectedCalibration(
        points,
        apparent,
        mean,
        corrected,
        _inner_errors(risk, points, corrected),
        reached,
        draws.resamples,
        drawn.reasons,
    )


def _inner_grid(risk: _Array) -> _Array:
    if risk.size <= 2 * _MARGIN:
        raise ValueError(
            f"outcome: has {risk.size} patients; more than {2 * _MARGIN} are needed"
        )
    ordered = np.sort(risk)
    return np.linspace(ordered[_MARGIN - 1], ordered[-_MARGIN], _POINTS)


def _inner_errors(risk: _Array, points: _Array, curve: _Array) -> CurveErrors:
    there = ~np.isnan(curve)
    fitted = np.interp(risk, points[there], curve[there], np.nan, np.nan)
    inside = ~np.isnan(fitted)
    return curve_errors(risk[inside], fitted[inside])


def _numbers(errors: CurveErrors) -> _Array:
    return np.array([errors.ici, errors.e50, errors.e90, errors.emax])
