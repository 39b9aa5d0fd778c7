"""Observations and components that speak of a predictor, with time and place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

from service.fhir.conceptmaps import MappedCode, common_place
from service.fhir.places import ANYWHERE, common
from service.fhir.references import Contested, source_of, target_id
from service.fhir.terminology import Terminology
from service.fhir.times import When, enclosing, parse_when

__all__ = ["FINAL", "NOT_YET_FINAL", "Reading", "read_observations", "segment_place"]

#: Statuses under which a value counts.
FINAL: Final = frozenset({"final", "amended", "corrected"})
#: Statuses that are named if nothing better exists.
NOT_YET_FINAL: Final = frozenset({"preliminary", "registered", "unknown"})
_LOOKED_AT: Final = FINAL | NOT_YET_FINAL
_PANEL: Final = "predictor-panel"
_ANGLE: Final = "cobb-angle"
_REFINED: Final = frozenset({"cobb-preoperative", "cobb-postoperative"})
_VERSIONS: Final = "versions that differ, none is the newest"
_CODES: Final = "codes of different meanings"
_DENIED: Final = "a panel without data whose components hold values"

Resource = Mapping[str, Any]


@dataclass(slots=True, eq=False)
class Reading:
    """
    One value, or the place where one should be.

    Attributes
    ----------
    resource : Mapping
        The Observation.
    element : Mapping
        The Observation, or its component that holds the value.
    source : str
        Reference of the Observation.
    mapped : MappedCode
        What its code means.
    status : str
        Status of the Observation.
    when : When or None
        When it was taken; None if the record does not tell.
    encounter : str or None
        Id of its encounter.
    place : frozenset of str or None
        Levels that it may concern; empty if it names a place that cannot be read; None
        if it names none.
    contradiction : str
        Why it means nothing, though it speaks of the predictor; empty if it is sound.
    """

    resource: Resource
    element: Resource
    source: str
    mapped: MappedCode
    status: str
    when: When | None
    encounter: str | None
    place: frozenset[str] | None
    contradiction: str = ""


def read_observations(
    resources: Iterable[Resource],
    terminology: Terminology,
    zone: tzinfo,
    known_places: Mapping[str, frozenset[str]],
) -> list[Reading]:
    """
    Pick the values of the predictors.

    Parameters
    ----------
    resources : iterable of Mapping
        Observations of the patient.
    terminology : Terminology
        Knows the measurements.
    zone : datetime.tzinfo
        Zone of dates without time.
    known_places : Mapping of str to frozenset of str
        Places of Conditions and Procedures by reference, for ``focus``.

    Returns
    -------
    list of Reading
        In a fixed order; erroneous and cancelled ones are left out.
    """
    readings: list[Reading] = []
    meanings_of = terminology.measurements.meanings
    for resource in resources:
        meanings = meanings_of(resource.get("code"))
        if not meanings:
            continue
        status = resource.get("status")
        if not isinstance(status, str) or status not in _LOOKED_AT:
            continue
        found = _elements(resource, meanings, terminology)
        if found:
            source = source_of(resource)
            when = _effective(resource, zone)
            encounter = target_id(resource.get("encounter"), "Encounter")
            place = _place(resource, terminology, known_places)
            versions = _VERSIONS if isinstance(resource, Contested) else ""
            for element, mapped, doubt in found:
                said = resource, element, source, mapped, status, when, encounter, place
                readings.append(Reading(*said, doubt or versions))
    readings.sort(key=lambda reading: (reading.source, reading.mapped.target))
    return readings


#: Element that holds the value, what its code means, and why it does not.
_Element = tuple[Resource, MappedCode, str]


def _elements(
    resource: Resource, meanings: Sequence[MappedCode], terminology: Terminology
) -> list[_Element]:
    """Give the Observation itself, or the components of a panel."""
    if len(meanings) == 1 and meanings[0].target != _PANEL:
        return [(resource, meanings[0], "")]
    meant, doubt = _agreed(meanings)
    found = [(resource, mapped, doubt) for mapped in meant if mapped.target != _PANEL]
    if len(found) == len(meant):
        return found
    components = resource.get("component")
    for component in components if isinstance(components, list) else ():
        if isinstance(component, dict):
            inner = terminology.measurements.meanings(component.get("code"))
            meant, inner_doubt = _agreed(inner)
            element, denial = _of_panel(component, resource)
            found += [
                (element, mapped, doubt or inner_doubt or denial)
                for mapped in meant
                if mapped.target != _PANEL
            ]
    return found


def _of_panel(component: Resource, panel: Resource) -> tuple[Resource, str]:
    """Hold a component against what the panel says of its data as a whole."""
    if "dataAbsentReason" not in panel:
        return component, ""
    absent = panel["dataAbsentReason"]
    codings = absent.get("coding") if isinstance(absent, dict) else None
    for coding in codings if isinstance(codings, list) else ():
        if isinstance(coding, dict) and coding.get("code") == "not-applicable":
            return component, ""  # no panel has a value of its own
    if any(name.startswith("value") for name in component):
        return component, _DENIED
    return {"dataAbsentReason": absent, **component}, ""


def _agreed(meanings: Sequence[MappedCode]) -> tuple[list[MappedCode], str]:
    """Codings of one concept are translations: they must mean the same."""
    if len(meanings) < 2:  # noqa: PLR2004 nothing to compare
        return list(meanings), ""
    meant = {mapped.target: mapped for mapped in reversed(meanings)}
    if len(meant) > 1 and meant.keys() & _REFINED:
        # An angle before or after the operation is an angle all the same.
        meant.pop(_ANGLE, None)
    return list(meant.values()), _CODES if len(meant) > 1 else ""


def _effective(resource: Resource, zone: tzinfo) -> When | None:
    if "effectivePeriod" in resource and isinstance(
        period := resource["effectivePeriod"], dict
    ):
        ends = [parse_when(period.get(name), zone) for name in ("start", "end")]
        if ends[0] is None or ("end" in period and ends[1] is None):
            return None
        return enclosing([when for when in ends if when])
    for name in ("effectiveDateTime", "effectiveInstant"):
        if name in resource:
            return parse_when(resource[name], zone)
    return None


def _place(
    resource: Resource,
    terminology: Terminology,
    known_places: Mapping[str, frozenset[str]],
) -> frozenset[str] | None:
    """Read body site and focus; one that cannot be read may be any other vertebra."""
    place: frozenset[str] | None = None
    if "bodySite" in resource:
        # Codings of one site are translations: without a level in common they say none.
        said = terminology.places.meanings(resource["bodySite"])
        place = common_place(said) if said else frozenset()
    if "focus" not in resource:
        return place
    focus = resource["focus"]
    for reference in focus if isinstance(focus, list) else ():
        if target_id(reference, "Patient") is None:
            focused = _focus_place(reference, known_places)
            place = focused if place is None else place & focused
    return place


def _focus_place(
    reference: object, known_places: Mapping[str, frozenset[str]]
) -> frozenset[str]:
    for kind in ("Condition", "Procedure"):
        name = target_id(reference, kind)
        if name is not None:
            return known_places.get(f"{kind}/{name}", frozenset())
    return frozenset()


def segment_place(reading: Reading, terminology: Terminology) -> frozenset[str] | None:
    """
    Read the value of a fracture-segment Observation.

    Parameters
    ----------
    reading : Reading
        One whose code means ``fracture-segment``.
    terminology : Terminology
        Knows places and fractures.

    Returns
    -------
    frozenset of str or None
        Levels; empty if codes or body site contradict each other; None if the value
        names no place that is known.
    """
    value = reading.element.get("valueCodeableConcept")
    if "dataAbsentReason" in reading.element or reading.contradiction:
        return None
    said = [meaning.place for meaning in terminology.places.meanings(value)]
    if not said:
        meanings = terminology.conditions.meanings(value)
        said = [m.place for m in meanings if m.place != ANYWHERE]
    if said and reading.place:
        said.append(reading.place)
    return common(said) if said else None
