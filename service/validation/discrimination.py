"""Discrimination: ROC curves, areas under them, and the difference of two areas.

DeLong's intervals are plain (area +- 1.96 standard errors, cut to [0, 1]), as those of
pROC and of the study: docs/decisions/0044-auc-intervals-and-thresholds.md.

References
----------
DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595. Robin et al. (2011),
doi:10.1186/1471-2105-12-77.
"""

import math
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.validation.arrays import check_outcome, check_weights
from service.validation.draws import Draws
from service.validation.estimates import Estimate, wald
from service.validation.ranking import areas, check_events, rank

__all__ = [
    "FEW_EVENTS",
    "Auc",
    "AucDifference",
    "RocCurve",
    "auc",
    "bootstrap_interval",
    "bootstrap_test",
    "delong_interval",
    "delong_test",
    "roc_curve",
]

_Array: TypeAlias = NDArray[np.float64]

#: With fewer events the bootstrap interval is shown beside DeLong's.
FEW_EVENTS: Final = 50

_DELONG: Final = "DeLong"
_BOOTSTRAP: Final = "stratified bootstrap"
_SEPARATED: Final = "the score separates all patients: no method gives an interval"
_ALIKE: Final = "both scores rank the patients alike, or as well: no standard error"


@dataclass(frozen=True, slots=True, eq=False)
class RocCurve:
    """
    A receiver operating characteristic curve, from nobody positive to all.

    Attributes
    ----------
    thresholds : numpy.ndarray of shape (n_points,)
        Descending; the first is infinite, where nobody is positive.
    sensitivity : numpy.ndarray of shape (n_points,)
        Share of those with the outcome at or above each threshold.
    specificity : numpy.ndarray of shape (n_points,)
        Share of those without the outcome below each threshold.
    """

    thresholds: _Array
    sensitivity: _Array
    specificity: _Array


@dataclass(frozen=True, slots=True)
class Auc:
    """
    An area under the ROC curve.

    Attributes
    ----------
    auc : Estimate
        In [0, 1]: how often a patient with the outcome has the higher score. Without
        interval if the score separates all.
    standard_error : float
        Of the area.
    method : str
        ``DeLong`` or ``stratified bootstrap``.
    n, events : int
        Patients, and those with the outcome; not weighted.
    """

    auc: Estimate
    standard_error: float
    method: str
    n: int
    events: int


@dataclass(frozen=True, slots=True)
class AucDifference:
    """
    Two areas on the same patients, and their difference.

    Attributes
    ----------
    first, second : float
        The areas.
    difference : Estimate
        First less second. Without interval if it has no standard error.
    z : float
        Difference in standard errors; NaN without one.
    p_value : float
        Two-sided; NaN without a standard error.
    method : str
        ``DeLong`` or ``stratified bootstrap``.
    """

    first: float
    second: float
    difference: Estimate
    z: float
    p_value: float
    method: str


def roc_curve(
    outcome: ArrayLike, score: ArrayLike, *, weights: ArrayLike | None = None
) -> RocCurve:
    """
    Draw a ROC curve.

    Parameters
    ----------
    outcome : array_like of shape (n_patients,)
        1 or 0.
    score : array_like of shape (n_patients,)
        Risk, linear predictor, or any number that is higher in those with the outcome.
    weights : array_like of shape (n_patients,), optional
        How many patients each stands for.

    Returns
    -------
    RocCurve
        One point for each different score, and the one where nobody is positive.

    Raises
    ------
    ValueError
        If an array is malformed, or all patients or scores are alike.

    Examples
    --------
    >>> roc_curve([0, 1, 0, 1], [0.1, 0.2, 0.2, 0.4]).sensitivity
    array([0. , 0.5, 1. , 1. ])
    """
    y = check_outcome(outcome)
    ranking = rank("score", score, y.size)
    sensitivity, false_positive = (
        np.concatenate(([0.0], np.cumsum(mass[::-1]) / mass.sum()))
        for mass in ranking.masses(y, _weight(weights, y.size))
    )
    thresholds = np.concatenate(([np.inf], ranking.values[::-1]))
    return RocCurve(thresholds, sensitivity, 1 - false_positive)


def auc(
    outcome: ArrayLike, score: ArrayLike, *, weights: ArrayLike | None = None
) -> float:
    """
    Give the area under the ROC curve.

    Parameters
    ----------
    outcome, score, weights : array_like of shape (n_patients,)
        As for `roc_curve`.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        As `roc_curve`.

    Examples
    --------
    >>> auc([0, 1, 0, 1], [0.1, 0.2, 0.2, 0.4])
    0.875
    """
    y = check_outcome(outcome)
    return rank("score", score, y.size).area(y, _weight(weights, y.size))


