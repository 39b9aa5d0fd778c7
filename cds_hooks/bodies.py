"""Bodies of requests: read whole, up to a limit, in one go."""

from typing import TYPE_CHECKING

from werkzeug.exceptions import ClientDisconnected, HTTPException
from werkzeug.wsgi import get_content_length

from cds_hooks.errors import BadRequest, PayloadTooLarge

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, WSGIEnvironment

__all__ = ["read_body"]


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
