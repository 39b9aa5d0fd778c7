"""What the workers answer when a request never reaches the application."""

import json
import socket
from types import SimpleNamespace

import pytest
from gunicorn.http import errors
from werkzeug.exceptions import RequestTimeout

from service.workers import SyncWorker, ThreadWorker

CANARY = "canary-4711"


def answer(worker, exc, req=None, *, is_open=True):
    """Let a worker handle an error and read what the client gets."""
    ours, theirs = socket.socketpair()
    made = object.__new__(worker)
    made.wsgi = SimpleNamespace(is_open=is_open)
    with ours, theirs:
        worker.handle_error(made, req, ours, ("127.0.0.1", 1), exc)
        ours.shutdown(socket.SHUT_WR)
        return theirs.recv(65536)


@pytest.mark.parametrize("worker", [SyncWorker, ThreadWorker])
@pytest.mark.parametrize(
    ("exc", "status", "code"),
    [
        (errors.InvalidRequestLine(CANARY), 400, "structure"),
        (errors.InvalidHeader(CANARY), 400, "structure"),
        (errors.InvalidChunkSize(CANARY), 400, "structure"),
        (errors.LimitRequestLine(9, 1), 414, "structure"),
        (errors.LimitRequestHeaders(CANARY), 431, "structure"),
        (errors.ExpectationFailed(CANARY), 417, "structure"),
        (RequestTimeout(CANARY), 408, "structure"),
        (errors.ForbiddenProxyRequest(CANARY), 403, "structure"),
        (errors.UnsupportedTransferCoding(CANARY), 501, "exception"),
        (errors.InvalidResponseHeader(CANARY), 500, "exception"),
        (RuntimeError(CANARY), 500, "exception"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_every_fault_has_a_status_and_quotes_nothing(worker, exc, status, code, caplog):
    """The answer is a fixed text; the log names the type."""
    received = answer(worker, exc)
    top, _, body = received.partition(b"\r\n\r\n")
    assert top.startswith(f"HTTP/1.1 {status} ".encode())
    assert f"Content-Length: {len(body)}".encode() in top
    assert b"Access-Control-Allow-Origin: *" in top
    (record,) = caplog.records
    assert f"X-Request-ID: {record.request_id}".encode() in top
    outcome = json.loads(body)
    assert outcome["issue"][0]["code"] == code
    assert type(exc).__name__ in caplog.text
    assert CANARY not in received.decode() + caplog.text


def test_outside_of_open_mode_no_web_page_may_read_it():
    """Which may, the register says, and a worker does not read that."""
    received = answer(SyncWorker, errors.InvalidHeader("x"), is_open=False)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"Access-Control" not in received


def test_a_worker_that_runs_out_of_time_says_that_it_was_ours():
    """A slow client is ended long before; what still takes so long is the service."""
    assert answer(SyncWorker, SystemExit(1), object()).startswith(b"HTTP/1.1 503 ")


def test_a_client_that_has_gone_is_not_an_error(caplog):
    """Answering nobody is no reason for a traceback."""
    caplog.set_level("INFO", "service")
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours:
        SyncWorker.handle_error(
            object.__new__(SyncWorker), None, ours, None, errors.InvalidHeader("x")
        )
    assert "the client did not wait" in caplog.text
