"""Which vertebrae rest on words: what a site's texts decided is marked."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from service.fhir.findings import Flag, Measurement, OperatedVertebra
from service.fhir.references import source_of
from service.fhir.terminology import TEXTS, Kind, Terminology

__all__ = ["mark_texts"]

_ELEMENTS: Final = ("code", "bodySite", "reasonCode", "valueCodeableConcept")


def mark_texts(
    vertebrae: Iterable[OperatedVertebra],
    resources: Iterable[Mapping[str, Any]],
    terminology: Terminology,
) -> list[OperatedVertebra]:
    """
    Flag the vertebrae for which a text of a record stood in for a code.

    Parameters
    ----------
    vertebrae : iterable of OperatedVertebra
        As assembled.
    resources : iterable of Mapping
        The patient's resources.
    terminology : Terminology
        Of a site that has mapped texts.

    Returns
    -------
    list of OperatedVertebra
        The same, with the flag where a record behind them is known by its words.
    """
    by_source = {source_of(resource): resource for resource in resources}
    marked = []
    for vertebra in vertebrae:
        used = [by_source[name] for name in _sources(vertebra) if name in by_source]
        flags = vertebra.flags
        if any(_is_by_text(c, terminology) for r in used for c in _concepts(r)):
            flags |= {Flag.MATCHED_BY_TEXT}
        marked.append(replace(vertebra, flags=flags))
    return marked


def _is_by_text(concept: object, terminology: Terminology) -> bool:
    return any(
        meaning.system == TEXTS
        for kind in Kind
        for meaning in terminology.lexicon(kind).meanings(concept)
    )


def _sources(vertebra: OperatedVertebra) -> Iterator[str]:
    yield from vertebra.operation.sources
    found: Sequence[object] = (
        vertebra.segment,
        vertebra.cement_ratio_percent,
        vertebra.cobb_preoperative_deg,
        vertebra.cobb_postoperative_deg,
        vertebra.cobb_restoration_ratio_percent,
    )
    for item in found:
        if isinstance(item, Measurement):
            yield from item.source.split(", ")


def _concepts(resource: Mapping[str, Any]) -> Iterator[object]:
    parts = resource.get("component")
    for part in (resource, *(parts if isinstance(parts, list) else ())):
        for name in _ELEMENTS if isinstance(part, Mapping) else ():
            value = part.get(name)
            yield from value if isinstance(value, list) else (value,)
