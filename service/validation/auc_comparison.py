"""Two scores on the same patients: the difference of their areas under the ROC curve.

References
----------
DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595. Robin et al. (2011),
doi:10.1186/1471-2105-12-77.
"""

import math
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from service.validation.arrays import check_outcome
from service.validation.draws import Draws
from service.validation.estimates import Estimate, wald
from service.validation.ranking import (
    areas,
    check_events,
    placement_error,
    rank,
    weights_or_ones,
)

__all__ = ["AucDifference", "bootstrap_test", "delong_test"]

_DELONG: Final = "DeLong"
_BOOTSTRAP: Final = "stratified bootstrap"
_ALIKE: Final = "both scores rank the patients alike, or as well: no standard error"


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
        If an array is malformed, all patients or scores are alike, or fewer than ten
        patients have the outcome or do not have it.
    """
    y = check_outcome(outcome)
    check_events(y)
    of_events, of_others = rank("first", first, y.size).placements(y)
    of_events_2, of_others_2 = rank("second", second, y.size).placements(y)
    error = placement_error(of_events - of_events_2, of_others - of_others_2)
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
        If an array is malformed, all patients or scores are alike, or fewer than ten
        patients have the outcome or do not have it.
    """
    y = check_outcome(outcome)
    check_events(y)
    rankings = rank("first", first, y.size), rank("second", second, y.size)
    weight = weights_or_ones(weights, y.size)
    statistic = partial(areas, rankings=rankings, outcome=y, weight=weight)
    first_areas, second_areas = draws.run(statistic, y.size, strata=y).values.T
    drawn = first_areas - second_areas
    low, high = np.nanpercentile(drawn, (2.5, 97.5)).tolist()
    both = rankings[0].area(y, weight), rankings[1].area(y, weight)
    return _difference(both, float(np.nanstd(drawn, ddof=1)), (low, high), _BOOTSTRAP)


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
