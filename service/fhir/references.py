"""Whose resource it is, and how it is named."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from service.fhir.times import parse_when

__all__ = [
    "Contested",
    "Selection",
    "base_of",
    "each_once",
    "home_of",
    "select",
    "source_of",
    "target_id",
]

_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
#: Servers that number their versions; FHIR allows other marks, which have no order.
_NUMBER: Final = re.compile(r"\d{1,64}", re.ASCII)

_ADDRESS: Final = re.compile(r"https?://", re.ASCII | re.IGNORECASE)
_USUAL_PORTS: Final = {"http": 80, "https": 443}
_NAME: Final = itemgetter("id")

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
    bases : frozenset of str
        Servers that absolute references to the patient's id name.
    """

    resources: tuple[Resource, ...]
    other_patient: int
    junk: int
    bases: frozenset[str] = frozenset()


def select(
    entries: Iterable[Any], kind: str, patient_id: str, base: str | None = None
) -> Selection:
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
    base : str or None, optional
        Address of the FHIR server that has the patient: absolute references must name
        it; an empty one allows none. If it is not known they must agree on one, and
        of several none counts.

    Returns
    -------
    Selection
        What was kept, and counts of what was not.
    """
    own = f"Patient/{patient_id}"
    mine: list[Resource] = []
    rest: list[Any] = []
    for entry in entries:
        try:  # most references are written the short way
            is_own = (
                entry["subject"]["reference"] == own and entry["resourceType"] == kind
            )
        except (KeyError, TypeError):
            is_own = False
        (mine if is_own else rest).append(entry)
    if not rest:
        return Selection(each_once(mine), 0, 0)
    distant = [
        entry
        for entry in rest
        if isinstance(entry, dict) and entry.get("resourceType") == kind
    ]
    named = [(base_of(entry.get("subject"), own), entry) for entry in distant]
    bases = frozenset([said for said, _ in named if said])
    allowed = {"", home_of(bases, base)}
    mine += [entry for said, entry in named if said in allowed]
    others = sum([said not in allowed for said, _ in named])
    return Selection(each_once(mine), others, len(rest) - len(distant), bases)


def base_of(reference: object, own: str) -> str | None:
    """
    Tell which server a reference to the patient names.

    Parameters
    ----------
    reference : object
        JSON value of the element.
    own : str
        The reference as it is written the short way.

    Returns
    -------
    str or None
        Address of the server; empty for the short way, that of the record's own server;
        None if it points elsewhere or nowhere.
    """
    text = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(text, str):
        return None
    text = text.split("/_history/", 1)[0]
    if text == own:
        return ""
    is_absolute = text.endswith(f"/{own}") and _ADDRESS.match(text)
    return _normal(text.removesuffix(f"/{own}")) if is_absolute else None


def home_of(bases: Collection[str], base: str | None) -> str:
    """
    Tell which server has the patient.

    Parameters
    ----------
    bases : collection of str
        Servers that references to the patient's id name.
    base : str or None
        Address of the server if it is known; empty if there is none to be trusted.

    Returns
    -------
    str
        Its address as `base_of` gives it; empty if they name several: the number of
        references does not tell which is the right one.
    """
    if base is not None:
        return _normal(base) if base else ""
    return next(iter(bases)) if len(bases) == 1 else ""


@lru_cache(maxsize=64)
def _normal(base: str) -> str:
    """Write an address in one way; what cannot be read equals itself only."""
    try:
        parts = urlsplit(base)
        port = parts.port
    except ValueError:
        return base
    host, path = parts.hostname or "", parts.path.rstrip("/")
    is_usual = port in {None, _USUAL_PORTS.get(parts.scheme)}
    return f"{parts.scheme}://{host}{'' if is_usual else f':{port}'}{path}"


def each_once(resources: Collection[Resource]) -> tuple[Resource, ...]:
    """
    Keep of each resource the newest version; it may stand there several times.

    Parameters
    ----------
    resources : collection of Mapping
        Resources of one type.

    Returns
    -------
    tuple of Mapping
        Each once; all versions as `Contested` where it is open which is the newest.
    """
    try:
        if len(set(map(_NAME, resources))) == len(resources):
            return tuple(resources)
    except (KeyError, TypeError):  # no id, or one that is no text
        pass
    kept: dict[str, Resource] = {}
    repeated: dict[str, list[Resource]] = {}
    unnamed: list[Resource] = []
    for resource in resources:
        if not isinstance(name := resource.get("id"), str):
            unnamed.append(resource)
        elif name not in kept:
            kept[name] = resource
        else:
            # Overlapping pages repeat a resource; twice the same operation is not two.
            repeated.setdefault(name, [kept[name]]).append(resource)
    contested: list[Resource] = []
    for name, versions in repeated.items():
        newest = _newest(versions)
        kept[name] = newest[0]
        if len(newest) > 1:
            del kept[name]
            contested += [Contested(version) for version in newest]
    return (*kept.values(), *contested, *unnamed)


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
