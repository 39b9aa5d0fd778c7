"""What the EHR reads from its FHIR server for our templates, whole or in part."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from service.ehr.manners import Manners
from service.ehr.remedies import explain
from service.fhir.client import Fault, Fetched, FHIRClient, Limits
from service.fire import FireError

__all__ = [
    "CHART_LIMITS",
    "Chart",
    "Part",
    "Subject",
    "counted",
    "is_about",
    "kind_of",
    "next_link",
]

Resource = Mapping[str, Any]

#: An EHR reads its own server, and nobody waits for it here.
CHART_LIMITS: Final = Limits(
    total_s=30.0, connect_s=5.0, read_s=15.0, pages=100, body_bytes=64 * 1024 * 1024
)

_KIND: Final = re.compile(r"[A-Z][A-Za-z]+")
_COUNT: Final = re.compile(r"(?<=[?&])_count=\d+")
#: Codes of an OperationOutcome, by what went wrong; all others are `exception`.
_CODES: Final[Mapping[Fault, str]] = MappingProxyType(
    {
        Fault.NOT_AUTHORISED: "login",
        Fault.FORBIDDEN: "forbidden",
        Fault.NOT_FOUND: "not-found",
        Fault.TIMEOUT: "timeout",
        Fault.REJECTED: "not-supported",
    }
)


class Part(StrEnum):
    """What is left of a prefetch key when an EHR sends only a part."""

    ABSENT = "absent"
    """The key is not sent."""
    PAGED = "paged"
    """The first page only, with the link to the next one."""
    NULL = "null"
    """The EHR says that there is no such data."""
    FAILED = "failed"
    """An OperationOutcome: the EHR tried to read it and failed."""


@dataclass(frozen=True, slots=True)
class Subject:
    """
    Whom a call is about.

    Attributes
    ----------
    patient_id : str
        Bare id.
    encounter_id : str or None
        Bare id of the encounter, if there is one.
    """

    patient_id: str
    encounter_id: str | None = None


@dataclass(frozen=True, slots=True)
class Prefetched:
    """
    What is sent under one key.

    Attributes
    ----------
    is_sent : bool
        Whether the key is there at all.
    value : Mapping or None
        Resource, Bundle, OperationOutcome or null.
    said : str
        What it is, in words without patient data.
    """

    is_sent: bool
    value: Resource | None
    said: str


class Chart:
    """
    A FHIR server as the EHR that owns it reads it.

    Parameters
    ----------
    fhir : FHIRClient
        The way to it, made for one call with `CHART_LIMITS`.
    base_url : str
        Its base.
    manners : Manners
        How the EHR writes what it found.
    """

    def __init__(self, fhir: FHIRClient, base_url: str, manners: Manners) -> None:
        self._fhir = fhir
        self._base_url = base_url
        self._manners = manners

    def check(self, subject: Subject) -> None:
        """
        Refuse a patient who is not there, and an encounter of another patient.

        Parameters
        ----------
        subject : Subject
            Whom the call is about.

        Raises
        ------
        FireError
            What is wrong, and what to do.
        """
        wanted = {"patient": (f"Patient/{subject.patient_id}", "Patient")}
        if subject.encounter_id is not None:
            reference = f"Encounter/{subject.encounter_id}"
            wanted["encounter"] = (reference, "Encounter")
        for key, fetched in self._fhir.fetch(wanted).items():
            if fetched.fault is not None:
                found, remedy = explain(fetched.fault)
                raise FireError(f"{self._base_url}: --{key}: {found}. {remedy}")
            if key == "encounter" and not is_about(
                fetched.data.resources[0], subject.patient_id
            ):
                raise FireError(
                    "--encounter: belongs to another patient than --patient, or names"
                    " none. Give an encounter whose `subject` is this patient."
                )

    def prefetch(
        self, queries: Mapping[str, str], parts: Mapping[str, Part]
    ) -> dict[str, Prefetched]:
        """
        Carry out the queries of a service as this EHR does.

        Parameters
        ----------
        queries : Mapping
            Templates with the context filled in, by key.
        parts : Mapping
            By key: what is left of it. Keys that are not named are sent in full.

        Returns
        -------
        dict
            What is sent, by key.
        """
        found = {key: _PARTS[parts[key]] for key in queries if parts.get(key) in _PARTS}
        asked = {
            key: self._spelled(query)
            for key, query in queries.items()
            if key not in found
        }
        typed = {key: (query, kind_of(query)) for key, query in asked.items()}
        for key, fetched in self._fhir.fetch(typed).items():
            is_first_page = parts.get(key) is Part.PAGED
            found[key] = (
                self._first_page(asked[key], fetched)
                if is_first_page and fetched.fault is None
                else self._whole(asked[key], fetched)
            )
        return {key: found[key] for key in queries}

    def _spelled(self, query: str) -> str:
        if not self._manners.joins_repeats or "?" not in query:
            return query
        kind, _, parameters = query.partition("?")
        values: dict[str, list[str]] = {}
        for parameter in parameters.split("&"):
            name, _, value = parameter.partition("=")
            values.setdefault(name, []).append(value)
        return f"{kind}?" + "&".join(f"{n}={','.join(v)}" for n, v in values.items())

    def _whole(self, query: str, fetched: Fetched) -> Prefetched:
        if fetched.fault is not None:
            return self._failure(fetched.fault)
        resources = fetched.data.resources
        if "?" not in query:
            return Prefetched(is_sent=True, value=resources[0], said="sent")
        bundle: dict[str, Any] = {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(resources),
        }
        if entries := list(self._entries(resources)):
            bundle["entry"] = entries
        elif self._manners.marks_empty:
            bundle["entry"] = [_EMPTY]
        return Prefetched(is_sent=True, value=bundle, said=_counted(len(resources)))

    def _first_page(self, query: str, fetched: Fetched) -> Prefetched:
        """Give the server's own first page, half of what there is."""
        whole = len(fetched.data.resources)
        if "?" in query and whole > 1:
            page = self._fhir.look(counted(query, whole // 2)).resource
            if page is not None and next_link(page) is not None:
                shown = len(page.get("entry", ()))
                return Prefetched(
                    is_sent=True,
                    value=page,
                    said=f"first page, {shown} of {_counted(whole)}",
                )
        sent = self._whole(query, fetched)
        said = f"{sent.said}: not paged, the server gives no smaller page"
        return Prefetched(is_sent=True, value=sent.value, said=said)

    def _failure(self, fault: Fault) -> Prefetched:
        said, _ = explain(fault)
        if not self._manners.tells_failures:
            return Prefetched(is_sent=False, value=None, said=f"left out: {said}")
        outcome = _outcome("error", _CODES.get(fault, "exception"))
        return Prefetched(is_sent=True, value=outcome, said=f"OperationOutcome: {said}")

    def _entries(self, resources: Sequence[Resource]) -> Iterator[Resource]:
        for each in resources:
            url = f"{self._base_url}/{each['resourceType']}/{each.get('id')}"
            yield {"fullUrl": url, "resource": each, "search": {"mode": "match"}}


def kind_of(query: str) -> str:
    """
    Tell what type of resource a query is for.

    Parameters
    ----------
    query : str
        Read or search, or the template of one.

    Returns
    -------
    str
        FHIR resource type.

    Examples
    --------
    >>> kind_of("Procedure?patient=p1")
    'Procedure'
    """
    match = _KIND.match(query)
    return match[0] if match else ""


def counted(query: str, count: int) -> str:
    """
    Ask for pages of another size.

    Parameters
    ----------
    query : str
        A search.
    count : int
        Entries of a page.

    Returns
    -------
    str
        The search with that ``_count``.

    Examples
    --------
    >>> counted("Procedure?patient=p1&_count=100", 2)
    'Procedure?patient=p1&_count=2'
    >>> counted("Condition?patient=p1", 2)
    'Condition?patient=p1&_count=2'
    """
    if _COUNT.search(query):
        return _COUNT.sub(f"_count={count}", query)
    return f"{query}&_count={count}"


def next_link(bundle: Resource) -> str | None:
    """
    Find the link to the next page.

    Parameters
    ----------
    bundle : Mapping
        A page of search results.

    Returns
    -------
    str or None
        The link, if there is one.
    """
    links = bundle.get("link")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("relation") == "next":
            url = link.get("url")
            return url if isinstance(url, str) else None
    return None


def is_about(resource: Resource, patient_id: str) -> bool:
    """
    Tell whether a resource names a patient as the one it is about.

    Parameters
    ----------
    resource : Mapping
        Procedure, Observation, Condition or Encounter.
    patient_id : str
        Bare id.

    Returns
    -------
    bool
        Whether its `subject` ends with this id, relative or absolute.

    Examples
    --------
    >>> is_about({"subject": {"reference": "https://ehr.example/Patient/p1"}}, "p1")
    True
    """
    subject = resource.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    if not isinstance(reference, str):
        return False
    plain = reference.partition("/_history/")[0]
    return f"/{plain}".endswith(f"/Patient/{patient_id}")


def _counted(count: int) -> str:
    return f"{count} {'entry' if count == 1 else 'entries'}"


def _outcome(severity: str, code: str) -> dict[str, Any]:
    issue = {"severity": severity, "code": code}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


#: Epic sends it with a total of zero.
_EMPTY: Final = {
    "resource": _outcome("warning", "processing"),
    "search": {"mode": "outcome"},
}
_PARTS: Final[Mapping[Part | None, Prefetched]] = MappingProxyType(
    {
        Part.ABSENT: Prefetched(is_sent=False, value=None, said="left out"),
        Part.NULL: Prefetched(is_sent=True, value=None, said="null"),
        Part.FAILED: Prefetched(
            is_sent=True, value=_outcome("error", "exception"), said="OperationOutcome"
        ),
    }
)
