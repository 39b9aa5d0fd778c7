"""Properties of a mapping: what must hold for it, and what follows from it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from service.fhir import places
from service.fhir.conceptmaps import TEXTS, Kind, TerminologyError, Vocabulary
from service.fhir.systems import normalise

__all__ = ["Where", "objects", "properties_of"]

#: File, source system and code: where in a folder something is said.
Where = tuple[str, str | None, str | None]

_TRUE: Final = frozenset({"true"})
_REGIONS: Final = frozenset(
    {"thoracic", "lumbar", "thoracolumbar", "spine", "cervical", "sacral"}
)
#: property -> values it may have, None for any
_PROPERTIES: Final[Mapping[str, frozenset[str] | None]] = MappingProxyType(
    {
        "code-match": frozenset({"prefix"}),
        "same-operation": None,
        "spine-evidence": frozenset({"required"}),
        "index-character": None,
        "segment": _REGIONS,
        "level": places.THORACIC | places.LUMBAR,
        "inferred": _TRUE,
        "default-unit": None,
        "value-form": frozenset({"string", "integer"}),
        "sign-convention": frozenset({"kyphosis-positive", "kyphosis-negative"}),
    }
)
_PLACED: Final = frozenset({"segment", "level"})
#: Properties that speak of a code's parts, or of words beside it.
_OF_CODES: Final = frozenset({"code-match", "index-character", "spine-evidence"})
#: kind -> properties that have an effect there
_USED: Final[Mapping[Kind, frozenset[str]]] = MappingProxyType(
    {
        Kind.METHOD: _PLACED
        | {"code-match", "same-operation", "spine-evidence", "inferred"},
        Kind.CONDITION: _PLACED | {"code-match", "index-character"},
        Kind.MEASUREMENT: frozenset({"default-unit", "value-form", "sign-convention"}),
        Kind.UNIT: frozenset(),
    }
)


def objects(
    parent: Mapping[str, Any], field: str, where: Where
) -> Sequence[Mapping[str, Any]]:
    """
    Read a list of objects.

    Parameters
    ----------
    parent : Mapping
        JSON object that holds it.
    field : str
        Name of the list.
    where : tuple
        File, source system and code.

    Returns
    -------
    sequence of Mapping
        The objects, maybe none.

    Raises
    ------
    TerminologyError
        If it is no list of objects, or if one holds what must not be ignored.
    """
    items = parent.get(field, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise TerminologyError(*where, f"{field}: must be a list of objects")
    if any("modifierExtension" in item for item in items):
        raise TerminologyError(*where, f"{field}.modifierExtension: not supported")
    return items


def properties_of(
    where: Where,
    target: Mapping[str, Any],
    vocabulary: Vocabulary,
    kind: Kind,
    system: str,
) -> dict[str, Any]:
    """
    Read what a mapping says beyond its target.

    Parameters
    ----------
    where : tuple
        File, source system and code.
    target : Mapping
        The target element, with `dependsOn` and `product`.
    vocabulary : Vocabulary
        What the files may speak of.
    kind : Kind
        What the target stands for.
    system : str
        Canonical address of the source system.

    Returns
    -------
    dict of str to object
        Fields of a MappedCode.

    Raises
    ------
    TerminologyError
        If a property is unknown, has no effect here, or contradicts another.
    """
    said = _read(where, target, kind, vocabulary)
    if system == TEXTS and (vain := sorted(_OF_CODES & said.keys())):
        problem = f"{vain[0]}: has no effect on a text, which is matched as it stands"
        raise TerminologyError(*where, problem)
    return {
        "is_prefix": "code-match" in said,
        "place": _place(where, kind, target["code"], said),
        "inferred": "inferred" in said,
        "needs_spine": "spine-evidence" in said,
        "requires": frozenset(
            normalise(system, value) for value in said.get("same-operation", ())
        ),
        "index_characters": frozenset(said.get("index-character", ())),
        "value_forms": frozenset(said.get("value-form", ())),
        "default_unit": _single(where, said, "default-unit"),
        "sign_convention": _single(where, said, "sign-convention"),
    }


def _read(
    where: Where,
    target: Mapping[str, Any],
    kind: Kind,
    vocabulary: Vocabulary,
) -> dict[str, list[str]]:
    """Everything that `dependsOn` and `product` say, by property."""
    said: dict[str, list[str]] = {}
    for field in ("dependsOn", "product"):
        for item in objects(target, field, where):
            name = _property_name(item.get("property"), vocabulary)
            value = item.get("value")
            if name not in _USED.get(kind, frozenset({"code-match"})):
                problem = f"{field}.property: {name!r} has no effect on a {kind.value}"
                raise TerminologyError(*where, problem)
            allowed = _PROPERTIES[name]
            if not isinstance(value, str) or (allowed and value not in allowed):
                among = sorted(allowed) if allowed else "a text"
                problem = f"{field}.value of {name}: must be {among}, got {value!r}"
                raise TerminologyError(*where, problem)
            said.setdefault(name, []).append(value)
    return said


def _property_name(address: object, vocabulary: Vocabulary) -> str:
    for start in vocabulary.properties:
        if isinstance(address, str) and address.startswith(start):
            return address.removeprefix(start)
    return str(address)


def _place(
    where: Where, kind: Kind, target: str, said: Mapping[str, list[str]]
) -> frozenset[str]:
    if kind is Kind.PLACE:
        return places.PLACES[target]
    levels = frozenset(said.get("level", ()))
    regions = [places.PLACES[name] for name in said.get("segment", ())]
    if len(regions) > 1 or (levels and regions and not levels <= regions[0]):
        raise TerminologyError(*where, "segment and level contradict each other")
    return levels or (regions[0] if regions else places.ANYWHERE)


def _single(where: Where, said: Mapping[str, list[str]], name: str) -> str | None:
    values = said.get(name, [])
    if len(values) > 1:
        raise TerminologyError(*where, f"{name}: stated more than once")
    return values[0] if values else None
