"""One HTTP exchange with one FHIR server, over connections to vetted addresses.

Python's own `http.client` does no more than HTTP: it knows no proxies, password files,
cookies or redirects, and logs nothing. Why not `requests`: docs/decisions/0028.
"""

import logging
import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.client import (
    BadStatusLine,
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    IncompleteRead,
    UnknownProtocol,
)
from threading import Lock
from time import monotonic
from typing import Final

from service.fhir.client.bodies import inflated
from service.fhir.client.deadline import Deadline
from service.fhir.client.faults import Fault, FHIRError
from service.fhir.client.limits import Limits
from service.fhir.client.resolver import Resolver
from service.fhir.client.room import Room
from service.fhir.client.sockets import TimedSocket, connect, forget_unsent, is_quiet
from service.fhir.client.targets import Base
from service.fhir.client.tunnel import open_tunnel

__all__ = ["Reply", "Request", "Transport"]

_log = logging.getLogger(__name__)

#: Bytes beyond the body that an answer may have: status, headers, chunk sizes.
_HEAD_BYTES: Final = 262_144
#: Most of the body of a refusal; it may be an OperationOutcome.
_REFUSAL_BYTES: Final = 65_536
_PART: Final = 65_536
#: Connections kept for the next call (eight threads, five queries each), and how long.
_MOST_IDLE: Final = 40
_IDLE_S: Final = 30.0
#: The first that fits counts.
_FAULTS: Final[tuple[tuple[tuple[type[Exception], ...], Fault], ...]] = (
    ((TimeoutError,), Fault.TIMEOUT),
    ((OSError, IncompleteRead), Fault.UNREACHABLE),
    ((BadStatusLine, UnknownProtocol), Fault.NOT_FHIR),
    # What remains of http.client's errors: too many header lines, or too long ones.
    ((HTTPException,), Fault.TOO_LARGE),
)


@dataclass(frozen=True, slots=True)
class Request:
    """
    What to send.

    Attributes
    ----------
    method : str
        ``GET`` or ``POST``.
    target : str
        Path and query.
    headers : Mapping
        Never shown: the token is in it.
    body : bytes or None
        For ``POST``.
    may_repeat : bool
        Whether it changes nothing: a read or a search.
    """

    method: str
    target: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    may_repeat: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """
    What came back.

    Attributes
    ----------
    status : int
        HTTP status.
    content_type : str
        As sent; empty if it was not.
    retry_after, location : str
        As sent; empty if they were not.
    body : bytes
        Uncompressed. That of a refusal is empty if it could not be read.
    """

    status: int
    content_type: str
    retry_after: str
    body: bytes = field(repr=False)
    location: str = field(default="", repr=False)


class _Connection(HTTPConnection):
    """A connection that was made elsewhere and never makes itself anew."""

    auto_open = 0
    sock: TimedSocket

    def __init__(self, host: str, port: int, sock: TimedSocket) -> None:
        super().__init__(host, port)
        if isinstance(sock, ssl.SSLSocket):
            self.default_port = 443  # so that the Host header names no port
        self.sock = sock
        self.idle_since = 0.0


