"""A JSON Web Token taken apart: what it says, before anybody believes it."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

__all__ = ["LEEWAY_S", "Token", "is_name", "read_token", "time_of"]

#: What clocks may differ by, in seconds.
LEEWAY_S = 60
_LONGEST = 16_384
_PARTS = re.compile(r"([\w-]+)\.([\w-]+)\.([\w-]+)", re.ASCII)
_NAME = re.compile(r"[ -~]{1,512}")
_SCHEME = "bearer "


@dataclass(frozen=True, slots=True)
class Token:
    """
    A token in its parts; ``repr`` shows none of them.

    Attributes
    ----------
    header, claims : Mapping
        Header and claims.
    signed, signature : bytes
        What is signed, and the signature.
    """

    header: Mapping[str, Any] = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def read_token(authorization: str) -> Token:
    """
    Read the header ``Authorization``.

    Parameters
    ----------
    authorization : str
        As it was sent. Servers join two such headers by a comma, which no token has.

    Returns
    -------
    Token
        The token.

    Raises
    ------
    ValueError
        If it is anything but one compact JWT: too long, not base64url in its one
        spelling, not JSON objects, a name that stands twice, NaN.

    Examples
    --------
    >>> read_token("Bearer e30.e30.AAAA").claims
    {}
    """
    scheme, text = authorization[: len(_SCHEME)], authorization[len(_SCHEME) :]
    match = _PARTS.fullmatch(text)
    if scheme.lower() != _SCHEME or len(text) > _LONGEST or match is None:
        raise ValueError("no bearer token")
    header, claims, signature = match.groups()
    return Token(
        _object(_bytes(header)),
        _object(_bytes(claims)),
        f"{header}.{claims}".encode("ascii"),
        _bytes(signature),
    )


def is_name(value: object) -> bool:
    """
    Tell whether a value can name something: it is also stored and compared.

    Parameters
    ----------
    value : object
        Of a header or claim.

    Returns
    -------
    bool
        Whether it is printable ASCII of 1 to 512 characters.

    Examples
    --------
    >>> is_name("a+b/c=="), is_name(""), is_name(7)
    (True, False, False)
    """
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def time_of(value: object) -> float | None:
    """
    Read a NumericDate (RFC 7519, 2).

    Parameters
    ----------
    value : object
        Of a claim.

    Returns
    -------
    float or None
        Seconds since 1970; None if it is no number.

    Examples
    --------
    >>> time_of(1422568860), time_of("1422568860"), time_of(True)
    (1422568860.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if isfinite(seconds) else None


def _bytes(text: str) -> bytes:
    """Decode base64url, of which only one spelling serves."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), "-_", validate=True)
    except binascii.Error:
        raise ValueError("no base64url") from None
    # Only the last digit has bits to spare: what follows from it is written again.
    rest = len(data) % 3
    if rest:
        last = base64.urlsafe_b64encode(data[-rest:]).rstrip(b"=").decode()
        if not text.endswith(last):
            raise ValueError("no canonical base64url")
    return data


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = _DECODER.decode(data.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004 all that is refused is a ValueError
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _refuse(_: str) -> float:
    raise ValueError("no JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)
