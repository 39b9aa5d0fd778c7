"""Cookies of the app: sealed, for one site, in frames only where the EHR frames it."""

from collections.abc import Mapping
from typing import Final, Literal

from flask import Response

__all__ = [
    "LAUNCH",
    "MOST_CHARS",
    "SESSION",
    "drop_cookie",
    "put_cookie",
    "read_cookie",
]

LAUNCH, SESSION = "launch", "session"
#: Browsers take 4096 bytes a cookie, with its name and attributes.
_PART: Final = 3600
_PARTS: Final = 2
#: What fits into all parts together.
MOST_CHARS: Final = _PART * _PARTS


def put_cookie(
    response: Response, name: str, text: str, *, is_secure: bool, is_framed: bool
) -> None:
    """
    Give the browser a cookie that ends with it.

    Parameters
    ----------
    response : flask.Response
        What is answered.
    name : str
        `LAUNCH` or `SESSION`.
    text : str
        Sealed, at most `MOST_CHARS` characters.
    is_secure : bool
        Whether the service is reached by https; else, in open mode, on this machine.
    is_framed : bool
        Whether the EHR shows the app in a frame: then the cookie is sent there, and in
        frames of that site alone.
    """
    same_site: Literal["None", "Lax"] = "None" if is_framed and is_secure else "Lax"
    for number, key in enumerate(_keys(name, is_secure=is_secure)):
        part = text[number * _PART : (number + 1) * _PART]
        response.set_cookie(
            key,
            part,
            max_age=None if part else 0,
            secure=is_secure,
            httponly=True,
            samesite=same_site,
            partitioned=same_site == "None",
        )


def read_cookie(cookies: Mapping[str, str], name: str, *, is_secure: bool) -> str:
    """
    Read what the browser sent.

    Parameters
    ----------
    cookies : Mapping
        Cookies of the request.
    name : str
        `LAUNCH` or `SESSION`.
    is_secure : bool
        As for `put_cookie`.

    Returns
    -------
    str
        The sealed text; empty without a cookie.
    """
    return "".join(cookies.get(key, "") for key in _keys(name, is_secure=is_secure))


def drop_cookie(
    response: Response, name: str, *, is_secure: bool, is_framed: bool
) -> None:
    """
    Take a cookie back.

    Parameters
    ----------
    response : flask.Response
        What is answered.
    name : str
        `LAUNCH` or `SESSION`.
    is_secure, is_framed : bool
        As it was put.
    """
    put_cookie(response, name, "", is_secure=is_secure, is_framed=is_framed)


def _keys(name: str, *, is_secure: bool) -> list[str]:
    """Name the parts; the prefix keeps other hosts of the domain from setting one."""
    prefix = "__Host-" if is_secure else ""
    return [f"{prefix}scnen-{name}-{number}" for number in range(_PARTS)]
