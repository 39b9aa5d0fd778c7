"""One FHIR server of a client: where it is, what it speaks, what else it is called."""

from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network

from cds_hooks.addresses import normalised_url

__all__ = ["FHIRServer"]


@dataclass(frozen=True, slots=True)
class FHIRServer:
    """
    A FHIR server that a client may name, and that may be given its tokens.

    Attributes
    ----------
    base_url : str
        Its base, kept as `cds_hooks.addresses.normalised_url` spells it: https, no
        slash at the end.
    version : str
        ``R4``, ``R4B`` or ``R5``.
    private_addresses : tuple of ip_network
        Networks that are not public and in which it may nevertheless stand.
    also_known_as : tuple of str
        Other bases that its resources name in references, https or http. They are
        compared and never connected to.

    Raises
    ------
    InvalidClient
        If a base is no plain URL, or `base_url` not https.
    """

    base_url: str
    version: str = "R4"
    private_addresses: tuple[IPv4Network | IPv6Network, ...] = ()
    also_known_as: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Keep the one spelling of each base."""
        object.__setattr__(self, "base_url", normalised_url(self.base_url))
        names = tuple(
            normalised_url(name, schemes=("https", "http"))
            for name in self.also_known_as
        )
        object.__setattr__(self, "also_known_as", names)

    @property
    def bases(self) -> tuple[str, ...]:  # numpydoc ignore=RT01
        """All bases that stand for it."""
        return (self.base_url, *self.also_known_as)

    def at(self, base_url: str) -> "FHIRServer":
        """
        Give the part of it that lies at a base of its own, such as one tenant's.

        Parameters
        ----------
        base_url : str
            At or below its own, in the one spelling.

        Returns
        -------
        FHIRServer
            The same with this base; its other names lead there too.

        Examples
        --------
        >>> known = ("http://internal/fhir",)
        >>> server = FHIRServer("https://e.example/fhir", also_known_as=known)
        >>> server.at("https://e.example/fhir/a").also_known_as
        ('http://internal/fhir/a',)
        """
        below = base_url[len(self.base_url) :]
        names = tuple(f"{name}{below}" for name in self.also_known_as)
        return replace(self, base_url=base_url, also_known_as=names)
