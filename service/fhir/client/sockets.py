"""Sockets that keep to a deadline and take no more than was agreed."""

import select
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv4Address, ip_address
from typing import Any, Final

from service.fhir.client.deadline import Deadline
from service.fhir.client.faults import Fault, FHIRError

__all__ = ["TimedSocket", "connect", "forget_unsent", "is_quiet", "tls_context"]

#: On, zero seconds: what is not yet sent is dropped. The token may be in it.
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class TimedSocket(socket.socket):
    """
    A connection whose every wait ends with the deadline of the moment.

    A limit for each read alone is no limit: a server that sends a byte now and then
    keeps within it for ever.

    Attributes
    ----------
    deadline : Deadline
        When waiting ends; set anew for each request.
    allowance : int
        Bytes that may still be received; set anew for each request.
    """

    deadline: Deadline
    allowance: int

    def recv_into(self, *args: Any) -> int:  # noqa: ANN401 as its base
        """
        Receive into a buffer.

        Parameters
        ----------
        *args : object
            As of `socket.socket.recv_into`.

        Returns
        -------
        int
            Number of bytes.

        Raises
        ------
        TimeoutError
            If nothing comes in time.
        FHIRError
            If more has come than may.
        """
        self.settimeout(self.deadline.left_s())
        count = super().recv_into(*args)
        self.allowance -= count
        if self.allowance < 0:
            raise FHIRError(Fault.TOO_LARGE)
        return count

    def send(self, *args: Any) -> int:  # noqa: ANN401 as its base
        """
        Send a part of the data.

        Parameters
        ----------
        *args : object
            As of `socket.socket.send`.

        Returns
        -------
        int
            Number of bytes.
        """
        self.settimeout(self.deadline.left_s())
        return super().send(*args)

    def sendall(self, *args: Any) -> None:  # noqa: ANN401 as its base
        """
        Send all of the data.

        Parameters
        ----------
        *args : object
            As of `socket.socket.sendall`.
        """
        self.settimeout(self.deadline.left_s())
        super().sendall(*args)


class _TimedTLSSocket(TimedSocket, ssl.SSLSocket):
    """The same within TLS."""


def tls_context(
    make: Callable[[], ssl.SSLContext] = ssl.create_default_context,
) -> ssl.SSLContext:
    """
    Prepare TLS: trusted issuers, right names, version 1.2 at least.

    Parameters
    ----------
    make : callable, optional
        Makes the context; by default one with the system's trusted issuers.

    Returns
    -------
    ssl.SSLContext
        Whose sockets keep to a deadline.
    """
    context = make()
    context.sslsocket_class = _TimedTLSSocket
    context.set_alpn_protocols(["http/1.1"])
    return context


def connect(
    address: str,
    port: int,
    deadline: Deadline,
    *,
    tls: ssl.SSLContext | None,
    name: str,
    prepare: Callable[..., None] | None = None,
) -> TimedSocket:
    """
    Connect to an address, and with TLS make sure who is there.

    Parameters
    ----------
    address : str
        IPv4 or IPv6: no name is looked up here.
    port : int
        Port.
    deadline : Deadline
        For connection and TLS together.
    tls : ssl.SSLContext or None
        Made by `tls_context`; None for plain http.
    name : str
        Host name that the certificate must be for.
    prepare : callable, optional
        Makes the connection ready before TLS; takes it, and the deadline by name.

    Returns
    -------
    TimedSocket
        Connected.

    Raises
    ------
    FHIRError
        If the server could not prove who it is.
    """
    is_ipv4 = isinstance(ip_address(address), IPv4Address)
    sock = TimedSocket(socket.AF_INET if is_ipv4 else socket.AF_INET6)
    try:
        sock.settimeout(deadline.left_s())
        sock.connect((address, port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if prepare is not None:
            prepare(sock, deadline=deadline)
        return sock if tls is None else _secured(sock, deadline, tls, name)
    except BaseException:
        sock.close()
        raise


def _secured(
    sock: TimedSocket, deadline: Deadline, tls: ssl.SSLContext, name: str
) -> TimedSocket:
    # One limit for all of the handshake: OpenSSL's reads share it.
    sock.settimeout(deadline.left_s())
    try:
        wrapped = tls.wrap_socket(sock, server_hostname=name)
    except (ssl.SSLEOFError, ssl.SSLSyscallError, ssl.SSLZeroReturnError):
        raise  # it hung up: no connection, rather than a wrong one
    except ssl.SSLError:
        raise FHIRError(Fault.TLS) from None
    assert isinstance(wrapped, TimedSocket)  # noqa: S101 by tls_context; for mypy
    return wrapped


def is_quiet(sock: TimedSocket) -> bool:
    """
    Tell whether nothing has arrived that nobody asked for, nor the connection ended.

    Parameters
    ----------
    sock : TimedSocket
        A connection between two requests.

    Returns
    -------
    bool
        Whether the next thing to arrive will be the answer to the next request.
    """
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        return False
    arrivals = select.poll()
    arrivals.register(sock, select.POLLIN | select.POLLHUP | select.POLLERR)
    return not arrivals.poll(0)


def forget_unsent(sock: socket.socket) -> None:
    """
    See to it that closing a connection ends it at once.

    Parameters
    ----------
    sock : socket.socket
        The connection, about to be closed.
    """
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
