"""How a score ranks patients: places, areas and placements, from sorting it once.

Ties between a patient with and one without the outcome count one half.

References
----------
Sun and Xu (2014), doi:10.1109/LSP.2014.2337313.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.validation.arrays import check_finite
from service.validation.draws import times_drawn
from service.validation.estimates import NotEstimableError

__all__ = ["MINIMUM_EVENTS", "Ranking", "areas", "check_events", "rank"]

_Array: TypeAlias = NDArray[np.float64]

#: With fewer patients with, or without, the outcome no interval is worth giving.
MINIMUM_EVENTS: Final = 10


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """
    Where each patient stands by a score.

    Attributes
    ----------
    values : numpy.ndarray of shape (n_places,)
        Different scores, ascending.
    place : numpy.ndarray of int of shape (n_patients,)
        Place of each patient among them.
    """

    values: _Array
    place: NDArray[np.intp]

    def masses(self, outcome: _Array, weight: _Array) -> tuple[_Array, _Array]:
        """
        Sum the weights at each place.

        Parameters
        ----------
        outcome, weight : numpy.ndarray of shape (n_patients,)
            1 or 0, and how many patients each stands for.

        Returns
        -------
        tuple of numpy.ndarray of shape (n_places,)
            With the outcome, and without.
        """
        positive, negative = (
            np.asarray(np.bincount(self.place, mass, self.values.size), np.float64)
            for mass in (weight * outcome, weight * (1 - outcome))
        )
        return positive, negative

    def area(self, outcome: _Array, weight: _Array) -> float:
        """
        Give the area under the ROC curve.

        Parameters
        ----------
        outcome, weight : numpy.ndarray of shape (n_patients,)
            As for `masses`.

        Returns
        -------
        float
            Share of pairs that are ranked as they should be, in [0, 1].
        """
        positive, negative = self.masses(outcome, weight)
        # Not a dot product: that rounds otherwise with more threads.
        wins = (positive * (np.cumsum(negative) - negative / 2)).sum()
        return float(wins / (positive.sum() * negative.sum()))

    def placements(self, outcome: _Array) -> tuple[_Array, _Array]:
        """
        Compare each patient with all of the other kind.

        Parameters
        ----------
        outcome : numpy.ndarray of shape (n_patients,)
            1 or 0.

        Returns
        -------
        tuple of numpy.ndarray of shape (n_events,) and (n_patients - n_events,)
            For those with the outcome the share of those without that stands lower;
            for those without the share of those with it that stands higher. The mean
            of each is the area.
        """
        positive, negative = self.masses(outcome, np.ones(outcome.size))
        lower = (np.cumsum(negative) - negative / 2) / negative.sum()
        higher = 1 - (np.cumsum(positive) - positive / 2) / positive.sum()
        has_outcome = outcome == 1
        return lower[self.place[has_outcome]], higher[self.place[~has_outcome]]


def rank(name: str, score: ArrayLike, n: int) -> Ranking:
    """
    Rank patients by a score.

    Parameters
    ----------
    name : str
        What an error calls the score.
    score : array_like of shape (n_patients,)
        Numbers.
    n : int
        How many patients there are.

    Returns
    -------
    Ranking
        Their places.

    Raises
    ------
    ValueError
        See `service.validation.arrays.check_finite`.
    NotEstimableError
        If all scores are equal.

    Examples
    --------
    >>> rank("score", [0.3, 0.1, 0.3], 3).place
    array([1, 0, 1])
    """
    values, place = np.unique(check_finite(name, score, n), return_inverse=True)
    if values.size == 1:
        raise NotEstimableError(f"{name}: all values are equal; they rank nobody")
    return Ranking(values, place)


def areas(
    rows: NDArray[np.intp],
    *,
    rankings: tuple[Ranking, ...],
    outcome: _Array,
    weight: _Array,
) -> _Array:
    """
    Give the areas of several scores on a resample of the patients.

    Parameters
    ----------
    rows : numpy.ndarray of int of shape (n_patients,)
        Places of the patients that were drawn.
    rankings : tuple of Ranking
        The scores.
    outcome, weight : numpy.ndarray of shape (n_patients,)
        1 or 0, and how many patients each stands for.

    Returns
    -------
    numpy.ndarray of shape (n_scores,)
        The areas.
    """
    mass = times_drawn(rows, outcome.size) * weight
    return np.array([ranking.area(outcome, mass) for ranking in rankings])


def check_events(outcome: _Array) -> None:
    """
    Check that an interval is worth giving.

    Parameters
    ----------
    outcome : numpy.ndarray of shape (n_patients,)
        From `service.validation.arrays.check_outcome`.

    Raises
    ------
    NotEstimableError
        If fewer than `MINIMUM_EVENTS` patients have the outcome, or do not have it.
    """
    events = int(outcome.sum())
    fewer, which = min((events, "with"), (outcome.size - events, "without"))
    if fewer < MINIMUM_EVENTS:
        raise NotEstimableError(
            f"outcome: {fewer} patients {which} it; an interval needs {MINIMUM_EVENTS},"
            f" {MINIMUM_EVENTS - fewer} more"
        )
