"""Routes for administrators and machines: a token of their own, never a client's."""

from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest

from flask import request

from cds_hooks import Unauthorized

__all__ = ["only_with_token"]

_SCHEME = "bearer "


def only_with_token(token: str | None, *, is_open: bool = False) -> Callable[[], None]:
    """
    Make a check that a request carries the token of a setting.

    Use it as ``before_request`` of a blueprint, or call it first in a view.

    Parameters
    ----------
    token : str or None
        ``admin_token`` or ``metrics_token`` of the settings. None lets nobody in.
    is_open : bool
        Open mode, which serves this machine only: without a token everybody may.

    Returns
    -------
    callable
        Raises `cds_hooks.Unauthorized` for a request that is not to be answered.
    """
    expected = None if token is None else _digest(token)

    def check() -> None:
        if expected is None and is_open:
            return
        sent = request.environ.get("HTTP_AUTHORIZATION", "")
        scheme, given = sent[: len(_SCHEME)], sent[len(_SCHEME) :]
        # Digests: the time of the comparison tells nothing, not even the length.
        is_same = compare_digest(_digest(given), expected or b"")
        if scheme.lower() != _SCHEME or not is_same:
            raise Unauthorized

    return check


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogateescape")).digest()
