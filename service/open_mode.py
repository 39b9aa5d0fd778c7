"""Open mode: without client authentication, only this machine itself is answered."""

from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import request

from cds_hooks import Unauthorized

__all__ = ["only_this_machine"]

#: What proxies add. One on this machine has a loopback address, its client may not.
_FORWARDED = frozenset(
    {
        "HTTP_FORWARDED",
        "HTTP_VIA",
        "HTTP_X_CLIENT_IP",
        "HTTP_X_FORWARDED_BY",
        "HTTP_X_FORWARDED_FOR",
        "HTTP_X_FORWARDED_HOST",
        "HTTP_X_FORWARDED_PORT",
        "HTTP_X_FORWARDED_PREFIX",
        "HTTP_X_FORWARDED_PROTO",
        "HTTP_X_FORWARDED_SCHEME",
        "HTTP_X_FORWARDED_SERVER",
        "HTTP_X_FORWARDED_SSL",
        "HTTP_X_ORIGINAL_FORWARDED_FOR",
        "HTTP_X_ORIGINAL_HOST",
        "HTTP_X_REAL_IP",
    }
)


def only_this_machine(public_url: str) -> Callable[[], None]:
    """
    Make a check that a request comes from this machine itself.

    The peer must have a loopback address, no proxy may have left a header, and the
    Host header must name this machine or the public URL. The last also keeps out web
    pages whose host name was made to point here. A proxy that leaves no trace at all
    cannot be told from a local client.

    Parameters
    ----------
    public_url : str
        Where clients reach the service.

    Returns
    -------
    callable
        Raises `cds_hooks.Unauthorized` for a request that is not to be answered.
    """
    public_host = (urlsplit(public_url).hostname or "").rstrip(".")

    @lru_cache(maxsize=64)
    def is_ours(host: str) -> bool:
        name = _name(host)
        return name in {"localhost", public_host} or _is_loopback(name)

    def check() -> None:
        environ = request.environ
        if not (
            _FORWARDED.isdisjoint(environ)
            and _is_loopback(environ.get("REMOTE_ADDR", ""))
            and is_ours(environ.get("HTTP_HOST", ""))
        ):
            raise Unauthorized

    return check


def _name(host: str) -> str:
    """Take name or address from a Host header; nothing from what is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


@lru_cache(maxsize=64)
def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
