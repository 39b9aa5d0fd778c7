"""Which EHR launches the app, and where its authorisation server is."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Final

import orjson

from cds_hooks import Client, ClientRegister, InvalidClient, SMARTApp
from cds_hooks.addresses import is_loopback, normalised_url
from service.fhir.client import FHIRAccess, FHIRError, Reply
from service.smart.refusals import Refused, Why

__all__ = ["EHR", "Configuration", "answered", "find_ehr", "read_configuration"]

#: As which public client the app is known to a server of open mode, on this machine.
_OPEN_APP: Final = SMARTApp("scnen-cds")
_OK: Final = 200
_MOST_NAMES: Final = 100


@dataclass(frozen=True, slots=True)
class EHR:
    """
    A registered EHR, or in open mode a FHIR server on this machine.

    Attributes
    ----------
    client : Client
        The client of the register; in open mode maybe the one that is assumed.
    app : SMARTApp
        How it knows the app.
    base_url : str
        Its FHIR server.
    private_addresses : tuple of ip_network
        Networks that are not public and in which its servers may stand.
    is_local : bool
        Whether it is on this machine, in open mode.
    """

    client: Client
    app: SMARTApp
    base_url: str
    private_addresses: tuple[IPv4Network | IPv6Network, ...] = ()
    is_local: bool = False


@dataclass(frozen=True, slots=True)
class Configuration:
    """
    What a server's ``.well-known/smart-configuration`` says.

    Attributes
    ----------
    authorization_endpoint, token_endpoint : str
        Where the browser, and where this service, is to go.
    issuer, jwks_uri : str or None
        Who signs id tokens, and where the keys are.
    capabilities : frozenset of str
        What the server can do.
    """

    authorization_endpoint: str
    token_endpoint: str
    issuer: str | None
    jwks_uri: str | None
    capabilities: frozenset[str]


def find_ehr(
    register: ClientRegister, issuer: object, *, open_client: Client | None = None
) -> EHR:
    """
    Find the EHR that a launch names.

    Parameters
    ----------
    register : ClientRegister
        The registered clients.
    issuer : object
        The launch's ``iss``: a FHIR base.
    open_client : Client or None, optional
        In open mode: whom a server of this machine belongs to, if it is in no entry.

    Returns
    -------
    EHR
        The EHR.

    Raises
    ------
    Refused
        If no client has registered such a server, or the app.
    """
    client = register.at_fhir_server(issuer)
    if client is not None:
        server = client.fhir_server(issuer)
        if client.smart is None or server is None:
            raise Refused(Why.NOT_REGISTERED)
        return EHR(client, client.smart, server.base_url, server.private_addresses)
    if open_client is not None:
        try:
            base_url = normalised_url(issuer, schemes=("https", "http"))
        except InvalidClient:
            raise Refused(Why.UNKNOWN_SERVER) from None
        if is_loopback(base_url):
            return EHR(open_client, _OPEN_APP, base_url, is_local=True)
    raise Refused(Why.UNKNOWN_SERVER)


def read_configuration(access: FHIRAccess, ehr: EHR) -> Configuration:
    """
    Ask a FHIR server how it authorises.

    Parameters
    ----------
    access : FHIRAccess
        The way there.
    ehr : EHR
        Whose server.

    Returns
    -------
    Configuration
        Its addresses, each https (http on this machine in open mode).

    Raises
    ------
    Refused
        If it cannot be had or used, or does without PKCE.
    """
    said = answered(access, ehr, ehr.base_url, path=".well-known/smart-configuration")
    if _words(said.get("code_challenge_methods_supported")).isdisjoint({"S256"}):
        raise Refused(Why.NO_PKCE)
    issuer = said.get("issuer")
    try:
        return Configuration(
            _address(ehr, said.get("authorization_endpoint"), may_have_query=True),
            _as_published(ehr, said.get("token_endpoint")),
            issuer if isinstance(issuer, str) else None,
            _address(ehr, said["jwks_uri"]) if "jwks_uri" in said else None,
            _words(said.get("capabilities")),
        )
    except InvalidClient:
        raise Refused(Why.SETTINGS) from None


def answered(
    access: FHIRAccess,
    ehr: EHR,
    base_url: str,
    *,
    path: str = "",
    headers: Mapping[str, str] | None = None,
    form: bytes | None = None,
    why: Why = Why.SERVER_DOWN,
) -> dict[str, Any]:
    """
    Ask one of an EHR's servers for a JSON object.

    Parameters
    ----------
    access : FHIRAccess
        The way there.
    ehr : EHR
        The EHR.
    base_url : str
        Address of the server, or of what is asked.
    path : str, default ""
        Below it.
    headers : Mapping, optional
        Further headers.
    form : bytes or None, optional
        Body of a POST.
    why : Why, optional
        What to refuse with.

    Returns
    -------
    dict
        The object.

    Raises
    ------
    Refused
        If there is no such answer in time.
    """
    sent = {"Accept": "application/json", "User-Agent": "scnen-cds", **(headers or {})}
    if form is not None:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        reply: Reply = access.exchange(
            base_url,
            ehr.private_addresses,
            path=path,
            method="GET" if form is None else "POST",
            headers=sent,
            body=form,
        )
        said = orjson.loads(reply.body) if reply.status == _OK else None
    except (FHIRError, ValueError):
        raise Refused(why) from None
    if not isinstance(said, dict):
        raise Refused(why)
    return said


def _address(ehr: EHR, url: object, *, may_have_query: bool = False) -> str:
    """Check an address: a token is sent to one, the user's browser to another."""
    schemes = ("https", "http") if ehr.is_local else ("https",)
    found = normalised_url(url, schemes=schemes, may_have_query=may_have_query)
    if found.startswith("http:") and not is_loopback(found):
        raise InvalidClient("is not https", "only this machine may do without")
    return found


def _as_published(ehr: EHR, url: object) -> str:
    """Check an address and keep it to the letter: it is the audience of assertions."""
    _address(ehr, url)
    return str(url)


def _words(value: object) -> frozenset[str]:
    listed = value[:_MOST_NAMES] if isinstance(value, list) else ()
    return frozenset(each for each in listed if isinstance(each, str))
