"""ConceptMap files read, checked and turned into mapped codes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from service.fhir import places
from service.fhir.systems import canonical, normalise

__all__ = ["Kind", "MappedCode", "TerminologyError", "Vocabulary", "read_folder"]


class TerminologyError(ValueError):
    """
    A ConceptMap that cannot be used.

    Parameters
    ----------
    file : str
        Name of the file.
    group : str or None
        Source system of the group.
    code : str or None
        Source code.
    problem : str
        What is wrong and what would be right.
    """

    def __init__(
        self, file: str, group: str | None, code: str | None, problem: str
    ) -> None:
        self.file = file
        self.group = group
        self.code = code
        self.problem = problem
        where = [file, group and f"group {group}", code and f"code {code}"]
        super().__init__(": ".join([*(part for part in where if part), problem]))


class Kind(StrEnum):
    """What a code stands for; a code may have one meaning of each kind."""

    MEASUREMENT = "measurement"
    METHOD = "method"
    PLACE = "place"
    CONDITION = "condition"
    EXCLUSION = "exclusion"
    UNIT = "unit"
    FINDING = "finding"
    PROCEDURE = "procedure"
    STRUCTURE = "structure"
    DIAGNOSIS = "diagnosis"


@dataclass(frozen=True, slots=True)
class MappedCode:
    """
    One code of some system and what it means here.

    Attributes
    ----------
    system, code : str
        Canonical address of the system, and the code as the map writes it.
    kind : Kind or None
        What the target stands for; None if the code is taken out of use.
    target : str
        Code of the project.
    is_prefix : bool
        Whether longer codes that begin with this one mean the same.
    place : frozenset of str
        Levels that are possible; all if the code says nothing.
    inferred : bool
        Whether the code does not name the method itself.
    needs_spine : bool
        Whether the code counts only with a word, site or diagnosis of the spine.
    requires : frozenset of str
        Codes of the same system, one of which must belong to the same operation.
    index_characters : frozenset of str
        Seventh characters that speak for an index stay; empty if there is none.
    default_unit : str or None
        UCUM code that holds where a value states no unit.
    value_forms : frozenset of str
        Other forms than a Quantity that count: ``"string"``, ``"integer"``.
    sign_convention : str or None
        ``"kyphosis-positive"`` or ``"kyphosis-negative"`` where angles are signed.
    """

    system: str
    code: str
    kind: Kind | None
    target: str
    is_prefix: bool = False
    place: frozenset[str] = places.ANYWHERE
    inferred: bool = False
    needs_spine: bool = False
    requires: frozenset[str] = frozenset()
    index_characters: frozenset[str] = frozenset()
    default_unit: str | None = None
    value_forms: frozenset[str] = frozenset()
    sign_convention: str | None = None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """
    What the files may speak of.

    Attributes
    ----------
    systems : frozenset of str
        Addresses of the project's own CodeSystem.
    properties : tuple of str
        What the addresses of mapping properties begin with.
    kinds : Mapping of str to Kind
        The project's codes.
    """

    systems: frozenset[str]
    properties: tuple[str, ...]
    kinds: Mapping[str, Kind]


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


def read_folder(folder: Path, vocabulary: Vocabulary) -> list[MappedCode]:
    """
    Read all ConceptMaps of a folder as one body of mappings.

    Parameters
    ----------
    folder : pathlib.Path
        Folder with ``*.json`` files.
    vocabulary : Vocabulary
        What the files may speak of.

    Returns
    -------
    list of MappedCode
        Every mapping, each source code at most once for each kind.

    Raises
    ------
    TerminologyError
        If a file is no usable R4 ConceptMap, or two mappings of one code are
        duplicates or contradict each other; names file, group and code.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise TerminologyError(str(folder), None, None, "no ConceptMap (*.json) there")
    seen: dict[tuple[str, str], list[tuple[str, MappedCode]]] = {}
    for path in files:
        for mapped in _read_file(path, vocabulary):
            key = (mapped.system, normalise(mapped.system, mapped.code))
            for other_file, other in seen.setdefault(key, []):
                _check_pair(path.name, mapped, other_file, other)
            seen[key].append((path.name, mapped))
    return [mapped for entries in seen.values() for _, mapped in entries]


def _check_pair(file: str, new: MappedCode, other_file: str, old: MappedCode) -> None:
    if new.target != old.target and new.kind is old.kind:
        problem = f"contradicts {other_file}: {old.target} there, {new.target} here"
    elif new.kind is old.kind:
        problem = f"duplicate of a mapping in {other_file}"
    elif None in {new.kind, old.kind}:
        problem = f"contradicts {other_file}: mapped in one, unmatched in the other"
    else:
        return
    raise TerminologyError(file, new.system, new.code, problem)


