"""Sessions in sealed cookies: every worker can read them, and none keeps anything."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken

__all__ = ["IDLE_S", "LAUNCH_S", "SESSION_S", "Pending", "Seal", "Session"]

#: How long the way to the EHR's login and back may take, and a session at most.
LAUNCH_S, SESSION_S = 600, 3600
#: A session that was not used for so long is over.
IDLE_S = 900


@dataclass(frozen=True, slots=True)
class Pending:
    """
    A launch on its way to the authorisation server; ``repr`` shows no secret.

    Attributes
    ----------
    server : str
        FHIR base that launched.
    state, nonce, verifier : str
        What proves, on the way back, that all belongs together.
    token_endpoint : str
        Where the code is exchanged.
    issuer, jwks_uri : str or None
        Who signs id tokens, and where the keys are.
    scopes : tuple of str
        What leave was asked for.
    language : str or None
        The language of the pages that the launch asked for; None if it did not.
    """

    server: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    token_endpoint: str
    issuer: str | None
    jwks_uri: str | None
    scopes: tuple[str, ...]
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """
    One clinician at one patient's chart; ``repr`` shows neither, nor the token.

    Attributes
    ----------
    server : str
        FHIR base.
    token : str
        Access token.
    until : float
        When the token or the session ends, in seconds since 1970.
    patient, encounter, user : str or None
        Ids of patient and encounter, reference of the clinician.
    scopes : tuple of str
        Leave that was given.
    csrf : str
        What each request of the session's own pages brings along.
    form : str
        The form that was asked for.
    """

    server: str
    token: str = field(repr=False)
    until: float
    patient: str = field(repr=False)
    encounter: str | None = field(repr=False)
    user: str | None = field(repr=False)
    scopes: tuple[str, ...]
    csrf: str = field(repr=False)
    form: str

    @property
    def tag(self) -> str:  # numpydoc ignore=RT01
        """What addresses of the session's pages bear: tells nothing, opens nothing."""
        key = self.csrf.encode()
        return hashlib.blake2b(b"address", key=key, digest_size=6).hexdigest()


class Seal:
    """
    Seal what only this service may read or change: AES and HMAC (Fernet).

    Parameters
    ----------
    secret_key : str
        The service's secret key; the key of the seal is derived from it.

    Examples
    --------
    >>> seal = Seal("open-mode-only-not-a-secret-key-0")
    >>> closed = seal.close("greeting", {"text": "hello"}, now_s=1000)
    >>> seal.open("greeting", closed, now_s=1010, life_s=60)
    {'text': 'hello'}
    >>> seal.open("farewell", closed, now_s=1010, life_s=60) is None
    True
    """

    def __init__(self, secret_key: str) -> None:
        key = hashlib.blake2b(secret_key.encode(), digest_size=32, person=b"smart")
        self._fernet = Fernet(urlsafe_b64encode(key.digest()))

    def close(self, purpose: str, content: Mapping[str, Any], *, now_s: float) -> str:
        """
        Seal a mapping.

        Parameters
        ----------
        purpose : str
            What it is; it opens as nothing else.
        content : Mapping
            JSON.
        now_s : float
            Seconds since 1970.

        Returns
        -------
        str
            Text that may stand in a cookie.
        """
        data = orjson.dumps([purpose, dict(content)])
        return self._fernet.encrypt_at_time(data, int(now_s)).decode("ascii")

    def open(
        self, purpose: str, closed: str, *, now_s: float, life_s: int
    ) -> dict[str, Any] | None:
        """
        Open what was sealed.

        Parameters
        ----------
        purpose : str
            What it must be.
        closed : str
            As it came.
        now_s : float
            Seconds since 1970.
        life_s : int
            How old it may be.

        Returns
        -------
        dict or None
            The mapping; None if it is too old, changed, or something else.
        """
        try:
            data = self._fernet.decrypt_at_time(
                closed.encode(), ttl=life_s, current_time=int(now_s)
            )
        except (InvalidToken, UnicodeEncodeError):
            return None
        found, content = orjson.loads(data)
        return content if found == purpose else None
