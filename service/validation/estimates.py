"""What a statistic gives back: a value, its interval, and what limits it."""

import math
from dataclasses import dataclass
from typing import Final

__all__ = ["Z_95", "Estimate", "NotEstimableError", "p_words", "unknown", "wald"]

#: Quantile of the standard normal distribution that goes with 95 % intervals.
Z_95: Final = 1.959963984540054
_LEAST_P: Final = 0.001


class NotEstimableError(ValueError):
    """These data do not determine the number: one class only, or separation."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """
    A number with its 95 % interval.

    Attributes
    ----------
    value : float
        The estimate. NaN if the data do not determine it: `note` says why.
    low, high : float
        Limits of the interval. NaN if there is none: `note` says why.
    note : str
        Why a number is missing, or what limits it; empty if nothing does.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    note: str = ""

    @property
    def is_known(self) -> bool:  # numpydoc ignore=RT01
        """Whether there is a value."""
        return not math.isnan(self.value)

    def words(self, digits: int) -> str:
        """
        Write the number with its interval.

        Parameters
        ----------
        digits : int
            Decimals.

        Returns
        -------
        str
            The note where a number or its interval is missing; 0 has no sign.

        Examples
        --------
        >>> Estimate(0.8, 0.75, 0.85).words(2), unknown("one class only").words(2)
        ('0.80 (0.75 to 0.85)', 'none: one class only')
        """
        if not self.is_known:
            return f"none: {self.note}"
        value, low, high = (
            f"{each:z.{digits}f}" for each in (self.value, self.low, self.high)
        )
        if math.isnan(self.low):
            return f"{value} ({self.note or 'no interval'})"
        return f"{value} ({low} to {high})"


def unknown(reason: str) -> Estimate:
    """
    Say that there is no number, and why.

    Parameters
    ----------
    reason : str
        Why, in words for the report.

    Returns
    -------
    Estimate
        NaN throughout, with the reason as its note.
    """
    return Estimate(math.nan, note=reason)


def p_words(value: float) -> str:
    """
    Write a p value.

    Parameters
    ----------
    value : float
        In [0, 1]; NaN if there is none.

    Returns
    -------
    str
        Three decimals; smaller ones are not told apart.

    Examples
    --------
    >>> p_words(0.0412), p_words(0.0002)
    ('0.041', '<0.001')
    """
    if math.isnan(value):
        return "–"
    return f"<{_LEAST_P}" if value < _LEAST_P else f"{value:.3f}"


def wald(value: float, standard_error: float) -> Estimate:
    """
    Put a Wald interval around an estimate.

    Parameters
    ----------
    value : float
        The estimate, on a scale where its error is about normal.
    standard_error : float
        Its standard error, not negative.

    Returns
    -------
    Estimate
        Value and 95 % interval.

    Examples
    --------
    >>> wald(1.0, 0.5)
    Estimate(value=1.0, low=0.020018007729972975, high=1.979981992270027, note='')
    """
    reach = Z_95 * standard_error
    return Estimate(value, value - reach, value + reach)