def _read_file(path: Path, vocabulary: Vocabulary) -> Iterator[MappedCode]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        kind = type(error).__name__
        raise TerminologyError(path.name, None, None, f"no JSON ({kind})") from error
    file = path.name
    if not isinstance(document, dict) or document.get("resourceType") != "ConceptMap":
        raise TerminologyError(file, None, None, "resourceType: must be ConceptMap")
    if document.get("status") not in {"active", "draft"}:
        raise TerminologyError(file, None, None, "status: must be active or draft")
    for group in _objects(document, "group", (file, None, None)):
        yield from _read_group(file, group, vocabulary)


def _read_group(
    file: str, group: Mapping[str, Any], vocabulary: Vocabulary
) -> Iterator[MappedCode]:
    source = group.get("source")
    if not isinstance(source, str) or not source:
        raise TerminologyError(file, None, None, "group.source: missing")
    if group.get("target") not in vocabulary.systems:
        known = " or ".join(sorted(vocabulary.systems))
        raise TerminologyError(file, source, None, f"group.target: must be {known}")
    for element in _objects(group, "element", (file, source, None)):
        code = element.get("code")
        if not isinstance(code, str) or not code.strip():
            raise TerminologyError(file, source, None, "element.code: missing")
        targets = _objects(element, "target", (file, source, code))
        if len(targets) != 1:
            raise TerminologyError(file, source, code, "target: exactly one is needed")
        yield _read_target((file, source, code), targets[0], vocabulary)


def _read_target(
    where: tuple[str, str, str], target: Mapping[str, Any], vocabulary: Vocabulary
) -> MappedCode:
    _, source, code = where
    system = canonical(source)
    equivalence = target.get("equivalence")
    if equivalence == "unmatched" and "code" not in target:
        return MappedCode(system, code, None, "")
    if not isinstance(equivalence, str) or equivalence in {"unmatched", "disjoint"}:
        problem = "equivalence: must say how source and target are related (R4)"
        raise TerminologyError(*where, problem)
    name = target.get("code")
    kind = vocabulary.kinds.get(name) if isinstance(name, str) else None
    if kind is None or not isinstance(name, str):
        problem = f"target.code: {name!r} is none of {', '.join(vocabulary.kinds)}"
        raise TerminologyError(*where, problem)
    said = _read_properties(where, target, kind, vocabulary)
    return MappedCode(
        system=system,
        code=code,
        kind=kind,
        target=name,
        is_prefix="code-match" in said,
        place=_place(where, kind, name, said),
        inferred="inferred" in said,
        needs_spine="spine-evidence" in said,
        requires=frozenset(
            normalise(system, value) for value in said.get("same-operation", ())
        ),
        index_characters=frozenset(said.get("index-character", ())),
        value_forms=frozenset(said.get("value-form", ())),
        default_unit=_single(where, said, "default-unit"),
        sign_convention=_single(where, said, "sign-convention"),
    )


def _read_properties(
    where: tuple[str, str, str],
    target: Mapping[str, Any],
    kind: Kind,
    vocabulary: Vocabulary,
) -> dict[str, list[str]]:
    """Everything that `dependsOn` and `product` say, by property."""
    said: dict[str, list[str]] = {}
    for field in ("dependsOn", "product"):
        for item in _objects(target, field, where):
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
    where: tuple[str, str, str], kind: Kind, target: str, said: Mapping[str, list[str]]
) -> frozenset[str]:
    if kind is Kind.PLACE:
        return places.PLACES[target]
    levels = frozenset(said.get("level", ()))
    regions = [places.PLACES[name] for name in said.get("segment", ())]
    if len(regions) > 1 or (levels and regions and not levels <= regions[0]):
        raise TerminologyError(*where, "segment and level contradict each other")
    return levels or (regions[0] if regions else places.ANYWHERE)


def _single(
    where: tuple[str, str, str], said: Mapping[str, list[str]], name: str
) -> str | None:
    values = said.get(name, [])
    if len(values) > 1:
        raise TerminologyError(*where, f"{name}: stated more than once")
    return values[0] if values else None


def _objects(
    parent: Mapping[str, Any], field: str, where: tuple[str, str | None, str | None]
) -> Sequence[Mapping[str, Any]]:
    """Return a list of objects, refused if it is none or if one cannot be ignored."""
    items = parent.get(field, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise TerminologyError(*where, f"{field}: must be a list of objects")
    if any("modifierExtension" in item for item in items):
        raise TerminologyError(*where, f"{field}.modifierExtension: not supported")
    return items
