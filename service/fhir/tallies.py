"""Counts that keep nobody's data: how often, of how many patients, up to a few."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

__all__ = [
    "Matched",
    "Tallies",
    "Tally",
    "TypeCount",
    "objects_in",
    "patient_of",
    "status_of",
]

#: Statuses of the standard; anything else is counted as "other" and not repeated.
_STATUSES: Final = frozenset(
    {
        *("preparation", "in-progress", "not-done", "on-hold", "stopped", "completed"),
        *("registered", "preliminary", "final", "amended", "corrected", "cancelled"),
        *("unconfirmed", "provisional", "differential", "confirmed", "refuted"),
        *("entered-in-error", "unknown"),
    }
)
_VALUES: Final = frozenset(
    {
        *("valueQuantity", "valueCodeableConcept", "valueString", "valueBoolean"),
        *("valueInteger", "valueRange", "valueRatio", "valueSampledData"),
        *("valueTime", "valueDateTime", "valuePeriod"),
    }
)
#: So many different displays of one code are told apart.
_DISPLAYS: Final = 8
#: So many different patients are told apart for one code: more is not asked.
_PATIENTS: Final = 100
#: So many codes and texts are kept; then those that occurred once go.
_KEPT: Final = 20_000

Resource = Mapping[str, Any]
Key = TypeVar("Key", bound=Hashable)


@dataclass(slots=True)
class Tally:
    """
    How often something occurs.

    Attributes
    ----------
    resources : int
        How many times.
    patients : set of int
        Marks of the patients, no more than are needed to tell few from many.
    topics : frozenset of str
        What it seems to speak of.
    displays : dict of str to set of int
        Words beside it, with the patients in whose records they stand.
    """

    resources: int = 0
    patients: set[int] = field(default_factory=set)
    topics: frozenset[str] = frozenset()
    displays: dict[str, set[int]] = field(default_factory=dict)

    def count(self, patient: int | None, display: str | None = None) -> None:
        """
        Count one more.

        Parameters
        ----------
        patient : int or None
            Mark of the patient; None if the record names none.
        display : str or None
            Words beside it.
        """
        self.resources += 1
        if display and (display in self.displays or len(self.displays) < _DISPLAYS):
            said_of = self.displays.setdefault(display, set())
            _mark(said_of, patient)
        _mark(self.patients, patient)

    def display(self, smallest: int) -> str | None:
        """
        Give the words that most patients share.

        Parameters
        ----------
        smallest : int
            How many patients must share them: fewer, and they may be about one.

        Returns
        -------
        str or None
            The words, if they are shared widely enough.
        """
        shared = [
            (len(patients), text)
            for text, patients in self.displays.items()
            if len(patients) >= smallest
        ]
        return max(shared, key=lambda said: (said[0], said[1]))[1] if shared else None


def _mark(patients: set[int], patient: int | None) -> None:
    if patient is not None and len(patients) < _PATIENTS:
        patients.add(patient)


class Tallies(Generic[Key]):
    """
    Tallies by key, so many and no more.

    Parameters
    ----------
    kept : int
        How many keys are held; then those that occurred once are dropped.

    Attributes
    ----------
    dropped : int
        How many were: counts of what comes again later are then too low.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._all: dict[Key, Tally] = {}
        self.dropped = 0

    def __len__(self) -> int:
        """Tell how many keys there are."""
        return len(self._all)

    def __getitem__(self, key: Key) -> Tally:
        """Give the tally of a key, a new one if need be."""
        tally = self._all.get(key)
        if tally is None:
            if len(self._all) >= self._kept:
                self._drop()
            tally = self._all[key] = Tally()
        return tally

    def items(self) -> Iterator[tuple[Key, Tally]]:
        """
        List keys and tallies.

        Yields
        ------
        tuple
            Key and tally, the most frequent first.
        """
        ranked = sorted(
            self._all.items(), key=lambda item: (-item[1].resources, repr(item[0]))
        )
        yield from ranked

    def _drop(self) -> None:
        least = 1
        while len(self._all) > self._kept // 2:
            rare = [key for key, t in self._all.items() if t.resources <= least]
            for key in rare:
                del self._all[key]
            self.dropped += len(rare)
            least *= 2


