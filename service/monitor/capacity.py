"""What a hospital has to be ready for: cards, reviews and blocks in a month."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from service.intervals import wilson_interval
from service.model.cohort import gamma_quantile
from service.monitor.calls import Call, Discharge
from service.policy import Bands

__all__ = [
    "FEWEST",
    "Capacity",
    "Expected",
    "TooFewError",
    "estimate",
    "poisson_interval",
]

#: Below so many discharges an estimate would be a guess.
FEWEST: Final = 20
_MONTH_DAYS: Final = 365.25 / 12
_TAIL: Final = 0.025
#: Thresholds of `high` that a hospital may ponder.
_PONDERED: Final = (0.20, 0.25, 0.30)


class TooFewError(ValueError):
    """Too few discharges to estimate anything."""


@dataclass(frozen=True, slots=True)
class Expected:
    """
    How much there will be of something.

    Attributes
    ----------
    what : str
        Of what.
    count : int
        In the period looked at.
    share, share_interval : float, tuple of float
        Of all discharges, with its 95 % interval (Wilson).
    per_month, month_interval : float, tuple of float
        In an average month, with its 95 % interval (exact Poisson).
    blocks_per_month : float or None
        Cases that the model expects among them, each of which needs a block to be
        confirmed by the study's criteria. None where there is no risk.
    """

    what: str
    count: int
    share: float
    share_interval: tuple[float, float]
    per_month: float
    month_interval: tuple[float, float]
    blocks_per_month: float | None


@dataclass(frozen=True, slots=True)
class Capacity:
    """
    What to expect, and what that rests on.

    Attributes
    ----------
    first, last : datetime.date
        Days (UTC) of the first and of the last discharge.
    days : int
        From the one to the other, both counted.
    discharges : int
        Looked at, each once.
    discharges_per_month, month_interval : float, tuple of float
        In an average month.
    not_assessed : int
        Discharges that were refused, or asked about while the advice was switched off:
        what they would have brought is in no count.
    without_number : int
        Eligible discharges without score, most often for missing values.
    by_policy : list of Expected
        By the policy in use.
    if_high_began_at : list of Expected
        Discharges from other thresholds on.
    """

    first: date
    last: date
    days: int
    discharges: int
    discharges_per_month: float
    month_interval: tuple[float, float]
    not_assessed: int
    without_number: int
    by_policy: list[Expected]
    if_high_began_at: list[Expected]


def estimate(asked: Sequence[Discharge], bands: Bands) -> Capacity:
    """
    Estimate what a month brings, from risks and not from cards shown.

    Parameters
    ----------
    asked : sequence of Discharge
        The discharges of a period, silent or not.
    bands : Bands
        The policy's thresholds.

    Returns
    -------
    Capacity
        The estimate.

    Raises
    ------
    TooFewError
        Below `FEWEST` discharges.
    """
    if len(asked) < FEWEST:
        raise TooFewError(
            f"{len(asked)} discharges are too few to estimate a month from: at least"
            f" {FEWEST} are needed. Wait, or begin earlier with --since."
        )
    best = [each.best for each in asked]
    days = sorted(call.at.date() for call in best)
    basis = _Basis(len(best), (days[-1] - days[0]).days + 1)
    risks = [call.risk for call in best if call.risk is not None]
    unscored = [
        call
        for call in best
        if call.vertebrae and call.risk is None and call.percentile is None
    ]
    return Capacity(
        days[0],
        days[-1],
        basis.days,
        basis.discharges,
        basis.per_month(basis.discharges),
        basis.interval(basis.discharges),
        sum(not call.is_assessed for call in best),
        len(unscored),
        [
            *basis.of_bands(risks, bands),
            basis.of_count(
                f"points only, from percentile {bands.relative_percentile:g}",
                sum(_is_placed(call, bands.relative_percentile) for call in best),
            ),
            basis.of_count("a value is missing or unclear", sum(map(_asks, unscored))),
        ],
        [basis.of_risks(f"from {low:.0%}", risks, low) for low in _PONDERED],
    )


def _is_placed(call: Call, percentile: float) -> bool:
    """Tell whether points without a probability reach a percentile."""
    return (
        call.risk is None
        and call.percentile is not None
        and call.percentile >= percentile
    )


def _asks(call: Call) -> bool:
    """Tell whether a value can be asked for: then there are bounds of the score."""
    return any("bounds" in each for each in call.vertebrae)


@dataclass(frozen=True, slots=True)
class _Basis:
    """What an estimate rests on: so many discharges in so many days."""

    discharges: int
    days: int

    def per_month(self, count: float) -> float:
        return count * _MONTH_DAYS / self.days

    def interval(self, count: int) -> tuple[float, float]:
        low, high = poisson_interval(count)
        return self.per_month(low), self.per_month(high)

    def of_count(
        self, what: str, count: int, blocks_per_month: float | None = None
    ) -> Expected:
        return Expected(
            what,
            count,
            count / self.discharges,
            wilson_interval(count, self.discharges),
            self.per_month(count),
            self.interval(count),
            blocks_per_month,
        )

    def of_bands(self, risks: Sequence[float], bands: Bands) -> list[Expected]:
        high, lower = bands.high, bands.above_average
        return [
            self.of_risks(f"high (from {high:.1%})", risks, high),
            self.of_risks(f"above average and high (from {lower:.1%})", risks, lower),
        ]

    def of_risks(self, what: str, risks: Sequence[float], low: float) -> Expected:
        reached = [risk for risk in risks if risk >= low]
        blocks = self.per_month(sum(reached)) if risks else None
        return self.of_count(what, len(reached), blocks)


def poisson_interval(count: int) -> tuple[float, float]:
    """
    Give the exact 95 % interval of the mean of a Poisson count (Garwood 1936).

    Parameters
    ----------
    count : int
        What was counted, from 0.

    Returns
    -------
    tuple of float
        Its limits.

    Examples
    --------
    >>> [round(limit, 3) for limit in poisson_interval(10)]
    [4.795, 18.39]
    """
    low = gamma_quantile(_TAIL, count, math.sqrt(count)) if count else 0.0
    return low, gamma_quantile(1 - _TAIL, count + 1, math.sqrt(count + 1))
