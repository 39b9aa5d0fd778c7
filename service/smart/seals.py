"""Seals: what only this service may read or change, and only while it is young."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken

__all__ = ["Seal"]


class Seal:
    """
    Seal a mapping: AES and HMAC (Fernet).

    Parameters
    ----------
    key : bytes
        32 bytes, for one purpose alone.

    Examples
    --------
    >>> seal = Seal(bytes(32))
    >>> closed = seal.close({"text": "hello"}, now_s=1000)
    >>> seal.open(closed, now_s=1010, life_s=60)
    {'text': 'hello'}
    >>> Seal(b"another key of thirty-two bytes.").open(closed, now_s=1010, life_s=60)
    """

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(urlsafe_b64encode(key))

    def close(self, content: Mapping[str, Any], *, now_s: float) -> str:
        """
        Seal a mapping.

        Parameters
        ----------
        content : Mapping
            JSON.
        now_s : float
            Seconds since 1970.

        Returns
        -------
        str
            Text that may stand in a cookie.
        """
        data = orjson.dumps(dict(content))
        return self._fernet.encrypt_at_time(data, int(now_s)).decode("ascii")

    def open(self, closed: str, *, now_s: float, life_s: int) -> dict[str, Any] | None:
        """
        Open what was sealed.

        Parameters
        ----------
        closed : str
            As it came.
        now_s : float
            Seconds since 1970.
        life_s : int
            How old it may be.

        Returns
        -------
        dict or None
            The mapping; None if it is too old, changed, or of another key.
        """
        try:
            data = self._fernet.decrypt_at_time(
                closed.encode(), ttl=life_s, current_time=int(now_s)
            )
        except (InvalidToken, UnicodeEncodeError):
            return None
        content: dict[str, Any] = orjson.loads(data)
        return content
