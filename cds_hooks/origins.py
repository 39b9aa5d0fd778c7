"""CORS: which web pages may read an answer, whatever part of the server gave it."""

import re
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["allow_origins", "check_origins"]

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")
_ANY = "*"


def check_origins(origins: Collection[str]) -> None:
    """
    Refuse what is no origin: a typing error would lock everyone out.

    Parameters
    ----------
    origins : collection of str
        As `allow_origins` takes them.

    Raises
    ------
    ValueError
        If one is neither ``"*"`` nor scheme, host and port alone.
    """
    for origin in origins:
        if origin != _ANY and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"allowed_origins: {origin} is no scheme://host[:port]")


def allow_origins(
    wsgi_app: "WSGIApplication", root: str, origins: Collection[str]
) -> "WSGIApplication":
    """
    Let web pages read what an application answers, failures included.

    Parameters
    ----------
    wsgi_app : callable
        Any WSGI application.
    root : str
        The path at and below which they may.
    origins : collection of str
        Scheme, host and port of each, or ``"*"`` for all.

    Returns
    -------
    callable
        The same application, whose answers have the headers of CORS.

    Examples
    --------
    >>> def app(environ, start_response):
    ...     return start_response("204 No Content", [])
    >>> shared = allow_origins(app, "/cds-services", {"*"})
    >>> shared({"PATH_INFO": "/cds-services"}, lambda status, headers, _: headers)
    [('Access-Control-Allow-Origin', '*')]
    """
    below = f"{root}/"

    def shared(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        def start(
            status: str,
            headers: list[tuple[str, str]],
            exc_info: "OptExcInfo | None" = None,
        ) -> Callable[[bytes], object]:
            path = environ.get("PATH_INFO", "")
            if path == root or path.startswith(below):
                headers += _headers(environ.get("HTTP_ORIGIN"), origins)
            return start_response(status, headers, exc_info)

        return wsgi_app(environ, start)

    return shared


def _headers(origin: str | None, allowed: Collection[str]) -> list[tuple[str, str]]:
    if _ANY in allowed:
        return [("Access-Control-Allow-Origin", _ANY)]
    vary = ("Vary", "Origin")  # for caches: another origin gets another answer
    if origin is None or origin not in allowed:
        return [vary]
    return [vary, ("Access-Control-Allow-Origin", origin)]
