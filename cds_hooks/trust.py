"""Who calls: each call proves by its token, its certificate or both to be a client's.

The steps and their order are those of the best practices of CDS Hooks: issuer,
algorithm, key, signature, audience, times, tenant; the nonce comes last, because only
that step changes anything. Whatever fails, the client is told the same.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from cds_hooks.client_register import ClientRegister
from cds_hooks.clients import Client
from cds_hooks.errors import Refusal, Unavailable, Untrusted
from cds_hooks.key_fetching import fetch_keys
from cds_hooks.key_rings import Fetch, key_finders
from cds_hooks.key_sets import ALGORITHMS, PublicKey
from cds_hooks.proxies import Proxies
from cds_hooks.tokens import LEEWAY_S, Token, is_name, read_token, time_of

__all__ = ["CALLER", "REFUSAL", "Caller", "ReplayStore", "Trust"]

#: Where the WSGI environment then holds the `Caller`; or, as a mapping, ``refusal`` and
#: ``client``: for logs and metrics.
CALLER, REFUSAL = "cds_hooks.caller", "cds_hooks.refusal"

_LOG = logging.getLogger("cds_hooks")
_ROOT = "/cds-services"
_FEEDBACK = "/feedback"
_SLASHES_OF_SERVICE = 2
#: Headers that bring a key along, or ask for rules that are not known here.
_FORBIDDEN = frozenset({"jwk", "x5u", "x5c", "crit"})
_NAMES_OF_HEADER = ("kid", "typ")
_LOGGED_DIGITS = 16


class ReplayStore(Protocol):
    """Remembers the tokens that came, for all workers and replicas together."""

    def use(self, issuer: str, jti: str, until: float) -> bool:
        """
        Take a token, once.

        Parameters
        ----------
        issuer, jti : str
            What tells it from all others; printable ASCII.
        until : float
            When it may be forgotten, in seconds since 1970.

        Returns
        -------
        bool
            Whether it was not there yet. If that cannot be told, raise: the call is
            refused then.
        """
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """
    Who made a call.

    Attributes
    ----------
    client : Client
        The registered client.
    tenant : str or None
        Which of its registered tenants; None if it has none.
    token_id : str or None
        Digest of the token's ``jti``, for logs; None without a token.
    """

    client: Client
    tenant: str | None = None
    token_id: str | None = None


class Trust:
    """
    Tells who calls, or refuses the call.

    Parameters
    ----------
    register : ClientRegister
        The clients.
    public_url : str
        Where clients reach the service, without a slash at the end.
    replays : ReplayStore
        Which tokens have come.
    fetch : callable
        Reads a registered address of keys.
    clock : callable
        Seconds since 1970.
    steady_clock : callable
        Seconds that never go back, for the age of keys.
    proxies : Proxies, optional
        Proxies that are believed; none, if not given.
    """

    def __init__(
        self,
        register: ClientRegister,
        public_url: str,
        replays: ReplayStore,
        *,
        fetch: Fetch = fetch_keys,
        clock: Callable[[], float] = time.time,
        steady_clock: Callable[[], float] = time.monotonic,
        proxies: Proxies | None = None,
    ) -> None:
        self._register = register
        self._public_url = public_url
        self._replays = replays
        self._clock = clock
        self._proxies = proxies or Proxies()
        self._finders = key_finders(register, fetch, steady_clock)

    def admit(self, environ: MutableMapping[str, Any], path: str) -> Caller:
        """
        Tell who makes a call, and leave a trace of it without the token.

        Parameters
        ----------
        environ : MutableMapping
            The WSGI environment. Only the header ``Authorization`` can hold a token.
        path : str
            What is called, from ``/cds-services`` on, as the specification writes it.

        Returns
        -------
        Caller
            The client.

        Raises
        ------
        Untrusted
            If it is not proven who calls.
        Unavailable
            If it cannot be told whether the token came before.
        """
        try:
            environ[CALLER] = caller = self._admit(environ, path)
        except Untrusted as error:
            told = {"refusal": error.refusal.value, "client": error.client}
            environ[REFUSAL] = told
            _LOG.warning("call refused: %s", error.refusal.value, extra=told)
            raise
        return caller

    def _admit(self, environ: Mapping[str, Any], path: str) -> Caller:
        if self._proxies.is_clear_text(environ):
            raise Untrusted(Refusal.CLEAR_TEXT)
        certificates = self._proxies.certificates(environ)
        authorization = environ.get("HTTP_AUTHORIZATION")
        if authorization is None:
            client = self._register.by_certificate(certificates)
            if client is None:
                raise Untrusted(Refusal.NO_TOKEN)
            return Caller(client)
        try:
            token = read_token(authorization)
        except ValueError:
            raise Untrusted(Refusal.MALFORMED) from None
        return self._admit_token(token, path, certificates)

    def _admit_token(
        self, token: Token, path: str, certificates: frozenset[str]
    ) -> Caller:
        issuer = token.claims.get("iss")
        client = self._register.by_issuer(issuer) if isinstance(issuer, str) else None
        if client is None:
            raise Untrusted(Refusal.ISSUER)
        refusal = self._fault(client, token, path, certificates)
        if refusal is not None:
            raise Untrusted(refusal, client.name)
        jti = token.claims["jti"]
        if not (client.reuses_tokens or self._is_new(client, token)):
            raise Untrusted(Refusal.REPLAYED, client.name)
        tenant = token.claims["tenant"] if client.tenants else None
        digest = hashlib.sha256(jti.encode()).hexdigest()
        return Caller(client, tenant, digest[:_LOGGED_DIGITS])

    def _fault(
        self, client: Client, token: Token, path: str, certificates: frozenset[str]
    ) -> Refusal | None:
        """Say what is wrong with a token of a registered issuer, if anything is."""
        return (
            self._fault_of_key(client, token)
            or _fault_of_names(token)
            or self._fault_of_audience(client, token, path)
            or _fault_of_times(client, token, self._clock())
            or _fault_of_tenant(client, token)
            or _fault_of_certificate(client, certificates)
        )

    def _fault_of_key(self, client: Client, token: Token) -> Refusal | None:
        header = token.header
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            return Refusal.ALGORITHM
        if not _FORBIDDEN.isdisjoint(header) or not all(
            is_name(header.get(name)) for name in _NAMES_OF_HEADER
        ):
            return Refusal.HEADER
        if header["typ"].upper() != "JWT":
            return Refusal.HEADER
        source = client.keys
        if "jku" in header and not (source and source.has_jku(header["jku"])):
            return Refusal.JKU
        try:
            key = self._finders[client.name](header["kid"])
        except LookupError:
            return Refusal.NO_KEYS
        return _fault_of_signature(key, algorithm, token)

    def _fault_of_audience(
        self, client: Client, token: Token, path: str
    ) -> Refusal | None:
        audience = token.claims.get("aud")
        given = audience if isinstance(audience, list) else [audience]
        allowed = self._audiences(client, path)
        is_meant = any(isinstance(each, str) and each in allowed for each in given)
        return None if is_meant else Refusal.AUDIENCE

    def _audiences(self, client: Client, path: str) -> set[str]:
        """
        List the audiences that a call may have.

        The URL that is called or the registered names, of which those of other
        addresses of ours do not count. Feedback also takes what its service takes.
        """
        is_feedback = path.count("/") > _SLASHES_OF_SERVICE
        service = path.removesuffix(_FEEDBACK) if is_feedback else path
        url = self._public_url + service
        root = self._public_url + _ROOT
        allowed = {
            each
            for each in client.audiences
            if each == url or not (each == root or each.startswith(f"{root}/"))
        }
        if not client.audiences or service == _ROOT:
            allowed.add(url)
        if is_feedback:
            allowed |= {each + _FEEDBACK for each in allowed}
        return allowed

    def _is_new(self, client: Client, token: Token) -> bool:
        until = float(token.claims["exp"]) + LEEWAY_S
        try:
            return self._replays.use(str(client.issuer), token.claims["jti"], until)
        except Exception as error:  # noqa: BLE001 whatever it is, nobody is let in
            fault = type(error).__name__  # its text may hold what was to be stored
        _LOG.error("replay store failed: %s", fault)
        raise Unavailable


def _fault_of_signature(
    key: PublicKey | None, algorithm: str, token: Token
) -> Refusal | None:
    if key is None:
        return Refusal.KEY
    if algorithm not in key.algorithms:
        return Refusal.KEY_KIND
    if not key.verifies(algorithm, token.signed, token.signature):
        return Refusal.SIGNATURE
    return None


def _fault_of_names(token: Token) -> Refusal | None:
    """Check what must be there besides what is checked by itself."""
    return None if is_name(token.claims.get("jti")) else Refusal.CLAIMS


def _fault_of_times(client: Client, token: Token, now: float) -> Refusal | None:
    expires, issued = (time_of(token.claims.get(name)) for name in ("exp", "iat"))
    if expires is None or issued is None:
        return Refusal.CLAIMS
    begins = time_of(token.claims.get("nbf", issued))
    if begins is None:
        return Refusal.CLAIMS
    if now >= expires + LEEWAY_S:
        return Refusal.EXPIRED
    if max(issued, begins) > now + LEEWAY_S:
        return Refusal.NOT_YET
    if not 0 < expires - issued <= client.token_lifetime_s:
        return Refusal.LIFETIME
    return None


def _fault_of_tenant(client: Client, token: Token) -> Refusal | None:
    is_known = not client.tenants or token.claims.get("tenant") in client.tenants
    return None if is_known else Refusal.TENANT


def _fault_of_certificate(
    client: Client, certificates: frozenset[str]
) -> Refusal | None:
    is_shown = not client.certificates or not certificates.isdisjoint(
        client.certificates
    )
    return None if is_shown else Refusal.CERTIFICATE
