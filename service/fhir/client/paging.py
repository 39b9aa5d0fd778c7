"""Pages of a search, put together to what `cds_hooks.prefetch` reads as one."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from cds_hooks.prefetch import Availability, PrefetchedData, read
from service.fhir.client.faults import Fault, FHIRError

__all__ = ["Pages", "read_resource"]

_KEY: Final = "page"
#: A server that answers a search with another kind of Bundle has not understood it.
_BUNDLE_TYPES: Final = (None, "searchset")


def read_resource(
    resource: Mapping[str, Any], kind: str, identifier: str
) -> PrefetchedData:
    """
    Take the answer to a read.

    Parameters
    ----------
    resource : Mapping
        What the server sent.
    kind, identifier : str
        What was asked for.

    Returns
    -------
    PrefetchedData
        Complete.

    Raises
    ------
    FHIRError
        If it is an OperationOutcome, or any resource but the one asked for.
    """
    if resource.get("resourceType") == "Bundle":
        raise FHIRError(Fault.NOT_FHIR)
    data = _checked(read({_KEY: resource}, _KEY, {kind}))
    if resource.get("id") != identifier:
        raise FHIRError(Fault.NOT_FHIR)
    return data


def _checked(data: PrefetchedData) -> PrefetchedData:
    if data.availability is not Availability.UNAVAILABLE:
        return data
    if data.dropped and not data.issue_codes:
        raise FHIRError(Fault.NOT_FHIR)
    raise FHIRError(Fault.OUTCOME, issue_codes=data.issue_codes)


class Pages:
    """
    The pages of one search, as they arrive.

    Parameters
    ----------
    kind : str
        Resource type asked for.
    most_entries : int
        Most entries on all pages together, whatever they hold.

    Attributes
    ----------
    count : int
        Number of pages so far.
    """

    def __init__(self, kind: str, most_entries: int) -> None:
        self.count = 0
        self._kind = kind
        self._room = most_entries
        self._entries: list[Any] = []
        self._seen: dict[tuple[str, str], Any] = {}
        self._totals: list[object] = []
        self._last: Mapping[str, Any] = {}

    def add(self, bundle: Mapping[str, Any]) -> str | None:
        """
        Take one page.

        Parameters
        ----------
        bundle : Mapping
            What the server sent.

        Returns
        -------
        str or None
            The link to the next page, if there is one.

        Raises
        ------
        FHIRError
            If it is an OperationOutcome or holds one with an error, is no page of
            results, or holds more than was agreed.
        """
        if not _is_answer(bundle):
            raise FHIRError(Fault.NOT_FHIR)
        data = _checked(read({_KEY: bundle}, _KEY, {self._kind}))
        entries = bundle.get("entry") or []
        self._room -= len(entries)
        if self._room < 0:
            raise FHIRError(Fault.TOO_MANY_ENTRIES)
        self._entries += [entry for entry in entries if not self._is_known(entry)]
        self._seen.update(
            (identity, entry)
            for entry in entries
            if (identity := _identity(entry)) is not None
        )
        self._totals.append(bundle.get("total"))
        self._last = bundle
        self.count += 1
        return data.next_url

    def data(self) -> PrefetchedData:
        """
        Give everything that was found.

        Returns
        -------
        PrefetchedData
            Complete or empty.

        Raises
        ------
        FHIRError
            If the server says that there is more than it sent.
        """
        whole = {**self._last, "entry": self._entries, "total": _total(self._totals)}
        data = _checked(read({_KEY: whole}, _KEY, {self._kind}))
        if data.availability is Availability.PAGED:
            raise FHIRError(Fault.INCOMPLETE, issue_codes=data.issue_codes)
        return data

    def _is_known(self, entry: object) -> bool:
        """
        Tell whether an earlier page has held the same.

        Where results shift between two requests, one comes twice and another not at
        all; counted twice it would make up for the other.
        """
        identity = _identity(entry)
        return identity is not None and self._seen.get(identity) == entry


def _is_answer(bundle: Mapping[str, Any]) -> bool:
    kind = bundle.get("resourceType")
    if kind == "Bundle":
        return bundle.get("type") in _BUNDLE_TYPES
    return kind == "OperationOutcome"


def _identity(entry: object) -> tuple[str, str] | None:
    """Give type and id; None if they are no texts: then it is like no other entry."""
    resource = entry.get("resource") if isinstance(entry, dict) else None
    if not isinstance(resource, dict):
        return None
    kind, identifier = resource.get("resourceType"), resource.get("id")
    if isinstance(kind, str) and isinstance(identifier, str):
        return kind, identifier
    return None


def _total(totals: Iterable[object]) -> object:
    """Give the largest count of all pages, or one that nobody can read."""
    counts: list[int] = []
    for total in totals:
        if isinstance(total, int) and not isinstance(total, bool):
            counts.append(total)
        elif total is not None:
            return total
    return max(counts, default=None)
