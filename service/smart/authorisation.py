"""SMART App Launch 2: the authorization code flow with PKCE, for one registered EHR."""
# No OAuth library: see docs/decisions/0056. What is sent and read is RFC 6749, 4.1;
# RFC 7636; SMART App Launch 2.2, "EHR launch" and "Client authentication".

import hashlib
import re
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from cds_hooks.values import FHIR_ID
from service.fhir.client import FHIRAccess
from service.smart.assertions import assertion
from service.smart.identities import clinician_of
from service.smart.launches import EHR, Configuration, answered
from service.smart.refusals import Refused, Why
from service.smart.scopes import wanted_scopes
from service.smart.sessions import SESSION_S, Pending

__all__ = ["Grant", "authorisation_url", "begin", "exchange_code"]

_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_RANDOM_BYTES: Final = 32
#: RFC 6749, appendix A.12, without the space that would end a header's value.
_BEARER: Final = re.compile(r"[!-~]+")
#: Signed tokens have some kilobytes; no server takes a header of this length.
_LONGEST_TOKEN: Final = 65_536
_LEAST_LIFE_S: Final = 1


@dataclass(frozen=True, slots=True)
class Grant:
    """
    What the authorisation server gave; ``repr`` shows neither token nor ids.

    Attributes
    ----------
    token : str
        Access token.
    life_s : float
        Its life in seconds, at most that of a session.
    scopes : tuple of str
        Leave that was given; that which was asked for, where the answer is silent.
    patient : str
        Id of the patient.
    encounter, user : str or None
        Id of the encounter, reference of the clinician; None if it does not tell.
    form : str
        The link's ``appContext``; empty without one.
    """

    token: str = field(repr=False)
    life_s: float
    scopes: tuple[str, ...]
    patient: str = field(repr=False)
    encounter: str | None = field(repr=False)
    user: str | None = field(repr=False)
    form: str


def begin(ehr: EHR, found: Configuration, language: str | None = None) -> Pending:
    """
    Begin a launch.

    Parameters
    ----------
    ehr : EHR
        Who launches.
    found : Configuration
        How it authorises.
    language : str or None, optional
        The language of the pages that was asked for.

    Returns
    -------
    Pending
        With a fresh state, nonce and verifier.
    """
    state, nonce, verifier = (secrets.token_urlsafe(_RANDOM_BYTES) for _ in range(3))
    return Pending(
        ehr.base_url,
        state,
        nonce,
        verifier,
        found.token_endpoint,
        found.issuer,
        found.jwks_uri,
        wanted_scopes(found.capabilities, writes=ehr.app.writes),
        language,
    )


def authorisation_url(
    pending: Pending, endpoint: str, *, client_id: str, launch: str, redirect_uri: str
) -> str:
    """
    Write where the browser goes to authorise.

    Parameters
    ----------
    pending : Pending
        The launch.
    endpoint : str
        The server's ``authorization_endpoint``.
    client_id : str
        The app's.
    launch : str
        The launch's opaque handle.
    redirect_uri : str
        Where the browser comes back to.

    Returns
    -------
    str
        The URL.
    """
    digest = hashlib.sha256(pending.verifier.encode("ascii")).digest()
    parameters = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "launch": launch,
        "scope": " ".join(pending.scopes),
        "state": pending.state,
        "nonce": pending.nonce,
        "aud": pending.server,
        "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode("ascii"),
        "code_challenge_method": "S256",
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"


def exchange_code(
    access: FHIRAccess,
    ehr: EHR,
    pending: Pending,
    code: str,
    *,
    redirect_uri: str,
    clock: Callable[[], float],
) -> Grant:
    """
    Exchange the code for a token, and check who and whom it is for.

    Parameters
    ----------
    access : FHIRAccess
        The way to the token endpoint.
    ehr : EHR
        The EHR.
    pending : Pending
        The launch, whose state was compared already.
    code : str
        The code.
    redirect_uri : str
        As it was sent.
    clock : callable
        Seconds since 1970.

    Returns
    -------
    Grant
        What was given.

    Raises
    ------
    Refused
        If there is no usable answer in time, no patient, or an id token that is wrong.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": pending.verifier,
    }
    proof, headers = _proof(ehr, pending, clock())
    said = answered(
        access,
        ehr,
        pending.token_endpoint,
        headers=headers,
        form=urlencode({**form, **proof}).encode("ascii"),
        why=Why.TOKEN,
    )
    patient = said.get("patient")
    if not (isinstance(patient, str) and FHIR_ID.fullmatch(patient)):
        raise Refused(Why.NO_PATIENT)
    encounter, context = said.get("encounter"), said.get("appContext")
    is_id = isinstance(encounter, str) and FHIR_ID.fullmatch(encounter)
    return Grant(
        _token(said),
        _life_s(said.get("expires_in")),
        _scopes(said.get("scope"), pending),
        patient,
        str(encounter) if is_id else None,
        _user(access, ehr, pending, said, clock()),
        context if isinstance(context, str) else "",
    )


def _proof(
    ehr: EHR, pending: Pending, now_s: float
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Say who the app is: by name, by its secret, or by an assertion it signed."""
    app = ehr.app
    if app.key is not None:
        signed = assertion(app, pending.token_endpoint, now_s)
        return {"client_assertion_type": _ASSERTION, "client_assertion": signed}, {}
    if app.secret is not None:
        pair = f"{quote_plus(app.client_id)}:{quote_plus(app.secret)}".encode("ascii")
        return {}, {"Authorization": f"Basic {b64encode(pair).decode('ascii')}"}
    return {"client_id": app.client_id}, {}


def _token(said: Mapping[str, Any]) -> str:
    token, kind = said.get("access_token"), said.get("token_type")
    is_bearer = isinstance(kind, str) and kind.lower() == "bearer"
    if not (is_bearer and isinstance(token, str) and _BEARER.fullmatch(token)):
        raise Refused(Why.TOKEN)
    if len(token) > _LONGEST_TOKEN:
        raise Refused(Why.TOKEN)
    return token


def _life_s(said: object) -> float:
    """Read a life that may be text; one that is not told ends with the session."""
    try:
        life = float(said)  # type: ignore[arg-type] # whatever it is, it is caught
    except (TypeError, ValueError, OverflowError):
        return SESSION_S
    if not isfinite(life):
        return SESSION_S
    return min(max(life, _LEAST_LIFE_S), SESSION_S)


def _scopes(said: object, pending: Pending) -> tuple[str, ...]:
    return tuple(said.split()) if isinstance(said, str) and said else pending.scopes


def _user(
    access: FHIRAccess,
    ehr: EHR,
    pending: Pending,
    said: Mapping[str, Any],
    now_s: float,
) -> str | None:
    """Tell the clinician; without an id token nobody is proven to be there."""
    id_token = said.get("id_token")
    if id_token is None:
        return None
    jwks_uri = pending.jwks_uri
    if not isinstance(id_token, str) or jwks_uri is None:
        raise Refused(Why.IDENTITY)
    server = ehr.client.fhir_server(ehr.base_url)
    return clinician_of(
        id_token,
        issuer=pending.issuer,
        audience=ehr.app.client_id,
        nonce=pending.nonce,
        keys=lambda: answered(access, ehr, jwks_uri, why=Why.IDENTITY),
        bases=(ehr.base_url,) if server is None else server.bases,
        now_s=now_s,
    )
