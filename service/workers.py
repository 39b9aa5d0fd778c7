"""Gunicorn in our way: it quotes nobody, and no client holds it for long."""

import logging
import selectors
from functools import partial
from http import HTTPStatus
from secrets import token_hex
from time import monotonic
from typing import Any

import orjson
from gunicorn import util  # type: ignore[import-untyped] # gunicorn ships no types
from gunicorn.config import Config  # type: ignore[import-untyped] # as above
from gunicorn.glogging import Logger  # type: ignore[import-untyped] # as above
from gunicorn.http import errors  # type: ignore[import-untyped] # as above
from gunicorn.workers import gthread, sync  # type: ignore[import-untyped] # as above
from werkzeug.exceptions import RequestTimeout

from service.connections import Listener

__all__ = ["PlacedLogger", "SyncWorker", "ThreadWorker"]

_log = logging.getLogger("service.workers")

#: What a fault of the request itself is answered with; other faults of it with 400.
_STATUS: dict[type[BaseException], HTTPStatus] = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.ForbiddenProxyRequest: HTTPStatus.FORBIDDEN,
}


class PlacedLogger(Logger):  # type: ignore[misc] # untyped base
    """
    Let each message of gunicorn name the place it comes from.

    Gunicorn calls the standard logger through a wrapper, which then passes for the
    origin of every message: what the master says could not be told from what a worker
    quotes. Without the wrapper it can, and `JSONFormatter` withholds by place.
    """

    def setup(self, cfg: Config) -> None:
        """
        Set levels and handlers.

        Parameters
        ----------
        cfg : gunicorn.config.Config
            Gunicorn's configuration.
        """
        super().setup(cfg)
        # Below info gunicorn only tells what it read: lines, headers, paths.
        self.error_log.setLevel(max(self.error_log.level, logging.INFO))
        for name in ("critical", "error", "warning", "info", "debug", "exception"):
            setattr(self, name, getattr(self.error_log, name))

    def access(self, *_: object) -> None:  # numpydoc ignore=PR01
        """Write no access log, which would hold paths and headers, nor prepare one."""


class _OurManners:
    """What both kinds of worker do otherwise than gunicorn's own."""

    def accept(self, listener: Any) -> None:  # noqa: ANN401 gunicorn's listening socket
        """
        Take a connection, with a limit to its time.

        Parameters
        ----------
        listener : socket.socket
            Where it waits.
        """
        super().accept(Listener(listener))  # type: ignore[misc] # of gunicorn's worker

    def handle_error(
        self,
        _req: object,
        client: Any,  # noqa: ANN401 a socket, or one wrapped for TLS
        _addr: object,
        exc: BaseException,
    ) -> None:
        """
        Answer a request that never reached the application, or died in it.

        Gunicorn's own page quotes the header or line it refuses, and so does its log;
        a header can be a token.

        Parameters
        ----------
        _req : object
            The parsed request; None if parsing failed.
        client : socket.socket
            Where the answer goes.
        exc : BaseException
            What went wrong.
        """
        status, request_id = _status(exc), token_hex(16)
        _log.warning(
            "answered for the application: %s",
            type(exc).__name__,
            extra={"status": status.value, "request_id": request_id},
        )
        try:
            app = getattr(self, "wsgi", None)
            is_open = getattr(app, "is_open", False)
            answer = _answer(status, request_id, is_open=is_open)
            util.write_nonblock(client, answer)
        except OSError:
            _log.info("the client did not wait for the answer")


class SyncWorker(_OurManners, sync.SyncWorker):  # type: ignore[misc] # untyped base
    """One request at a time: the steadiest choice for requests of a millisecond."""


class ThreadWorker(_OurManners, gthread.ThreadWorker):  # type: ignore[misc] # as above
    """Several requests at a time, for clients that keep connections open."""

    def enqueue_req(self, conn: gthread.TConn) -> None:
        """
        Give a connection to a thread, but not before its client has said something.

        Parameters
        ----------
        conn : gunicorn.workers.gthread.TConn
            The connection.
        """
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.sock.settimeout(0)
        conn.timeout = monotonic() + self.cfg.keepalive
        self.pending_conns.append(conn)
        wake = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, wake)

    def handle(self, conn: gthread.TConn) -> object:
        """
        Handle one request, in a thread.

        Parameters
        ----------
        conn : gunicorn.workers.gthread.TConn
            The connection.

        Returns
        -------
        object
            False if the connection is to be closed.
        """
        outcome = super().handle(conn)
        if outcome is False:
            # Gunicorn would wait in the loop that serves all other connections.
            conn.sock.linger()
        return outcome


def _status(exc: BaseException) -> HTTPStatus:
    if isinstance(exc, RequestTimeout):
        return HTTPStatus.REQUEST_TIMEOUT
    if isinstance(exc, SystemExit):  # the worker ran into its time limit
        return HTTPStatus.SERVICE_UNAVAILABLE
    if isinstance(exc, errors.InvalidResponseHeader | errors.InvalidResponseHeaderName):
        return HTTPStatus.INTERNAL_SERVER_ERROR
    if isinstance(exc, errors.ParseException):
        return _STATUS.get(type(exc), HTTPStatus.BAD_REQUEST)
    return HTTPStatus.INTERNAL_SERVER_ERROR


def _answer(status: HTTPStatus, request_id: str, *, is_open: bool) -> bytes:
    is_server_fault = status.value >= HTTPStatus.INTERNAL_SERVER_ERROR
    issue = {
        "severity": "error",
        "code": "exception" if is_server_fault else "structure",
        "details": {"text": status.phrase},
    }
    body = orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]})
    # Outside of open mode the register says which pages may read what is answered.
    cors = "Access-Control-Allow-Origin: *\r\n" if is_open else ""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nCache-Control: no-store\r\n"
        f"{cors}X-Request-ID: {request_id}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
