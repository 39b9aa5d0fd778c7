"""From a patient's resources to the predictors of each operated vertebra."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

from service.fhir.acts import acts_of
from service.fhir.age import is_adult
from service.fhir.assembly import Context, assemble, is_eligible, operation_of
from service.fhir.choice import Choice, apart, choose
from service.fhir.doubts import is_only_one, weigh
from service.fhir.evidence import Evidence, Stay, diagnosis_ids, gather_fractures
from service.fhir.exclusions import excluded_by, has_unread_exclusion
from service.fhir.films import ROLES, Situation
from service.fhir.findings import (
    Extraction,
    Missing,
    OperatedVertebra,
    Operation,
    PatientRecord,
    Reason,
)
from service.fhir.fractures import ConditionFact, read_conditions
from service.fhir.labels import is_test_data
from service.fhir.location import locate
from service.fhir.measurements import Chosen, choose_readings
from service.fhir.operations import ProcedureFact, read_period, read_procedures
from service.fhir.owned import Owned, keep_own
from service.fhir.places import union
from service.fhir.readings import Reading, read_observations
from service.fhir.references import Selection
from service.fhir.resources import Intake
from service.fhir.terminology import Terminology
from service.fhir.texts import mark_texts
from service.fhir.times import When, at, days, enclosing
from service.fhir.vertebrae import Draft, cluster
from service.policy import Eligibility, Windows

__all__ = ["extract"]

_NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(slots=True)
class _Call:
    """What is the same for the whole extraction."""

    patient_id: str
    encounter_id: str | None
    now: When
    zone: tzinfo
    windows: Windows
    eligibility: Eligibility
    terminology: Terminology
    intake: Intake
    latest_only: bool


@dataclass(slots=True)
class _Verdict:
    """What may be assessed, or why nothing may."""

    vertebrae: tuple[OperatedVertebra, ...] = ()
    not_assessed: Reason | None = None
    exclusion: str | None = None
    unchecked: frozenset[str] = frozenset()
    operation: Operation | None = None


@dataclass(slots=True)
class _Found:
    """The records that matter, read and checked."""

    choice: Choice
    conditions: Sequence[ConditionFact] | None
    readings: Sequence[Reading] | None
    fractures: Sequence[Evidence]
    stay: Stay


def extract(
    record: PatientRecord,
    *,
    patient_id: str,
    encounter_id: str | None,
    now: datetime,
    windows: Windows,
    eligibility: Eligibility,
    terminology: Terminology,
    latest_only: bool = False,
) -> Extraction:
    """
    Find the predictors of each operated vertebra, or the reason why there is none.

    Parameters
    ----------
    record : PatientRecord
        The patient's resources as plain JSON.
    patient_id : str
        The patient of the call; resources of others are dropped and counted.
    encounter_id : str or None
        The encounter of the call.
    now : datetime.datetime
        Time of the call. Its zone is where the day of a date without time begins and
        ends: give the hospital's.
    windows : Windows
        How old or late a record may be.
    eligibility : Eligibility
        Who may be assessed.
    terminology : Terminology
        Which codes mean what.
    latest_only : bool, optional
        Whether the latest eligible operation of the look-back is assessed alone, rather
        than all of the encounter or of the look-back together.

    Returns
    -------
    Extraction
        The same for the same resources in any order; bad resources cost only
        themselves.

    Raises
    ------
    ValueError
        If `now` has no zone.
    """
    if now.tzinfo is None:
        raise ValueError("now: must have a time zone")
    intake = Intake()
    call = _Call(
        patient_id,
        encounter_id,
        at(now),
        now.tzinfo,
        windows,
        eligibility,
        terminology,
        intake,
        latest_only,
    )
    own = keep_own(record, patient_id, encounter_id)
    verdict = _assess(record, own, call)
    rejected = [*sorted(intake.faults.items()), *own.junk]
    procedures = own.selections["Procedure"]
    return Extraction(
        verdict.vertebrae,
        now,
        verdict.not_assessed,
        verdict.exclusion,
        verdict.unchecked,
        tuple(rejected),
        other_patient=own.other_patient,
        only_others=bool(procedures.other_patient and not procedures.resources),
        operation=verdict.operation,
        elsewhere=record.elsewhere,
        is_test=_is_test(record.patient, patient_id),
    )


def _is_test(patient: Mapping[str, Any] | None, patient_id: str) -> bool | None:
    """Read the mark of the patient of the call; another one's says nothing."""
    if not isinstance(patient, dict) or patient.get("id") != patient_id:
        return None
    return is_test_data(patient)


