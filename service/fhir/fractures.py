"""Conditions and reasons: which vertebra broke, when, and whether it is over."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from types import MappingProxyType
from typing import Any, Final

from service.fhir.conceptmaps import Kind, MappedCode
from service.fhir.operations import ProcedureFact, read_sites
from service.fhir.places import union
from service.fhir.references import source_of, target_id
from service.fhir.resources import Intake
from service.fhir.terminology import Terminology
from service.fhir.times import When, parse_when

__all__ = [
    "ConditionFact",
    "fracture_place",
    "is_void",
    "read_conditions",
    "reason_concepts",
    "reason_fractures",
]

_VOID: Final = frozenset({"refuted", "entered-in-error"})
_OVER: Final = frozenset({"inactive", "remission", "resolved"})
_FRACTURE: Final = "vertebral-fracture"
#: element -> its code system, and the codes there
_STATUSES: Final[Mapping[str, tuple[str, frozenset[str]]]] = MappingProxyType(
    {
        "clinicalStatus": (
            "http://terminology.hl7.org/CodeSystem/condition-clinical",
            _OVER | {"active", "recurrence", "relapse"},
        ),
        "verificationStatus": (
            "http://terminology.hl7.org/CodeSystem/condition-ver-status",
            _VOID | {"unconfirmed", "provisional", "differential", "confirmed"},
        ),
    }
)


@dataclass(slots=True, eq=False)
class ConditionFact:
    """
    One Condition that speaks of a fracture or of an exclusion.

    Attributes
    ----------
    resource : Mapping
        The Condition.
    source : str
        Its reference.
    code : MappedCode
        The first code that means something.
    place : frozenset of str or None
        Where the fracture is; empty if its codes contradict each other; None if it is
        no fracture of an index stay.
    has_index_character : bool
        Whether the code itself tells that this is the first stay.
    is_pathological : bool
        Whether the cause of a pathological fracture is open.
    exclusion : str or None
        Group of excluded conditions.
    is_active : bool
        Whether its clinical status does not say that it is over.
    encounter : str or None
        Id of its encounter.
    onset, recorded, abated : When or None
        When it began, was recorded, ended.
    """

    resource: Mapping[str, Any]
    source: str
    code: MappedCode
    place: frozenset[str] | None
    has_index_character: bool
    is_pathological: bool
    exclusion: str | None
    is_active: bool
    encounter: str | None
    onset: When | None
    recorded: When | None
    abated: When | None


def read_conditions(
    resources: Iterable[Mapping[str, Any]],
    terminology: Terminology,
    zone: tzinfo,
    intake: Intake,
) -> list[ConditionFact]:
    """
    Pick the Conditions that speak of a fracture or of an exclusion.

    Parameters
    ----------
    resources : iterable of Mapping
        Conditions of the patient.
    terminology : Terminology
        Knows fractures and exclusions.
    zone : datetime.tzinfo
        Zone of dates without time.
    intake : Intake
        Checks what is kept.

    Returns
    -------
    list of ConditionFact
        In a fixed order; refuted and erroneous ones are left out.
    """
    facts = []
    meanings_of = terminology.diagnoses.meanings
    for resource in resources:
        meanings = meanings_of(resource.get("code"))
        if meanings and not is_void(resource) and intake.accepts(resource):
            facts.append(_fact(resource, meanings, terminology, zone))
    facts.sort(key=lambda fact: fact.source)
    return facts


def is_void(resource: Mapping[str, Any]) -> bool:
    """
    Tell whether a Condition is refuted or was entered by mistake.

    Parameters
    ----------
    resource : Mapping
        The Condition.

    Returns
    -------
    bool
        True if it says nothing about the patient.
    """
    return _status(resource, "verificationStatus") in _VOID


def _fact(
    resource: Mapping[str, Any],
    found: list[MappedCode],
    terminology: Terminology,
    zone: tzinfo,
) -> ConditionFact:
    meanings = [meaning for meaning in found if meaning.kind is Kind.CONDITION]
    exclusions = [meaning for meaning in found if meaning.kind is Kind.EXCLUSION]
    place = fracture_place(resource["code"], meanings)
    if place is not None and "bodySite" in resource:
        sites = read_sites(resource["bodySite"], terminology)
        place &= union(sites) if sites else place
    is_active = _status(resource, "clinicalStatus") not in _OVER
    return ConditionFact(
        resource=resource,
        source=source_of(resource),
        code=(meanings or exclusions)[0],
        place=place,
        has_index_character=bool([m for m in meanings if m.index_characters]),
        is_pathological=bool([m for m in meanings if m.target != _FRACTURE]),
        exclusion=exclusions[0].target if exclusions else None,
        is_active=is_active,
        encounter=target_id(resource.get("encounter"), "Encounter"),
        onset=_onset(resource, zone),
        recorded=parse_when(resource.get("recordedDate"), zone),
        abated=_abated(resource, zone, is_active=is_active),
    )


def _onset(resource: Mapping[str, Any], zone: tzinfo) -> When | None:
    if "onsetDateTime" in resource:
        return parse_when(resource["onsetDateTime"], zone)
    period = resource.get("onsetPeriod")
    return parse_when(period.get("start"), zone) if isinstance(period, dict) else None


def _abated(
    resource: Mapping[str, Any], zone: tzinfo, *, is_active: bool
) -> When | None:
    """The end of a period; its start alone only of what is said to be over."""
    period = resource.get("abatementPeriod")
    if not isinstance(period, dict):
        return parse_when(resource.get("abatementDateTime"), zone)
    ended = parse_when(period.get("end"), zone)
    if ended or is_active:
        return ended
    return parse_when(period.get("start"), zone)


def _status(resource: Mapping[str, Any], field: str) -> str | None:
    """The coding of the standard's system counts, else any of its codes."""
    system, known = _STATUSES[field]
    concept = resource.get(field)
    codings = concept.get("coding") if isinstance(concept, dict) else None
    found: str | None = None
    for coding in codings if isinstance(codings, list) else ():
        code = coding.get("code") if isinstance(coding, dict) else None
        if isinstance(code, str) and code in known:
            if coding.get("system") == system:
                return code
            found = found or code
    return found


