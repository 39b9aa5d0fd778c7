"""The bundled synthetic patients: one FHIR Bundle and one story each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from importlib.resources import files
from typing import Any

import orjson

__all__ = ["SyntheticPatient", "bundled_patients"]

_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(T.*)?")


@dataclass(frozen=True, slots=True)
class SyntheticPatient:
    """
    A made-up patient at the end of a hospital stay, or months after it.

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
        FHIR transaction Bundle; its `timestamp` is when the hook fires.
    hook : str, default "encounter-discharge"
        The hook that fires.
    client : str, default "generic"
        Preset of the EHR that fires it.
    fhir_version : str, default "R4"
        FHIR version of the Bundle.
    in_encounter : bool, default True
        Whether it fires within the encounter of the Bundle.
    extension : mapping or None, optional
        What the EHR adds to the request.
    """

    name: str
    title: str
    story: str
    expected: str
    bundle: Mapping[str, Any] = field(repr=False, compare=False)
    hook: str = "encounter-discharge"
    client: str = "generic"
    fhir_version: str = "R4"
    in_encounter: bool = True
    extension: Mapping[str, Any] | None = field(default=None, compare=False)

    def bundle_at(self, now: datetime) -> Mapping[str, Any]:
        """
        Move the story so that the hook fires within the last day before a moment.

        Parameters
        ----------
        now : datetime.datetime
            The moment, with its zone.

        Returns
        -------
        mapping
            The Bundle with all its dates moved by the same number of whole days, the
            date of birth too: ages, days between events and times of day stay. A bare
            year stays as well.

        Examples
        --------
        >>> from datetime import UTC
        >>> patient = bundled_patients()[0]
        >>> patient.bundle["timestamp"]
        '2026-03-06T10:30:00+01:00'
        >>> moment = datetime(2026, 11, 24, 8, 59, tzinfo=UTC)
        >>> patient.bundle_at(moment)["timestamp"]
        '2026-11-23T10:30:00+01:00'
        """
        since = now - datetime.fromisoformat(self.bundle["timestamp"])
        moved: Mapping[str, Any] = _moved(self.bundle, timedelta(days=since.days))
        return moved


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


def _moved(node: Any, by: timedelta) -> Any:  # noqa: ANN401 any JSON
    """Copy JSON with its dates moved; what only holds a date within a text is kept."""
    if isinstance(node, dict):
        return {name: _moved(value, by) for name, value in node.items()}
    if isinstance(node, list):
        return [_moved(value, by) for value in node]
    if isinstance(node, str) and (found := _DATE.fullmatch(node)):
        return f"{date.fromisoformat(found[1]) + by}{found[2] or ''}"
    return node
