"""The FHIR servers of a register file: where a token may go, and under what names."""

from ipaddress import IPv4Network, IPv6Network, ip_network

from cds_hooks.addresses import host_of, normalised_url
from cds_hooks.errors import InvalidClient
from cds_hooks.fhir_servers import FHIRServer
from cds_hooks.items import Item, Reader

__all__ = ["read_server"]

_VERSIONS = ("R4", "R4B", "R5")
#: Where a server that is not public may stand; loopback and link-local never serve.
_PRIVATE = tuple(
    map(
        ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    )
)


def read_server(item: Item) -> FHIRServer | None:
    """
    Read one server.

    Parameters
    ----------
    item : Item
        An entry of ``fhir_servers``.

    Returns
    -------
    FHIRServer or None
        The server; None without a base that serves.
    """
    readers: dict[str, Reader] = {
        "base_url": lambda each: each.made(normalised_url),
        "version": lambda each: each.choice(_VERSIONS),
        "private_addresses": lambda each: each.tuple_of(
            lambda part: part.made(_private_network)
        ),
        "also_known_as": lambda each: each.tuple_of(lambda part: part.made(_name)),
    }
    read = item.read_fields(readers, required=("base_url",))
    if read.get("base_url") is None:
        return None
    if read["base_url"] in (read.get("also_known_as") or ()):
        item.fields()["also_known_as"].refuse(
            "repeats the base_url", "list other names only", shown=False
        )
    server = FHIRServer(**{name: value for name, value in read.items() if value})
    if not _may_be_reached(server):
        item.fields()["base_url"].refuse(
            "is not public",
            "list its network under private_addresses; a server on this machine is"
            " reached in open mode, without an entry",
        )
    return server


def _may_be_reached(server: FHIRServer) -> bool:
    """Tell whether a host is a name, or an address that is public or declared."""
    host = host_of(server.base_url)
    if isinstance(host, str):
        return host != "localhost" and not host.endswith(".localhost")
    return host.is_global or any(host in n for n in server.private_addresses)


def _name(text: str) -> str:
    """Read a name that is only compared: records may hold what nobody connects to."""
    return normalised_url(text, schemes=("https", "http"))


def _private_network(text: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise InvalidClient(
            "is no network", "write it as 10.20.0.0/16, or one address"
        ) from None
    if "/" in text and str(network) != text.lower():
        raise InvalidClient("is no network as it is written", f"write {network}")
    if not any(_lies_in(network, private) for private in _PRIVATE):
        raise InvalidClient(
            "is no private network",
            f"give a part of {', '.join(map(str, _PRIVATE))}; public addresses need"
            " no entry, others never serve",
        )
    return network


def _lies_in(
    network: IPv4Network | IPv6Network, wide: IPv4Network | IPv6Network
) -> bool:
    return (
        network.version == wide.version
        and network[0] in wide
        and network.prefixlen >= wide.prefixlen
    )
