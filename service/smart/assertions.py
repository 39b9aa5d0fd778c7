"""The proof of a confidential app that has a key instead of a secret."""

import secrets
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cds_hooks import SMARTApp

__all__ = ["assertion"]

_LIFE_S: Final = 240


def assertion(app: SMARTApp, audience: str, now_s: float) -> str:
    """
    Sign who the app is (SMART: asymmetric client authentication; RFC 7523).

    Parameters
    ----------
    app : SMARTApp
        With its private key.
    audience : str
        The token endpoint.
    now_s : float
        Seconds since 1970.

    Returns
    -------
    str
        A JWT that is good for four minutes and one use; RS384 or ES384, by the key.

    Raises
    ------
    ValueError
        If the key cannot sign so.
    """
    claims: dict[str, Any] = {
        "iss": app.client_id,
        "sub": app.client_id,
        "aud": audience,
        "iat": int(now_s),
        "exp": int(now_s) + _LIFE_S,
        "jti": secrets.token_urlsafe(16),
    }
    try:
        key = load_pem_private_key((app.key or "").encode("ascii"), None)
        algorithm = "RS384" if isinstance(key, RSAPrivateKey) else "ES384"
        return jwt.encode(claims, app.key or "", algorithm, headers={"kid": app.key_id})
    except (ValueError, TypeError, jwt.InvalidKeyError):
        raise ValueError("private_key_file: signs neither RS384 nor ES384") from None
