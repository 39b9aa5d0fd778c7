"""Shares of two groups: Pearson's and Fisher's test, and how far they are apart."""

from math import comb, prod
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

__all__ = ["compare_counts", "distance_of_shares"]

#: Cochran's rule for Pearson's test: at most a fifth of the expected counts under 5,
#: none under 1; Fisher's exact test otherwise.
_SMALL, _LEAST, _SHARE_SMALL = 5, 1, 0.2
#: Fisher's test lists the tables with the same margins, up to so many.
_MOST_TABLES: Final = 200_000
_PAIR: Final = 2


def compare_counts(
    first: tuple[int, ...], second: tuple[int, ...]
) -> tuple[str, float]:
    """
    Test whether two groups have the same shares.

    Two labels are tested with Yates' correction, as R does and the study's Table 1.

    Parameters
    ----------
    first, second : tuple of int
        Patients of each group with each label.

    Returns
    -------
    tuple of (str, float)
        ``chi-square`` or ``Fisher``, and the p value; 1 if there is one label.

    Raises
    ------
    ValueError
        If Fisher's test would have to list more than 200 000 tables.

    Examples
    --------
    >>> test, p = compare_counts((75, 162), (39, 64))
    >>> test, round(p, 3)
    ('chi-square', 0.322)
    """
    table = np.array([first, second])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < _PAIR:
        return "chi-square", 1.0
    expected = stats.contingency.expected_freq(table)
    if expected.min() >= _LEAST and (expected < _SMALL).mean() <= _SHARE_SMALL:
        return "chi-square", float(stats.chi2_contingency(table, correction=True)[1])
    return "Fisher", _fisher(table)


def distance_of_shares(table: NDArray[np.int_]) -> float:
    """
    Give the distance of the shares of two groups (Yang and Dalton).

    Parameters
    ----------
    table : numpy.ndarray of int of shape (2, n_labels)
        Patients of each group with each label.

    Returns
    -------
    float
        Mahalanobis distance, one label left out: in standard deviations, not negative.
        NaN if each group has labels that the other lacks altogether.

    Examples
    --------
    >>> round(distance_of_shares(np.array([[75, 162], [39, 64]])), 3)
    0.131
    """
    shares = (table / table.sum(axis=1, keepdims=True))[:, 1:]
    gap = shares[0] - shares[1]
    spread = sum(np.diag(share) - np.outer(share, share) for share in shares) / 2
    squared = gap @ np.linalg.pinv(np.atleast_2d(spread)) @ gap
    if squared <= 0 < np.abs(gap).max(initial=0.0):
        return float("nan")
    return float(np.sqrt(max(squared, 0.0)))


def _fisher(table: NDArray[np.int_]) -> float:
    """Sum the tables with the same margins that are no likelier than this one."""
    table = table[:, table.sum(axis=0).argsort()]
    margin, first = table.sum(axis=0).tolist(), table[0].tolist()
    size = sum(first)
    if prod(min(column, size) + 1 for column in margin[:-1]) > _MOST_TABLES:
        raise ValueError("labels: too many for Fisher's test; merge the rare ones")
    ways = _ways(margin, size)
    seen = prod(map(comb, margin, first))
    return sum(number for number in ways if number <= seen) / sum(ways)


def _ways(margin: list[int], size: int) -> list[int]:
    """Count the ways to each first row with these column sums and this size."""
    tables = [(1, size)]
    for column in margin[:-1]:
        tables = [
            (ways * comb(column, count), rest - count)
            for ways, rest in tables
            for count in range(min(column, rest) + 1)
        ]
    return [ways * comb(margin[-1], rest) for ways, rest in tables]
