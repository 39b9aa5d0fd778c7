"""Subgroups: whether the model does as well for some patients as for others.

References
----------
TRIPOD+AI (2024), items 14 and 23a, doi:10.1136/bmj-2023-078378.
"""

from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.validation.arrays import check_outcome, check_risk, check_weights
from service.validation.calibration import calibration_in_the_large, observed_expected
from service.validation.discrimination import delong_interval
from service.validation.draws import Draws, times_drawn
from service.validation.estimates import Estimate, NotEstimableError, unknown
from service.validation.ranking import MINIMUM_EVENTS, Ranking, rank

__all__ = ["Grouping", "Subgroup", "by_cuts", "by_label", "subgroups"]

_Array: TypeAlias = NDArray[np.float64]

_NOT_RECORDED: Final = "not recorded"
#: A column with more labels is a name or a free text, not a grouping.
_MOST_LABELS: Final = 20
_HIDDEN: Final = (
    f"hidden: fewer than {MINIMUM_EVENTS} patients with the outcome, or without it"
)


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """
    Which patient belongs to which group.

    Attributes
    ----------
    name : str
        What they are grouped by.
    labels : tuple of str
        The groups, in the order of a table.
    place : numpy.ndarray of int of shape (n_patients,)
        Place of each patient's group among the labels.
    """

    name: str
    labels: tuple[str, ...]
    place: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Subgroup:
    """
    How the model does in one group.

    A group with few events is named, and its numbers are hidden because they would say
    little. That does not protect anybody: the total less the other groups tells them.

    Attributes
    ----------
    grouping, label : str
        What patients are grouped by, and the group.
    n, events : int or None
        Patients, and those with the outcome; None if hidden.
    auc : Estimate
        Area under the ROC curve; DeLong's interval, logit scale, with weights the
        bootstrap's.
    observed_expected : Estimate
        Observed over expected events; log-scale interval, as for all patients.
    intercept_in_the_large : Estimate
        Log odds to add to the model's for the mean risk to be right; Wald's interval.
    """

    grouping: str
    label: str
    n: int | None
    events: int | None
    auc: Estimate
    observed_expected: Estimate
    intercept_in_the_large: Estimate

    @property
    def is_hidden(self) -> bool:  # numpydoc ignore=RT01
        """Whether there were too few with the outcome, or without it."""
        return self.n is None


def by_label(name: str, labels: ArrayLike) -> Grouping:
    """
    Group patients by the text of a column.

    Parameters
    ----------
    name : str
        What they are grouped by.
    labels : array_like of str of shape (n_patients,)
        Group of each; empty for not recorded, which is a group of its own.

    Returns
    -------
    Grouping
        In alphabetical order, ``not recorded`` last.

    Raises
    ------
    ValueError
        If the column is not one-dimensional, or has more than twenty labels.

    Examples
    --------
    >>> by_label("sex", ["male", "", "female"]).labels
    ('female', 'male', 'not recorded')
    """
    column = np.asarray(labels, dtype=np.str_)
    if column.ndim != 1:
        raise ValueError(f"{name}: must be one-dimensional")
    found = [str(label) for label in np.unique(column) if label]
    if len(found) > _MOST_LABELS:
        raise ValueError(
            f"{name}: {len(found)} labels are more than {_MOST_LABELS}; give cuts, or"
            " fewer labels"
        )
    place = np.searchsorted(np.array(found, dtype=np.str_), column)
    return _grouping(name, found, np.where(column == "", len(found), place))


def by_cuts(name: str, values: ArrayLike, cuts: ArrayLike) -> Grouping:
    """
    Group patients by a quantity.

    Parameters
    ----------
    name : str
        What they are grouped by, with its unit.
    values : array_like of shape (n_patients,)
        The quantity; NaN for not recorded, which is a group of its own.
    cuts : array_like of shape (n_cuts,)
        Where groups end, ascending. A value that equals a cut is in the group above.

    Returns
    -------
    Grouping
        One group more than cuts, ascending, and ``not recorded`` if there are any.

    Raises
    ------
    ValueError
        If an array is not one-dimensional, or the cuts are none, not finite or do not
        ascend.

    Examples
    --------
    >>> by_cuts("age_years", [59, 60, 81], [60, 75]).labels
    ('below 60', '60 to below 75', '75 or more')
    """
    column = np.asarray(values, dtype=np.float64)
    edges = np.asarray(cuts, dtype=np.float64)
    if column.ndim != 1 or edges.ndim != 1:
        raise ValueError(f"{name}: values and cuts must be one-dimensional")
    if edges.size == 0 or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
        raise ValueError(f"{name}: cuts must be finite and ascend, at least one")
    ends = [f"{edge:g}" for edge in edges]
    labels = [
        f"below {ends[0]}",
        *(f"{low} to below {high}" for low, high in pairwise(ends)),
        f"{ends[-1]} or more",
    ]
    place = np.searchsorted(edges, column, side="right")
    return _grouping(name, labels, np.where(np.isnan(column), len(labels), place))


