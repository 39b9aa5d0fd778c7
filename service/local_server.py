"""The service in a process of its own on a free loopback port, while it is needed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from types import FrameType
from typing import IO, NoReturn

import requests

from service.fire import open_session

__all__ = ["ServerError", "local_server"]

_ENDINGS = (signal.SIGTERM, signal.SIGHUP)
_PAUSE_S = 0.02
_STOP_S = 5.0
_LOG_LINES = 5


class ServerError(RuntimeError):
    """The service did not start; the last lines of its log are in the message."""


@contextmanager
def local_server(deadline_s: float = 30.0) -> Iterator[str]:
    """
    Start ``scnen-cds serve --open`` on a free port, and stop it in every case.

    SIGTERM and SIGHUP end the block as Ctrl-C does, so that no server is left behind.

    Parameters
    ----------
    deadline_s : float, optional
        Seconds until the service must be ready.

    Yields
    ------
    str
        Base URL of the service, once it is ready.

    Raises
    ------
    ServerError
        If it ends or is not ready in time.
    """
    command = [sys.executable, "-m", "service", "serve", "--open", "--port", "0"]
    with TemporaryFile("w+") as log, _signals_raise():
        process = subprocess.Popen(  # noqa: S603 our own command, no input in it
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        try:
            yield _ready(process, deadline_s, log)
        finally:
            _stop(process)


@contextmanager
def _signals_raise() -> Iterator[None]:
    def leave(number: int, _: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    before = {each: signal.signal(each, leave) for each in _ENDINGS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _ready(process: subprocess.Popen[str], deadline_s: float, log: IO[str]) -> str:
    end = time.monotonic() + deadline_s
    url = _announced_url(process, deadline_s)
    with open_session(url) as session:
        while url and process.poll() is None and time.monotonic() < end:
            if _is_ready(session, url):
                return url
            time.sleep(_PAUSE_S)
    log.seek(0)
    said = "".join(log.readlines()[-_LOG_LINES:]).strip()
    raise ServerError(f"the service did not start: {said or 'it said nothing'}")


def _announced_url(process: subprocess.Popen[str], deadline_s: float) -> str:
    """Take the base URL from the line that names the discovery URL."""
    watchdog = threading.Timer(deadline_s, process.kill)
    watchdog.start()
    try:
        for line in process.stdout or ():
            if (found := line.strip()).endswith("/cds-services"):
                return found.split()[-1].removesuffix("/cds-services")
    finally:
        watchdog.cancel()
    return ""


def _is_ready(session: requests.Session, url: str) -> bool:
    try:
        return session.get(f"{url}/healthz/ready", timeout=1).ok
    except requests.RequestException:
        return False


def _stop(process: subprocess.Popen[str]) -> None:
    """
    End the server, with its workers: the session that was started for it, no other.

    A worker that is asked to stop while it is still starting does not hear it, and
    gunicorn would wait for it long.
    """
    process.terminate()
    try:
        process.wait(_STOP_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout:
        process.stdout.close()