def patient_of(resource: Mapping[str, Any]) -> int | None:
    """
    Mark the patient of a resource.

    Parameters
    ----------
    resource : Mapping
        The resource.

    Returns
    -------
    int or None
        A number that tells patients apart in this run only; None if none is named.
    """
    subject = resource.get("subject")
    if not isinstance(subject, dict):
        return None
    reference = subject.get("reference")
    if isinstance(reference, str) and reference:
        # The address in front may differ between files of one export.
        return hash("/".join(reference.split("/")[-2:]))
    identifier = subject.get("identifier")
    value = identifier.get("value") if isinstance(identifier, dict) else None
    return hash(("identifier", value)) if isinstance(value, str) else None


@dataclass(slots=True)
class Matched:
    """
    What occurs under a code that a map knows.

    Attributes
    ----------
    meanings : tuple of str
        Codes of the project.
    tally : Tally
        How often.
    statuses, values, faults : Counter
        Statuses of the resources, forms of the value, why a resource does not serve.
    units : Tallies
        Unit and code of quantities, as written.
    serving : int
        How many could serve.
    """

    meanings: tuple[str, ...]
    tally: Tally = field(default_factory=Tally)
    statuses: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    units: Tallies[tuple[str, str]] = field(default_factory=lambda: Tallies(200))
    serving: int = 0

    def note(
        self, resource: Resource, part: Resource, fault: str | None, patient: int | None
    ) -> None:
        """
        Note status, value and unit of one resource.

        Parameters
        ----------
        resource, part : Mapping
            The resource, and the part of it that holds the value.
        fault : str or None
            Why it could not serve.
        patient : int or None
            Mark of its patient.
        """
        self.statuses[status_of(resource)] += 1
        if fault:
            self.faults[fault] += 1
        else:
            self.serving += 1
        if resource["resourceType"] != "Observation":
            return
        forms = sorted(name for name in part if name in _VALUES)
        self.values[forms[0] if forms else "no value"] += 1
        for quantity in objects_in(part.get("valueQuantity")):
            unit, code = quantity.get("unit"), quantity.get("code")
            self.units[_text(unit), _text(code)].count(patient)


@dataclass(slots=True)
class TypeCount:
    """
    What became of the resources of one type.

    Attributes
    ----------
    seen, matched, serving, with_site, without_patient : int
        How many there were; how many have a code that a map knows; how many of those
        could serve; how many of those name a body site that is known; how many name
        no patient.
    """

    seen: int = 0
    matched: int = 0
    serving: int = 0
    with_site: int = 0
    without_patient: int = 0


def objects_in(value: object) -> list[dict[str, Any]]:
    """
    List the objects of an element that may be repeated.

    Parameters
    ----------
    value : object
        JSON value: an object, a list, or anything else.

    Returns
    -------
    list of dict
        Its objects; what is none is left out.
    """
    listed = value if isinstance(value, list) else [value]
    return [item for item in listed if isinstance(item, dict)]


def status_of(resource: Mapping[str, Any]) -> str:
    """
    Tell the status of a resource, for a Condition that of its verification.

    Parameters
    ----------
    resource : Mapping
        Procedure, Observation or Condition.

    Returns
    -------
    str
        A code of the standard, or ``"other"``.
    """
    found: object = resource.get("status")
    if resource["resourceType"] == "Condition":
        codes = (
            coding.get("code")
            for concept in objects_in(resource.get("verificationStatus"))
            for coding in objects_in(concept.get("coding"))
        )
        found = next(codes, "unknown")
    return found if isinstance(found, str) and found in _STATUSES else "other"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
