"""What a session is, and a launch on its way to one."""

import hashlib
from dataclasses import dataclass, field

__all__ = ["IDLE_S", "LAUNCH_S", "SESSION_S", "Pending", "Session"]

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
    idle_until : float
        When it ends if nobody uses it: the store knows.
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
    idle_until: float = 0.0

    @property
    def tag(self) -> str:  # numpydoc ignore=RT01
        """What addresses of the session's pages bear: tells nothing, opens nothing."""
        key = self.csrf.encode()
        return hashlib.blake2b(b"address", key=key, digest_size=6).hexdigest()
