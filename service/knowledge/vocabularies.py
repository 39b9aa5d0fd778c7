"""Value sets of the project's codes, and the code systems that no file holds."""

from collections.abc import Iterator, Sequence
from typing import Final

from service import __version__
from service.fhir.conceptmaps import Kind
from service.fhir.terminology import load_terminology
from service.knowledge.basis import Basis, Resource
from service.knowledge.files import code_system_file
from service.notice import OFF_TOPIC
from service.wording import load_words

__all__ = ["vocabularies"]

#: id -> kind of code, title, what it is for
_VALUE_SETS: Final = {
    "measurements": (
        Kind.MEASUREMENT,
        "Measurements of the model",
        "To bind a field of a report or a form to the quantities that are read.",
    ),
    "methods": (
        Kind.METHOD,
        "Surgical methods of the model",
        "To bind a field to the three methods, where no standard code serves.",
    ),
    "places": (
        Kind.PLACE,
        "Vertebral levels and segments",
        "To bind a field to the level of the fractured vertebra, or to its segment.",
    ),
    "findings": (
        Kind.FINDING,
        "Findings of the follow-up, and their values",
        "To bind a field to what is looked for after the operation.",
    ),
}
_SPELLINGS: Final = "unit-spellings"


def vocabularies(basis: Basis) -> Iterator[Resource]:
    """
    Describe value sets and code systems that are made from words and maps.

    Parameters
    ----------
    basis : Basis
        What the artifacts are made from.

    Yields
    ------
    dict
        ValueSet or CodeSystem.
    """
    for name in _VALUE_SETS:
        yield _value_set(basis, name)
    yield _topics(basis)
    yield _spellings(basis)


def _value_set(basis: Basis, name: str) -> Resource:
    kind, title, purpose = _VALUE_SETS[name]
    kept = code_system_file()
    concepts = [
        {"code": concept["code"], "display": concept["display"]}
        for concept in kept["concept"]
        if concept["property"][0]["valueCode"] == kind
    ]
    told = {
        "title": title,
        "status": kept["status"],
        "experimental": kept["experimental"],
        "description": f"All codes of kind {kind} in the project's CodeSystem.",
        "purpose": purpose,
    }
    include = {
        "system": basis.code_system,
        "version": kept["version"],
        "concept": concepts,
    }
    head = basis.head("ValueSet", name, kept["version"], told)
    return {**head, "compose": {"include": [include]}}


def _topics(basis: Basis) -> Resource:
    words, chart = (load_words(x, "en") for x in ("words.j2", "followup.md.j2"))
    off = {OFF_TOPIC: words.switched_off["topic"]}
    topics = {**words.topic, **chart.topic, **off}
    concepts = [{"code": code, "display": text} for code, text in topics.items()]
    told = {
        "title": "Topics of the cards",
        "description": "What a card is about: `source.topic` of CDS Hooks.",
        "purpose": "To count, or to silence, cards of one kind in an EHR.",
    }
    return _code_system(basis, "card-topics", told, concepts)


def _spellings(basis: Basis) -> Resource:
    spelt = {
        mapped.code
        for mapped in load_terminology().entries
        if mapped.system.endswith(f"/{_SPELLINGS}")
    }
    told = {
        "title": "Units as people write them",
        "description": "Texts in place of a UCUM code, source of ConceptMap `units`.",
        "purpose": "To name what that map translates; write UCUM codes yourself.",
    }
    return _code_system(basis, _SPELLINGS, told, [{"code": c} for c in sorted(spelt)])


def _code_system(
    basis: Basis, name: str, told: Resource, concepts: Sequence[Resource]
) -> Resource:
    told = {**told, "status": "active", "experimental": False}
    return {
        **basis.head("CodeSystem", name, __version__, told),
        "caseSensitive": True,
        "content": "complete",
        "count": len(concepts),
        "concept": list(concepts),
    }
