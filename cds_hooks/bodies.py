"""Bodies of requests: read whole, up to a limit, in one go; and as JSON."""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import orjson
from werkzeug.exceptions import ClientDisconnected, HTTPException
from werkzeug.http import parse_options_header
from werkzeug.wsgi import get_content_length

from cds_hooks.errors import BadRequest, PayloadTooLarge, UnsupportedMediaType

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, WSGIEnvironment

__all__ = ["read_body", "read_json"]

_UTF_8 = ("utf-8", "utf8")  # the second is no registered name, but often sent


def read_json(environ: "WSGIEnvironment", max_bytes: int) -> object:
    """
    Read the body of a request as JSON.

    Parameters
    ----------
    environ : dict
        The WSGI environment.
    max_bytes : int
        Most bytes of a body.

    Returns
    -------
    object
        What it says.

    Raises
    ------
    UnsupportedMediaType
        If it is said to be something else, or compressed.
    BadRequest
        If it is no JSON, or cannot be read to its end.
    PayloadTooLarge
        If there is more.

    Examples
    --------
    >>> from io import BytesIO
    >>> body = {"CONTENT_LENGTH": "2", "wsgi.input": BytesIO(b"{}")}
    >>> read_json({"CONTENT_TYPE": "application/json", **body}, 10)
    {}
    """
    encoding = environ.get("HTTP_CONTENT_ENCODING") or "identity"
    if not _is_json(environ.get("CONTENT_TYPE")) or encoding.lower() != "identity":
        raise UnsupportedMediaType
    try:
        return orjson.loads(read_body(environ, max_bytes))
    except orjson.JSONDecodeError:
        raise BadRequest("body: must be JSON in UTF-8, without NaN") from None


@lru_cache(maxsize=64)
def _is_json(content_type: str | None) -> bool:
    """Whether a media type is JSON, such as application/fhir+json, in UTF-8."""
    media_type, parameters = parse_options_header(content_type)
    return (
        re.fullmatch(r"application/(?:[\w.+-]+\+)?json", media_type.lower()) is not None
        and parameters.get("charset", "utf-8").lower() in _UTF_8
    )


def read_body(environ: "WSGIEnvironment", max_bytes: int) -> bytes:
    """
    Read the body of a request.

    Werkzeug's own stream would do the same by a buffer of 64 kB, cleared for each read.

    Parameters
    ----------
    environ : dict
        The WSGI environment.
    max_bytes : int
        Most bytes of a body.

    Returns
    -------
    bytes
        The body. It is empty if neither client nor server says where it ends.

    Raises
    ------
    PayloadTooLarge
        If there is more; if the client says so, without reading.
    BadRequest
        If it cannot be read to its end.
    werkzeug.exceptions.HTTPException
        If it breaks off, and what the server itself raises.

    Examples
    --------
    >>> from io import BytesIO
    >>> read_body({"CONTENT_LENGTH": "2", "wsgi.input": BytesIO(b"{}...")}, 10)
    b'{}'
    """
    is_terminated = "wsgi.input_terminated" in environ
    size = get_content_length(environ)
    if size is None:  # chunked: one byte more than allowed tells that it is too large
        size = max_bytes + 1 if is_terminated else 0
    elif size > max_bytes:
        raise _too_large(max_bytes)
    body = _read(environ["wsgi.input"], size)
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    if len(body) < size and not is_terminated:
        raise ClientDisconnected
    return body


def _too_large(max_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"body: send at most {max_bytes} bytes")


def _read(stream: "InputStream", size: int) -> bytes:
    parts = []
    try:
        while size > 0 and (part := stream.read(size)):  # it may give fewer at a time
            parts.append(part)
            size -= len(part)
    except HTTPException:
        raise
    except (OSError, ValueError):
        raise ClientDisconnected from None
    except Exception:  # noqa: BLE001 - every server has its own for a broken chunk
        raise BadRequest("body: could not be read to its end") from None
    return b"".join(parts)
