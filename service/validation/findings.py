"""What the figures of a validation mean, and what to do: sentences for a committee."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from service.validation.estimates import Estimate
from service.validation.performance import Performance
from service.validation.utility import DecisionCurve, useful_range

__all__ = ["Finding", "Topic", "Weight", "findings", "steps"]

_HALF: Final = 0.5
#: The study calls discrimination good above this area.
_GOOD: Final = 0.7


class Weight(StrEnum):
    """How much a finding matters for the use of the model."""

    STOP = "stop"
    """Do not use it."""
    ACT = "act"
    """Something has to be done first."""
    NOTE = "note"
    """To be known."""


class Topic(StrEnum):
    """What a finding is about."""

    DISCRIMINATION = "discrimination"
    SAMPLING = "sampling"
    CALIBRATION = "calibration"
    DECISIONS = "decisions"
    PRECISION = "precision"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One finding.

    Attributes
    ----------
    topic : Topic
        What it is about.
    weight : Weight
        How much it matters.
    text : str
        What was found and what to do.
    """

    topic: Topic
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
        In the order of their topics.
    """
    return (
        _discrimination(found.auc.auc),
        _sampled()
        if found.decision.is_population
        else _in_the_large(found.observed_expected),
        _slope(found.line.slope, is_sampled=found.decision.is_population),
        _decisions(found.decision),
        _precision(found),
    )


def steps(said: Sequence[Finding]) -> tuple[str, ...]:
    """
    Say what to do next, in the order in which it is done.

    Parameters
    ----------
    said : sequence of Finding
        From `findings`.

    Returns
    -------
    tuple of str
        Sentences.
    """
    to_do = {each.topic for each in said if each.weight is not Weight.NOTE}
    is_stopped = any(each.weight is Weight.STOP for each in said)
    told = []
    if is_stopped:
        told.append("Do not show this model's output to clinicians.")
    if to_do - {Topic.PRECISION}:
        told.append(
            "Look at who was refused, not examined or incomplete before you believe a"
            " figure: are they like the others? scnen-cds cohort check shows it."
        )
    is_sampled = any(each.topic is Topic.SAMPLING for each in said)
    if Topic.CALIBRATION in to_do and not is_sampled:
        told.append(
            "Run scnen-cds recalibrate on this table: it says how much these patients"
            " allow to change, and refuses more."
        )
    if Topic.CALIBRATION in to_do and not is_stopped:
        told.append("Until then: output mode relative, which shows no probability.")
    if Topic.DECISIONS in to_do and not is_stopped:
        told.append("Follow up everybody or nobody, by a rule without a model.")
    if Topic.PRECISION in to_do:
        told.append(
            "Go on collecting outcomes, of everybody operated on and not only of those"
            " with a card, and decide by the ends of the intervals until then."
        )
    return (
        *told,
        "Put this report before the committee that approves the policy, together with"
        " the number of reviews that scnen-cds monitor capacity expects.",
        "Repeat it when the outcomes of another year are known, or when patients,"
        " operations or measurement change.",
    )


def _discrimination(area: Estimate) -> Finding:
    told = f"Discrimination: AUC {area.value:.3f}"
    if area.value == 1:
        return Finding(
            Topic.DISCRIMINATION,
            Weight.STOP,
            f"{told}: no patient with SCNEN has a lower risk than one without. Look for"
            " the outcome among the predictors.",
        )
    if math.isnan(area.low):
        return Finding(
            Topic.DISCRIMINATION,
            Weight.ACT,
            f"{told}, without an interval: {area.note}.",
        )
    told += f" (95 % interval {area.low:.3f} to {area.high:.3f})"
    if area.low <= _HALF:
        return Finding(
            Topic.DISCRIMINATION,
            Weight.STOP,
            f"{told}. These patients give no evidence that the model tells who gets"
            " SCNEN. Do not use it here.",
        )
    if area.value < _GOOD:
        return Finding(
            Topic.DISCRIMINATION,
            Weight.ACT,
            f"{told}, below the {_GOOD} that the study calls good. Look for"
            " differences in patients, measurement and outcome.",
        )
    return Finding(Topic.DISCRIMINATION, Weight.NOTE, f"{told}.")


def _sampled() -> Finding:
    """Say what patients who were sampled by outcome cannot tell."""
    return Finding(
        Topic.SAMPLING,
        Weight.NOTE,
        "Incidence: these patients were sampled by outcome, as --prevalence says."
        " Observed over expected, calibration in the large, the calibration curve,"
        " Brier scores and the number of patients that it takes say nothing about a"
        " population then; discrimination, slope and decision curve do. Do not"
        " recalibrate on them.",
    )


def _in_the_large(ratio: Estimate) -> Finding:
    told = ratio.words(2)
    if ratio.low <= 1 <= ratio.high:
        return Finding(
            Topic.CALIBRATION,
            Weight.NOTE,
            "Risks fit the incidence on the whole, as far as these patients can tell:"
            f" observed over expected cases {told}.",
        )
    too = "low" if ratio.low > 1 else "high"
    return Finding(
        Topic.CALIBRATION,
        Weight.ACT,
        f"Risks are too {too} here: observed over expected cases {told}. Recalibrate"
        " before anybody is shown a probability, or show relative output.",
    )


def _slope(slope: Estimate, *, is_sampled: bool) -> Finding:
    if not slope.is_known:
        return Finding(
            Topic.CALIBRATION, Weight.ACT, f"Calibration slope: none. {slope.note}."
        )
    told = f"calibration slope {slope.words(2)}"
    if slope.value <= 0:
        return Finding(
            Topic.CALIBRATION,
            Weight.STOP,
            f"The higher the risk, the fewer cases: {told}. Look for swapped codes of"
            " outcome, segment or method before anything else.",
        )
    if slope.low <= 1 <= slope.high:
        return Finding(
            Topic.CALIBRATION, Weight.NOTE, f"Spread of the risks: {told}; 1 is ideal."
        )
    said = (
        f"Risks are too extreme: {told}. High ones are too high and low ones too low;"
        if slope.high < 1
        else f"Risks are not extreme enough: {told};"
    )
    todo = (
        "recalibrate on patients who follow one another, not on these"
        if is_sampled
        else "recalibrate intercept and slope if there are patients enough"
    )
    return Finding(Topic.CALIBRATION, Weight.ACT, f"{said} {todo}.")


def _decisions(decision: DecisionCurve) -> Finding:
    useful = useful_range(decision)
    if useful.found is None:
        return Finding(
            Topic.DECISIONS,
            Weight.ACT,
            "Decisions: at no threshold is the model better than following up everybody"
            " or nobody.",
        )
    low, high = useful.found
    if useful.surely is None:
        sure = "" if decision.limits is None else ", and surely at none of these"
    else:
        sure = ", surely between {:.0%} and {:.0%}".format(*useful.surely)
    return Finding(
        Topic.DECISIONS,
        Weight.NOTE,
        "Decisions: the model is better than following up everybody or nobody between"
        f" thresholds of {low:.0%} and {high:.0%}{sure}. Whether the one you mean to"
        " use is among them is the question, not how wide the range is.",
    )


def _precision(found: Performance) -> Finding:
    told = f"Precision: {found.n} patients with {found.events} cases"
    if found.decision.is_population:
        return Finding(
            Topic.PRECISION,
            Weight.NOTE,
            f"{told}, sampled by outcome: how many a population takes cannot be told"
            " from them.",
        )
    if found.verdict is None:
        return Finding(
            Topic.PRECISION,
            Weight.ACT,
            f"{told}. What a precise validation takes cannot be computed for this area"
            " under the curve.",
        )
    if found.verdict.is_enough:
        return Finding(Topic.PRECISION, Weight.NOTE, f"{told} are enough.")
    return Finding(
        Topic.PRECISION,
        Weight.ACT,
        f"{told} are {found.verdict.words}. The intervals say what these patients leave"
        " open; a number inside them is no proof.",
    )