def delong_interval(outcome: ArrayLike, score: ArrayLike) -> Auc:
    """
    Give the area under the ROC curve with DeLong's 95 % interval.

    Parameters
    ----------
    outcome, score : array_like of shape (n_patients,)
        As for `roc_curve`. Weights have no place in this variance: see
        `bootstrap_interval`.

    Returns
    -------
    Auc
        The area and its plain interval, cut to [0, 1].

    Raises
    ------
    ValueError
        As `roc_curve`, and if fewer than ten patients have the outcome or do not
        have it.
    """
    y = check_outcome(outcome)
    check_events(y)
    of_events, of_others = rank("score", score, y.size).placements(y)
    error = _standard_error(of_events, of_others)
    found = wald(float(of_events.mean()), error)
    limits = max(found.low, 0.0), min(found.high, 1.0)
    return _auc(y, found.value, error, limits, _DELONG)


def bootstrap_interval(
    outcome: ArrayLike,
    score: ArrayLike,
    *,
    draws: Draws,
    weights: ArrayLike | None = None,
) -> Auc:
    """
    Give the area under the ROC curve with a stratified bootstrap interval.

    Parameters
    ----------
    outcome, score : array_like of shape (n_patients,)
        As for `roc_curve`.
    draws : Draws
        How patients are drawn.
    weights : array_like of shape (n_patients,), optional
        How many patients each stands for.

    Returns
    -------
    Auc
        The area and its 95 % percentile interval.

    Raises
    ------
    ValueError
        As `delong_interval`.
    """
    y = check_outcome(outcome)
    check_events(y)
    ranking, weight = rank("score", score, y.size), _weight(weights, y.size)
    statistic = partial(areas, rankings=(ranking,), outcome=y, weight=weight)
    drawn = draws.run(statistic, y.size, strata=y)
    error = float(drawn.values.std(ddof=1))
    (low,), (high,) = drawn.band()
    limits = float(low), float(high)
    return _auc(y, ranking.area(y, weight), error, limits, _BOOTSTRAP)


def delong_test(
    outcome: ArrayLike, first: ArrayLike, second: ArrayLike
) -> AucDifference:
    """
    Compare two scores on the same patients by DeLong's test for correlated curves.

    Parameters
    ----------
    outcome, first, second : array_like of shape (n_patients,)
        Outcome and two scores. Neither may have been fitted to these patients: the
        test is then too sure of itself.

    Returns
    -------
    AucDifference
        The areas, their difference and its p value.

    Raises
    ------
    ValueError
        As `delong_interval`.
    """
    y = check_outcome(outcome)
    check_events(y)
    of_events, of_others = rank("first", first, y.size).placements(y)
    of_events_2, of_others_2 = rank("second", second, y.size).placements(y)
    error = _standard_error(of_events - of_events_2, of_others - of_others_2)
    both = float(of_events.mean()), float(of_events_2.mean())
    found = wald(both[0] - both[1], error)
    return _difference(both, error, (found.low, found.high), _DELONG)


def bootstrap_test(
    outcome: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    draws: Draws,
    weights: ArrayLike | None = None,
) -> AucDifference:
    """
    Compare two scores on the same patients by the stratified bootstrap.

    Parameters
    ----------
    outcome, first, second : array_like of shape (n_patients,)
        Outcome and two scores.
    draws : Draws
        How patients are drawn.
    weights : array_like of shape (n_patients,), optional
        How many patients each stands for.

    Returns
    -------
    AucDifference
        With a percentile interval; z is the difference over the standard deviation
        of the resampled ones, as in pROC.

    Raises
    ------
    ValueError
        As `delong_interval`.
    """
    y = check_outcome(outcome)
    check_events(y)
    rankings = rank("first", first, y.size), rank("second", second, y.size)
    weight = _weight(weights, y.size)
    statistic = partial(areas, rankings=rankings, outcome=y, weight=weight)
    first_areas, second_areas = draws.run(statistic, y.size, strata=y).values.T
    drawn = first_areas - second_areas
    low, high = np.percentile(drawn, (2.5, 97.5)).tolist()
    both = rankings[0].area(y, weight), rankings[1].area(y, weight)
    return _difference(both, float(drawn.std(ddof=1)), (low, high), _BOOTSTRAP)


def _weight(weights: ArrayLike | None, n: int) -> _Array:
    return np.ones(n) if weights is None else check_weights(weights, n)


def _standard_error(of_events: _Array, of_others: _Array) -> float:
    parts = (sample.var(ddof=1) / sample.size for sample in (of_events, of_others))
    return math.sqrt(sum(parts))


def _auc(
    y: _Array, area: float, error: float, limits: tuple[float, float], method: str
) -> Auc:
    found = Estimate(area, *limits) if error else Estimate(area, note=_SEPARATED)
    return Auc(found, error, method, y.size, int(y.sum()))


def _difference(
    both: tuple[float, float], error: float, limits: tuple[float, float], method: str
) -> AucDifference:
    value = both[0] - both[1]
    if not error:
        unknown = Estimate(value, note=_ALIKE)
        return AucDifference(*both, unknown, math.nan, math.nan, method)
    z = value / error
    p_value = 2 * NormalDist().cdf(-abs(z))
    return AucDifference(*both, Estimate(value, *limits), z, p_value, method)
