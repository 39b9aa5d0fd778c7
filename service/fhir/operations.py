"""Procedures that speak of a method: what they say, when and where."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

from service.fhir.conceptmaps import MappedCode, common_place
from service.fhir.places import distinct
from service.fhir.references import source_of, target_id
from service.fhir.resources import has_known_status
from service.fhir.terminology import Terminology
from service.fhir.times import When, enclosing, parse_when

__all__ = ["ProcedureFact", "read_period", "read_procedures", "read_sites"]

#: Begun, for all that is known: not performed, but not surely left undone.
_OPEN: Final = frozenset({"in-progress", "unknown"})


@dataclass(slots=True, eq=False)
class ProcedureFact:
    """
    One performed Procedure whose code speaks of a method.

    Attributes
    ----------
    resource : Mapping
        The Procedure.
    source : str
        Its reference.
    meanings : tuple of MappedCode
        What its codings mean.
    encounter : str or None
        Id of its encounter.
    when : When or None
        When it began.
    sites : tuple of frozenset of str
        Its body sites, those that are known; a region beside a level of it adds
        nothing.
    lasted : When or None
        From its beginning to its end, where both are recorded.
    has_unread_site : bool
        Whether one of several body sites is not known: it may be another vertebra.
    is_open : bool
        Whether its status leaves open that it was performed.
    is_time_of_stay : bool
        Whether the period of the encounter stands in for the time.
    """

    resource: Mapping[str, Any]
    source: str
    meanings: tuple[MappedCode, ...]
    encounter: str | None
    when: When | None
    sites: tuple[frozenset[str], ...]
    lasted: When | None = None
    has_unread_site: bool = False
    is_open: bool = False
    is_time_of_stay: bool = False

    def may_be_one_with(self, other: "ProcedureFact", zone: tzinfo) -> bool:
        """
        Tell whether the times allow that both belong to one operation.

        Parameters
        ----------
        other : ProcedureFact
            Another Procedure.
        zone : datetime.tzinfo
            In which a day begins and ends.

        Returns
        -------
        bool
            True if they share a day, or time past midnight, or if one has no time.
        """
        if self.when is None or other.when is None:
            return True  # nothing in the record sets them apart
        if self.when.shares_day(other.when, zone):
            return True
        if self.lasted is None and other.lasted is None:
            return False
        return (self.lasted or self.when).overlaps(other.lasted or other.when)


def read_procedures(
    resources: Iterable[Mapping[str, Any]],
    terminology: Terminology,
    zone: tzinfo,
    *,
    in_progress_counts: bool,
) -> list[ProcedureFact]:
    """
    Pick the Procedures that speak of a method and were, or may have been, performed.

    Parameters
    ----------
    resources : iterable of Mapping
        Procedures of the patient.
    terminology : Terminology
        Knows the methods.
    zone : datetime.tzinfo
        Zone of dates without time.
    in_progress_counts : bool
        Whether status ``in-progress`` counts as performed.

    Returns
    -------
    list of ProcedureFact
        In a fixed order, whatever the order of the resources.
    """
    facts = []
    meanings_of = terminology.methods.meanings
    for resource in resources:
        meanings = meanings_of(resource.get("code"))
        if not meanings:
            continue
        # One without a proper status is kept until it is named as refused.
        status = resource["status"] if has_known_status(resource) else "completed"
        is_open = status in _OPEN
        if status == "completed" or is_open:
            fact = _fact(resource, tuple(meanings), terminology, zone)
            fact.is_open = is_open and not (
                in_progress_counts and status == "in-progress"
            )
            facts.append(fact)
    facts.sort(key=lambda fact: fact.source)
    return facts


def _fact(
    resource: Mapping[str, Any],
    meanings: tuple[MappedCode, ...],
    terminology: Terminology,
    zone: tzinfo,
) -> ProcedureFact:
    listed = resource.get("bodySite")
    sites = read_sites(listed, terminology)
    number = len(listed) if isinstance(listed, list) else 1
    when, lasted = _performed(resource, zone)
    return ProcedureFact(
        resource,
        source_of(resource),
        meanings,
        target_id(resource.get("encounter"), "Encounter"),
        when,
        distinct(sites),
        lasted,
        number > max(1, len(sites)),
    )


def _performed(
    resource: Mapping[str, Any], zone: tzinfo
) -> tuple[When | None, When | None]:
    """When it began, and how long it lasted."""
    if "performedPeriod" not in resource:
        return parse_when(resource.get("performedDateTime"), zone), None
    period = resource["performedPeriod"]
    if not isinstance(period, dict):
        return None, None
    start = parse_when(period.get("start"), zone)
    end = parse_when(period.get("end"), zone)
    if start is None or end is None or end.is_before(start):
        return start, None
    return start, enclosing([start, end])


def read_sites(sites: object, terminology: Terminology) -> tuple[frozenset[str], ...]:
    """
    Read body sites.

    Parameters
    ----------
    sites : object
        JSON value: one CodeableConcept or a list.
    terminology : Terminology
        Knows the places.

    Returns
    -------
    tuple of frozenset of str
        One place for each body site that is known; an empty one where the codings of
        a concept contradict each other.
    """
    if sites is None:
        return ()
    listed = sites if isinstance(sites, list) else [sites]
    found = []
    for site in listed:
        meanings = terminology.places.meanings(site)
        if meanings:
            # Codings of one concept are translations: the narrowest holds.
            found.append(common_place(meanings))
    return tuple(found)


def read_period(
    encounter: Mapping[str, Any] | None, now: When, zone: tzinfo
) -> When | None:
    """
    Read the period of an encounter.

    Parameters
    ----------
    encounter : Mapping or None
        The Encounter.
    now : When
        Time of the call: the end of a stay that goes on.
    zone : datetime.tzinfo
        Zone of dates without time.

    Returns
    -------
    When or None
        From its start to its end; None if the start is not known.
    """
    period = encounter.get("period") if encounter else None
    if not isinstance(period, dict):
        return None
    start = parse_when(period.get("start"), zone)
    end = parse_when(period.get("end"), zone) or now
    return enclosing([start, end]) if start and not end.is_before(start) else None
