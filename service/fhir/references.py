"""Whose resource it is, and how it is named."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

import orjson

from service.fhir.times import parse_when

__all__ = ["Contested", "Selection", "select", "source_of", "target_id"]

_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
#: Servers that number their versions; FHIR allows other marks, which have no order.
_NUMBER: Final = re.compile(r"\d{1,64}", re.ASCII)

Resource = Mapping[str, Any]


class Contested(dict[str, Any]):
    """One of several versions of a resource that differ: none is known to be newer."""

    __slots__ = ()


@dataclass(slots=True)
class Selection:
    """
    The resources of one patient.

    Attributes
    ----------
    resources : tuple of Mapping
        Each resource once, in its newest version; all versions as `Contested` where the
        record does not tell which that is.
    other_patient : int
        How many belong to others, or to nobody.
    junk : int
        How many entries are no resource of the type.
    """

    resources: tuple[Resource, ...]
    other_patient: int
    junk: int


def select(entries: Iterable[Any], kind: str, patient_id: str) -> Selection:
    """
    Keep the resources of one type and patient.

    Parameters
    ----------
    entries : iterable
        Plain JSON, maybe junk.
    kind : str
        Resource type.
    patient_id : str
        Logical id of the patient.

    Returns
    -------
    Selection
        What was kept, and counts of what was not.
    """
    kept: dict[str, Resource] = {}
    repeated: dict[str, list[Resource]] = {}
    unnamed: list[Resource] = []
    others = junk = 0
    own = f"Patient/{patient_id}"
    for entry in entries:
        try:  # most references are written the short way
            is_own = entry["subject"]["reference"] == own
        except (KeyError, TypeError):
            is_own = False
        if not isinstance(entry, dict) or entry.get("resourceType") != kind:
            junk += 1
        elif not is_own and target_id(entry.get("subject"), "Patient") != patient_id:
            others += 1
        elif not isinstance(name := entry.get("id"), str):
            unnamed.append(entry)
        elif name not in kept:
            kept[name] = entry
        else:
            # Overlapping pages repeat a resource; twice the same operation is not two.
            repeated.setdefault(name, [kept[name]]).append(entry)
    contested: list[Resource] = []
    for name, versions in repeated.items():
        newest = _newest(versions)
        kept[name] = newest[0]
        if len(newest) > 1:
            del kept[name]
            contested += [Contested(version) for version in newest]
    return Selection((*kept.values(), *contested, *unnamed), others, junk)


def _newest(versions: list[Resource]) -> list[Resource]:
    """Keep the newest version, or all between which the record does not decide."""
    for key in (_updated, _version_number):
        read = [(key(version.get("meta")), version) for version in versions]
        marks = [mark for mark, _ in read if mark is not None]
        if len(marks) == len(versions):
            last = max(marks)
            versions = [version for mark, version in read if mark == last]
    return list({_content(version): version for version in versions}.values())


def _updated(meta: object) -> float | None:
    said = meta.get("lastUpdated") if isinstance(meta, dict) else None
    when = parse_when(said, UTC)
    return when.start.timestamp() if when and when.start == when.end else None


def _version_number(meta: object) -> float | None:
    said = meta.get("versionId") if isinstance(meta, dict) else None
    return int(said) if isinstance(said, str) and _NUMBER.fullmatch(said) else None


def _content(version: Resource) -> bytes | int:
    """Write down what a version says; what cannot be written equals nothing else."""
    said = {name: value for name, value in version.items() if name != "meta"}
    try:
        return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return id(version)


def target_id(reference: object, kind: str) -> str | None:
    """
    Read the logical id out of a Reference.

    Parameters
    ----------
    reference : object
        JSON value of the element.
    kind : str
        Resource type it must point at.

    Returns
    -------
    str or None
        The id; None if it points elsewhere or nowhere.
    """
    text = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(text, str):
        return None
    found, _, name = text.partition("/")
    if "/" not in name:  # most are written the short way
        return (name or None) if found == kind else None
    parts = text.split("/_history/", 1)[0].rsplit("/", 2)
    if len(parts) < 2 or parts[-2] != kind:  # noqa: PLR2004 type and id
        return None
    return parts[-1] or None


def source_of(resource: Resource) -> str:
    """
    Name a resource for people and logs.

    Parameters
    ----------
    resource : Mapping
        Plain JSON with ``resourceType``.

    Returns
    -------
    str
        Type and id; an id that is none is not repeated.
    """
    name = resource.get("id")
    kind = resource["resourceType"]
    if isinstance(name, str) and _ID.fullmatch(name):
        return f"{kind}/{name}"
    return f"{kind} (no id)"
