"""The flexible calibration curve: which share had the event, at each predicted risk."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.model.derivation import weighted_quantiles
from service.validation.arrays import check_outcome, check_risk, check_weights
from service.validation.smoothing import fit_smoother

__all__ = [
    "CalibrationCurve",
    "CurveErrors",
    "calibration_curve",
    "curve_errors",
    "grid",
]

_Array: TypeAlias = NDArray[np.float64]

_POINTS: Final = 101


@dataclass(frozen=True, slots=True)
class CurveErrors:
    """
    How far predicted risks are from a flexible curve, over all patients.

    Attributes
    ----------
    ici : float
        Integrated calibration index: mean absolute difference. It is the mean absolute
        error of a model that is not refitted, and Eavg of `val.prob` in R's rms.
    e50, e90, emax : float
        Median, 90 % and largest absolute difference.
    """

    ici: float
    e50: float
    e90: float
    emax: float


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationCurve:
    """
    A flexible calibration curve.

    Attributes
    ----------
    risk : numpy.ndarray of shape (n_points,)
        Predicted probabilities, from the smallest to the largest.
    observed : numpy.ndarray of shape (n_points,)
        Estimated share with the event at each, in [0, 1].
    low, high : numpy.ndarray of shape (n_points,)
        Pointwise 95 % band, in [0, 1].
    errors : CurveErrors
        How far off the risks are.
    smoother : str
        ``lowess`` or ``spline``.
    """

    risk: _Array
    observed: _Array
    low: _Array
    high: _Array
    errors: CurveErrors
    smoother: str


def calibration_curve(
    outcome: ArrayLike, risk: ArrayLike, *, weights: ArrayLike | None = None
) -> CalibrationCurve:
    """
    Flexible calibration curve with a pointwise 95 % band.

    Up to 5000 patients lowess with span 2/3 and no robustness steps, as `val.prob` of
    R's rms; its band rests on the binomial variance of each outcome. With more, or with
    weights, a logistic regression on a restricted cubic spline of the log odds.

    Parameters
    ----------
    outcome : array_like of shape (n_patients,)
        1 with the event, 0 without.
    risk : array_like of shape (n_patients,)
        Predicted probabilities, in [0, 1]; for the spline in (0, 1).
    weights : array_like of shape (n_patients,), optional
        Inverse probability of having been examined.

    Returns
    -------
    CalibrationCurve
        The curve at 101 risks, and how far off the risks are.

    Raises
    ------
    ValueError
        If an array is malformed or the outcome has one class.
    NotEstimableError
        If all risks are equal or separate the classes; also a `ValueError`.

    Notes
    -----
    A smooth of few patients is never straight: ICI, E50 and E90 of a perfect model are
    above 0, the more the fewer events there are.

    References
    ----------
    Austin, Steyerberg (2019), doi:10.1002/sim.8281: ICI, E50, E90.
    Van Calster et al. (2016), doi:10.1016/j.jclinepi.2015.12.005: flexible curves.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> risk = rng.uniform(0.05, 0.6, 400)
    >>> curve = calibration_curve(rng.random(400) < risk, risk)
    >>> curve.smoother, curve.errors.ici < 0.05
    ('lowess', True)
    """
    y = check_outcome(outcome)
    p = check_risk(risk, y.size)
    w = None if weights is None else check_weights(weights, y.size)
    smoother = fit_smoother(y, p, w)
    points = grid(p)
    return CalibrationCurve(
        points,
        np.clip(smoother.at(points), 0, 1),
        *smoother.band(points),
        curve_errors(p, smoother.at(p), w),
        smoother.name,
    )


def curve_errors(
    risk: _Array, observed: _Array, weights: _Array | None = None
) -> CurveErrors:
    """
    Sum up how far risks are from a curve.

    Parameters
    ----------
    risk : numpy.ndarray of shape (n_patients,)
        Predicted probabilities.
    observed : numpy.ndarray of shape (n_patients,)
        The curve at each of them.
    weights : numpy.ndarray of shape (n_patients,), optional
        How much each patient counts.

    Returns
    -------
    CurveErrors
        Mean, median, 90 % and largest absolute difference.

    Examples
    --------
    >>> curve_errors(np.array([0.1, 0.2]), np.array([0.1, 0.4])).ici
    0.1
    """
    off = np.abs(risk - observed)
    levels = np.array([0.5, 0.9])
    if weights is None:
        mean, quantiles = off.mean(), np.quantile(off, levels)
    else:
        share = weights / weights.sum()
        mean, quantiles = share @ off, weighted_quantiles(off, share, levels)
    return CurveErrors(
        float(mean), float(quantiles[0]), float(quantiles[1]), float(off.max())
    )


def grid(risk: _Array) -> _Array:
    """
    Space the points of a curve over all risks.

    Parameters
    ----------
    risk : numpy.ndarray of shape (n_patients,)
        Predicted probabilities.

    Returns
    -------
    numpy.ndarray of shape (101,)
        Equally spaced from the smallest to the largest.

    Examples
    --------
    >>> grid(np.array([0.1, 0.3]))[[0, 50, 100]].round(12)
    array([0.1, 0.2, 0.3])
    """
    return np.linspace(risk.min(), risk.max(), _POINTS)
