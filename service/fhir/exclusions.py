"""What lies outside the study: which condition excludes, and what could not be read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from service.fhir.fractures import (
    ConditionFact,
    is_void,
    read_conditions,
    reason_concepts,
)
from service.fhir.operations import ProcedureFact
from service.fhir.resources import Intake
from service.fhir.terminology import Terminology
from service.fhir.times import When

__all__ = ["excluded_by", "has_unread_exclusion"]


def excluded_by(
    conditions: Iterable[ConditionFact],
    procedures: Sequence[ProcedureFact],
    operated: When | None,
    terminology: Terminology,
    zone: tzinfo,
    intake: Intake,
) -> str | None:
    """
    Find a condition that lies outside what was studied.

    Parameters
    ----------
    conditions : iterable of ConditionFact
        Conditions of the patient.
    procedures : sequence of ProcedureFact
        The chosen Procedures, whose reasons count too, as codes or as Conditions
        within them.
    operated : When or None
        When the operation took place.
    terminology : Terminology
        Knows the exclusions.
    zone : datetime.tzinfo
        Zone of dates without time.
    intake : Intake
        Checks the Conditions within the Procedures.

    Returns
    -------
    str or None
        Its group, as a code of the project.
    """
    held = read_conditions(_held_reasons(procedures), terminology, zone, intake)
    for fact in (*conditions, *held):
        if fact.exclusion and _was_active(fact, operated):
            return fact.exclusion
    for procedure in procedures:
        for concept in reason_concepts(procedure):
            for meaning in terminology.exclusions.meanings(concept):
                return meaning.target
    return None


def _was_active(fact: ConditionFact, operated: When | None) -> bool:
    """What ended since the operation was there then; what ended before was not."""
    if fact.abated and operated:
        return not fact.abated.is_before(operated)
    return fact.is_active


def has_unread_exclusion(
    resources: Iterable[Mapping[str, Any]],
    procedures: Iterable[ProcedureFact],
    terminology: Terminology,
    intake: Intake,
) -> bool:
    """
    Tell whether a Condition whose code excludes had to be refused.

    Parameters
    ----------
    resources : iterable of Mapping
        Conditions that were read.
    procedures : iterable of ProcedureFact
        The chosen Procedures, which may hold others.
    terminology : Terminology
        Knows the exclusions.
    intake : Intake
        What was refused.

    Returns
    -------
    bool
        True if nobody can say that the patient has no excluded condition.
    """
    if not intake.faults:
        return False
    return any(
        bool(terminology.exclusions.meanings(resource.get("code")))
        and not is_void(resource)
        and not intake.accepts(resource)
        for resource in (*resources, *_held_reasons(procedures))
    )


def _held_reasons(
    procedures: Iterable[ProcedureFact],
) -> list[Mapping[str, Any]]:
    """Conditions that Procedures contain; their subject is that of the Procedure."""
    return [
        condition
        for fact in procedures
        if (held := fact.resource.get("contained")) and isinstance(held, list)
        for condition in _named(held, _local_names(fact))
    ]


def _local_names(fact: ProcedureFact) -> frozenset[str]:
    """What the reasons of the Procedure are called inside it."""
    references = fact.resource.get("reasonReference")
    listed = references if isinstance(references, list) else []
    names = (item.get("reference") for item in listed if isinstance(item, dict))
    return frozenset(
        name[1:] for name in names if isinstance(name, str) and name.startswith("#")
    )


def _named(
    contained: Iterable[object], names: frozenset[str]
) -> Iterator[Mapping[str, Any]]:
    for resource in contained:
        if not isinstance(resource, dict):
            continue
        name = resource.get("id")
        is_named = isinstance(name, str) and name in names
        if is_named and resource.get("resourceType") == "Condition":
            yield resource
