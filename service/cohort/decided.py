"""Decisions of the store and what was found later become a cohort: operations, once."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.cohort.patients import (
    TEST_PATIENT,
    PatientCohort,
    Refusal,
    Source,
    digest,
)
from service.cohort.rows import LABELS
from service.cohort.timing import timing_warnings
from service.model.predictors import INPUTS, check_inputs

__all__ = ["Decided", "FollowUp", "cohort_of"]

_EXAMINED: Final = {"yes": 1.0, "no": 0.0}
_BY_STUDY: Final = "study"


@dataclass(frozen=True, slots=True)
class FollowUp:
    """
    What was recorded of a decision last.

    Attributes
    ----------
    outcome : str
        ``yes``, ``no`` or ``not-examined``.
    examined_on : datetime.date or None
        Day of the examination.
    criteria : str or None
        ``study``, ``clinical`` or ``other``.
    recorded_at : datetime.datetime
        When it was recorded.
    """

    outcome: str
    examined_on: date | None
    criteria: str | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Decided:
    """
    A decision about an operation.

    Attributes
    ----------
    id : str
        Of the decision.
    at : datetime.datetime
        When it was made, in the hospital's time zone.
    patient : str
        Pseudonym, with the tenant and the key that it was made with.
    visit : str
        Pseudonym of the encounter, or the day of the call: what tells operations
        apart that have no date.
    vertebrae : sequence of Mapping
        Operated vertebrae as stored, that with the highest score first.
    follow_up : FollowUp or None
        What was found.
    """

    id: str
    at: datetime
    patient: str
    visit: str
    vertebrae: Sequence[Mapping[str, Any]]
    follow_up: FollowUp | None

    @property
    def day(self) -> date:  # numpydoc ignore=RT01
        """Day of the call."""
        return self.at.date()

    @property
    def operated(self) -> date | None:  # numpydoc ignore=RT01
        """Day of the operation, if it is known."""
        ago = self.vertebrae[0].get("operated_days_ago")
        return None if ago is None else self.day - timedelta(days=ago)

    @property
    def found(self) -> Mapping[str, Sequence[Any]]:  # numpydoc ignore=RT01
        """Value, unit and age in days of each input that was found."""
        found: Mapping[str, Sequence[Any]] = self.vertebrae[0].get("found", {})
        return found

    @property
    def measured(self) -> date | None:  # numpydoc ignore=RT01
        """Day of the newest of the inputs, if one is known."""
        ages = [age for _, _, age in self.found.values() if age is not None]
        return self.day - timedelta(days=min(ages)) if ages else None

    @property
    def is_test(self) -> bool | None:  # numpydoc ignore=RT01
        """Whether the patient was marked as test data; None if it was not noted."""
        noted: bool | None = self.vertebrae[0].get("is_test")
        return noted


@dataclass(frozen=True, slots=True)
class _Operation:
    """A row of the cohort: the decision that counts, and the outcome that counts."""

    decision: Decided
    follow_up: FollowUp | None
    #: Whether any decision about it noted if the patient is test data.
    is_noted: bool

    @property
    def scnen(self) -> float:
        """The outcome, NaN for not examined."""
        return (
            _EXAMINED.get(self.follow_up.outcome, np.nan) if self.follow_up else np.nan
        )

    @property
    def examined_on(self) -> date | None:
        """The day of the examination."""
        return self.follow_up.examined_on if self.follow_up else None


def cohort_of(
    decided: Iterable[Decided], *, today: date, horizon_days: int, name: str
) -> PatientCohort:
    """
    Make a cohort of decisions.

    Decisions about one operation of one patient are one row. Its outcome is the one
    that was recorded last; its predictors are those of the last among the decisions
    that knew most, up to the day of the examination: what was learned later predicts
    nothing. Of several vertebrae it is the one with the highest score, which the card
    gave. Who was not examined, or of whom nothing is recorded when the follow-up is
    over, has no outcome.

    Parameters
    ----------
    decided : iterable of Decided
        The decisions that found an operation.
    today : datetime.date
        Tells whether a follow-up is over.
    horizon_days : int
        Days after the operation at which it is.
    name : str
        Name of the source.

    Returns
    -------
    PatientCohort
        A row for each operation; id is that of the decision. Refused is whose follow-up
        is not over, also if the outcome is known by then, and who was only asked about
        after the examination. Of test patients alone it is synthetic; among others
        they are refused.
    """
    operations: dict[tuple[str, date | str], list[Decided]] = defaultdict(list)
    for each in sorted(decided, key=lambda each: each.at):
        operations[each.patient, each.operated or each.visit].append(each)
    tests = {each.patient for each in chain(*operations.values()) if each.is_test}
    is_synthetic = bool(tests) and tests == {patient for patient, _ in operations}
    taken, refused = [], []
    for row, ((patient, _), decisions) in enumerate(operations.items(), 1):
        found = _taken(decisions, today, horizon_days)
        if patient in tests and not is_synthetic:
            found = "patient", TEST_PATIENT
        if isinstance(found, _Operation):
            taken.append(found)
        else:
            refused.append(Refusal(row, decisions[-1].id, *found))
    return _cohort(taken, refused, (name, is_synthetic), horizon_days)


def _taken(
    decisions: Sequence[Decided], today: date, horizon_days: int
) -> _Operation | tuple[str, str]:
    """Give the row of an operation, or say which field keeps it out, and why."""
    found = _settled(decisions, today, horizon_days)
    return _checked(found) or found if isinstance(found, _Operation) else found


def _settled(
    decisions: Sequence[Decided], today: date, horizon_days: int
) -> _Operation | tuple[str, str]:
    """Choose outcome and decision, or say which field keeps the row out, and why."""
    # Whatever is recorded: who complains is found early, and who does not is not yet.
    due = decisions[0].operated or decisions[0].day
    if due + timedelta(days=horizon_days) > today:
        return "scnen", "the follow-up is not over; take it later, with the others"
    outcomes = [each.follow_up for each in decisions if each.follow_up]
    last = max(outcomes, key=lambda each: each.recorded_at, default=None)
    until = last.examined_on if last and last.examined_on else today
    before = [each for each in decisions if each.day <= until]
    if not before:
        reason = (
            "all decisions about the operation are later than the examination; what was"
            " learned then predicts nothing"
        )
        return "predictors_date", reason
    best = max(before, key=lambda each: (len(each.found), each.at))
    return _Operation(best, last, any(each.is_test is not None for each in decisions))


def _checked(operation: _Operation) -> tuple[str, str] | None:
    """Check the inputs as those of a call; say which is at fault, and how."""
    found = operation.decision.found
    known = {name: found[name][0] for name in INPUTS if name in found}
    try:
        check_inputs(known)
    except ValueError as error:
        field, _, problem = str(error).partition(": ")
        return field, f"{problem}; the store holds another value"
    return None


def _cohort(
    taken: Sequence[_Operation],
    refused: Sequence[Refusal],
    source: tuple[str, bool],
    horizon_days: int,
) -> PatientCohort:
    name, is_synthetic = source
    ids = tuple(each.decision.id for each in taken)
    columns = {key: _column(key, taken) for key in INPUTS}
    operated = _days(each.decision.operated for each in taken)
    examined = _days(each.examined_on for each in taken)
    scnen = np.array([each.scnen for each in taken], dtype=np.float64)
    return PatientCohort(
        ids=ids,
        columns=columns,
        scnen=scnen,
        # Nothing about the outcome: what is here may be taken for a predictor.
        others={
            "vertebrae": np.array(
                [str(len(each.decision.vertebrae)) for each in taken], dtype=object
            )
        },
        refused=tuple(refused),
        source=Source(
            "store", name, digest(ids, *columns.values(), scnen), is_synthetic
        ),
        dates={
            "operation_date": operated,
            "predictors_date": _days(each.decision.measured for each in taken),
            "outcome_date": examined,
        },
        warnings=(
            *_lacking(columns),
            *_unmarked(taken),
            *_several(taken),
            *_doubtful_outcomes(taken),
            *timing_warnings(scnen, operated, examined, horizon_days=horizon_days),
        ),
    )


def _column(name: str, taken: Sequence[_Operation]) -> NDArray[Any]:
    empty = "" if name in LABELS else np.nan
    values = [each.decision.found.get(name, (empty,))[0] for each in taken]
    return np.array(values, dtype=np.str_ if name in LABELS else np.float64)


def _days(days: Iterable[date | None]) -> NDArray[np.datetime64]:
    return np.array(list(days), dtype="datetime64[D]")


def _lacking(columns: Mapping[str, NDArray[Any]]) -> Iterator[str]:
    """Name inputs that the store has of nobody."""
    for name, column in columns.items():
        is_empty = (column == "") if name in LABELS else np.isnan(column)
        if column.size and is_empty.all():
            yield (
                f"{name}: the store has it of nobody; models that need it can score"
                " nobody here"
            )


def _unmarked(taken: Sequence[_Operation]) -> Iterator[str]:
    """Tell of patients of whom the store does not know whether they are real."""
    unknown = sum(not each.is_noted for each in taken)
    if unknown:
        yield (
            f"of {unknown} operations the store does not tell whether the patient is"
            " test data: recorded by a version that did not note it, or from a call"
            " without the Patient; take out test patients that you know of (scnen-cds"
            " store find-patient names their decisions, which are ids here)"
        )


def _several(taken: Sequence[_Operation]) -> Iterator[str]:
    """Tell of patients with several operations: their rows depend on one another."""
    counts = Counter(each.decision.patient for each in taken)
    several = sum(n > 1 for n in counts.values())
    if several:
        yield (
            f"{several} patients stand here with several operations each; intervals"
            " take rows for independent of one another"
        )


def _doubtful_outcomes(taken: Sequence[_Operation]) -> Iterator[str]:
    """Tell of outcomes that are missing, or not the study's."""
    silent = sum(each.follow_up is None for each in taken)
    if silent:
        yield (
            f"of {silent} operations nothing is recorded though the follow-up is over;"
            " they count as not examined"
        )
    known = [each for each in taken if each.scnen in _EXAMINED.values()]
    others = sum(
        each.follow_up is not None and each.follow_up.criteria != _BY_STUDY
        for each in known
    )
    if others:
        yield (
            f"{others} of {len(known)} outcomes were not judged by the study's"
            " criteria, which are what the model predicts"
        )
