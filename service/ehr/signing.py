"""Keys for development, and the JWT with which an EHR signs each call."""

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from cds_hooks import Client
from service.ehr.manners import manners_of

if TYPE_CHECKING:
    from requests import PreparedRequest

__all__ = ["DevelopmentKey", "KeyFileError", "Signer", "read_key"]

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_LIFE_S: Final = 300
_RSA_BITS: Final = 3072
_EXPONENT: Final = 65537
_LARGEST_FILE: Final = 65_536
_CURVE: Final = "secp384r1"
#: What RFC 7638 takes of a public key, in this order.
_THUMB: Final[Mapping[str, tuple[str, ...]]] = {
    "EC": ("crv", "kty", "x", "y"),
    "RSA": ("e", "kty", "n"),
}


class KeyFileError(ValueError):
    """A key file that cannot be used; names it and what to do, never what is in it."""


@dataclass(frozen=True, slots=True)
class DevelopmentKey:
    """
    A private key, for rehearsals only.

    Attributes
    ----------
    private : EllipticCurvePrivateKey or RSAPrivateKey
        The key.
    algorithm : str
        ``ES384`` or ``RS384``.
    """

    private: PrivateKey = field(repr=False)
    algorithm: str

    @classmethod
    def new(cls, algorithm: str) -> "DevelopmentKey":
        """
        Make a key.

        Parameters
        ----------
        algorithm : str
            ``ES384`` or ``RS384``.

        Returns
        -------
        DevelopmentKey
            A key that nobody has seen.
        """
        if algorithm == "RS384":
            return cls(rsa.generate_private_key(_EXPONENT, _RSA_BITS), algorithm)
        return cls(ec.generate_private_key(ec.SECP384R1()), algorithm)

    @property
    def public_jwk(self) -> dict[str, str]:
        """
        Write the public half.

        Returns
        -------
        dict
            JSON Web Key; `kid` is its thumbprint (RFC 7638).
        """
        public = self.private.public_key()
        kind = jwt.get_algorithm_by_name(self.algorithm)
        jwk = kind.to_jwk(public, as_dict=True)
        members = {name: jwk[name] for name in _THUMB[jwk["kty"]]}
        digest = hashlib.sha256(orjson.dumps(members)).digest()
        kid = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return {**members, "use": "sig", "alg": self.algorithm, "kid": kid}

    def save(self, folder: Path) -> tuple[Path, Path]:
        """
        Write the key and its public half to two new files.

        Parameters
        ----------
        folder : pathlib.Path
            Where; made if it is not there.

        Returns
        -------
        private : pathlib.Path
            ``rehearsal.pem``, readable by its owner only.
        public : pathlib.Path
            ``rehearsal.jwks.json``.

        Raises
        ------
        KeyFileError
            If the files cannot be written, or are there already.
        """
        private, public = folder / "rehearsal.pem", folder / "rehearsal.jwks.json"
        for file in (private, public):
            if file.exists():
                raise KeyFileError(
                    f"{file}: is there already. Use it with --key, or give another"
                    " folder."
                )
        pem = self.private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        keys = orjson.dumps({"keys": [self.public_jwk]}, option=orjson.OPT_INDENT_2)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            private.touch(0o600, exist_ok=False)
            private.write_bytes(pem)
            public.write_bytes(keys)
        except OSError as error:
            raise KeyFileError(f"{folder}: {error.strerror}") from None
        return private, public


def read_key(file: Path) -> DevelopmentKey:
    """
    Read a private key.

    Parameters
    ----------
    file : pathlib.Path
        PEM without password: a curve P-384 or RSA.

    Returns
    -------
    DevelopmentKey
        The key.

    Raises
    ------
    KeyFileError
        If it is none.
    """
    remedy = "Give a PEM file as `scnen-cds fire --new-key DIR` makes it."
    try:
        with file.open("rb") as opened:
            private = load_pem_private_key(opened.read(_LARGEST_FILE), password=None)
    except OSError as error:
        raise KeyFileError(f"{file}: {error.strerror}. {remedy}") from None
    except (ValueError, TypeError):
        raise KeyFileError(
            f"{file}: no private key, or one with a password. {remedy}"
        ) from None
    if isinstance(private, rsa.RSAPrivateKey):
        return DevelopmentKey(private, "RS384")
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name == _CURVE:
        return DevelopmentKey(private, "ES384")
    raise KeyFileError(f"{file}: neither RSA nor on the curve P-384. {remedy}")


class Signer:
    """
    Sign each request of a session, for use as its ``auth``.

    Parameters
    ----------
    key : DevelopmentKey
        The key.
    client : Client
        Who signs: its issuer, audiences and tenant.
    base_url : str
        Its FHIR base, the issuer of those that name no other.
    """

    def __init__(self, key: DevelopmentKey, client: Client, base_url: str) -> None:
        self._key = key
        self._client = client
        self._manners = manners_of(client)
        self._issuer = client.issuer or self._manners.issuer or base_url

    def __call__(self, request: "PreparedRequest") -> "PreparedRequest":
        """
        Put a token for this very URL into a request.

        Parameters
        ----------
        request : requests.PreparedRequest
            The request.

        Returns
        -------
        requests.PreparedRequest
            The same.
        """
        request.headers["Authorization"] = f"Bearer {self.token(request.url or '')}"
        return request

    def token(self, url: str) -> str:
        """
        Write a token.

        Parameters
        ----------
        url : str
            What will be called.

        Returns
        -------
        str
            JSON Web Token, valid for five minutes and, by its `jti`, for one call.
        """
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._audience(url),
            "iat": now,
            "exp": now + _LIFE_S,
            "jti": str(uuid4()),
        }
        if self._client.tenants:
            claims["tenant"] = self._client.tenants[0]
        if self._manners.has_subject:
            claims |= {"sub": self._issuer, "nbf": now - _LIFE_S}
        headers = {"kid": self._key.public_jwk["kid"], "typ": "JWT"}
        return jwt.encode(claims, self._key.private, self._key.algorithm, headers)

    def _audience(self, url: str) -> str:
        """
        Give the called URL, or else the registered audience that stands for it.

        That is one of the same path or of the service whose feedback is called, since
        a rehearsal may reach the service under another host name.
        """
        registered = self._client.audiences
        if url in registered or not registered:
            return url
        path = urlsplit(url).path
        for each in (path, path.removesuffix("/feedback")):
            for audience in registered:
                if urlsplit(audience).path == each:
                    return audience
        return registered[0]
