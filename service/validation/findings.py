"""What the figures of a validation mean, and what to do: sentences for a committee."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from service.validation.estimates import Estimate
from service.validation.performance import Performance
from service.validation.utility import DecisionCurve

__all__ = ["Finding", "Weight", "findings", "useful_range"]

_HALF: Final = 0.5
#: The study calls discrimination good above this area.
_GOOD: Final = 0.7
#: Of what the model adds to the better of treating all and none; less is rounding.
_NOTHING: Final = 1e-9


class Weight(StrEnum):
    """How much a finding matters for the use of the model."""

    STOP = "stop"
    """Do not use it."""
    ACT = "act"
    """Something has to be done first."""
    NOTE = "note"
    """To be known."""


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One finding.

    Attributes
    ----------
    weight : Weight
        How much it matters.
    text : str
        What was found and what to do.
    """

    weight: Weight
    text: str


def findings(found: Performance) -> tuple[Finding, ...]:
    """
    Say what the figures mean.

    Parameters
    ----------
    found : Performance
        The figures.

    Returns
    -------
    tuple of Finding
        In the order: discrimination, calibration, utility, precision.
    """
    return (
        *_discrimination(found.auc.auc),
        *_in_the_large(found.observed_expected),
        *_slope(found.line.slope),
        _utility(found.decision),
        _precision(found),
    )


def useful_range(decision: DecisionCurve) -> tuple[float, float] | None:
    """
    Find the thresholds at which the model is better than treating all and none.

    Parameters
    ----------
    decision : DecisionCurve
        The decision curve.

    Returns
    -------
    tuple of float or None
        First and last threshold of the longest run; None if there is none.
    """
    gain = decision.model - np.maximum(decision.treat_all, 0.0)
    best: tuple[int, int] | None = None
    start: int | None = None
    for k, is_better in enumerate([*(gain > _NOTHING).tolist(), False]):
        if is_better and start is None:
            start = k
        elif not is_better and start is not None:
            if best is None or k - start > best[1] - best[0]:
                best = (start, k)
            start = None
    if best is None:
        return None
    first, last = best[0], best[1] - 1
    return float(decision.thresholds[first]), float(decision.thresholds[last])


def _discrimination(area: Estimate) -> Iterator[Finding]:
    told = f"AUC {area.value:.3f}"
    if math.isnan(area.low):
        yield Finding(Weight.ACT, f"{told}, without an interval: {area.note}.")
        return
    told += f" (95 % interval {area.low:.3f} to {area.high:.3f})"
    if area.low <= _HALF:
        yield Finding(
            Weight.STOP,
            f"Discrimination: {told}. These patients give no evidence that the model"
            " tells who gets SCNEN. Do not use it here.",
        )
    elif area.value < _GOOD:
        yield Finding(
            Weight.ACT,
            f"Discrimination: {told}, below the {_GOOD} that the study calls good."
            " Look for differences in patients, measurement and outcome.",
        )
    else:
        yield Finding(Weight.NOTE, f"Discrimination: {told}.")


def _in_the_large(ratio: Estimate) -> Iterator[Finding]:
    told = f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
    if ratio.low > 1:
        yield Finding(
            Weight.ACT,
            f"Risks are too low here: observed over expected cases {told}. Recalibrate"
            " before anybody is shown a probability, or show relative output.",
        )
    elif ratio.high < 1:
        yield Finding(
            Weight.ACT,
            f"Risks are too high here: observed over expected cases {told}. Recalibrate"
            " before anybody is shown a probability, or show relative output.",
        )
    else:
        yield Finding(
            Weight.NOTE,
            f"Risks fit the incidence on the whole, as far as these patients can tell:"
            f" observed over expected cases {told}.",
        )


def _slope(slope: Estimate) -> Iterator[Finding]:
    if not slope.is_known:
        yield Finding(Weight.ACT, f"Calibration slope: none. {slope.note}.")
        return
    told = f"calibration slope {slope.value:.2f} ({slope.low:.2f} to {slope.high:.2f})"
    if slope.high < 1:
        yield Finding(
            Weight.ACT,
            f"Risks are too extreme: {told}. High ones are too high and low ones too"
            " low; recalibrate intercept and slope if there are patients enough.",
        )
    elif slope.low > 1:
        yield Finding(
            Weight.ACT,
            f"Risks are not extreme enough: {told}. Recalibrate intercept and slope if"
            " there are patients enough.",
        )
    else:
        yield Finding(Weight.NOTE, f"Spread of the risks: {told}; 1 is ideal.")


def _utility(decision: DecisionCurve) -> Finding:
    useful = useful_range(decision)
    if useful is None:
        return Finding(
            Weight.ACT,
            "Decisions: at no threshold is the model better than following up everybody"
            " or nobody.",
        )
    low, high = useful
    return Finding(
        Weight.NOTE,
        f"Decisions: the model is better than following up everybody or nobody between"
        f" thresholds of {low:.0%} and {high:.0%}. Whether the one you mean to use is"
        " among them is the question, not how wide the range is.",
    )


def _precision(found: Performance) -> Finding:
    told = f"{found.n} patients with {found.events} cases"
    if found.verdict is None:
        return Finding(
            Weight.ACT,
            f"Precision: {told}. What a precise validation takes cannot be computed for"
            " this area under the curve.",
        )
    if found.verdict.is_enough:
        return Finding(Weight.NOTE, f"Precision: {told} are enough.")
    return Finding(
        Weight.ACT,
        f"Precision: {told} are {found.verdict.words}. The intervals say what these"
        " patients leave open; a number inside them is no proof.",
    )
