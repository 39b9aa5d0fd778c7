"""Fractures of the stay, from all records that speak of one."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from service.fhir.conceptmaps import MappedCode
from service.fhir.fractures import ConditionFact, reason_fractures
from service.fhir.operations import ProcedureFact
from service.fhir.readings import FINAL, Reading, segment_place
from service.fhir.references import target_id
from service.fhir.resources import Intake
from service.fhir.terminology import Terminology
from service.fhir.times import When

__all__ = ["Evidence", "Stay", "current", "diagnosis_ids", "gather_fractures"]


@dataclass(slots=True, eq=False)
class Evidence:
    """
    What one record says about the place of the fracture.

    Attributes
    ----------
    source : str
        Reference of the resource.
    code : MappedCode
        The code that says it.
    place : frozenset of str
        Levels that it leaves possible; empty if it contradicts itself.
    when : When or None
        When it was recorded.
    status : str or None
        Status of the resource.
    procedure : str or None
        The Procedure that refers to it as its reason; None if the stay speaks for it.
    onset : When or None
        When the fracture happened, where recorded.
    is_observed : bool
        Whether it is an Observation of the fractured vertebra.
    encounter : str or None
        Id of the encounter of such an Observation.
    """

    source: str
    code: MappedCode
    place: frozenset[str]
    when: When | None = None
    status: str | None = None
    procedure: str | None = None
    onset: When | None = None
    is_observed: bool = False
    encounter: str | None = None


@dataclass(slots=True)
class Stay:
    """
    The stay that the call and the operation belong to.

    Attributes
    ----------
    encounters : frozenset of str
        Ids of the encounters of call and operation.
    diagnoses : frozenset of str
        Ids of the Conditions that the Encounter names.
    operated : When or None
        From the first to the last operation.
    window : datetime.timedelta
        How long before the operation a fracture may have been recorded.
    now : When
        Time of the call.
    """

    encounters: frozenset[str]
    diagnoses: frozenset[str]
    operated: When | None
    window: timedelta
    now: When


def diagnosis_ids(encounter: Mapping[str, Any] | None) -> frozenset[str]:
    """
    List the Conditions that an encounter names as its diagnoses.

    Parameters
    ----------
    encounter : Mapping or None
        The Encounter.

    Returns
    -------
    frozenset of str
        Their ids.
    """
    listed = encounter.get("diagnosis") if encounter else None
    if not isinstance(listed, list):
        return frozenset()
    named = [item.get("condition") for item in listed if isinstance(item, dict)]
    ids = [target_id(condition, "Condition") for condition in named]
    return frozenset([name for name in ids if name])


def gather_fractures(
    procedures: Sequence[ProcedureFact],
    conditions: Sequence[ConditionFact],
    readings: Iterable[Reading],
    stay: Stay,
    terminology: Terminology,
    intake: Intake,
) -> list[Evidence]:
    """
    Gather what the record says about fractures of the stay.

    Parameters
    ----------
    procedures : sequence of ProcedureFact
        The chosen operations.
    conditions : sequence of ConditionFact
        Conditions of the patient.
    readings : iterable of Reading
        Observations of the patient.
    stay : Stay
        What makes a record one of the stay.
    terminology : Terminology
        Knows places and fractures.
    intake : Intake
        Checks the Observations that are used.

    Returns
    -------
    list of Evidence
        One for each record.
    """
    return [
        *_observed(readings, stay, terminology, intake),
        *_diagnosed(procedures, conditions, stay),
        *_given_as_reason(procedures, terminology),
    ]


def current(
    fractures: Iterable[Evidence], encounters: Collection[str | None]
) -> list[Evidence]:
    """
    Leave out Observations that a newer one of the stay corrects.

    Parameters
    ----------
    fractures : iterable of Evidence
        What speaks of one vertebra.
    encounters : collection of str or None
        Ids of the encounters of its operation.

    Returns
    -------
    list of Evidence
        The rest, all that are no Observations among it. A newer one of another stay,
        or of none that is named, does not correct those of this one: it may be of a
        later fracture.
    """
    kept = list(fractures)
    newest: dict[str | None, dict[frozenset[str], When]] = {}
    for evidence in kept:
        if evidence.is_observed and (when := evidence.when):
            places = newest.setdefault(evidence.encounter, {})
            other = places.setdefault(evidence.place, when)
            if when.start > other.start:
                places[evidence.place] = when
    if not newest:
        return kept
    own = [
        said
        for name in encounters
        if name and name in newest
        for said in newest[name].items()
    ]
    return [
        evidence
        for evidence in kept
        if not (evidence.is_observed and evidence.when)
        or not _is_corrected(evidence, [*own, *newest[evidence.encounter].items()])
    ]


def _is_corrected(
    evidence: Evidence, later: Iterable[tuple[frozenset[str], When]]
) -> bool:
    """By another place: a less exact record of the same one takes nothing away."""
    when, place = evidence.when, evidence.place
    return when is not None and any(
        when.is_before(newer) and not place & other for other, newer in later
    )


def _observed(
    readings: Iterable[Reading], stay: Stay, terminology: Terminology, intake: Intake
) -> Iterator[Evidence]:
    for reading in readings:
        if reading.mapped.target != "fracture-segment" or reading.status not in FINAL:
            continue
        place = segment_place(reading, terminology)
        if place is None or not _is_of_stay(reading, stay):
            continue
        if intake.accepts(reading.resource):
            yield Evidence(
                reading.source,
                reading.mapped,
                place,
                reading.when,
                reading.status,
                is_observed=True,
                encounter=reading.encounter,
            )


def _is_of_stay(reading: Reading, stay: Stay) -> bool:
    if reading.when is None or stay.operated is None:
        return reading.encounter in stay.encounters
    is_recent = stay.operated.start - reading.when.end <= stay.window
    return is_recent and not stay.now.is_before(reading.when)


def _diagnosed(
    procedures: Iterable[ProcedureFact],
    conditions: Iterable[ConditionFact],
    stay: Stay,
) -> Iterator[Evidence]:
    referring = _referring(procedures)
    for fact in conditions:
        if fact.place is None or _began_since(fact, stay):
            continue
        said = fact.code, fact.place, fact.onset or fact.recorded
        name = fact.resource.get("id")
        name = name if isinstance(name, str) else ""
        if name in referring:
            for procedure in referring[name]:
                yield Evidence(
                    fact.source, *said, procedure=procedure, onset=fact.onset
                )
        elif not _is_bygone(fact, stay) and (
            name in stay.diagnoses or _speaks_for_stay(fact, stay)
        ):
            yield Evidence(fact.source, *said, onset=fact.onset)


def _began_since(fact: ConditionFact, stay: Stay) -> bool:
    """By its onset only: what happened before may be recorded late."""
    return bool(fact.onset and stay.operated and stay.operated.is_before(fact.onset))


def _is_bygone(fact: ConditionFact, stay: Stay) -> bool:
    """An old fracture, healed long ago, may still be written down in the stay."""
    last = fact.abated or fact.onset
    if fact.is_active or last is None or stay.operated is None:
        return False
    return stay.operated.start - last.end > stay.window


def _speaks_for_stay(fact: ConditionFact, stay: Stay) -> bool:
    """Without encounter: active, and coded as first stay or dated shortly before."""
    if fact.encounter is not None:
        return fact.encounter in stay.encounters
    if not fact.is_active:
        return False
    began = fact.onset or fact.recorded
    if began is None or stay.operated is None:
        return fact.has_index_character
    return stay.operated.start - began.end <= stay.window


def _referring(procedures: Iterable[ProcedureFact]) -> dict[str, list[str]]:
    """Which Procedures name a Condition as their reason, by its id."""
    found: dict[str, list[str]] = {}
    for fact in procedures:
        references = fact.resource.get("reasonReference")
        for reference in references if isinstance(references, list) else ():
            name = target_id(reference, "Condition")
            if name is not None:
                found.setdefault(name, []).append(fact.source)
    return found


def _given_as_reason(
    procedures: Iterable[ProcedureFact], terminology: Terminology
) -> Iterator[Evidence]:
    for fact in procedures:
        for code, place in reason_fractures(fact, terminology):
            yield Evidence(fact.source, code, place, fact.when, procedure=fact.source)
