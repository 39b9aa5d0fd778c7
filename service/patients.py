"""The bundled synthetic patients: one FHIR Bundle and one story each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import orjson

__all__ = ["SyntheticPatient", "bundled_patients"]


@dataclass(frozen=True, slots=True)
class SyntheticPatient:
    """
    A made-up patient at the end of a hospital stay.

    Attributes
    ----------
    name : str
        Name of the file without its ending, ``NN-words``.
    title : str
        The story in a few words.
    story : str
        What happened.
    expected : str
        What the service should answer, and by which rule.
    bundle : mapping
        FHIR R4 transaction Bundle; its `timestamp` is when the discharge hook fires.
    """

    name: str
    title: str
    story: str
    expected: str
    bundle: Mapping[str, Any] = field(repr=False, compare=False)


def bundled_patients() -> tuple[SyntheticPatient, ...]:
    """
    Read the patients that ship with the package.

    Returns
    -------
    tuple of SyntheticPatient
        The patients in the order of their numbers.

    Examples
    --------
    >>> bundled_patients()[0].name
    '01-high-vertebroplasty'
    """
    folder = files("service") / "data" / "patients"
    stories = orjson.loads((folder / "stories.json").read_bytes())
    return tuple(
        SyntheticPatient(
            **story,
            bundle=orjson.loads((folder / f"{story['name']}.json").read_bytes()),
        )
        for story in stories
    )
