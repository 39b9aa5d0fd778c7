"""What an answer holds, uncompressed, and never more of it than was agreed."""

import zlib
from collections.abc import Iterable
from typing import Any, Final

import orjson

from service.fhir.client.deadline import Deadline
from service.fhir.client.faults import Fault, FHIRError
from service.fhir.client.room import Room

__all__ = ["inflated", "load_json"]

_MEDIA_TYPES: Final = frozenset(
    {"application/fhir+json", "application/json", "application/json+fhir"}
)
_CHARSETS: Final = frozenset({"utf-8", "utf8"})
_GZIP: Final = 16 + zlib.MAX_WBITS
_PART: Final = 65536


def inflated(
    parts: Iterable[bytes], encoding: str, room: Room, deadline: Deadline
) -> bytes:
    """
    Put a body together.

    Parameters
    ----------
    parts : iterable of bytes
        As received.
    encoding : str
        ``Content-Encoding``. Only gzip is ever asked for, and that once.
    room : Room
        Where what is uncompressed is taken from.
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
    >>> inflated([b"{", b"}"], "", Room(10), Deadline(1.0))
    b'{}'
    """
    name = encoding.strip().lower()
    if name not in {"", "identity", "gzip", "x-gzip"}:
        raise FHIRError(Fault.NOT_FHIR)
    if "gzip" in name:
        parts = _inflate(parts, room, deadline)
    taken = []
    for part in parts:
        room.take(len(part))
        taken.append(part)
    return b"".join(taken)


def _inflate(parts: Iterable[bytes], room: Room, deadline: Deadline) -> Iterable[bytes]:
    """Uncompress piece by piece; several gzip members in a row are one body."""
    member = zlib.decompressobj(_GZIP)
    try:
        for part in parts:
            rest = part
            while rest:
                deadline.left_s()
                if member.eof:
                    member = zlib.decompressobj(_GZIP)
                yield member.decompress(rest, min(room.left + 1, _PART))
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
