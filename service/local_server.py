"""Programs that serve on a loopback port, each in a process of its own while needed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile
from types import FrameType
from typing import IO, NoReturn

import requests

from service.fire import open_session

__all__ = ["ServerError", "local_program", "local_server"]

_SERVE = (sys.executable, "-m", "service", "serve", "--open", "--port", "0")
_DISCOVERY = "/cds-services"
_ENDINGS = (signal.SIGTERM, signal.SIGHUP)
_PAUSE_S = 0.02
_STOP_S = 5.0
_LOG_LINES = 5
_TOKEN = "FHIR_TOKEN"  # noqa: S105 a name


class ServerError(RuntimeError):
    """A server did not start; the message says why, or where that stands."""


@contextmanager
def local_server(
    deadline_s: float = 30.0, variables: Mapping[str, str] | None = None
) -> Iterator[str]:
    """
    Start ``scnen-cds serve --open`` on a free port, and stop it in every case.

    SIGTERM and SIGHUP end the block as Ctrl-C does, so that no server is left behind.

    Parameters
    ----------
    deadline_s : float, optional
        Seconds until the service must be ready.
    variables : mapping of str to str or None, optional
        Added to its environment: settings other than our own.

    Yields
    ------
    str
        Base URL of the service, once it is ready.

    Raises
    ------
    ServerError
        If it ends or is not ready in time.
    """
    end = time.monotonic() + deadline_s
    with TemporaryFile("w+") as log, _process(_SERVE, log, variables or {}) as process:
        url = _announced_url(process, _DISCOVERY, deadline_s)
        url = url.removesuffix(_DISCOVERY)
        if not _is_ready_until(end, process, url):
            log.seek(0)
            said = "".join(log.readlines()[-_LOG_LINES:]).strip()
            raise ServerError(f"the service did not start: {said or 'it said nothing'}")
        yield url


@contextmanager
def local_program(
    command: Sequence[str],
    ending: str,
    *,
    name: str,
    variables: Mapping[str, str],
    deadline_s: float = 30.0,
) -> Iterator[str]:
    """
    Start a program that announces where it serves, and stop it in every case.

    What it writes to standard error is seen as if it were ours.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    ending : str
        How the URL ends with which a line of its standard output ends.
    name : str
        What it is, for the message if it does not start.
    variables : mapping of str to str
        Added to its environment: what other users of the machine should not read in
        the list of processes.
    deadline_s : float, optional
        Seconds until it must have announced itself.

    Yields
    ------
    str
        The URL.

    Raises
    ------
    ServerError
        If it ends or says nothing in time.
    """
    with _process(command, None, variables) as process:
        url = _announced_url(process, ending, deadline_s)
        if not url:
            raise ServerError(f"{name} did not start; it says why above")
        yield url


@contextmanager
def _process(
    command: Sequence[str], log: IO[str] | None, variables: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    with _signals_raise():
        process = subprocess.Popen(  # noqa: S603 our own command, no input in it
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
            env={**_environment(), **variables},
        )
        try:
            yield process
        finally:
            _stop(process)


def _environment() -> dict[str, str]:
    """Give our own variables, but the token of a FHIR server only to who needs it."""
    return {name: value for name, value in os.environ.items() if name != _TOKEN}


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


def _announced_url(
    process: subprocess.Popen[str], ending: str, deadline_s: float
) -> str:
    """Take the URL from the line that names it; it is empty if there is none."""
    watchdog = threading.Timer(deadline_s, process.kill)
    watchdog.start()
    try:
        for line in process.stdout or ():
            if (found := line.strip()).endswith(ending):
                return found.split()[-1]
    finally:
        watchdog.cancel()
    return ""


def _is_ready_until(end: float, process: subprocess.Popen[str], url: str) -> bool:
    """Wait for a service that has announced itself."""
    with open_session(url) as session:
        while url and process.poll() is None and time.monotonic() < end:
            if _is_ready(session, url):
                return True
            time.sleep(_PAUSE_S)
    return False


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
