"""Samples of a site's resources from its FHIR server, a few pages of each search."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from types import MappingProxyType
from typing import Any, Final

from service.fhir.client.asking import Asker, Waiting
from service.fhir.client.bearer import Bearer
from service.fhir.client.deadline import Deadline
from service.fhir.client.faults import Fault, FHIRError
from service.fhir.client.limits import Limits
from service.fhir.client.paging import Pages
from service.fhir.client.resolver import AddressRule, Resolver, look_up
from service.fhir.client.sockets import tls_context
from service.fhir.client.targets import Base, Query
from service.fhir.client.transport import Transport
from service.samples import SampleError

__all__ = ["TYPES", "LiveSample", "searches"]

#: What the rules read of a patient by search.
TYPES: Final = ("Procedure", "Observation", "Condition")
#: Nobody waits at a bedside: a page may take its time.
_LIMITS: Final = Limits(
    total_s=60, connect_s=10, read_s=60, body_bytes=64 * 2**20, entries=100_000
)
#: Whoever types an address may mean one inside the hospital; no other host names it.
_ANYWHERE: Final = (ip_network("0.0.0.0/0"), ip_network("::/0"))
_REMEDIES: Final[Mapping[Fault, str]] = MappingProxyType(
    {
        Fault.NOT_AUTHORISED: "give a token that it takes, with --token-file",
        Fault.FORBIDDEN: "the token must reach so far (scope system or user, read)",
        Fault.REJECTED: "it may want a patient, or another search: --patient, --search",
        Fault.NOT_FOUND: "is this the base URL, without a resource type?",
        Fault.NOT_FHIR: "is this the base URL of a FHIR server?",
        Fault.REDIRECT: "give the address that it redirects to",
        Fault.REFUSED_ADDRESS: "http is read on this machine only; elsewhere https",
        Fault.TLS: "its certificate is not trusted here, or for another name",
        Fault.TOO_LARGE: "ask for smaller pages with --search and _count",
    }
)


def searches(patients: tuple[str, ...], page_size: int) -> tuple[str, ...]:
    """
    Write the searches for what the rules read.

    Parameters
    ----------
    patients : tuple of str
        Ids of patients; none for whatever the server gives first.
    page_size : int
        How many resources to ask for at a time.

    Returns
    -------
    tuple of str
        Searches relative to the base.

    Examples
    --------
    >>> searches(("p1",), 50)[0]
    'Procedure?patient=p1&_count=50'
    """
    whose = [f"patient={patient}&" for patient in patients] or [""]
    return tuple(f"{kind}?{w}_count={page_size}" for w in whose for kind in TYPES)


@dataclass(slots=True)
class LiveSample:
    """
    Resources of a FHIR server, a page at a time.

    Attributes
    ----------
    url : str
        Base URL.
    searches : tuple of str
        Relative to it.
    pages : int
        Pages of each search that are read at most.
    token : str or None
        Bearer token; it is sent below the base only, and never over plain http to
        another machine.
    pages_read, unreadable : int
        How far the reading has come, and entries that hold no resource.
    skipped : list of str
        Searches that failed, with the reason.
    cut : list of str
        Searches of which there is more than was read.
    """

    url: str
    searches: tuple[str, ...]
    pages: int
    token: str | None = field(default=None, repr=False)
    pages_read: int = 0
    unreadable: int = 0
    skipped: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """
        Tell what is missing.

        Returns
        -------
        list of str
            One line for each search that failed or was not read to its end.
        """
        return self.skipped + self.cut

    def resources(self) -> Iterator[Mapping[str, Any]]:
        """
        Read the pages of each search, as many as are allowed.

        Yields
        ------
        Mapping
            Resources of the type that was searched for.

        Raises
        ------
        SampleError
            If the address cannot be used, or every search failed.
        """
        with _asking(self.url, self.token) as (base, asker):
            for search in self.searches:
                try:
                    yield from self._read(base, asker, search)
                except FHIRError as error:
                    self.skipped.append(_told(search, error))
        if len(self.skipped) == len(self.searches):
            raise SampleError("; ".join(self.skipped))

    def _read(
        self, base: Base, asker: Asker, search: str
    ) -> Iterator[Mapping[str, Any]]:
        kind = search.partition("?")[0]
        target = origin = base.target(Query.parse(search, kind).path)
        pages = Pages(kind, _LIMITS.entries)
        for _ in range(self.pages):
            deadline = Deadline(_LIMITS.total_s)
            bundle, _ = asker.ask(target, None, _LIMITS.body_bytes, deadline)
            link = pages.add(bundle)
            self.pages_read += 1
            for entry in bundle.get("entry") or ():
                resource = entry.get("resource") if isinstance(entry, dict) else None
                if isinstance(resource, dict) and resource.get("resourceType") == kind:
                    yield resource
                else:
                    self.unreadable += not _is_outcome(resource)
            if link is None:
                return
            target = base.next_target(link, origin)
            origin = target
        self.cut.append(f"{kind}: more than {self.pages} pages; --pages reads more")


@contextmanager
def _asking(url: str, token: str | None) -> Iterator[tuple[Base, Asker]]:
    try:
        base = Base.parse(url)
    except ValueError as error:
        raise SampleError(f"FHIR base URL: {error}") from error
    is_plain = base.scheme == "http"
    rule = AddressRule(_ANYWHERE, is_local=is_plain)
    transport = Transport(
        base.host,
        base.port,
        Resolver(base.host, base.port, rule, look_up),
        None if is_plain else tls_context(),
        _LIMITS,
    )
    bearer = None if token is None else Bearer(token)
    try:
        yield base, Asker(transport, bearer, _LIMITS, Waiting())
    finally:
        transport.close()


def _told(search: str, error: FHIRError) -> str:
    """Name the type that was searched for, not what may hold the id of a patient."""
    kind = search.partition("?")[0]
    remedy = _REMEDIES.get(error.fault)
    return f"{kind}: {error.fault.value}" + (f"; {remedy}" if remedy else "")


def _is_outcome(resource: object) -> bool:
    return (
        isinstance(resource, dict)
        and resource.get("resourceType") == "OperationOutcome"
    )
