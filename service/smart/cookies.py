"""Cookies of the app: for one site, and in frames only where the EHR frames it."""

from collections.abc import Mapping
from typing import Final, Literal

from flask import Response

__all__ = ["LAUNCH", "MOST_CHARS", "SESSION", "put_cookie", "read_cookie"]

LAUNCH, SESSION = "launch", "session"
#: Browsers take 4096 bytes a cookie, with its name and attributes.
MOST_CHARS: Final = 3900


def put_cookie(
    response: Response, name: str, text: str, *, is_secure: bool, is_framed: bool
) -> None:
    """
    Give the browser a cookie that ends with it, or take one back.

    Parameters
    ----------
    response : flask.Response
        What is answered.
    name : str
        `LAUNCH` or `SESSION`.
    text : str
        At most `MOST_CHARS` characters; empty to take it back.
    is_secure : bool
        Whether the service is reached by https; else, in open mode, on this machine.
    is_framed : bool
        Whether the EHR shows the app in a frame: then the cookie is sent there, and in
        frames of that site alone.
    """
    same_site: Literal["None", "Lax"] = "None" if is_framed and is_secure else "Lax"
    response.set_cookie(
        _key(name, is_secure=is_secure),
        text,
        max_age=None if text else 0,
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
        The text; empty without a cookie.
    """
    return cookies.get(_key(name, is_secure=is_secure), "")


def _key(name: str, *, is_secure: bool) -> str:
    """Name a cookie; the prefix keeps other hosts of the domain from setting one."""
    return f"{'__Host-' if is_secure else ''}scnen-{name}"
