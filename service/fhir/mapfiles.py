"""ConceptMap files read, checked and turned into mapped codes."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from service.fhir.conceptmaps import (
    TEXTS,
    Kind,
    MappedCode,
    TerminologyError,
    Vocabulary,
)
from service.fhir.properties import Where, objects, properties_of
from service.fhir.systems import canonical, normalise

__all__ = ["UNDECIDED", "read_folder"]

#: The comment of a mapping that waits for a person begins so: no such file is loaded.
UNDECIDED: Final = "CHOOSE:"
_TO_DECIDE: Final = (
    "not decided yet. If it means something here, give the target one of the codes that"
    ' its comment names and an equivalence ("equal", "wider", "inexact" ...), after'
    " looking the code up where it is defined; if it means nothing here, delete the"
    " comment; if you cannot tell, delete the element"
)
_UNIT_SPELLING: Final = (
    "target.code: a text is no unit; map its spelling in a group whose source is"
    " http://scnen-cds.example.org/fhir/CodeSystem/unit-spellings"
)


def read_folder(
    folder: Path, vocabulary: Vocabulary, *, is_site: bool = False
) -> list[MappedCode]:
    """
    Read all ConceptMaps of a folder as one body of mappings.

    Parameters
    ----------
    folder : pathlib.Path
        Folder with ``*.json`` files.
    vocabulary : Vocabulary
        What the files may speak of.
    is_site : bool
        Whether they are a site's own.

    Returns
    -------
    list of MappedCode
        Every mapping, each source code at most once for each kind.

    Raises
    ------
    TerminologyError
        If a file is no usable R4 ConceptMap, or two mappings of one code are
        duplicates or contradict each other; names file, group and code of the first
        fault and holds the others.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise TerminologyError(str(folder), None, None, "no ConceptMap (*.json) there")
    reader = _Reader(vocabulary, is_site=is_site)
    for path in files:
        with reader.collecting():
            reader.read(path)
    if reader.faults:
        raise TerminologyError.of(reader.faults)
    return [mapped for entries in reader.seen.values() for mapped in entries]


@dataclass(slots=True)
class _Reader:
    """Reads one file after the other and keeps what was found, faults too."""

    vocabulary: Vocabulary
    is_site: bool = field(kw_only=True)
    seen: dict[tuple[str, str], list[MappedCode]] = field(default_factory=dict)
    faults: list[TerminologyError] = field(default_factory=list)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Go on after a fault: whoever mends a map wants to see all of them."""
        try:
            yield
        except TerminologyError as fault:
            self.faults.append(fault)

    def read(self, path: Path) -> None:
        """Read one file."""
        for group in objects(_document(path), "group", (path.name, None, None)):
            with self.collecting():
                self._read_group(path.name, group)

    def _read_group(self, file: str, group: Mapping[str, Any]) -> None:
        source = group.get("source")
        if not isinstance(source, str) or not source:
            raise TerminologyError(file, None, None, "group.source: missing")
        if group.get("target") not in self.vocabulary.systems:
            known = " or ".join(sorted(self.vocabulary.systems))
            raise TerminologyError(file, source, None, f"group.target: must be {known}")
        for element in objects(group, "element", (file, source, None)):
            with self.collecting():
                self._add(self._read_element((file, source, None), element))

    def _read_element(self, where: Where, element: Mapping[str, Any]) -> MappedCode:
        file, source, _ = where
        code = element.get("code")
        if not isinstance(code, str) or not code.strip():
            raise TerminologyError(*where, "element.code: missing")
        targets = objects(element, "target", (file, source, code))
        if len(targets) != 1:
            problem = "target: exactly one is needed"
            raise TerminologyError(file, source, code, problem)
        return self._read_target((file, str(source), code), targets[0])

    def _read_target(
        self, where: tuple[str, str, str], target: Mapping[str, Any]
    ) -> MappedCode:
        file, source, code = where
        is_text = source in self.vocabulary.texts
        system = TEXTS if is_text else canonical(source)
        origin: dict[str, Any] = {"file": file, "is_site": self.is_site}
        equivalence = target.get("equivalence")
        if equivalence == "unmatched" and "code" not in target:
            if str(target.get("comment", "")).lstrip().startswith(UNDECIDED):
                raise TerminologyError(*where, _TO_DECIDE)
            return MappedCode(system, code, None, "", **origin)
        if not isinstance(equivalence, str) or equivalence in {"unmatched", "disjoint"}:
            problem = "equivalence: must say how source and target are related (R4)"
            raise TerminologyError(*where, problem)
        name, kind = self._meaning(where, target)
        if source in self.vocabulary.systems and name != code:
            problem = f"target.code: {name}, but a code of the project means itself"
            raise TerminologyError(*where, problem)
        if is_text and kind is Kind.UNIT:
            raise TerminologyError(*where, _UNIT_SPELLING)
        fields = properties_of(where, target, self.vocabulary, kind, system)
        return MappedCode(system, code, kind, name, **fields, **origin)

    def _meaning(self, where: Where, target: Mapping[str, Any]) -> tuple[str, Kind]:
        name, kinds = target.get("code"), self.vocabulary.kinds
        if not isinstance(name, str) or name not in kinds:
            problem = f"target.code: {name!r} is none of {', '.join(kinds)}"
            raise TerminologyError(*where, problem)
        return name, kinds[name]

    def _add(self, mapped: MappedCode) -> None:
        key = (mapped.system, normalise(mapped.system, mapped.code))
        for other in self.seen.setdefault(key, []):
            _check_pair(mapped, other)
        self.seen[key].append(mapped)


def _check_pair(new: MappedCode, old: MappedCode) -> None:
    if new.target != old.target and new.kind is old.kind:
        problem = f"contradicts {old.file}: {old.target} there, {new.target} here"
    elif new.kind is old.kind:
        problem = f"duplicate of a mapping in {old.file}"
    elif None in {new.kind, old.kind}:
        problem = f"contradicts {old.file}: mapped in one, unmatched in the other"
    else:
        return
    raise TerminologyError(new.file, new.system, new.code, problem)


class _StatedTwiceError(ValueError):
    """An object that states one of its fields twice: which one holds is open."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _StatedTwiceError(f"{twice}: stated twice in one object")
    return fields


def _document(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text("utf-8")
        document = json.loads(text, object_pairs_hook=_once)
    except _StatedTwiceError as error:
        raise TerminologyError(path.name, None, None, str(error)) from None
    except (OSError, ValueError, RecursionError) as error:
        kind = type(error).__name__
        raise TerminologyError(path.name, None, None, f"no JSON ({kind})") from error
    if not isinstance(document, dict) or document.get("resourceType") != "ConceptMap":
        problem = "resourceType: must be ConceptMap"
        raise TerminologyError(path.name, None, None, problem)
    if document.get("status") not in {"active", "draft"}:
        problem = "status: must be active or draft"
        raise TerminologyError(path.name, None, None, problem)
    return document
