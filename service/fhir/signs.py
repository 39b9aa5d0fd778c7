"""Signs of the follow-up as Observations record them: value, time, site, source."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any, Final

from service.fhir.conceptmaps import Kind, MappedCode
from service.fhir.findings import Reason
from service.fhir.quantities import Fault, Value, value_of
from service.fhir.readings import FINAL, NOT_YET_FINAL
from service.fhir.references import Contested, source_of, target_id
from service.fhir.resources import Intake
from service.fhir.terminology import Terminology
from service.fhir.times import When, enclosing, parse_when

__all__ = ["SIGNS", "Sign", "are_apart", "newest_of", "read_signs", "side_of"]

_RELIEF: Final = "scn-block-relief"
#: Codes of the project whose values are read here.
SIGNS: Final = frozenset(
    {
        "scn-persistent-pain",
        "scn-tender-point",
        "scn-tinel-sign",
        _RELIEF,
        "scn-examined",
    }
)
_PANEL: Final = "predictor-panel"
#: Relief is a share from 0 to 100 %: its number and unit are read as those of this one.
_LIKE_RELIEF: Final = "cement-ratio-ap"
_ANSWERS: Final = {"present": True, "absent": False}
_LOOKED_AT: Final = FINAL | NOT_YET_FINAL
_LONGEST: Final = 60
#: So many signs of one kind are compared; older ones decide nothing.
_COMPARED: Final = 100

_WORD: Final = re.compile(r"[a-z]+")
_SIDES: Final = frozenset({"left", "right"})
_BOTH: Final = frozenset({"bilateral", "bilaterally", "both"})

Resource = Mapping[str, Any]


@dataclass(slots=True, eq=False)
class Sign:
    """
    One recorded sign, or the place where one should be.

    Attributes
    ----------
    source : str
        Reference of the Observation.
    mapped : MappedCode
        What its code means.
    status : str
        Status of the Observation.
    when : When or None
        When it was looked for; None if the record does not tell.
    answer : bool or float or Fault
        Present or absent; for relief the percent; or why there is no value.
    as_found : str
        The value as recorded.
    site : str
        The body site as recorded, with its side if it has one; empty if none is.
    side : str
        ``"left"`` or ``"right"``; empty if the site does not say one of the two.
    procedures : frozenset of str
        Ids of the Procedures that it is said to be part of.
    """

    source: str
    mapped: MappedCode
    status: str
    when: When | None
    answer: bool | float | Fault
    as_found: str
    site: str
    side: str
    procedures: frozenset[str]

    def is_before(self, other: "Sign") -> bool:
        """
        Tell whether this was surely looked for first.

        Parameters
        ----------
        other : Sign
            Another sign.

        Returns
        -------
        bool
            False also without a time.
        """
        return bool(self.when and other.when and self.when.is_before(other.when))


def read_signs(
    resources: Iterable[Resource],
    terminology: Terminology,
    zone: tzinfo,
    intake: Intake,
) -> list[Sign]:
    """
    Pick the signs of the follow-up.

    Parameters
    ----------
    resources : iterable of Mapping
        Observations of the patient.
    terminology : Terminology
        Knows the findings.
    zone : datetime.tzinfo
        Zone of dates without time.
    intake : Intake
        Checks the Observations that speak of a sign.

    Returns
    -------
    list of Sign
        In a fixed order; erroneous and cancelled ones are left out.
    """
    signs: list[Sign] = []
    for resource in resources:
        status = resource.get("status")
        if not isinstance(status, str) or status not in _LOOKED_AT:
            continue
        for element, meanings in _elements(resource, terminology):
            said = _said(resource, element, meanings, terminology, intake)
            signs += [
                _sign(resource, mapped, status, said, zone)
                for mapped in {mapped.target: mapped for mapped in meanings}.values()
            ]
    signs.sort(key=lambda sign: (sign.source, sign.mapped.target))
    return signs


def newest_of(signs: Iterable[Sign], targets: frozenset[str]) -> list[Sign]:
    """
    Keep the signs of some codes, the newest where there are very many.

    Parameters
    ----------
    signs : iterable of Sign
        Signs.
    targets : frozenset of str
        Codes of the project.

    Returns
    -------
    list of Sign
        In their order as long as they are few.
    """
    kept = [sign for sign in signs if sign.mapped.target in targets]
    if len(kept) > _COMPARED:
        kept.sort(key=lambda s: s.when.start.timestamp() if s.when else float("-inf"))
    return kept[-_COMPARED:]


def are_apart(one: str, other: str) -> bool:
    """
    Tell whether two sides are surely not the same.

    Parameters
    ----------
    one, other : str
        Sides as `side_of` gives them.

    Returns
    -------
    bool
        True only for left and right. Different codes may mean places on one side.
    """
    return {one, other} == _SIDES


def side_of(*sites: object) -> str:
    """
    Tell the one side that body sites speak of.

    Parameters
    ----------
    *sites : object
        CodeableConcepts.

    Returns
    -------
    str
        ``"left"`` or ``"right"`` if that word, and not the other, stands in their texts
        and displays; else empty. It shows that two places differ, never that they are
        the same.
    """
    words: set[str] = set()
    for site in sites:
        if isinstance(site, dict):
            said = [site.get("text"), *(c.get("display") for *_, c in _codings(site))]
            for text in said:
                if isinstance(text, str):
                    words.update(_WORD.findall(text.lower()))
    named = words & _SIDES
    return named.pop() if len(named) == 1 and not words & _BOTH else ""


_Meanings = Sequence[MappedCode]


def _elements(
    resource: Resource, terminology: Terminology
) -> Iterator[tuple[Resource, _Meanings]]:
    """Give the Observation itself, and the components that speak of a sign."""
    own = _meanings(resource.get("code"), terminology)
    if not own and not _is_panel(resource.get("code"), terminology):
        return
    components = resource.get("component")
    found = [
        (part, meanings)
        for part in (components if isinstance(components, list) else ())
        if isinstance(part, dict)
        and (meanings := _meanings(part.get("code"), terminology))
    ]
    # A code that only groups its components has no value of its own.
    if own and not (found and not _forms(resource)):
        yield resource, own
    yield from found


def _meanings(concept: object, terminology: Terminology) -> _Meanings:
    found = terminology.lexicon(Kind.FINDING).meanings(concept)
    return [mapped for mapped in found if mapped.target in SIGNS]


def _is_panel(concept: object, terminology: Terminology) -> bool:
    meanings = terminology.measurements.meanings(concept)
    return any(mapped.target == _PANEL for mapped in meanings)


def _said(
    resource: Resource,
    element: Resource,
    meanings: _Meanings,
    terminology: Terminology,
    intake: Intake,
) -> tuple[bool | float | Fault, str]:
    """Read the value, and how it is recorded."""
    if isinstance(resource, Contested):
        detail = "versions that differ, none is the newest"
        return Fault(Reason.CONFLICT, detail), ""
    if len({mapped.target for mapped in meanings}) > 1:
        return Fault(Reason.CONFLICT, "codes of different meanings"), ""
    if not intake.accepts(resource):
        return Fault(Reason.NOT_A_QUANTITY, "not valid FHIR R4"), ""
    mapped = meanings[0]
    forms = _forms(element)
    if len(forms) > 1:
        return Fault(Reason.NOT_A_QUANTITY, ", ".join(forms)[:_LONGEST]), ""
    if mapped.target == _RELIEF or "dataAbsentReason" in element or not forms:
        return _share(element, mapped, terminology)
    return _answer(element, forms[0], terminology)


def _forms(element: Resource) -> list[str]:
    return sorted(name for name in element if name.startswith("value"))


def _share(
    element: Resource, mapped: MappedCode, terminology: Terminology
) -> tuple[float | Fault, str]:
    found = value_of(element, replace(mapped, target=_LIKE_RELIEF), terminology)
    return (found.number, found.as_found) if isinstance(found, Value) else (found, "")


def _answer(
    element: Resource, form: str, terminology: Terminology
) -> tuple[bool | Fault, str]:
    value = element[form]
    if form == "valueBoolean" and isinstance(value, bool):
        return value, "true" if value else "false"
    if form == "valueCodeableConcept":
        meanings = terminology.lexicon(Kind.FINDING).meanings(value)
        answers = {_ANSWERS.get(mapped.target) for mapped in meanings}
        answer = answers.pop() if len(answers) == 1 else None
        if answer is not None:
            return answer, _words(value)
    return Fault(Reason.NOT_A_QUANTITY, form[:_LONGEST]), ""


def _sign(
    resource: Resource,
    mapped: MappedCode,
    status: str,
    said: tuple[bool | float | Fault, str],
    zone: tzinfo,
) -> Sign:
    site = resource.get("bodySite")
    part_of = resource.get("partOf")
    listed = part_of if isinstance(part_of, list) else ()
    ids = (target_id(reference, "Procedure") for reference in listed)
    return Sign(
        source=source_of(resource),
        mapped=mapped,
        status=status,
        when=_effective(resource, zone),
        answer=said[0],
        as_found=said[1],
        site=_words(site),
        side=side_of(site),
        procedures=frozenset(name for name in ids if name),
    )


def _codings(concept: object) -> Iterator[tuple[str, str, Resource]]:
    listed = concept.get("coding") if isinstance(concept, dict) else None
    for coding in listed if isinstance(listed, list) else ():
        if isinstance(coding, dict):
            system, code = coding.get("system"), coding.get("code")
            if isinstance(system, str) and isinstance(code, str):
                yield system, code, coding


def _words(concept: object) -> str:
    """Give what a concept says: its text, else a display, else a code."""
    text = concept.get("text") if isinstance(concept, dict) else None
    said = [text, *(coding.get("display") for *_, coding in _codings(concept))]
    said += [code for _, code, _ in _codings(concept)]
    texts = (item.strip() for item in said if isinstance(item, str))
    return next((item[:_LONGEST] for item in texts if item), "")


def _effective(resource: Resource, zone: tzinfo) -> When | None:
    period = resource.get("effectivePeriod")
    if isinstance(period, dict):
        start, end = (parse_when(period.get(name), zone) for name in ("start", "end"))
        if start is None or ("end" in period and end is None):
            return None
        return enclosing([start, end] if end else [start])
    for name in ("effectiveDateTime", "effectiveInstant"):
        if name in resource:
            return parse_when(resource[name], zone)
    return None
