"""A tunnel through a proxy (CONNECT): what goes through it is TLS with the server."""

import re
from http import HTTPStatus
from ipaddress import ip_network
from typing import Final

from cds_hooks.addresses import host_of
from service.fhir.client.deadline import Deadline
from service.fhir.client.faults import Fault, FHIRError
from service.fhir.client.resolver import AddressRule
from service.fhir.client.sockets import TimedSocket
from service.fhir.client.targets import Base

__all__ = ["PROXY_RULE", "open_tunnel", "proxy_at"]

#: Where a proxy may stand: its operator knows. Not where clouds answer with secrets.
PROXY_RULE: Final = AddressRule((ip_network("0.0.0.0/0"), ip_network("::/0")))

_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r]")
_END: Final = b"\r\n\r\n"
_MOST_HEAD: Final = 16_384
#: The proxy is there and found the server not to be: the same as finding it out here.
_SERVER_IS_NOT_THERE: Final = frozenset(
    {
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


def proxy_at(url: str) -> Base:
    """
    Read the address of a proxy.

    Parameters
    ----------
    url : str
        Scheme ``http``, host and port: the hospital's own network lies between, and
        what goes through the tunnel is TLS anyway.

    Returns
    -------
    Base
        Host and port.

    Raises
    ------
    ValueError
        If it is anything else; a user name is never repeated.

    Examples
    --------
    >>> proxy_at("http://proxy.example:3128").port
    3128
    """
    base = Base.parse(url)
    if base.scheme != "http":
        raise ValueError("is not http; give http://host:port")
    if base.path:
        raise ValueError("has a path; end it after the port")
    host = host_of(base.url)
    if not isinstance(host, str) and not PROXY_RULE.permits(str(host)):
        raise ValueError("is an address no proxy has; give that of yours")
    return base


def open_tunnel(sock: TimedSocket, *, host: str, port: int, deadline: Deadline) -> None:
    """
    Have a proxy connect to a server; afterwards the socket leads there.

    Parameters
    ----------
    sock : TimedSocket
        Connected to the proxy.
    host : str
        Name of the server.
    port : int
        Its port.
    deadline : Deadline
        When waiting ends.

    Raises
    ------
    FHIRError
        If it will not, or cannot.
    """
    place = f"{host}:{port}"
    sock.deadline = deadline
    sock.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode("ascii"))
    status = _status(sock, deadline)
    if status in _SERVER_IS_NOT_THERE:
        raise FHIRError(Fault.UNREACHABLE)
    if status not in range(200, 300):
        raise FHIRError(Fault.PROXY)


def _status(sock: TimedSocket, deadline: Deadline) -> int:
    """Read the head of the answer; what follows it can only be the proxy's own."""
    head = b""
    while _END not in head:
        sock.settimeout(deadline.left_s())
        part = sock.recv(_MOST_HEAD)
        head += part
        if not part or len(head) > _MOST_HEAD:
            raise FHIRError(Fault.PROXY)
    found = _STATUS.match(head)
    if found is None:
        raise FHIRError(Fault.PROXY)
    status = int(found[1])
    if status in range(200, 300) and not head.endswith(_END):
        raise FHIRError(Fault.PROXY)
    return status
