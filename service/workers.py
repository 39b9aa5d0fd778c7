"""Gunicorn workers that answer a broken request without quoting it."""

import logging
from http import HTTPStatus
from typing import Any

import orjson
from gunicorn import util  # type: ignore[import-untyped] # gunicorn ships no types
from gunicorn.http import errors  # type: ignore[import-untyped] # as above
from gunicorn.workers import gthread, sync  # type: ignore[import-untyped] # as above

__all__ = ["SyncWorker", "ThreadWorker"]

_log = logging.getLogger("service.workers")

#: What a fault of the request itself is answered with; other faults of it with 400.
_STATUS: dict[type[BaseException], HTTPStatus] = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.ForbiddenProxyRequest: HTTPStatus.FORBIDDEN,
}


class _PlainErrors:
    """
    Replace gunicorn's error page, which quotes the header or line it refuses.

    Gunicorn also logs the quoted text, and a header can be a token.
    """

    def handle_error(
        self,
        req: object,
        client: Any,  # noqa: ANN401 a socket, or one wrapped for TLS
        _addr: object,
        exc: BaseException,
    ) -> None:
        """
        Answer a request that never reached the application, or died in it.

        Parameters
        ----------
        req : object
            The parsed request; None if parsing failed.
        client : socket.socket
            Where the answer goes.
        exc : BaseException
            What went wrong.
        """
        status = _status(req, exc)
        _log.warning(
            "request refused before the application: %s",
            type(exc).__name__,
            extra={"status": status.value},
        )
        try:
            util.write_nonblock(client, _answer(status))
        except OSError:
            _log.info("the client did not wait for the answer")


class SyncWorker(_PlainErrors, sync.SyncWorker):  # type: ignore[misc] # untyped base
    """One request at a time: the steadiest choice for requests of a millisecond."""


class ThreadWorker(_PlainErrors, gthread.ThreadWorker):  # type: ignore[misc] # as above
    """Several requests at a time, for clients that keep connections open."""


def _status(req: object, exc: BaseException) -> HTTPStatus:
    if isinstance(exc, SystemExit):  # the worker ran into its time limit
        waited_for_client = req is None
        return (
            HTTPStatus.REQUEST_TIMEOUT
            if waited_for_client
            else HTTPStatus.SERVICE_UNAVAILABLE
        )
    if isinstance(exc, errors.InvalidResponseHeader | errors.InvalidResponseHeaderName):
        return HTTPStatus.INTERNAL_SERVER_ERROR
    if isinstance(exc, errors.ParseException):
        return _STATUS.get(type(exc), HTTPStatus.BAD_REQUEST)
    return HTTPStatus.INTERNAL_SERVER_ERROR


def _answer(status: HTTPStatus) -> bytes:
    is_server_fault = status.value >= HTTPStatus.INTERNAL_SERVER_ERROR
    issue = {
        "severity": "error",
        "code": "exception" if is_server_fault else "structure",
        "details": {"text": status.phrase},
    }
    body = orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]})
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nCache-Control: no-store\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
