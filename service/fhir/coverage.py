"""What of a site's resources the maps understand, and what they seem to miss."""

from collections.abc import Iterator, Mapping
from datetime import UTC
from types import MappingProxyType
from typing import Any, Final

from service.fhir.conceptmaps import TEXTS, Kind, MappedCode
from service.fhir.lexicon import texts_of
from service.fhir.operations import read_sites
from service.fhir.quantities import Fault, value_of
from service.fhir.readings import FINAL
from service.fhir.relevance import Topics
from service.fhir.systems import canonical, normalise
from service.fhir.tallies import (
    Matched,
    Tallies,
    TypeCount,
    objects_in,
    patient_of,
    status_of,
)
from service.fhir.terminology import Terminology
from service.fhir.times import parse_when

__all__ = ["ROLES", "CodeKey", "MatchKey", "Survey"]

#: element -> the kinds of meaning that count there
ROLES: Final[Mapping[str, tuple[Kind, ...]]] = MappingProxyType(
    {
        "Procedure.code": (Kind.METHOD, Kind.PROCEDURE),
        "Procedure.bodySite": (Kind.PLACE, Kind.STRUCTURE),
        "Procedure.reasonCode": (Kind.CONDITION, Kind.EXCLUSION, Kind.DIAGNOSIS),
        "Observation.code": (Kind.MEASUREMENT, Kind.FINDING),
        "Observation.component.code": (Kind.MEASUREMENT, Kind.FINDING),
        "Observation.bodySite": (Kind.PLACE, Kind.STRUCTURE),
        "Condition.code": (Kind.CONDITION, Kind.EXCLUSION, Kind.DIAGNOSIS),
        "Condition.bodySite": (Kind.PLACE, Kind.STRUCTURE),
    }
)
#: type -> the element that says what it is about
_CODES: Final = {
    kind: f"{kind}.code" for kind in ("Procedure", "Observation", "Condition")
}
#: Elements whose codes decide whether a resource serves.
_JUDGED: Final = frozenset({*_CODES.values(), "Observation.component.code"})
_VOID: Final = frozenset({"refuted", "entered-in-error"})
_TIMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Procedure": ("performedDateTime", "occurrenceDateTime"),
        "Observation": ("effectiveDateTime", "effectiveInstant"),
    }
)
_PERIODS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Procedure": ("performedPeriod", "occurrencePeriod"),
        "Observation": ("effectivePeriod",),
    }
)
_SEGMENT: Final = "fracture-segment"
_PANEL: Final = "predictor-panel"

Resource = Mapping[str, Any]
#: Element, system (`TEXTS` for a text) and code or text that no map knows.
CodeKey = tuple[str, str, str]
#: Element, system, code as the map has it, and whether longer codes count too.
MatchKey = tuple[str, str, str, bool]


