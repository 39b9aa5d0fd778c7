"""Live reads and searches on one FHIR server, within one budget of time."""

import logging
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from traceback import walk_tb
from typing import Any, Final

from cds_hooks.prefetch import Availability, PrefetchedData
from service.fhir.client.asking import Asker, Waiting
from service.fhir.client.bearer import Bearer
from service.fhir.client.breaker import Admission, Breaker
from service.fhir.client.deadline import Deadline
from service.fhir.client.faults import Fault, FHIRError
from service.fhir.client.limits import Limits
from service.fhir.client.paging import Pages, read_resource
from service.fhir.client.room import Room
from service.fhir.client.targets import Base, Query
from service.fhir.client.transport import Transport

__all__ = ["FHIRClient", "Fetched", "Look"]

_log = logging.getLogger(__name__)

_METADATA: Final = "metadata"

#: Faults that speak against the server, not against the query or the token.
_SERVER_FAILS: Final = frozenset(
    {Fault.SERVER_ERROR, Fault.TIMEOUT, Fault.UNREACHABLE, Fault.PROXY, Fault.TLS}
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """
    What became of one query.

    Attributes
    ----------
    data : PrefetchedData
        Complete, empty or unavailable: never a part that passes for the whole. A read
        that found nothing is unavailable too; the server may hide what there is.
    fault : Fault or None
        Why it is unavailable.
    pages : int
        Pages that were read.
    milliseconds : float
        Time it took.
    """

    data: PrefetchedData = field(repr=False)
    fault: Fault | None
    pages: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Look:
    """
    One answer as the server gave it, for tools that judge a server.

    Attributes
    ----------
    resource : Mapping or None
        What came with 200: a resource, or the first page of a search.
    fault : Fault or None
        Why nothing came.
    issue_codes : tuple of str
        Codes of the OperationOutcome that came instead.
    milliseconds : float
        Time it took.
    """

    resource: Mapping[str, Any] | None = field(repr=False)
    fault: Fault | None
    issue_codes: tuple[str, ...]
    milliseconds: float


class FHIRClient:
    """
    Ask one server for what one call needs, with that call's token.

    Made by `FHIRAccess`, which keeps connections and breaker from call to call; the
    token is never kept.

    Parameters
    ----------
    base : Base
        The server's base URL.
    transport : Transport
        Connections to it.
    breaker : Breaker
        Its record of failures.
    bearer : Bearer or None
        The token; None only for a server that needs none.
    limits : Limits
        Limits of each fetch.
    waiting : Waiting
        Clocks and pauses.
    """

    def __init__(
        self,
        base: Base,
        transport: Transport,
        breaker: Breaker,
        bearer: Bearer | None,
        limits: Limits,
        waiting: Waiting,
    ) -> None:
        self._base = base
        self._breaker = breaker
        self._limits = limits
        self._clock = waiting.clock
        self._asker = Asker(transport, bearer, limits, waiting)
        self._deadline: Deadline | None = None
        self._room = Room(limits.body_bytes)

    def fetch(self, queries: Mapping[str, tuple[str, str]]) -> dict[str, Fetched]:
        """
        Carry out queries in parallel; when this returns nothing goes on.

        Several fetches of one client share the budget of time, which begins with the
        first, and that of bytes.

        Parameters
        ----------
        queries : Mapping of str to tuple
            By key: a query relative to the base (``Patient/p1``,
            ``Condition?patient=p1``) and the resource type that it is for.

        Returns
        -------
        dict of str to Fetched
            One for each key, in the same order.
        """
        deadline = self._deadline = self._deadline or Deadline(
            self._limits.total_s, self._clock
        )
        fetched: dict[str, Fetched] = {}
        ready: dict[str, Query] = {}
        for key, (text, kind) in queries.items():
            try:
                ready[key] = Query.parse(text, kind)
                self._asker.headers()
            except FHIRError as error:
                ready.pop(key, None)
                fetched[key] = _failed(error)
        fetched.update(self._fetch(ready, deadline))
        for key, each in fetched.items():
            if each.fault is not None:
                _log.warning("FHIR query %s: %s", key, each.fault)
        return {key: fetched[key] for key in queries}

    def look(self, path: str) -> Look:
        """
        Ask once and give the answer unread, with a budget of its own.

        Parameters
        ----------
        path : str
            ``metadata``, or a query as `fetch` takes it.

        Returns
        -------
        Look
            Of a search, the first page only: not to be taken for the whole.
        """
        begin = self._clock()
        deadline = Deadline(self._limits.total_s, self._clock)
        resource, fault = None, None
        issue_codes: tuple[str, ...] = ()
        try:
            if path == _METADATA:
                target, form = self._base.target(path), None
            else:
                query = Query.parse(path, re.split("[/?]", path, maxsplit=1)[0])
                target, form = self._address(query)
            room = self._limits.body_bytes
            resource, _ = self._asker.ask(target, form, room, deadline)
        except FHIRError as error:
            fault, issue_codes = error.fault, error.issue_codes
        except Exception as error:  # noqa: BLE001 whatever an answer may set off
            fault = _unexpected(error).fault
        return Look(resource, fault, issue_codes, (self._clock() - begin) * 1e3)

    def _fetch(
        self, queries: Mapping[str, Query], deadline: Deadline
    ) -> dict[str, Fetched]:
        """Ask the breaker, then the server."""
        if not queries:
            return {}
        admission = self._breaker.admit()
        if admission is Admission.FREE:
            return self._in_parallel(queries, deadline)
        refused = {key: _failed(FHIRError(Fault.CIRCUIT_OPEN)) for key in queries}
        if admission is Admission.REFUSED:
            return refused
        key, *others = queries
        probe = self._probe(queries[key], deadline)
        if probe.fault in _SERVER_FAILS:
            return {**refused, key: probe}
        rest = {other: queries[other] for other in others}
        return {key: probe, **self._in_parallel(rest, deadline)}

    def _probe(self, query: Query, deadline: Deadline) -> Fetched:
        is_working = False
        try:
            probe = self._one(query, deadline)
            is_working = probe.fault not in _SERVER_FAILS
        finally:
            self._breaker.record_probe(is_working=is_working)
        return probe

    def _in_parallel(
        self, queries: Mapping[str, Query], deadline: Deadline
    ) -> dict[str, Fetched]:
        """Share the queries out among threads that end with this method."""
        if not queries:
            return {}
        threads = min(self._limits.parallel, len(queries))
        work = partial(self._one, deadline=deadline)
        try:
            with ThreadPoolExecutor(threads, thread_name_prefix="fhir") as executor:
                fetched = dict(
                    zip(queries, executor.map(work, queries.values()), strict=True)
                )
        except RuntimeError:  # no thread to be had, which is no failure of the server
            _log.error("FHIR queries not sent: no thread could be started")
            return {key: _failed(FHIRError(Fault.UNREACHABLE)) for key in queries}
        for each in fetched.values():
            self._breaker.record(is_working=each.fault not in _SERVER_FAILS)
        return fetched

    def _one(self, query: Query, deadline: Deadline) -> Fetched:
        begin = self._clock()
        pages = Pages(query.kind, self._limits.entries)
        fault = None
        try:
            data = self._answer(query, pages, deadline)
        except FHIRError as error:
            fault, data = error.fault, _unavailable(error)
        except Exception as error:  # noqa: BLE001 whatever an answer may set off
            failure = _unexpected(error)
            fault, data = failure.fault, _unavailable(failure)
        count = pages.count if query.identifier is None else int(fault is None)
        return Fetched(data, fault, count, (self._clock() - begin) * 1e3)

    def _answer(self, query: Query, pages: Pages, deadline: Deadline) -> PrefetchedData:
        """Read or search; what comes too late counts for nothing."""
        if query.identifier is None:
            data = self._search(query, pages, deadline)
        else:
            data = self._read(query, query.identifier, deadline)
        if not deadline.has(0.0):
            raise FHIRError(Fault.TIMEOUT)
        return data

    def _read(
        self, query: Query, identifier: str, deadline: Deadline
    ) -> PrefetchedData:
        target = self._base.target(query.path)
        resource, _ = self._asker.ask(target, None, self._room, deadline)
        return read_resource(resource, query.kind, identifier)

    def _search(self, query: Query, pages: Pages, deadline: Deadline) -> PrefetchedData:
        origin = self._base.target(query.path)
        target, form = self._address(query)
        seen = {target, origin}
        while True:
            bundle, _ = self._asker.ask(target, form, self._room, deadline)
            link = pages.add(bundle)
            if link is None:
                return pages.data()
            target, form = self._base.next_target(link, origin), None
            if target in seen:
                raise FHIRError(Fault.LOOPING_LINK)
            if pages.count >= self._limits.pages:
                raise FHIRError(Fault.TOO_MANY_PAGES)
            seen.add(target)
            origin = target

    def _address(self, query: Query) -> tuple[str, str | None]:
        """Give target and form: a search that is too long for a URL has a form."""
        length = len(self._base.url) + 1 + len(query.path)
        if query.identifier is None and length > self._limits.url_chars:
            return self._base.target(f"{query.kind}/_search"), query.parameters
        return self._base.target(query.path), None


def _unavailable(error: FHIRError) -> PrefetchedData:
    return PrefetchedData(Availability.UNAVAILABLE, issue_codes=error.issue_codes)


def _unexpected(error: Exception) -> FHIRError:
    """
    Take an answer that set off a defect of ours for one that is not FHIR.

    Of the error its class and place are logged: its text may hold what the server sent.
    """
    *_, (frame, line) = walk_tb(error.__traceback__)
    place = f"{frame.f_globals.get('__name__')}:{line}"
    _log.error("FHIR answer could not be read: %s at %s", type(error).__name__, place)
    return FHIRError(Fault.NOT_FHIR)


def _failed(error: FHIRError) -> Fetched:
    return Fetched(_unavailable(error), error.fault, 0, 0.0)
