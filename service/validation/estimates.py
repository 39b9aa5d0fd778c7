"""What a statistic gives back: a value, its interval, and what limits it."""

import math
from dataclasses import dataclass
from typing import Final

__all__ = ["Z_95", "Estimate", "NotEstimableError", "unknown", "wald"]

#: Quantile of the standard normal distribution that goes with 95 % intervals.
Z_95: Final = 1.959963984540054


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
