"""Agreement: the same films measured by two readers, and what that does to the risk.

References
----------
Shrout and Fleiss (1979), doi:10.1037/0033-2909.86.2.420. Bland and Altman (1986),
doi:10.1016/S0140-6736(86)90837-8; (1996), doi:10.1136/bmj.313.7059.744; (1999),
doi:10.1177/096228029900800204.
"""

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2, f, t

from service.validation.arrays import check_finite
from service.validation.estimates import Z_95, Estimate, NotEstimableError

__all__ = [
    "BlandAltman",
    "IntraclassCorrelation",
    "bland_altman",
    "intraclass_correlation",
    "within_subject_sd",
]

_Array: TypeAlias = NDArray[np.float64]

_LEAST_SUBJECTS: Final = 3
_LEAST_READERS: Final = 2
_UPPER: Final = 0.975
_NO_ERROR: Final = "the same difference everywhere, no interval"


@dataclass(frozen=True, slots=True)
class IntraclassCorrelation:
    """
    Single readings: how much of their variance is between films, not readers.

    Attributes
    ----------
    agreement : Estimate
        ICC(2,1): readers are a sample of those who might read, and a reader who
        always reads higher disagrees. This one counts for the risk.
    consistency : Estimate
        ICC(3,1): these readers only, a constant difference is no disagreement.
    subjects, readers : int
        Films (or vertebrae), and readers.
    """

    agreement: Estimate
    consistency: Estimate
    subjects: int
    readers: int


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """
    Differences between two readers, second less first, in the unit of the readings.

    Attributes
    ----------
    bias : Estimate
        Mean difference.
    sd : float
        Standard deviation of the differences.
    lower_limit, upper_limit : Estimate
        Limits of agreement, bias -+ 1.96 SD: about 95 % of the differences lie
        between them. Their intervals are those of Bland and Altman (1999).
    n : int
        Pairs.
    """

    bias: Estimate
    sd: float
    lower_limit: Estimate
    upper_limit: Estimate
    n: int


@dataclass(frozen=True, slots=True)
class _Squares:
    """Mean squares of a two-way analysis of variance without replication."""

    between: float
    readers: float
    error: float


def intraclass_correlation(readings: ArrayLike) -> IntraclassCorrelation:
    """
    Give the intraclass correlations of single readings.

    Parameters
    ----------
    readings : array_like of shape (n_subjects, n_readers)
        Every reader's measurement of every film.

    Returns
    -------
    IntraclassCorrelation
        With 95 % intervals from the F distribution. They may be below 0.

    Raises
    ------
    ValueError
        If there are fewer than three films or two readers, a reading is missing, or
        all are equal.
    """
    x = _check_readings(readings)
    n, k = x.shape
    squares = _squares(x)
    return IntraclassCorrelation(
        _agreement(squares, n, k), _consistency(squares, n, k), n, k
    )


def bland_altman(first: ArrayLike, second: ArrayLike) -> BlandAltman:
    """
    Give bias and limits of agreement of two readers.

    Parameters
    ----------
    first, second : array_like of shape (n_subjects,)
        Their measurements of the same films.

    Returns
    -------
    BlandAltman
        Second less first.

    Raises
    ------
    ValueError
        If there are fewer than three films, or a reading is missing.

    Examples
    --------
    >>> round(bland_altman([10, 12, 14], [11, 12, 16]).bias.value, 6)
    1.0
    """
    n = np.size(first)
    columns = check_finite("first", first, n), check_finite("second", second, n)
    x = _check_readings(np.column_stack(columns))
    difference = x[:, 1] - x[:, 0]
    bias, sd = float(difference.mean()), float(difference.std(ddof=1))
    quantile = float(t.ppf(_UPPER, n - 1))
    reach = quantile * sd * math.sqrt(1 / n + Z_95**2 / (2 * (n - 1)))
    mean_reach = quantile * sd / math.sqrt(n)
    low, high = bias - Z_95 * sd, bias + Z_95 * sd
    return BlandAltman(
        Estimate(bias, bias - mean_reach, bias + mean_reach),
        sd,
        Estimate(low, low - reach, low + reach),
        Estimate(high, high - reach, high + reach),
        n,
    )