def _assess(record: PatientRecord, own: Owned, call: _Call) -> _Verdict:
    selections, encounter = own.selections, own.encounter
    for choice in _choices(selections["Procedure"], encounter, call):
        if choice.operations:
            found = _read(record, selections, choice, encounter, call)
            vertebrae = _vertebrae(found, call)
            if vertebrae:
                break
    else:
        return _Verdict((), Reason.NO_ELIGIBLE_OPERATION)
    chosen = choice.operations
    if call.terminology.has_texts:
        read = [r for selection in selections.values() for r in selection.resources]
        vertebrae = mark_texts(vertebrae, read, call.terminology)
    operated = found.stay.operated
    day = (operated or call.now).first_day
    minimum = call.eligibility.minimum_age_years
    adult = is_adult(record.patient, call.patient_id, day, minimum)
    unchecked = _NOTHING
    if adult is None:
        unchecked |= {"age"}
    exclusion = excluded_by(
        found.conditions or (),
        chosen,
        operated,
        call.terminology,
        call.zone,
        call.intake,
    )
    resources = selections["Condition"].resources
    if found.conditions is None or has_unread_exclusion(
        resources, chosen, call.terminology, call.intake
    ):
        unchecked |= {"exclusions"}
    if adult is False:
        return _Verdict((), Reason.UNDER_AGE, unchecked=unchecked)
    if exclusion is not None:
        return _Verdict((), Reason.EXCLUDED_CONDITION, exclusion, unchecked)
    operation = _operation(chosen) if call.latest_only else None
    return _Verdict(tuple(vertebrae), unchecked=unchecked, operation=operation)


def _operation(chosen: Sequence[ProcedureFact]) -> Operation:
    """It was over with the last of its Procedures."""
    times = [fact.when for fact in chosen if fact.when]
    last = max(times, key=lambda when: when.start, default=None)
    return operation_of(last, tuple(sorted({fact.source for fact in chosen})))


def _choices(
    selection: Selection, encounter: Mapping[str, Any] | None, call: _Call
) -> Iterator[Choice]:
    """What may be assessed together, in the order in which it is tried."""
    facts = read_procedures(
        selection.resources,
        call.terminology,
        call.zone,
        in_progress_counts=call.eligibility.in_progress_counts,
    )
    one_by_one = apart(facts, now=call.now, zone=call.zone, windows=call.windows)
    for operation in one_by_one if call.latest_only else [[]]:
        yield choose(
            facts,
            encounter_id=call.encounter_id,
            stay=read_period(encounter, call.now, call.zone),
            now=call.now,
            zone=call.zone,
            windows=call.windows,
            intake=call.intake,
            operation=operation,
        )


def _read(
    record: PatientRecord,
    selections: Mapping[str, Selection],
    choice: Choice,
    encounter: Mapping[str, Any] | None,
    call: _Call,
) -> _Found:
    chosen = choice.operations
    terminology, zone, intake = call.terminology, call.zone, call.intake
    conditions = read_conditions(
        selections["Condition"].resources, terminology, zone, intake
    )
    places = {fact.source: fact.place or _NOTHING for fact in conditions}
    for fact in chosen:
        places[fact.source] = union(fact.sites)
    readings = read_observations(
        selections["Observation"].resources, terminology, zone, places
    )
    times = [fact.when for fact in chosen if fact.when]
    named = {call.encounter_id, *[fact.encounter for fact in chosen]}
    stay = Stay(
        frozenset([name for name in named if name]),
        diagnosis_ids(encounter),
        operated=enclosing(times) if times else None,
        window=days(call.windows.preoperative_max_age_days),
        now=call.now,
    )
    return _Found(
        choice,
        None if record.conditions is None else conditions,
        None if record.observations is None else readings,
        gather_fractures(chosen, conditions, readings, stay, terminology, intake),
        stay,
    )


def _vertebrae(found: _Found, call: _Call) -> list[OperatedVertebra]:
    is_fractured = bool(found.fractures)
    operations = found.choice.operations
    acts = acts_of(operations, call.zone, spine_is_diagnosed=is_fractured)
    drafts = cluster(acts, found.fractures)
    weigh(drafts, found.choice, found.fractures, call.zone)
    is_alone = is_only_one(drafts, found.choice, found.fractures, call.zone)
    assessed = []
    for draft in drafts:
        others = union([other.place for other in drafts if other is not draft])
        location = locate(
            draft,
            found.fractures,
            others,
            conditions_were_had=found.conditions is not None,
        )
        chosen = _readings(draft, location.place or draft.place, found, call, is_alone)
        if is_eligible(draft, location, chosen["cement_ratio_percent"]):
            assessed.append((draft, location, chosen))
    context = Context(
        call.terminology.system,
        is_several=len(assessed) > 1,
        is_pathological=any(
            fact.is_pathological and fact.is_active for fact in found.conditions or ()
        ),
        conditions_were_had=found.conditions is not None,
    )
    return [assemble(*item, context) for item in assessed]


def _readings(
    draft: Draft,
    place: frozenset[str],
    found: _Found,
    call: _Call,
    is_alone: bool,  # noqa: FBT001 one caller, below the one that computes it
) -> dict[str, Chosen]:
    if found.readings is None:
        return dict.fromkeys(ROLES, Chosen(Missing(Reason.UNAVAILABLE)))
    situation = Situation(
        place,
        is_alone,
        draft.when,
        _injury(found.fractures, draft, place),
        call.now,
        call.windows,
    )
    return choose_readings(found.readings, situation, call.terminology, call.intake)


def _injury(
    fractures: Iterable[Evidence], draft: Draft, place: frozenset[str]
) -> When | None:
    """Take the last onset before the operation: an older fracture is another one."""
    sources, operated = draft.sources, draft.when
    onsets = [
        f.onset
        for f in fractures
        if f.onset
        and f.place & place
        and (f.procedure is None or f.procedure in sources)
        and not (operated and operated.is_before(f.onset))
    ]
    if len(onsets) < 2:  # noqa: PLR2004 most fractures have one record with an onset
        return onsets[0] if onsets else None
    return max(onsets, key=lambda onset: onset.start)
