"""Logs and health: nothing of a patient gets in, whatever is logged."""

import json
import logging
import sys

import pytest

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


@pytest.mark.parametrize(
    ("name", "pathname", "event"),
    [
        ("gunicorn.error", "/gunicorn/arbiter.py", f"said {CANARY}"),
        (
            "gunicorn.error",
            "/gunicorn/workers/base.py",
            "message withheld (base.handle)",
        ),
        ("werkzeug", "/werkzeug/arbiter.py", "message withheld (arbiter.handle)"),
        ("cds_hooks", "/cds_hooks/blueprint.py", f"said {CANARY}"),
    ],
)
def test_words_of_libraries_that_see_requests_are_withheld(name, pathname, event):
    """Gunicorn's workers quote what they refuse; its master never sees a request."""
    assert line(name, "said %s", (CANARY,), pathname)["event"] == event


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
