"""A recalibration as a committee hears of it: patients, days, and what was found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from service.model.risk_model import RiskModel
from service.validation.enrolment import Enrolled
from service.validation.findings import Finding, Topic, Weight
from service.validation.gates import Gate, highest_open
from service.validation.recalibration import Recalibration
from service.validation.updating import Level

__all__ = ["Case", "case_findings", "case_steps"]

_ORDER: Final = tuple(Level)
#: Years after which patients are looked at twice: decision 63.
_OLD_FIRST, _OLD_LAST = 5, 2
_DAYS_A_YEAR: Final = 365.25


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """
    A recalibration.

    Attributes
    ----------
    model : RiskModel
        The original.
    enrolled : Enrolled
        Who was in.
    gates : Mapping of Level to Gate
        What so many patients allow; empty if they are all of one kind.
    found : Recalibration or None
        What was found; None if it was refused.
    refusal : str
        Why it was refused; empty if it was not.
    today : datetime.date
        The day.
    approved_by : tuple of str
        Who answers for the new model; empty as long as nobody does.
    approved_on, valid_until : datetime.date
        Day of the approval and last day of use of the new model, or what they would be.
    file : str
        The artifact that was written; empty if none was.
    """

    model: RiskModel
    enrolled: Enrolled
    gates: Mapping[Level, Gate]
    found: Recalibration | None
    refusal: str
    today: date
    approved_by: tuple[str, ...]
    approved_on: date
    valid_until: date
    file: str


def case_findings(case: Case) -> tuple[Finding, ...]:
    """
    Say what was found.

    Parameters
    ----------
    case : Case
        The recalibration.

    Returns
    -------
    tuple of Finding
        What was decided first, then what speaks against it.
    """
    found, said = case.found, []
    if found is None:
        refusal = f"Refused, and nothing was changed: {case.refusal}."
        said.append(Finding(Topic.PRECISION, Weight.STOP, refusal))
    else:
        said += [
            Finding(Topic.CALIBRATION, Weight.NOTE, text) for text in _decided(found)
        ]
        said += [
            Finding(Topic.CALIBRATION, Weight.ACT, text) for text in _doubts(found)
        ]
    said += [Finding(Topic.SAMPLING, Weight.ACT, text) for text in _patients(case)]
    return tuple(said)


def case_steps(case: Case) -> tuple[str, ...]:
    """
    Say what the hospital must do next, in the order in which it is done.

    Parameters
    ----------
    case : Case
        The recalibration.

    Returns
    -------
    tuple of str
        Sentences.
    """
    if case.found is None:
        return tuple(_waiting(case))
    if case.found.update.level is Level.AS_IS:
        return (
            "No artifact was written. The closed test did not show that the model must"
            " change, which is no proof that it agrees; its last day of use stays what"
            " it was. A new one, with these patients behind it: --level intercept.",
        )
    steps = _written(case.file) if case.file else _unwritten()
    return (*steps, *_synthetic(case))


def _decided(found: Recalibration) -> Iterator[str]:
    ratio, slope = found.before.observed_expected, found.before.slope
    yield (
        f"With the model as it is, observed over expected is {ratio.words(2)} and the"
        f" slope {slope.words(2)}; 1 is ideal for both."
    )
    yield f"Level: {found.update.level}: {found.why}."
    if found.update.level is not Level.AS_IS:
        yield (
            "With 95 % confidence the odds of an average patient lie between those of"
            f" the new model divided and multiplied by {found.odds_factor:.2f}."
        )


def _doubts(found: Recalibration) -> Iterator[str]:
    """Say what speaks against the new model, whether it is written or not."""
    expected = found.before.observed_expected
    if found.update.level is Level.AS_IS and not expected.low <= 1 <= expected.high:
        yield (
            f"Observed over expected is {expected.words(2)}, not 1, although the closed"
            " test leaves the model as it is: discuss --level intercept."
        )
    if _hides_slope(found):
        yield (
            f"The slope before is {found.before.slope.words(2)}, not 1. The closed test"
            " looks at all coefficients at once and did not see it. Discuss --level"
            " slope: it is one coefficient, and there are enough patients for it."
        )
    if found.before.slope.low <= 0:
        yield (
            "The slope before is not clearly above 0: the model may not tell these"
            " patients apart. Validate it first (scnen-cds validate)."
        )
    if _ORDER.index(found.test.chosen) > _ORDER.index(found.update.level):
        yield (
            f"The closed test asks for {found.test.chosen}: {found.update.level} alone"
            " does not put right what is wrong with these patients' risks. Until there"
            " are patients enough, output mode relative shows no probability."
        )


def _hides_slope(found: Recalibration) -> bool:
    """Whether the slope alone says what the test of all coefficients does not."""
    slope = found.before.slope
    return (
        bool(found.test.tests)
        and {found.update.level, found.test.chosen} <= {Level.AS_IS, Level.INTERCEPT}
        and found.gates[Level.SLOPE].is_open
        and not slope.low <= 1 <= slope.high
    )


def _patients(case: Case) -> Iterator[str]:
    """Say what of the patients may make the risks wrong for those who come."""
    if case.enrolled.not_examined:
        yield (
            f"{case.enrolled.share_not_examined:.1%} were not examined. If who is"
            " examined depends on who complains, the risks come out wrong: nothing here"
            " corrects for it (scnen-cds cohort check)."
        )
    if case.enrolled.operated is None:
        return
    first, last = case.enrolled.operated
    ages = [(case.today - day).days / _DAYS_A_YEAR for day in (first, last)]
    if ages[0] > _OLD_FIRST or ages[1] > _OLD_LAST:
        yield (
            f"These patients were operated on from {first} to {last}: the first"
            f" {ages[0]:.0f} years ago, the last {ages[1]:.0f}. Operations, films and"
            " examinations change: use those of the last"
            f" {_OLD_FIRST} years, the last of them less than {_OLD_LAST} years ago, or"
            " say why the older ones are like the patients who come."
        )


def _waiting(case: Case) -> Iterator[str]:
    yield (
        "Keep the model you have. Output mode relative shows no probability; anchored"
        " ones say that they are not local."
    )
    allowed = highest_open(case.gates)
    if allowed is not None:
        yield (
            f"These patients allow --level {allowed}: discuss whether that is better"
            " than the model as it is."
        )
    closed = [gate for gate in case.gates.values() if not gate.is_open]
    for gate in closed[:1]:
        events = f", {gate.missing_events} of them with SCNEN" * bool(
            gate.missing_events
        )
        yield (
            f"About {gate.missing_patients} more patients{events}, examined and with"
            f" all predictors, are needed for the level {gate.level} at this share of"
            " SCNEN. Examine everybody, not only those who complain."
        )
    yield (
        "Look at who was refused, not examined or incomplete: each of them, once"
        " mended, is a patient (scnen-cds cohort check)."
    )


def _unwritten() -> Iterator[str]:
    yield (
        "No artifact was written. Show this to the committee: is the level right, are"
        " these the patients the cards will be for, was everybody examined?"
    )
    yield (
        "If it is approved, run this again with --out NAME-1.json and --approved-by for"
        " each person."
    )


def _written(file: str) -> Iterator[str]:
    yield (f"{file} was written. Keep it and the cohort's file: it is never edited.")
    yield (
        "Decide the thresholds of the policy anew (docs/recalibrate.md): they are"
        " shares of patients, and the risks have changed."
    )
    yield (
        f"Set SCNEN_MODEL={file} and SCNEN_OUTPUT_MODE=calibrated, all instances"
        " at a time, clients silent at first."
    )
    yield (
        "Validate it on patients who are not in this cohort, as soon as there are"
        " enough, and plan the next cohort before its last day of use."
    )


def _synthetic(case: Case) -> Iterator[str]:
    if case.enrolled.is_synthetic:
        yield (
            "SYNTHETIC patients: for demonstration; the service takes such a model in"
            " open mode only."
        )