def within_subject_sd(readings: ArrayLike) -> Estimate:
    """
    Give the standard deviation of readings of one film around its mean.

    Two readings of a film differ by less than 2.77 times this in 95 % of cases.

    Parameters
    ----------
    readings : array_like of shape (n_subjects, n_readers)
        Every reader's measurement of every film.

    Returns
    -------
    Estimate
        In the unit of the readings, a constant difference of readers included; the
        95 % interval from the chi-squared distribution.

    Raises
    ------
    ValueError
        If there are fewer than three films or two readers, or a reading is missing.

    Examples
    --------
    >>> round(within_subject_sd([[10, 12], [7, 7], [9, 11]]).value, 3)
    1.155
    """
    x = _check_readings(readings)
    n, k = x.shape
    free = n * (k - 1)
    total = float(((x - x.mean(axis=1, keepdims=True)) ** 2).sum())
    low, high = (math.sqrt(total / chi2.ppf(p, free)) for p in (_UPPER, 1 - _UPPER))
    return Estimate(math.sqrt(total / free), low, high)


def _check_readings(readings: ArrayLike) -> _Array:
    x = np.asarray(readings, dtype=np.float64)
    if x.ndim != 2:  # noqa: PLR2004 films by readers
        raise ValueError("readings: must have a row for each film, a column a reader")
    if x.shape[0] < _LEAST_SUBJECTS or x.shape[1] < _LEAST_READERS:
        raise ValueError(
            f"readings: {x.shape[0]} films by {x.shape[1]} readers; at least"
            f" {_LEAST_SUBJECTS} by {_LEAST_READERS} are needed"
        )
    bad = ~np.isfinite(x).all(axis=1)
    if bad.any():
        raise ValueError(
            f"readings: row {int(bad.argmax())} ({int(bad.sum())} such rows) lacks a"
            " reading; leave films out that not everybody measured"
        )
    return x


def _squares(x: _Array) -> _Squares:
    n, k = x.shape
    if x.min() == x.max():
        raise NotEstimableError("readings: all are equal; nothing to tell films apart")
    centred = x - x.mean()
    rows, columns = centred.mean(axis=1), centred.mean(axis=0)
    rest = centred - rows[:, None] - columns
    return _Squares(
        float(k * (rows**2).sum() / (n - 1)),
        float(n * (columns**2).sum() / (k - 1)),
        float((rest**2).sum() / ((n - 1) * (k - 1))),
    )


def _consistency(s: _Squares, n: int, k: int) -> Estimate:
    value = (s.between - s.error) / (s.between + (k - 1) * s.error)
    if _is_nothing(s):
        return Estimate(value, note=_NO_ERROR)
    free = n - 1, (n - 1) * (k - 1)
    ratio = s.between / s.error
    low, high = ratio / f.ppf(_UPPER, *free), ratio * f.ppf(_UPPER, *free[::-1])
    return Estimate(
        value, float((low - 1) / (low + k - 1)), float((high - 1) / (high + k - 1))
    )


def _agreement(s: _Squares, n: int, k: int) -> Estimate:
    spread = k * s.readers + (k * n - k - n) * s.error
    value = n * (s.between - s.error) / (spread + n * s.between)
    if _is_nothing(s):
        return Estimate(value, note=_NO_ERROR)
    ratio = k * value * s.readers / s.error
    other = n * (1 + (k - 1) * value) - k * value
    free = (k - 1) * (n - 1) * (ratio + other) ** 2
    free /= (n - 1) * ratio**2 + other**2
    above, below = f.ppf(_UPPER, n - 1, free), f.ppf(_UPPER, free, n - 1)
    low = n * (s.between - above * s.error) / (above * spread + n * s.between)
    high = n * (below * s.between - s.error) / (spread + n * below * s.between)
    return Estimate(value, float(low), float(high))


def _is_nothing(s: _Squares) -> bool:
    """Tell an error that is only rounding."""
    return s.error <= 1e-24 * (s.between + s.readers)
