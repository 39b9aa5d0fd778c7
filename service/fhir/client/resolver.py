"""From a host name to addresses that may be connected to, or to a refusal."""

import socket
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from threading import Lock, Thread
from typing import Final

from service.fhir.client.faults import Fault, FHIRError

__all__ = ["AddressRule", "LookUp", "Resolver", "look_up"]

Address = IPv4Address | IPv6Address
#: Host and port to addresses as text.
LookUp = Callable[[str, int], Iterable[str]]

_LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
#: Where clouds answer every program with secrets. No FHIR server stands there, so that
#: not even a listed network that contains them is leave to connect.
_METADATA: Final = (
    ip_network("169.254.169.254"),
    ip_network("169.254.170.2"),
    ip_network("100.100.100.200"),
    ip_network("168.63.129.16"),
    ip_network("192.0.0.192"),
    ip_network("fd00:ec2::254"),
)
#: IPv4 in the clothes of IPv6: NAT64 is in use, tunnels (Teredo, 6to4) are of the past.
_NAT64: Final = IPv6Network("64:ff9b::/96")
_NOT_PUBLIC: Final = (
    ip_network("192.0.0.0/24"),
    ip_network("2001::/32"),
    ip_network("2002::/16"),
    ip_network("64:ff9b:1::/48"),
    ip_network("fec0::/10"),
)


@dataclass(frozen=True, slots=True)
class AddressRule:
    """
    Which addresses one server may have.

    Attributes
    ----------
    listed : tuple of ip_network
        Networks that are not public and in which it may stand.
    is_local : bool
        It may only stand on this machine: for plain http in open mode.

    Examples
    --------
    >>> AddressRule().permits("10.0.0.1")
    False
    >>> AddressRule((ip_network("10.0.0.0/24"),)).permits("::ffff:10.0.0.1")
    True
    """

    listed: tuple[IPv4Network | IPv6Network, ...] = ()
    is_local: bool = False

    def permits(self, address: str) -> bool:
        """
        Tell whether an address may be connected to.

        Parameters
        ----------
        address : str
            IPv4 or IPv6.

        Returns
        -------
        bool
            False for what is no address as well.
        """
        try:
            found = _plain(ip_address(address))
        except ValueError:
            return False
        if self.is_local:
            return _is_in(found, _LOOPBACK)
        if _is_in(found, _METADATA):
            return False
        return _is_in(found, self.listed) or _is_public(found)

    def with_loopback(self) -> "AddressRule":
        """
        Give leave for this machine too.

        Returns
        -------
        AddressRule
            The same with the loopback networks listed.
        """
        return AddressRule((*self.listed, *_LOOPBACK), self.is_local)


def _plain(address: Address) -> Address:
    """Undress an IPv4 address that came as IPv6."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_in(address: Address, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)


def _is_public(address: Address) -> bool:
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or address.is_link_local
        or _is_in(address, _NOT_PUBLIC)
    )


def look_up(host: str, port: int) -> list[str]:
    """
    Ask the system for the addresses of a host.

    Parameters
    ----------
    host : str
        Name or address.
    port : int
        Port.

    Returns
    -------
    list of str
        Addresses in the system's order of preference.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Resolver:
    """
    Find the addresses of one host, and refuse them all if one must not be used.

    The system cannot be asked to stop looking. So it is asked from a thread of its own,
    which knows the host and nothing else; it is not waited for beyond the time given,
    and never are there two of them.

    Parameters
    ----------
    host : str
        Name or address.
    port : int
        Port.
    rule : AddressRule
        Which addresses serve.
    look_up : callable, optional
        Host and port to addresses; the system's own way if not given.
    """

    def __init__(
        self, host: str, port: int, rule: AddressRule, look_up: LookUp = look_up
    ) -> None:
        self._host = host
        self._port = port
        self._rule = rule
        self._look_up = look_up
        self._lock = Lock()
        self._pending: Future[list[str]] | None = None

    def addresses(self, timeout_s: float) -> list[str]:
        """
        Give the addresses to connect to: these very ones, without looking again.

        Parameters
        ----------
        timeout_s : float
            Seconds to wait.

        Returns
        -------
        list of str
            At least one.

        Raises
        ------
        TimeoutError
            If the answer takes longer.
        FHIRError
            If the host is unknown, or one of its addresses is refused.
        """
        try:
            found = self._asked().result(timeout_s)
        except TimeoutError:
            raise
        except (OSError, UnicodeError):
            raise FHIRError(Fault.UNREACHABLE) from None
        if not found:
            raise FHIRError(Fault.UNREACHABLE)
        if not all(map(self._rule.permits, found)):
            raise FHIRError(Fault.REFUSED_ADDRESS)
        return found

    def _asked(self) -> "Future[list[str]]":
        with self._lock:
            if self._pending is None:
                answer: Future[list[str]] = Future()
                # Kept only once somebody is about to answer: without a thread to be
                # had, whoever comes later would wait for nobody, and for ever.
                thread = Thread(
                    target=self._ask, args=(answer,), name="dns", daemon=True
                )
                try:
                    thread.start()
                except (RuntimeError, MemoryError):
                    raise FHIRError(Fault.UNREACHABLE) from None
                self._pending = answer
            return self._pending

    def _ask(self, answer: "Future[list[str]]") -> None:
        try:
            found = list(self._look_up(self._host, self._port))
        except Exception as error:  # noqa: BLE001 handed to whoever waits
            self._forget()
            answer.set_exception(error)
        else:
            self._forget()
            answer.set_result(found)

    def _forget(self) -> None:
        with self._lock:
            self._pending = None
