"""Whose resource it is, and how it is named."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

__all__ = ["Selection", "select", "source_of", "target_id"]

_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")

Resource = Mapping[str, Any]


@dataclass(slots=True)
class Selection:
    """
    The resources of one patient.

    Attributes
    ----------
    resources : tuple of Mapping
        Each resource once, in its newest version.
    other_patient : int
        How many belong to others, or to nobody.
    junk : int
        How many entries are no resource of the type.
    """

    resources: tuple[Resource, ...]
    other_patient: int
    junk: int


def select(entries: Iterable[object], kind: str, patient_id: str) -> Selection:
    """
    Keep the resources of one type and patient.

    Parameters
    ----------
    entries : iterable of object
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
    unnamed: list[Resource] = []
    others = junk = 0
    own = f"Patient/{patient_id}"
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("resourceType") != kind:
            junk += 1
            continue
        subject = entry.get("subject")
        # Most references are written the short way; the others are taken apart.
        is_plain = isinstance(subject, dict) and subject.get("reference") == own
        if not is_plain and target_id(subject, "Patient") != patient_id:
            others += 1
        elif not isinstance(name := entry.get("id"), str):
            unnamed.append(entry)
        elif name not in kept:
            kept[name] = entry
        else:
            # Overlapping pages repeat a resource; twice the same operation is not two.
            kept[name] = max(kept[name], entry, key=_version)
    return Selection((*kept.values(), *unnamed), others, junk)


def _version(resource: Resource) -> tuple[str, bytes]:
    meta = resource.get("meta")
    updated = meta.get("lastUpdated") if isinstance(meta, dict) else None
    try:
        content = orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        content = b""
    return (updated if isinstance(updated, str) else "", content)


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
