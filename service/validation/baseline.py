"""The baseline table: two groups of patients compared variable by variable."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from service.validation.contingency import compare_counts, distance_of_shares

__all__ = [
    "Count",
    "Counted",
    "Measured",
    "Moments",
    "compare",
    "compare_labels",
    "compare_numbers",
]

_Array: TypeAlias = NDArray[np.float64]
_Groups: TypeAlias = NDArray[np.bool_]

#: A group is taken as normal unless Shapiro and Wilk's test rejects it at this level;
#: the test is not made for larger groups, whose means are normal in any case.
_NORMAL: Final = 0.05
_SHAPIRO_LARGEST: Final = 5000
_SHAPIRO_SMALLEST: Final = 3
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class Moments:
    """
    Numbers of one group.

    Attributes
    ----------
    n, missing : int
        Patients with a value, and without.
    mean, sd : float
        Of those with a value; divisor n - 1.
    median, lower, upper : float
        Quartiles, interpolated linearly.
    """

    n: int
    missing: int
    mean: float
    sd: float
    median: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Count:
    """
    Labels of one group.

    Attributes
    ----------
    n, missing : int
        Patients with a label, and without.
    counts : tuple of int
        Patients with each label.
    """

    n: int
    missing: int
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """
    A quantity in two groups.

    Attributes
    ----------
    name : str
        Variable.
    is_normal : bool
        Whether mean and SD describe it; median and quartiles otherwise.
    overall, with_, without : Moments
        All patients, those in the group, and the others.
    test : str
        ``Welch t`` or ``Mann-Whitney``.
    p : float
        Two-sided p value.
    standardised_difference : float
        Distance of the means in standard deviations, not negative.
    """

    name: str
    is_normal: bool
    overall: Moments
    with_: Moments
    without: Moments
    test: str
    p: float
    standardised_difference: float


@dataclass(frozen=True, slots=True)
class Counted:
    """
    A label in two groups.

    Attributes
    ----------
    name : str
        Variable.
    labels : tuple of str
        The labels, sorted.
    overall, with_, without : Count
        All patients, those in the group, and the others.
    test : str
        ``chi-square`` or ``Fisher``.
    p : float
        Two-sided p value.
    standardised_difference : float
        Distance of the shares in standard deviations, not negative.
    """

    name: str
    labels: tuple[str, ...]
    overall: Count
    with_: Count
    without: Count
    test: str
    p: float
    standardised_difference: float


def compare(
    columns: Mapping[str, NDArray[Any]], group: _Groups
) -> tuple[Measured | Counted, ...]:
    """
    Compare two groups in every variable.

    Parameters
    ----------
    columns : Mapping[str, numpy.ndarray of shape (n_patients,)]
        Numbers (NaN: missing), or text (empty: missing). Numbers with no more than
        two different values count as labels.
    group : numpy.ndarray of bool of shape (n_patients,)
        Who is in the group.

    Returns
    -------
    tuple of Measured or Counted
        One comparison for each variable, in the given order.

    Raises
    ------
    ValueError
        As `compare_numbers` and `compare_labels`.
    """
    return tuple(
        compare_labels(name, _labels(column), group)
        if _is_label(column)
        else compare_numbers(name, column, group)
        for name, column in columns.items()
    )


def compare_numbers(name: str, values: _Array, group: _Groups) -> Measured:
    """
    Compare a quantity: Welch's t test if both groups look normal, else Mann-Whitney.

    Welch's, not Student's, as in the study: its Table 1 agrees with no other.

    Parameters
    ----------
    name : str
        Variable.
    values : numpy.ndarray of shape (n_patients,)
        Numbers; NaN is missing, and counted.
    group : numpy.ndarray of bool of shape (n_patients,)
        Who is in the group.

    Returns
    -------
    Measured
        The comparison.

    Raises
    ------
    ValueError
        If a value is infinite, or fewer than two patients of a group have one.
    """
    _check_group(name, values, group)
    if np.isinf(values).any():
        raise ValueError(f"{name}: holds an infinite value; correct it")
    parts = [values[group], values[~group]]
    known = [part[~np.isnan(part)] for part in parts]
    if min(part.size for part in known) < _PAIR:
        raise ValueError(f"{name}: fewer than two values in a group; leave it out")
    is_normal = all(_looks_normal(part) for part in known)
    first, second = (_moments(part) for part in parts)
    spread = np.sqrt((first.sd**2 + second.sd**2) / 2)
    distance = abs(first.mean - second.mean)
    return Measured(
        name,
        is_normal,
        _moments(values),
        first,
        second,
        "Welch t" if is_normal else "Mann-Whitney",
        _p_of_numbers(known, is_normal=is_normal),
        0.0 if distance == 0 else float(np.divide(distance, spread or np.nan)),
    )


def compare_labels(name: str, labels: NDArray[Any], group: _Groups) -> Counted:
    """
    Compare a label: Pearson's chi-square, or Fisher's test where counts are small.

    Parameters
    ----------
    name : str
        Variable.
    labels : numpy.ndarray of str of shape (n_patients,)
        Labels; the empty one is missing, and counted.
    group : numpy.ndarray of bool of shape (n_patients,)
        Who is in the group.

    Returns
    -------
    Counted
        The comparison.

    Raises
    ------
    ValueError
        If a group has no label at all.
    """
    _check_group(name, labels, group)
    known = tuple(str(label) for label in np.unique(labels[labels != ""]))
    first, second = (_count(labels[part], known) for part in (group, ~group))
    if min(first.n, second.n) == 0:
        raise ValueError(f"{name}: a group has no label; leave it out")
    test, p = compare_counts(first.counts, second.counts)
    return Counted(
        name,
        known,
        _count(labels, known),
        first,
        second,
        test,
        p,
        distance_of_shares(np.array([first.counts, second.counts])),
    )


def _check_group(name: str, values: NDArray[Any], group: _Groups) -> None:
    if values.ndim != 1 or values.shape != group.shape:
        raise ValueError(f"{name}: must have one value for each patient")
    if group.all() or not group.any():
        raise ValueError("group: must leave patients on both sides")


def _is_label(column: NDArray[Any]) -> bool:
    if column.dtype.kind in "UO":
        return True
    return np.unique(column[~np.isnan(column)]).size <= _PAIR


def _labels(column: NDArray[Any]) -> NDArray[Any]:
    if column.dtype.kind in "UO":
        return column
    return np.array(["" if np.isnan(value) else f"{value:g}" for value in column])


def _moments(values: _Array) -> Moments:
    known = values[~np.isnan(values)]
    lower, median, upper = np.quantile(known, (0.25, 0.5, 0.75))
    return Moments(
        known.size,
        values.size - known.size,
        float(known.mean()),
        float(known.std(ddof=1)),
        float(median),
        float(lower),
        float(upper),
    )


def _count(labels: NDArray[Any], known: tuple[str, ...]) -> Count:
    counts = tuple(int((labels == label).sum()) for label in known)
    return Count(sum(counts), int((labels == "").sum()), counts)


def _looks_normal(values: _Array) -> bool:
    if values.size > _SHAPIRO_LARGEST:
        return True
    if values.size < _SHAPIRO_SMALLEST or np.ptp(values) == 0:
        return False
    return bool(stats.shapiro(values).pvalue >= _NORMAL)


def _p_of_numbers(groups: list[_Array], *, is_normal: bool) -> float:
    if is_normal:
        return float(stats.ttest_ind(*groups, equal_var=False).pvalue)
    if np.ptp(np.concatenate(groups)) == 0:
        return 1.0
    return float(stats.mannwhitneyu(*groups).pvalue)