def subgroups(
    outcome: ArrayLike,
    risk: ArrayLike,
    grouping: Grouping,
    *,
    weights: ArrayLike | None = None,
    draws: Draws | None = None,
) -> tuple[Subgroup, ...]:
    """
    Look at each group by itself.

    Parameters
    ----------
    outcome : array_like of shape (n_patients,)
        1 or 0.
    risk : array_like of shape (n_patients,)
        Probabilities, in (0, 1).
    grouping : Grouping
        Who belongs where.
    weights : array_like of shape (n_patients,), optional
        Inverse probability of having been examined. They need `draws`.
    draws : Draws, optional
        With weights: how patients are drawn for the intervals of the areas.

    Returns
    -------
    tuple of Subgroup
        In the order of the labels, hidden ones among them.

    Raises
    ------
    ValueError
        If an array is malformed, all patients have one outcome, the grouping is of
        other patients, or there are weights without draws.
    """
    y = check_outcome(outcome)
    values = check_risk(risk, y.size)
    if grouping.place.shape != y.shape:
        raise ValueError(f"{grouping.name}: must have one group for each patient")
    weight = None if weights is None else check_weights(weights, y.size)
    found = []
    for place, label in enumerate(grouping.labels):
        rows = grouping.place == place
        own = None if weight is None else weight[rows]
        found.append(_subgroup(grouping.name, label, y[rows], values[rows], weight=own))
    if weight is None:
        return tuple(found)
    if draws is None:
        raise ValueError("weights: DeLong's interval takes none; give draws")
    ranking = rank("risk", values, y.size)
    statistic = partial(
        _areas, ranking=ranking, outcome=y, grouping=grouping, weight=weight
    )
    everybody = statistic(np.arange(y.size))
    areas = draws.run(statistic, y.size, strata=y).estimates(everybody)
    return tuple(map(_with_area, found, areas))


def _grouping(name: str, labels: list[str], place: NDArray[np.intp]) -> Grouping:
    if (place == len(labels)).any():
        labels = [*labels, _NOT_RECORDED]
    return Grouping(name, tuple(labels), place)


def _subgroup(
    name: str, label: str, y: _Array, risk: _Array, *, weight: _Array | None
) -> Subgroup:
    n, events = y.size, int(y.sum())
    if min(events, n - events) < MINIMUM_EVENTS:
        nothing = unknown(_HIDDEN)
        return Subgroup(name, label, None, None, nothing, nothing, nothing)
    return Subgroup(
        name,
        label,
        n,
        events,
        _auc(y, risk),
        observed_expected(y, risk, weights=weight),
        calibration_in_the_large(y, risk, weights=weight),
    )


def _areas(
    rows: NDArray[np.intp],
    *,
    ranking: Ranking,
    outcome: _Array,
    grouping: Grouping,
    weight: _Array,
) -> _Array:
    """Give the area of each group in a resample; NaN where one class was drawn."""
    mass = times_drawn(rows, outcome.size) * weight
    found = np.full(len(grouping.labels), np.nan)
    for group in range(found.size):
        own = mass * (grouping.place == group)
        events = (own * outcome).sum()
        if 0 < events < own.sum():
            found[group] = ranking.area(outcome, own)
    return found


def _with_area(found: Subgroup, area: Estimate) -> Subgroup:
    """Take the weighted area where there was one to be had without weights."""
    return replace(found, auc=area) if found.auc.is_known else found


def _auc(y: _Array, risk: _Array) -> Estimate:
    try:
        return delong_interval(y, risk).auc
    except NotEstimableError as problem:
        return unknown(str(problem))
