"""Reading a key set from the address that the register names, and from no other."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from requests import Response

__all__ = ["FetchError", "fetch_keys"]

_MOST_BYTES = 256 * 1024
_PIECE = 16 * 1024
#: Each wait for the server; all of them together end with `_TOGETHER_S`.
_WAIT_S = 2.0
_TOGETHER_S = 5.0
_OK = 200


class FetchError(ValueError):
    """A key set that could not be had; says why, never what came instead."""


def fetch_keys(
    url: str,
    *,
    authorities: str | bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> bytes:
    """
    Read what an address answers.

    No redirect is followed, no proxy, password file or cookie is used, and nothing is
    decompressed beyond the limit of 256 kB.

    Parameters
    ----------
    url : str
        The https URL.
    authorities : str or bool
        File with the certificates of the authorities to trust instead of the usual.
    clock : callable
        Seconds that never go back.

    Returns
    -------
    bytes
        The body.

    Raises
    ------
    FetchError
        If the address cannot be reached in time, answers anything but 200, or too much.
    """
    if not url.lower().startswith("https://"):
        raise FetchError("is not https")
    # Here, not above: no start waits for it.
    import requests  # noqa: PLC0415

    end = clock() + _TOGETHER_S
    with requests.Session() as session:
        session.trust_env = False
        try:
            with session.get(
                url,
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                timeout=_WAIT_S,
                allow_redirects=False,
                stream=True,
                verify=authorities,
            ) as response:
                if response.status_code != _OK:
                    raise FetchError(f"answered {response.status_code}, not 200")
                return _body(response, partial(_is_over, clock, end))
        except (requests.RequestException, OSError) as error:
            raise FetchError(f"could not be read: {type(error).__name__}") from None


def _is_over(clock: Callable[[], float], end: float) -> bool:
    return clock() > end


def _body(response: "Response", is_over: Callable[[], bool]) -> bytes:
    body = bytearray()
    for piece in _pieces(response):
        body += piece
        if len(body) > _MOST_BYTES:
            raise FetchError(f"answered more than {_MOST_BYTES} bytes")
        if is_over():
            raise FetchError("answered too slowly")
    return bytes(body)


def _pieces(response: "Response") -> Iterator[bytes]:
    """Read what there is, not until a piece is full: a slow server is noticed."""
    while piece := response.raw.read1(_PIECE, decode_content=False):
        yield piece
