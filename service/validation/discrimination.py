"""Discrimination: ROC curves, and the areas under them with their intervals.

DeLong's intervals are symmetric on the logit scale unless plain ones are asked for:
docs/decisions/0044-intervals-of-areas-and-net-benefit.md says why.

References
----------
DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595. Robin et al. (2011),
doi:10.1186/1471-2105-12-77.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.validation.arrays import check_outcome
from service.validation.draws import Draws
from service.validation.estimates import Z_95, Estimate
from service.validation.ranking import (
    areas,
    check_events,
    placement_error,
    rank,
    weights_or_ones,
)

__all__ = [
    "FEW_EVENTS",
    "Auc",
    "RocCurve",
    "auc",
    "bootstrap_interval",
    "delong_interval",
    "roc_curve",
]

_Array: TypeAlias = NDArray[np.float64]

#: With fewer events the bootstrap interval is shown beside DeLong's.
FEW_EVENTS: Final = 50

_BOOTSTRAP: Final = "stratified bootstrap"
_SEPARATED: Final = "the score separates all patients: no method gives an interval"


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
        ``DeLong, logit``, ``DeLong, plain`` or ``stratified bootstrap``.
    n, events : int
        Patients, and those with the outcome; not weighted.
    """

    auc: Estimate
    standard_error: float
    method: str
    n: int
    events: int


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
        for mass in ranking.masses(y, weights_or_ones(weights, y.size))
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
    return rank("score", score, y.size).area(y, weights_or_ones(weights, y.size))


def delong_interval(
    outcome: ArrayLike, score: ArrayLike, *, scale: Literal["logit", "plain"] = "logit"
) -> Auc:
    """
    Give the area under the ROC curve with a 95 % interval from DeLong's variance.

    Parameters
    ----------
    outcome, score : array_like of shape (n_patients,)
        As for `roc_curve`. Weights have no place in this variance: see
        `bootstrap_interval`.
    scale : {"logit", "plain"}
        Where the interval is symmetric. The plain one, cut to [0, 1], is what pROC
        prints and papers usually give.

    Returns
    -------
    Auc
        The area and its interval.

    Raises
    ------
    ValueError
        As `roc_curve`, and if fewer than ten patients have the outcome or do not
        have it.
    """
    y = check_outcome(outcome)
    check_events(y)
    of_events, of_others = rank("score", score, y.size).placements(y)
    area, error = float(of_events.mean()), placement_error(of_events, of_others)
    limits = _logit_limits(area, error) if scale == "logit" else _cut(area, error)
    return _auc(y, area, error, limits, f"DeLong, {scale}")


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
    ranking, weight = rank("score", score, y.size), weights_or_ones(weights, y.size)
    statistic = partial(areas, rankings=(ranking,), outcome=y, weight=weight)
    drawn = draws.run(statistic, y.size, strata=y)
    error = float(np.nanstd(drawn.values, ddof=1))
    (low,), (high,) = drawn.band()
    limits = float(low), float(high)
    return _auc(y, ranking.area(y, weight), error, limits, _BOOTSTRAP)


def _auc(
    y: _Array, area: float, error: float, limits: tuple[float, float], method: str
) -> Auc:
    found = Estimate(area, *limits) if error else Estimate(area, note=_SEPARATED)
    return Auc(found, error, method, y.size, int(y.sum()))


def _cut(area: float, error: float) -> tuple[float, float]:
    return max(area - Z_95 * error, 0.0), min(area + Z_95 * error, 1.0)


def _logit_limits(area: float, error: float) -> tuple[float, float]:
    if not error:
        return area, area  # which `_auc` does not show
    factor = math.exp(Z_95 * error / (area * (1 - area)))
    odds = area / (1 - area)
    return odds / (odds + factor), odds * factor / (odds * factor + 1)
