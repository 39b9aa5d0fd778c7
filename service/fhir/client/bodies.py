"""What an answer holds, uncompressed, and never more of it than was agreed."""

import zlib
from collections.abc import Iterable
from typing import Any, Final

import orjson

from service.fhir.client.deadline import Deadline
from service.fhir.client.faults import Fault, FHIRError

__all__ = ["inflated", "load_json"]

_MEDIA_TYPES: Final = frozenset(
    {"application/fhir+json", "application/json", "application/json+fhir"}
)
_CHARSETS: Final = frozenset({"utf-8", "utf8"})
_GZIP: Final = 16 + zlib.MAX_WBITS
_PART: Final = 65536


def inflated(
    parts: Iterable[bytes], encoding: str, limit: int, deadline: Deadline
) -> bytes:
    """
    Put a body together.

    Parameters
    ----------
    parts : iterable of bytes
        As received.
    encoding : str
        ``Content-Encoding``. Only gzip is ever asked for, and that once.
    limit : int
        Most bytes, uncompressed.
    deadline : Deadline
        When to stop.

    Returns
    -------
    bytes
        The body.

    Raises
    ------
    FHIRError
        If it is too large, compressed in another way, or not properly compressed.

    Examples
    --------
    >>> inflated([b"{", b"}"], "", 10, Deadline(1.0))
    b'{}'
    """
    name = encoding.strip().lower()
    if name not in {"", "identity", "gzip", "x-gzip"}:
        raise FHIRError(Fault.NOT_FHIR)
    if "gzip" in name:
        parts = _inflate(parts, limit, deadline)
    taken, size = [], 0
    for part in parts:
        size += len(part)
        if size > limit:
            raise FHIRError(Fault.TOO_LARGE)
        taken.append(part)
    return b"".join(taken)


def _inflate(parts: Iterable[bytes], limit: int, deadline: Deadline) -> Iterable[bytes]:
    """Uncompress piece by piece; several gzip members in a row are one body."""
    member = zlib.decompressobj(_GZIP)
    most = min(limit + 1, _PART)
    try:
        for part in parts:
            rest = part
            while rest:
                deadline.left_s()
                if member.eof:
                    member = zlib.decompressobj(_GZIP)
                yield member.decompress(rest, most)
                rest = member.unused_data if member.eof else member.unconsumed_tail
    except zlib.error:
        raise FHIRError(Fault.NOT_FHIR) from None
    if not member.eof:
        raise FHIRError(Fault.NOT_FHIR)


def load_json(body: bytes, content_type: str) -> dict[str, Any]:
    """
    Read a JSON object that calls itself FHIR.

    Parameters
    ----------
    body : bytes
        Uncompressed.
    content_type : str
        ``Content-Type``.

    Returns
    -------
    dict
        The resource, not further checked.

    Raises
    ------
    FHIRError
        If it is of another type, no UTF-8, no JSON or no object.

    Examples
    --------
    >>> load_json(b"{}", "application/fhir+json; charset=UTF-8")
    {}
    """
    media_type, *parameters = (each.strip() for each in content_type.lower().split(";"))
    charsets = {
        each.removeprefix("charset=").strip('"')
        for each in parameters
        if each.startswith("charset=")
    }
    if media_type not in _MEDIA_TYPES or not charsets <= _CHARSETS:
        raise FHIRError(Fault.NOT_FHIR)
    try:
        loaded = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise FHIRError(Fault.NOT_FHIR) from None
    if not isinstance(loaded, dict):
        raise FHIRError(Fault.NOT_FHIR)
    return loaded