class Survey:
    """
    Count resources one by one; nothing of a patient is kept.

    Parameters
    ----------
    terminology : Terminology
        Which codes are known.
    topics : Topics
        What would matter if it were known.

    Attributes
    ----------
    types : dict of str to TypeCount
        By resource type, those that the rules read.
    others : int
        Resources of other types.
    matched : dict of MatchKey to Matched
        Codes that a map knows.
    unknown : Tallies
        Codes and texts that no map knows, relevant or not.
    """

    def __init__(self, terminology: Terminology, topics: Topics) -> None:
        self._terminology = terminology
        self._topics = topics
        self._decided = _decided(terminology)
        self.types = {kind: TypeCount() for kind in _CODES}
        self.others = 0
        self.matched: dict[MatchKey, Matched] = {}
        self.unknown: Tallies[CodeKey] = Tallies()

    def add(self, resource: Resource) -> None:
        """
        Count one resource.

        Parameters
        ----------
        resource : Mapping
            Plain JSON with a resourceType; of types that are not read only the number
            is counted.
        """
        kind = resource.get("resourceType")
        if not isinstance(kind, str) or kind not in self.types:
            self.others += 1
            return
        count, patient = self.types[kind], patient_of(resource)
        count.seen += 1
        count.without_patient += patient is None
        is_serving = is_panel = False
        for element, concept, part in _concepts(resource, kind):
            found = self._count(element, concept, patient)
            is_panel |= any(meaning.target == _PANEL for _, meaning in found)
            count.matched += bool(found) and element == _CODES[kind]
            if element not in _JUDGED:
                continue
            for matched, meaning in found:
                fault = self._judge(resource, part, meaning)
                if part is not resource and not is_panel:
                    fault = "outside a panel"
                matched.note(resource, part, fault, patient)
                is_serving |= fault is None
        if is_serving:
            count.serving += 1
            sites = read_sites(resource.get("bodySite"), self._terminology)
            count.with_site += bool(sites)

    def _count(
        self, element: str, concept: Resource, patient: int | None
    ) -> list[tuple[Matched, MappedCode]]:
        meanings = [
            meaning
            for kind in ROLES[element]
            for meaning in self._terminology.lexicon(kind).meanings(concept)
        ]
        if not meanings:
            self._count_unknown(element, concept, patient)
            return []
        found = []
        for meaning in meanings:
            key = (element, meaning.system, meaning.code, meaning.is_prefix)
            matched = self.matched.setdefault(key, Matched(()))
            if meaning.target not in matched.meanings:
                matched.meanings += (meaning.target,)
            found.append((matched, meaning))
        for matched in {id(m): m for m, _ in found}.values():
            matched.tally.count(patient)
        return found

    def _count_unknown(
        self, element: str, concept: Resource, patient: int | None
    ) -> None:
        """A text counts by itself only where no coding names a code."""
        text = concept.get("text")
        words = (text,) if isinstance(text, str) else ()
        named = False
        for system, code, display in _codings(concept):
            named = True
            if (system, normalise(system, code)) in self._decided:
                continue
            said = (display, *words) if display else words
            tally = self.unknown[element, system, code]
            tally.topics |= self._topics.of(element, system, code, said)
            tally.count(patient, display or text)
        for text in () if named else dict.fromkeys(texts_of(concept)):
            if (TEXTS, text) not in self._decided:
                tally = self.unknown[element, TEXTS, text]
                tally.topics = self._topics.of(element, None, None, (text,))
                tally.count(patient)

    def _judge(
        self, resource: Resource, part: Resource, meaning: MappedCode
    ) -> str | None:
        """Tell why the resource could not serve; None if it could."""
        kind = resource["resourceType"]
        fault = _fault_of_status(kind, status_of(resource))
        fault = fault or _fault_of_time(resource, kind)
        if fault is None and meaning.requires:
            fault = "only with another code"
        if fault is None and meaning.kind is Kind.MEASUREMENT:
            fault = self._fault_of_value(part, meaning)
        return fault

    def _fault_of_value(self, part: Resource, meaning: MappedCode) -> str | None:
        if meaning.target == _PANEL:
            return "a panel: see its components"
        if meaning.target == _SEGMENT:
            value = part.get("valueCodeableConcept")
            kinds = (Kind.PLACE, Kind.CONDITION)
            lexicons = [self._terminology.lexicon(kind) for kind in kinds]
            is_read = any(lexicon.meanings(value) for lexicon in lexicons)
            return None if is_read else "place-unknown"
        value = value_of(part, meaning, self._terminology)
        return value.reason.value if isinstance(value, Fault) else None


def _decided(terminology: Terminology) -> frozenset[tuple[str, str]]:
    """Codes of which the site has said that they mean nothing here."""
    return frozenset(
        (mapped.system, normalise(mapped.system, mapped.code))
        for mapped in terminology.entries
        if mapped.kind is None and mapped.is_site
    )


def _concepts(
    resource: Resource, kind: str
) -> Iterator[tuple[str, Resource, Resource]]:
    """Element, CodeableConcept, and the part of the resource that holds its value."""
    for name in ("code", "bodySite", "reasonCode"):
        element = f"{kind}.{name}"
        if element in ROLES:
            for concept in objects_in(resource.get(name)):
                yield element, concept, resource
    if kind == "Observation":
        for component in objects_in(resource.get("component")):
            for concept in objects_in(component.get("code")):
                yield "Observation.component.code", concept, component


def _codings(concept: Resource) -> Iterator[tuple[str, str, str | None]]:
    for coding in objects_in(concept.get("coding")):
        system, code = coding.get("system"), coding.get("code")
        if isinstance(system, str) and isinstance(code, str):
            display = coding.get("display")
            yield canonical(system), code, display if isinstance(display, str) else None


def _fault_of_status(kind: str, status: str) -> str | None:
    if kind == "Condition":
        return f"status {status}" if status in _VOID else None
    serves = FINAL if kind == "Observation" else {"completed"}
    if status in serves:
        return None
    return f"status {status}"


def _fault_of_time(resource: Resource, kind: str) -> str | None:
    """Conditions need none: those of the stay count by their encounter."""
    if kind == "Condition":
        return None
    stated = [resource.get(name) for name in _TIMES[kind]]
    for name in _PERIODS[kind]:
        stated += [period.get("start") for period in objects_in(resource.get(name))]
    return None if any(parse_when(time, UTC) for time in stated) else "no time"
