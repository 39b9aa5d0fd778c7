"""What is kept between calls of each FHIR server: connections and a breaker."""

import ssl
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from threading import Lock
from typing import Final, Self

from cds_hooks.addresses import host_of
from service.fhir.client.asking import Waiting
from service.fhir.client.bearer import Bearer
from service.fhir.client.breaker import Breaker
from service.fhir.client.deadline import Deadline
from service.fhir.client.fetching import FHIRClient
from service.fhir.client.limits import Limits
from service.fhir.client.resolver import AddressRule, LookUp, Resolver, look_up
from service.fhir.client.room import Room
from service.fhir.client.sockets import tls_context
from service.fhir.client.targets import Base
from service.fhir.client.transport import Reply, Request, Transport
from service.fhir.client.tunnel import PROXY_RULE, proxy_at

__all__ = ["FHIRAccess"]

Network = IPv4Network | IPv6Network
#: Scheme, host and port.
_Origin = tuple[str, str, int]

#: Servers kept in mind. Registered ones are few; in open mode callers name them.
_MOST_SERVERS: Final = 64
#: Most of one answer beside those of a client: settings, keys, a token, what was saved.
_MOST_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Server:
    base: Base
    transport: Transport

    @property
    def origin(self) -> _Origin:
        return self.base.scheme, self.base.host, self.base.port


class FHIRAccess:
    """
    The way of one process to FHIR servers; threads may share it.

    All bases of one origin have the same breaker: whoever may choose the path cannot
    start afresh with another one.

    It asks nobody whether a server is registered: that is for whoever calls `client`.

    Parameters
    ----------
    limits : Limits, optional
        Limits of each fetch.
    allow_loopback : bool, optional
        Whether a server may be on this machine, and then by plain http: open mode.
    make_tls : callable, optional
        Makes the TLS context; by default with the issuers that the system trusts.
    look_up : callable, optional
        Host and port to addresses; the system's own way by default.
    waiting : Waiting, optional
        Clocks and pauses.
    proxy : str or None, optional
        Address of the proxy, ``http://host:port``, through which servers are reached
        that are named, neither on this machine nor in a listed network. It looks their
        names up: TLS has to tell whether it found the right one.

    Raises
    ------
    ValueError
        If that is no address of a proxy.

    Examples
    --------
    >>> with FHIRAccess() as access:
    ...     access.client("http://127.0.0.1/fhir")
    Traceback (most recent call last):
    ValueError: base_url: is not https; only open mode reads by http, on this machine
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        allow_loopback: bool = False,
        make_tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        look_up: LookUp = look_up,
        waiting: Waiting | None = None,
        proxy: str | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._allow_loopback = allow_loopback
        self._make_tls = make_tls
        self._look_up = look_up
        self._waiting = waiting or Waiting()
        self._proxy = None if proxy is None else proxy_at(proxy)
        self._lock = Lock()
        self._tls: ssl.SSLContext | None = None
        self._servers: OrderedDict[tuple[str, tuple[Network, ...]], _Server]
        self._servers = OrderedDict()
        self._breakers: OrderedDict[_Origin, Breaker] = OrderedDict()

    def client(
        self,
        base_url: str,
        private_addresses: tuple[Network, ...] = (),
        bearer: Bearer | None = None,
    ) -> FHIRClient:
        """
        Make a client for one call.

        Parameters
        ----------
        base_url : str
            Base URL of a server that was agreed upon with the EHR that called.
        private_addresses : tuple of ip_network, optional
            Networks that are not public and in which it may stand.
        bearer : Bearer or None, optional
            The call's token.

        Returns
        -------
        FHIRClient
            For this call only.

        Raises
        ------
        ValueError
            If the base is no URL to be used with a token.
        """
        with self._lock:
            server = self._server((base_url, private_addresses))
            breaker = self._breaker(server.origin)
        return FHIRClient(
            server.base,
            server.transport,
            breaker,
            bearer,
            self._limits,
            self._waiting,
        )

    def exchange(
        self,
        base_url: str,
        private_addresses: tuple[Network, ...] = (),
        *,
        path: str = "",
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """
        Ask once at one address, which is vetted as a server's is.

        No retry and no breaker: a person waits, and is told what came of it.

        Parameters
        ----------
        base_url : str
            Without a query; https, or http on this machine in open mode.
        private_addresses : tuple of ip_network, optional
            Networks that are not public and in which it may stand.
        path : str, default ""
            Below it; written here, never by a caller.
        method : str, default "GET"
            Whatever changes something is sent once, over a connection of its own.
        headers : Mapping, optional
            Headers.
        body : bytes, optional
            Body.

        Returns
        -------
        Reply
            The answer, whatever its status; no redirect is followed.

        Raises
        ------
        FHIRError
            If there is none, or none that could be read.
        ValueError
            If that is no address to be used.
        """
        with self._lock:
            server = self._server((base_url, private_addresses))
        bare = server.base.path + "/" * base_url.endswith("/") or "/"
        target = server.base.target(path) if path else bare
        request = Request(method, target, headers or {}, body, method == "GET")
        deadline = Deadline(self._limits.total_s, self._waiting.clock)
        return server.transport.exchange(request, deadline, Room(_MOST_BYTES))

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            servers = list(self._servers.values())
            self._servers.clear()
        for server in servers:
            server.transport.close()

    def __enter__(self) -> Self:
        """Use it for a while."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections."""
        self.close()

    def _server(self, key: tuple[str, tuple[Network, ...]]) -> _Server:
        server = self._servers.get(key)
        if server is None:
            server = self._servers[key] = self._open(*key)
        self._servers.move_to_end(key)
        if len(self._servers) > _MOST_SERVERS:
            _, oldest = self._servers.popitem(last=False)
            oldest.transport.close()
        return server

    def _open(self, base_url: str, listed: tuple[Network, ...]) -> _Server:
        base = Base.parse(base_url)
        is_plain = base.scheme == "http"
        if is_plain and not self._allow_loopback:
            raise ValueError(
                "base_url: is not https; only open mode reads by http, on this machine"
            )
        rule = AddressRule(listed, is_local=is_plain)
        if self._allow_loopback:
            rule = rule.with_loopback()
        proxy = None if is_plain or listed or _is_near(base.url) else self._proxy
        found, rule = (base, rule) if proxy is None else (proxy, PROXY_RULE)
        transport = Transport(
            base.host,
            base.port,
            Resolver(found.host, found.port, rule, self._look_up),
            None if is_plain else self._tls_context(),
            self._limits,
            self._waiting.clock,
            proxy,
        )
        return _Server(base, transport)

    def _breaker(self, origin: _Origin) -> Breaker:
        breaker = self._breakers.get(origin)
        if breaker is None:
            breaker = self._breakers[origin] = Breaker(clock=self._waiting.clock)
        self._breakers.move_to_end(origin)
        if len(self._breakers) > _MOST_SERVERS:
            self._breakers.popitem(last=False)
        return breaker

    def _tls_context(self) -> ssl.SSLContext:
        # Reading the trusted issuers takes a while, and open mode does without.
        if self._tls is None:
            self._tls = tls_context(self._make_tls)
        return self._tls


def _is_near(url: str) -> bool:
    """Whether a URL names this machine, or an address: to be vetted here."""
    host = host_of(url)
    return not isinstance(host, str) or f".{host}".endswith(".localhost")
