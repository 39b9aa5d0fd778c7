"""Tests of calibration, for comparison with older reports: no verdict rests on them."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtr

from service.validation.arrays import check_outcome, check_risk

__all__ = ["FitTest", "hosmer_lemeshow", "spiegelhalter"]

_FEWEST_GROUPS: Final = 3


@dataclass(frozen=True, slots=True)
class FitTest:
    """
    A test of the hypothesis that risks are right.

    Attributes
    ----------
    statistic : float
        z or chi-squared. NaN if there is none: `note` says why.
    p_value : float
        In [0, 1]. A large one proves nothing: with few patients it always is.
    degrees_of_freedom : int or None
        Of chi-squared; None for z.
    note : str
        Why there is no number; empty if there is one.
    """

    statistic: float
    p_value: float
    degrees_of_freedom: int | None = None
    note: str = ""


def spiegelhalter(outcome: ArrayLike, risk: ArrayLike) -> FitTest:
    """
    Test with Spiegelhalter's z whether the Brier score is that of right risks.

    Parameters
    ----------
    outcome : array_like of shape (n_patients,)
        1 with the event, 0 without.
    risk : array_like of shape (n_patients,)
        Predicted probabilities, in [0, 1].

    Returns
    -------
    FitTest
        Statistic z with its two-sided p. NaN if every risk is 0, 0.5 or 1.

    Raises
    ------
    ValueError
        If an array is malformed or the outcome has one class.

    References
    ----------
    Spiegelhalter (1986), doi:10.1002/sim.4780050506.

    Examples
    --------
    >>> round(spiegelhalter([0, 0, 1], [0.1, 0.2, 0.4]).statistic, 6)
    -0.226455
    """
    y = check_outcome(outcome)
    p = check_risk(risk, y.size)
    variance = float(np.sum((1 - 2 * p) ** 2 * p * (1 - p)))
    if variance == 0:
        return FitTest(math.nan, math.nan, note="every risk is 0, 0.5 or 1")
    z = float(np.sum((y - p) * (1 - 2 * p))) / math.sqrt(variance)
    return FitTest(z, float(2 * ndtr(-abs(z))))


def hosmer_lemeshow(
    outcome: ArrayLike,
    risk: ArrayLike,
    *,
    groups: int = 10,
    was_fitted_here: bool = False,
) -> FitTest:
    """
    Hosmer-Lemeshow test over groups of risk; shown for comparison only.

    Its grouping is arbitrary, its power hangs on n, and it tells neither direction nor
    size: Van Calster et al. (2019), doi:10.1186/s12916-019-1466-7, advise against it.

    Parameters
    ----------
    outcome : array_like of shape (n_patients,)
        1 with the event, 0 without.
    risk : array_like of shape (n_patients,)
        Predicted probabilities, in [0, 1].
    groups : int
        How many, at least 3, cut at quantiles of the risk; equal risks stay together.
    was_fitted_here : bool
        Whether the model was fitted to these patients, which costs two degrees of
        freedom.

    Returns
    -------
    FitTest
        Chi-squared. NaN if fewer than three groups remain or one expects no event, or
        nothing else.

    Raises
    ------
    ValueError
        If an array is malformed, the outcome has one class or ``groups`` is below 3.

    Examples
    --------
    >>> risk = np.repeat([0.1, 0.2, 0.4], 10)
    >>> outcome = np.repeat([0, 1, 0, 1, 0, 1], [9, 1, 8, 2, 6, 4])
    >>> hosmer_lemeshow(outcome, risk, groups=3).degrees_of_freedom
    3
    """
    y = check_outcome(outcome)
    p = check_risk(risk, y.size)
    if groups < _FEWEST_GROUPS:
        raise ValueError(f"groups: must be at least {_FEWEST_GROUPS}")
    cuts = np.unique(np.quantile(p, np.linspace(0, 1, groups + 1)))
    place = np.searchsorted(cuts[1:-1], p, side="left")
    n = np.bincount(place)
    there = n > 0
    n, observed, expected = (
        n[there],
        np.bincount(place, y)[there],
        np.bincount(place, p)[there],
    )
    if n.size < _FEWEST_GROUPS:
        return FitTest(math.nan, math.nan, note="too few different risks for groups")
    variance = expected * (1 - expected / n)
    if (variance <= 0).any():
        return FitTest(
            math.nan, math.nan, note="a group expects no event, or only events"
        )
    statistic = float(np.sum((observed - expected) ** 2 / variance))
    freedom = n.size - 2 if was_fitted_here else n.size
    return FitTest(statistic, float(chdtrc(freedom, statistic)), freedom)