class Transport:
    """
    Connections to one server; threads may share it.

    Parameters
    ----------
    host : str
        Name or address.
    port : int
        Port.
    resolver : Resolver
        Finds the addresses and refuses those that must not be used; with a proxy, the
        proxy's.
    tls : ssl.SSLContext or None
        Made by `service.fhir.client.sockets.tls_context`; None for plain http.
    limits : Limits
        Seconds to connect and to answer.
    clock : callable, optional
        Seconds on a clock that never goes back.
    proxy : Base or None, optional
        Opens a tunnel to the server; only for TLS.
    """

    def __init__(
        self,
        host: str,
        port: int,
        resolver: Resolver,
        tls: ssl.SSLContext | None,
        limits: Limits,
        clock: Callable[[], float] = monotonic,
        proxy: Base | None = None,
    ) -> None:
        self._limits = limits
        self._host = host
        self._port = port
        self._resolver = resolver
        self._tls = tls
        self._clock = clock
        self._proxy = proxy
        self._lock = Lock()
        self._idle: list[_Connection] = []
        self._is_closed = False
        self._process = os.getpid()

    def exchange(self, request: Request, deadline: Deadline, room: Room) -> Reply:
        """
        Send a request and take the answer.

        Parameters
        ----------
        request : Request
            One that may be repeated is sent twice if a kept connection turns out to
            have been closed meanwhile; any other goes over a new connection, once.
        deadline : Deadline
            When everything ends.
        room : Room
            For the body, uncompressed; that of a refusal has a small one of its own.

        Returns
        -------
        Reply
            The answer, whatever its status.

        Raises
        ------
        FHIRError
            If there is none, or none that could be read.
        """
        try:
            return self._exchange(request, deadline, room)
        except (OSError, HTTPException) as error:
            raise FHIRError(_fault_of(error)) from None

    def _exchange(self, request: Request, deadline: Deadline, room: Room) -> Reply:
        kept = self._kept() if request.may_repeat else None
        if kept is not None:
            try:
                return self._converse(kept, request, deadline, room)
            except ConnectionError:
                _log.debug("a kept connection was closed; connecting anew")
        return self._converse(self._connect(deadline), request, deadline, room)

    def close(self) -> None:
        """Close the connections that are kept, and keep none from now on."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _kept(self) -> _Connection | None:
        """Take a connection that is still good, the last used first."""
        while True:
            with self._lock:
                self._disown()
                if not self._idle:
                    return None
                connection = self._idle.pop()
            is_young = self._clock() - connection.idle_since < _IDLE_S
            if is_young and is_quiet(connection.sock):
                return connection
            connection.close()

    def _disown(self) -> None:
        """Leave the parent's connections to the parent: answers would get mixed up."""
        if self._process != os.getpid():
            self._process = os.getpid()
            for connection in self._idle:
                connection.close()
            self._idle = []

    def _connect(self, end: Deadline) -> _Connection:
        deadline = end.within(self._limits.connect_s)
        *others, last = self._resolver.addresses(deadline.left_s())
        for left, address in zip(range(len(others), 0, -1), others, strict=True):
            # An address that does not answer leaves time for those after it.
            share_s = deadline.left_s() / (left + 1)
            with suppress(OSError):
                return self._dial(address, deadline.within(share_s))
        return self._dial(last, deadline)

    def _dial(self, address: str, deadline: Deadline) -> _Connection:
        proxy, prepare = self._proxy, None
        if proxy is not None:
            prepare = partial(open_tunnel, host=self._host, port=self._port)
        sock = connect(
            address,
            proxy.port if proxy else self._port,
            deadline,
            tls=self._tls,
            name=self._host,
            prepare=prepare,
        )
        return _Connection(self._host, self._port, sock)

    def _converse(
        self, connection: _Connection, request: Request, end: Deadline, room: Room
    ) -> Reply:
        deadline = end.within(self._limits.read_s)
        sock, response = connection.sock, None
        is_reusable = False
        try:
            sock.deadline, sock.allowance = deadline, _HEAD_BYTES
            connection.request(
                request.method, request.target, request.body, dict(request.headers)
            )
            response = connection.getresponse()
            if response.status != HTTPStatus.OK:
                room = Room(_REFUSAL_BYTES)
            sock.allowance += room.left
            reply, is_reusable = _reply(response, room, deadline)
        finally:
            if is_reusable:
                self._keep(connection)
            else:
                _abandon(connection, sock, response)
        return reply

    def _keep(self, connection: _Connection) -> None:
        connection.idle_since = self._clock()
        with self._lock:
            is_kept = not self._is_closed and len(self._idle) < _MOST_IDLE
            if is_kept:
                self._idle.append(connection)
        if not is_kept:
            connection.close()


def _abandon(
    connection: _Connection, sock: TimedSocket, response: HTTPResponse | None
) -> None:
    """Close at once; the answer, too, holds on to the socket."""
    forget_unsent(sock)
    if response is not None:
        response.close()
    connection.close()
    sock.close()


def _reply(
    response: HTTPResponse, room: Room, deadline: Deadline
) -> tuple[Reply, bool]:
    """Give the reply, and whether another one may follow on the same connection."""
    is_whole = True
    if response.status == HTTPStatus.OK:
        body = _body(response, room, deadline)
    else:
        try:
            body = _body(response, room, deadline)
        except (FHIRError, OSError, HTTPException):
            body, is_whole = b"", False
    header = response.headers.get
    reply = Reply(
        response.status,
        header("content-type", ""),
        header("retry-after", ""),
        body,
        header("location", ""),
    )
    return reply, is_whole and _can_follow(response)


def _body(response: HTTPResponse, room: Room, deadline: Deadline) -> bytes:
    if (response.length or 0) > room.left:
        raise FHIRError(Fault.TOO_LARGE)
    encodings = response.headers.get_all("content-encoding", [])
    return inflated(_parts(response), ",".join(encodings), room, deadline)


def _parts(response: HTTPResponse) -> Iterator[bytes]:
    try:
        while part := response.read(_PART):
            yield part
    except ValueError:  # a chunk of a negative size
        raise IncompleteRead(b"") from None
    if response.length:  # the connection ended early, and http.client keeps silent
        raise IncompleteRead(b"", response.length)


def _can_follow(response: HTTPResponse) -> bool:
    """Whether it is beyond doubt where the answer ended."""
    headers = response.headers
    lengths = headers.get_all("content-length", [])
    framings = len(lengths) + len(headers.get_all("transfer-encoding", []))
    is_final = response.status >= HTTPStatus.OK
    return is_final and framings == 1 and not response.will_close


def _fault_of(error: Exception) -> Fault:
    return next(fault for kinds, fault in _FAULTS if isinstance(error, kinds))
