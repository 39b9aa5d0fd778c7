"""What one registered EHR client is and can do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cds_hooks.addresses import is_within, normalised_url
from cds_hooks.capabilities import Capabilities, Trigger
from cds_hooks.errors import InvalidClient
from cds_hooks.fhir_servers import FHIRServer
from cds_hooks.smart_apps import SMARTApp

__all__ = ["STAGES", "Client", "KeySource"]

#: ``silent``: its calls are computed and logged, and answered without cards.
STAGES = ("silent", "live")


@dataclass(frozen=True, slots=True)
class KeySource:
    """
    Where the keys are found that a client signs with: exactly one of three places.

    Attributes
    ----------
    jwks : Mapping or None
        The public keys themselves, a JSON Web Key Set.
    jwks_file : pathlib.Path or None
        A file with it.
    jwks_url : str or None
        The https URL that answers it.
    jku : str or None
        What the client's tokens write into the header ``jku``, if that is another URL
        than `jwks_url`. It is compared, never fetched.

    Raises
    ------
    InvalidClient
        If none or several are given.
    """

    jwks: Mapping[str, Any] | None = field(default=None, repr=False)
    jwks_file: Path | None = None
    jwks_url: str | None = None
    jku: str | None = None

    def __post_init__(self) -> None:
        """Refuse two answers to the question whom to trust."""
        given = [x for x in (self.jwks, self.jwks_file, self.jwks_url) if x is not None]
        if len(given) != 1:
            raise InvalidClient(
                f"names {len(given)} sources of keys",
                "give exactly one of jwks, jwks_file, jwks_url",
            )

    def has_jku(self, url: object) -> bool:
        """
        Tell whether a token may name an address of keys.

        Parameters
        ----------
        url : object
            Its header ``jku``.

        Returns
        -------
        bool
            Whether it is the registered one, to the letter.

        Examples
        --------
        >>> source = KeySource(jwks_url="https://ehr.example.org/jwks")
        >>> source.has_jku("https://ehr.example.org/jwks")
        True
        >>> source.has_jku("https://evil.example/jwks")
        False
        """
        return url is not None and url == (self.jku or self.jwks_url)


@dataclass(frozen=True, slots=True)
class Client:
    """
    One EHR client, as an installation knows it.

    Attributes
    ----------
    name : str
        Short name for logs, options and metrics: lower-case letters, digits, hyphens.
    preset : str
        Name of the preset that it started from.
    stage : str
        ``silent`` or ``live``: whether it is shown cards. Open mode shows them anyway.
    title : str
        Name for people.
    language : str or None
        BCP 47 tag of the language in which it is answered; None for the application's.
    issuer : str or None
        ``iss`` of its JWTs, compared character by character.
    keys : KeySource or None
        Where its keys are; given with `issuer` and only then.
    tenants : tuple of str
        Values of the claim ``tenant`` that are taken; empty: the claim is not asked
        for.
    audiences : tuple of str
        Values of ``aud`` that are taken; empty: the URL that was called.
    certificates : tuple of str
        Certificates of which its calls must come with one: the SHA-256 fingerprint, 64
        hexadecimal digits in lower case, or the subject to the letter.
    token_lifetime_s : int
        Longest time in seconds from ``iat`` to ``exp`` of a token.
    reuses_tokens : bool
        Whether it sends the same token more than once, which is otherwise refused.
    fhir_servers : tuple of FHIRServer
        Those it may name in ``fhirServer``.
    origins : tuple of str
        Origins of web pages from which it calls, for CORS.
    hooks : tuple of str
        Hooks that it can fire; empty: every one.
    prefetch_keys : Mapping
        Our prefetch key to the site's own names of it.
    trigger : Trigger or None
        How it tells a discharge at ``patient-view``.
    views_at_discharge : bool
        Whether it was set up to fire ``patient-view`` at a discharge only.
    capabilities : Capabilities
        What it makes of a card.
    sends_prefetch : bool
        Whether it is known to prefetch.
    smart : SMARTApp or None
        How it knows the SMART app that links launch; None if it does not.
    site : Mapping
        What the application, not the protocol, needs to know of the site.
    notes : tuple of str
        What is documented of it, and what is to be confirmed with each site.
    is_open_only : bool
        Whether it can only be served in open mode, since nothing about it can be
        trusted.
    """

    name: str
    preset: str = "generic"
    stage: str = "silent"
    title: str = ""
    language: str | None = None
    issuer: str | None = None
    keys: KeySource | None = None
    tenants: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    token_lifetime_s: int = 3600
    reuses_tokens: bool = False
    fhir_servers: tuple[FHIRServer, ...] = ()
    origins: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    prefetch_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    trigger: Trigger | None = None
    views_at_discharge: bool = False
    capabilities: Capabilities = field(default_factory=Capabilities)
    sends_prefetch: bool = True
    smart: SMARTApp | None = None
    site: Mapping[str, str | bool] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    is_open_only: bool = False

    def __post_init__(self) -> None:
        """Keep own copies of the mappings."""
        for name in ("prefetch_keys", "site"):
            value = MappingProxyType(dict(getattr(self, name)))
            object.__setattr__(self, name, value)

    @property
    def can_prove_itself(self) -> bool:
        """
        Tell whether its calls can be told from anybody else's.

        Returns
        -------
        bool
            Whether an issuer or a certificate is registered; else it is served in open
            mode only.
        """
        return self.issuer is not None or bool(self.certificates)

    def tells_discharge(self, extension: Mapping[str, Any]) -> bool:
        """
        Tell whether a ``patient-view`` in an encounter means its end.

        Parameters
        ----------
        extension : Mapping
            The request's ``extension``, as it was sent.

        Returns
        -------
        bool
            Whether it was set up so, or the call says so by the client's trigger.

        Examples
        --------
        >>> Client("north", views_at_discharge=True).tells_discharge({})
        True
        >>> Client("north").tells_discharge({})
        False
        """
        by_trigger = self.trigger is not None and self.trigger.means_discharge(
            extension
        )
        return self.views_at_discharge or by_trigger

    def fhir_server(self, url: object) -> FHIRServer | None:
        """
        Find the server that a request names.

        Parameters
        ----------
        url : object
            The request's ``fhirServer``, as it was sent.

        Returns
        -------
        FHIRServer or None
            The registered server at or above the URL, with this very URL as its base;
            None if it is not this client's to name.

        Examples
        --------
        >>> server = FHIRServer("https://ehr.example.org/fhir")
        >>> client = Client("north", fhir_servers=(server,))
        >>> client.fhir_server("https://EHR.example.org/fhir/").base_url
        'https://ehr.example.org/fhir'
        >>> client.fhir_server("https://ehr.example.org.evil.example/fhir") is None
        True
        """
        try:
            base_url = normalised_url(url)
        except InvalidClient:
            return None
        above = [s for s in self.fhir_servers if is_within(base_url, s.base_url)]
        if not above:
            return None
        nearest = max(above, key=lambda server: len(server.base_url))
        return nearest.at(base_url)

    def fhir_version(self, url: object) -> str:
        """
        Tell in which FHIR version the client writes.

        Parameters
        ----------
        url : object
            The request's ``fhirServer``, as it was sent.

        Returns
        -------
        str
            That of the registered server; for any other, and for none, the version that
            all of its servers speak, else R4.

        Examples
        --------
        >>> server = FHIRServer("https://ehr.example.org/fhir", "R5")
        >>> Client("north", fhir_servers=(server,)).fhir_version(None)
        'R5'
        """
        server = self.fhir_server(url)
        asked = self.fhir_servers if server is None else (server,)
        versions = {each.version for each in asked}
        return versions.pop() if len(versions) == 1 else "R4"

    def prefetch_names(self, key: str) -> tuple[str, ...]:
        """
        Tell under which names the site may send a prefetch key.

        Parameters
        ----------
        key : str
            Our key.

        Returns
        -------
        tuple of str
            The site's own names first, then ours.

        Examples
        --------
        >>> client = Client("north", prefetch_keys={"procedures": ("procs-user",)})
        >>> client.prefetch_names("procedures")
        ('procs-user', 'procedures')
        """
        return (*self.prefetch_keys.get(key, ()), key)
