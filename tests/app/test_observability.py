"""Logs and health: nothing of a patient gets in, whatever is logged."""

import json
import logging
import sys
from copy import deepcopy

import pytest
from gunicorn.config import Config

from service import gunicorn_conf
from service.observability import LOGGED_FIELDS, JSONFormatter, ready_report, set_level

CANARY = "canary-4711"


def line(name="service.app", msg="event", args=(), pathname="/x/app.py", **extra):
    """Format one record as the service does."""
    exc_info = extra.pop("exc_info", None)
    record = logging.LogRecord(
        name, logging.WARNING, pathname, 1, msg, args, exc_info, func="handle"
    )
    record.__dict__.update(extra)
    return json.loads(JSONFormatter().format(record))


def test_own_messages_are_kept_with_time_and_level():
    """Our messages are fixed texts and names of types."""
    written = line(msg="%s failed", args=("KeyError",))
    assert (written["event"], written["level"]) == ("KeyError failed", "warning")
    assert written["time"].endswith("Z")
    assert len(written["time"]) == len("2026-03-06T10:00:00.000Z")


def test_only_fields_of_the_list_are_written():
    """A field that somebody adds to a record does not get out by itself."""
    written = line(route="/x", patient_id=CANARY, service=None)
    assert written["route"] == "/x"
    assert not {"patient_id", "service"} & set(written)
    assert not {"patient", "body", "path", "headers"} & set(LOGGED_FIELDS)


def test_a_field_of_a_wrong_type_is_named_by_type_only():
    """Logging never fails and never falls back on the text of an object."""
    assert line(route=ValueError(CANARY))["route"] == "<ValueError>"


def test_of_an_exception_type_and_places_are_written():
    """The text of an exception may quote the input."""
    try:
        int(CANARY)
    except ValueError:
        written = line(exc_info=sys.exc_info())
    assert written["exception"] == "ValueError"
    assert written["at"][0].startswith(f"{__name__}:")
    assert CANARY not in json.dumps(written)


def test_a_record_with_empty_exception_information_is_written():
    """`logger.error(..., exc_info=True)` outside a handler says nothing."""
    assert "exception" not in line(exc_info=(None, None, None))


@pytest.mark.parametrize("name", ["werkzeug", "gunicorn.access", "gunicorn.errors"])
def test_words_of_libraries_are_withheld(name):
    """Whatever a library says may quote what it read, wherever it says it."""
    written = line(name, "said %s", (CANARY,), "/gunicorn/arbiter.py")
    assert written["event"] == "message withheld (arbiter.handle)"


@pytest.fixture
def gunicorn_says(monkeypatch):
    """Let gunicorn's logger say something in a given module; give what is written."""
    kept = []
    handler = logging.Handler()
    handler.emit = lambda record: kept.append(JSONFormatter().format(record))
    cfg = Config()
    cfg.set("loglevel", "debug")
    cfg.set("errorlog", None)
    log = gunicorn_conf.logger_class(cfg)
    monkeypatch.setattr(log.error_log, "handlers", [handler])

    def say(level, file):
        code = compile(f"log.{level}('said %s', {CANARY!r})", file, "exec")
        exec(code, {"log": log})  # noqa: S102 as if gunicorn's own file had said it
        return [json.loads(each)["event"] for each in kept]

    return say


@pytest.mark.parametrize("level", ["info", "warning", "error", "critical", "exception"])
@pytest.mark.parametrize(
    ("file", "event"),
    [
        ("/gunicorn/arbiter.py", f"said {CANARY}"),
        ("/gunicorn/workers/base.py", "message withheld (base.<module>)"),
        ("/gunicorn/workers/gthread.py", "message withheld (gthread.<module>)"),
        ("/gunicorn/glogging.py", "message withheld (glogging.<module>)"),
    ],
)
def test_of_gunicorn_only_the_master_is_quoted(gunicorn_says, level, file, event):
    """Its workers quote what they refuse; its master never sees a request."""
    assert gunicorn_says(level, file) == [event]


def test_gunicorn_says_nothing_below_info(gunicorn_says):
    """Its debug messages are what clients sent, whatever level is asked for."""
    assert gunicorn_says("debug", "/gunicorn/arbiter.py") == []


def test_a_part_that_fails_is_not_ready_and_says_nothing_else(caplog):
    """The answer names the part; the log has the place."""

    def broken():
        raise RuntimeError(CANARY)

    report, is_ready = ready_report({"model": lambda: {"id": "m"}, "policy": broken})
    assert not is_ready
    assert report == {
        "status": "not ready",
        "parts": {
            "model": {"status": "ready", "id": "m"},
            "policy": {"status": "not ready"},
        },
    }
    assert caplog.records[0].msg == "part not ready"


def test_the_level_holds_for_our_own_loggers():
    """A setting changes how much the service says, not its libraries."""
    names = ("service", "cds_hooks")
    before = [logging.getLogger(name).level for name in names]
    set_level("error")
    assert {logging.getLogger(name).level for name in names} == {logging.ERROR}
    for name, level in zip(names, before, strict=True):
        logging.getLogger(name).setLevel(level)


@pytest.mark.conformance("PF-11")
def test_resources_of_another_patient_are_counted_in_the_log(
    client, example_request, caplog
):
    """Whoever made the prefetch can find out; which patient, the log does not say."""
    stray = {
        "resourceType": "Observation",
        "id": "canary-4711",
        "status": "final",
        "code": {"text": "canary"},
        "subject": {"reference": "Patient/canary-4711"},
    }
    body = deepcopy(example_request)
    for bundle in body["prefetch"].values():
        if bundle and bundle.get("resourceType") == "Bundle":
            bundle.setdefault("entry", []).append({"resource": stray})
    with caplog.at_level(logging.INFO, "service.requests"):
        client.post("/cds-services/scnen-discharge", json=body)
    line = JSONFormatter().format(caplog.records[-1])
    assert json.loads(line)["other_patient"] >= 1
    assert "canary" not in line
