"""Brier score: mean squared distance of risks from outcomes, as such and scaled."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.validation.arrays import check_outcome, check_risk, check_weights
from service.validation.draws import Draws
from service.validation.estimates import Estimate
from service.validation.resampling import Rows

__all__ = ["Brier", "brier"]

_Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Brier:
    """
    Brier score of a model, with percentile intervals.

    Attributes
    ----------
    score : Estimate
        Mean squared difference between risk and outcome, in [0, 1]; ideal 0.
    scaled : Estimate
        1 - score / (incidence (1 - incidence)): 1 for a perfect model, 0 for one that
        gives everybody the incidence, below 0 for a worse one.
    """

    score: Estimate
    scaled: Estimate


def brier(
    outcome: ArrayLike,
    risk: ArrayLike,
    *,
    draws: Draws,
    weights: ArrayLike | None = None,
) -> Brier:
    """
    Compute the Brier score and its scaled form with bootstrap intervals.

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
    Brier
        Both scores.

    Raises
    ------
    ValueError
        If an array is malformed or the outcome has one class.

    Examples
    --------
    >>> draws = Draws(np.random.default_rng(1), resamples=20)
    >>> found = brier([0, 0, 1, 1], [0.25, 0.5, 0.5, 0.75], draws=draws)
    >>> found.score.value, found.scaled.value
    (0.15625, 0.375)
    """
    y = check_outcome(outcome)
    p = check_risk(risk, y.size)
    w = np.ones(y.size) if weights is None else check_weights(weights, y.size)

    def statistic(rows: Rows, weight: _Array = w) -> _Array:
        return _scores(check_outcome(y[rows]), p[rows], weight[rows])

    drawn = draws.run(statistic, y.size)
    return Brier(*drawn.estimates(_scores(y, p, w)))


def _scores(y: _Array, p: _Array, w: _Array) -> _Array:
    share = w / w.sum()
    score = share @ (y - p) ** 2
    incidence = share @ y
    return np.array([score, 1 - score / (incidence * (1 - incidence))])
