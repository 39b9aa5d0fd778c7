"""Logs without patient data, a request id in and out, and what health checks ask."""

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING, Any

import orjson
from flask import Flask, Request

from cds_hooks.trust import CALLER, REFUSAL

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__all__ = [
    "LOGGED_FIELDS",
    "OTHER_PATIENT",
    "WITHHELD",
    "JSONFormatter",
    "ready_report",
    "set_level",
    "watch",
]

#: Where in the environment of a request stands why its cards were not shown.
WITHHELD = "scnen_cds.withheld"
#: And how many resources of other patients were sent and dropped.
OTHER_PATIENT = "scnen_cds.other_patient"

_log = logging.getLogger("service.requests")

#: The only fields of its own that a log line may carry; all others are left out.
LOGGED_FIELDS = (
    "request_id",
    "method",
    "route",
    "service",
    "status",
    "duration_ms",
    "client",
    "tenant",
    "token_id",
    "refusal",
    "withheld",
    "other_patient",
    "stop",
    "reason",
    "accepted",
    "overridden",
)

#: Loggers of this project: their messages are fixed texts and names of types.
_OWN_LOGGERS = ("service", "cds_hooks")
#: Parts of gunicorn that never see a request, so that their words may be kept. The
#: place is true only with `service.workers.PlacedLogger`.
_MASTER_MODULES = frozenset({"arbiter", "sock"})

#: A correlation id is a UUID or a trace id of 32 hexadecimal digits, one of them a
#: letter. Anything else could be a name or a record number and is replaced.
_REQUEST_ID = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[0-9]*[a-f])[0-9a-f]{32}",
    re.IGNORECASE,
)


class JSONFormatter(logging.Formatter):
    """
    Format log records as JSON lines that cannot hold patient data.

    Fields come from `LOGGED_FIELDS`. Of an exception only the type and the places in
    the code are written, since its text may quote the input. The words of libraries
    are withheld unless they come from a part that never sees a request.
    """

    def format(self, record: logging.LogRecord) -> str:
        """
        Format one record.

        Parameters
        ----------
        record : logging.LogRecord
            The record.

        Returns
        -------
        str
            One line of JSON; the time is UTC.
        """
        line: dict[str, Any] = {
            "time": _utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event(record),
            "pid": record.process,
        }
        for name in LOGGED_FIELDS:
            value = record.__dict__.get(name)
            if value is not None:
                line[name] = value
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
            line["at"] = _places(record.exc_info[2])
        return orjson.dumps(line, default=_withhold).decode()


def set_level(level: str) -> None:
    """
    Set the least level of this project's own loggers.

    Parameters
    ----------
    level : str
        ``debug``, ``info``, ``warning`` or ``error``.
    """
    for name in _OWN_LOGGERS:
        logging.getLogger(name).setLevel(level.upper())


def watch(
    app: Flask,
    known_services: frozenset[str],
    on_answer: Callable[[Mapping[str, Any], int, float], None] | None = None,
) -> None:
    """
    Give every request an id and log one line for it.

    Parameters
    ----------
    app : flask.Flask
        The application.
    known_services : frozenset of str
        Service ids that may stand in the log; other path segments are input.
    on_answer : callable, optional
        Learns what the log line says of the request, the status, and the time in
        seconds.
    """
    answer = app.wsgi_app

    def watched(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        began = time.perf_counter()
        request_id = _request_id(environ)

        def start(
            status: str,
            headers: list[tuple[str, str]],
            exc_info: "OptExcInfo | None" = None,
        ) -> Callable[[bytes], object]:
            headers.append(("X-Request-ID", request_id))
            told, code = _describe(environ, known_services), int(status[:3])
            seconds = time.perf_counter() - began
            if on_answer is not None:
                on_answer(told, code, seconds)
            if _log.isEnabledFor(logging.INFO):
                told["request_id"] = request_id
                told["status"] = code
                told["duration_ms"] = round(seconds * 1000, 2)
                _log.handle(logging.makeLogRecord(told))
            return start_response(status, headers, exc_info)

        return answer(environ, start)

    app.wsgi_app = watched  # type: ignore[method-assign] # as Flask documents it


def _request_id(environ: "WSGIEnvironment") -> str:
    sent: str = environ.get("HTTP_X_REQUEST_ID", "")
    return sent.lower() if sent and _REQUEST_ID.fullmatch(sent) else token_hex(16)


def _describe(
    environ: "WSGIEnvironment", known_services: frozenset[str]
) -> dict[str, Any]:
    """What a record of a request says besides its id, its status and its time."""
    request: Request = environ["werkzeug.request"]
    rule, values = request.url_rule, request.view_args or {}
    service = values.get("service_id")
    return {
        "name": _log.name,
        "levelno": logging.INFO,
        "levelname": "INFO",
        "msg": "request",
        "method": request.method if rule else None,
        "route": rule.rule if rule else None,
        "service": service if service in known_services else None,
        "withheld": environ.get(WITHHELD),
        "other_patient": environ.get(OTHER_PATIENT),
        **_caller(environ),
    }


def _caller(environ: "WSGIEnvironment") -> dict[str, str | None]:
    """Who called, in registered names, or why the call was refused."""
    caller = environ.get(CALLER)
    if caller is not None:
        return {
            "client": caller.client.name,
            "tenant": caller.tenant,
            "token_id": caller.token_id,
        }
    return dict(environ.get(REFUSAL, {}))


def ready_report(
    parts: Mapping[str, Callable[[], Mapping[str, Any]]],
) -> tuple[dict[str, Any], bool]:
    """
    Ask every part whether it can work.

    Parameters
    ----------
    parts : Mapping of str to callable
        By name of the part: what it tells about itself. One that raises is not ready.

    Returns
    -------
    report : dict
        JSON-ready, with ``status`` ``ready`` or ``not ready`` and one entry for a part.
    is_ready : bool
        Whether all parts can work.
    """
    told: dict[str, Any] = {}
    is_ready = True
    for name, ping in parts.items():
        try:
            told[name] = {"status": "ready", **ping()}
        except Exception:  # noqa: BLE001 whatever it is, the part cannot work
            _log.exception("part not ready")
            told[name] = {"status": "not ready"}
            is_ready = False
    status = "ready" if is_ready else "not ready"
    return {"status": status, "parts": told}, is_ready


def _event(record: logging.LogRecord) -> str:
    own = record.name.split(".", 1)[0] in _OWN_LOGGERS
    if own or (record.name == "gunicorn.error" and record.module in _MASTER_MODULES):
        return record.getMessage()
    return f"message withheld ({record.module}.{record.funcName})"


def _places(traceback: TracebackType | None) -> list[str]:
    """Where an exception came from, as module and line: code, never values."""
    places = []
    while traceback is not None:
        module = traceback.tb_frame.f_globals.get("__name__", "?")
        places.append(f"{module}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return places


def _utc(seconds: float) -> str:
    return f"{_second(int(seconds))}.{int(seconds % 1 * 1000):03d}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _withhold(value: object) -> str:
    return f"<{type(value).__name__}>"