def fracture_place(
    concept: Mapping[str, Any], meanings: Iterable[MappedCode]
) -> frozenset[str] | None:
    """
    Tell which levels the codes of a fracture leave possible.

    Parameters
    ----------
    concept : Mapping
        The CodeableConcept.
    meanings : iterable of MappedCode
        What its codings mean.

    Returns
    -------
    frozenset of str or None
        Levels; None if no code names a fracture, or one names a later stay.
    """
    place: frozenset[str] | None = None
    for meaning in meanings:
        if meaning.target != _FRACTURE:
            continue
        if not _is_index_stay(concept, meaning):
            return None
        place = meaning.place if place is None else place & meaning.place
    return place


def _is_index_stay(concept: Mapping[str, Any], meaning: MappedCode) -> bool:
    """The seventh character of the coding must be one that the map names."""
    if not meaning.index_characters:
        return True
    start = meaning.code.replace(".", "")
    for coding in concept["coding"]:
        code = coding.get("code") if isinstance(coding, dict) else None
        written = code.replace(".", "").upper() if isinstance(code, str) else ""
        if written.startswith(start) and len(written) == 7:  # noqa: PLR2004 full code
            return written[6] in meaning.index_characters
    return False


def reason_fractures(
    fact: ProcedureFact, terminology: Terminology
) -> list[tuple[MappedCode, frozenset[str]]]:
    """
    Read the fractures that a Procedure names as its reason.

    Parameters
    ----------
    fact : ProcedureFact
        The Procedure.
    terminology : Terminology
        Knows the fractures.

    Returns
    -------
    list of tuple
        Code and place of each.
    """
    found = []
    for concept in reason_concepts(fact):
        meanings = terminology.conditions.meanings(concept)
        place = fracture_place(concept, meanings)
        if place is not None:
            found.append((meanings[0], place))
    return found


def reason_concepts(fact: ProcedureFact) -> list[Mapping[str, Any]]:
    """
    List the reasons that a Procedure gives as codes.

    Parameters
    ----------
    fact : ProcedureFact
        The Procedure.

    Returns
    -------
    list of Mapping
        CodeableConcepts.
    """
    reasons = fact.resource.get("reasonCode")
    listed = reasons if isinstance(reasons, list) else []
    return [concept for concept in listed if isinstance(concept, dict)]
