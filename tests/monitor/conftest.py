"""Calls, discharges and answers for the tests of monitoring."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from service.model.artifact import load_bundled
from service.monitor.calls import Answer, Call, CardRow, Found, Observed
from service.monitor.report import summarise
from service.policy import default_policy

AT = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
DIGEST = load_bundled("liu-nomogram").digest
VERTEBRA = {
    "level": "L1",
    "found": {
        "segment": ["lumbar", "1", 0],
        "method": ["pkp", "1", 0],
        "cement_ratio_percent": [50.0, "%", 1],
    },
    "missing": {"cobb_preoperative_deg": "not-recorded"},
}


def a_card(name="card-1", topic="ScnenRiskHigh", *, is_shown=True, orders=None):
    return CardRow(name, topic, is_shown, orders or {})


def a_call(number=1, **changed):
    """A scored call about the discharge of its own number, without a card."""
    values = {
        "id": f"decision-{number}",
        "at": AT + timedelta(hours=number),
        "client": "north",
        "tenant": "north",
        "service": "scnen-discharge",
        "visit": f"visit-{number}",
        "status": 200,
        "reason": None,
        "model": DIGEST,
        "risk": 0.3,
        "percentile": 80.0,
        "band": "high",
        "vertebrae": [VERTEBRA],
        "latency_ms": 2.0,
        "cards": (),
    }
    return Call(**values | changed)


def an_answer(number=1, outcome="accepted", **changed):
    values = {"client": "north", "card": f"card-{number}", "outcome": outcome}
    values["at"] = AT + timedelta(hours=number, minutes=5)
    return Answer(**values | changed)


def a_report(calls=(), answers=(), outcomes=None, lost=None, until=None):
    """Summarise a month and a half with the default policy and model."""
    observed = Observed(calls, answers, outcomes or {}, lost or {})
    period = AT - timedelta(days=1), until or AT + timedelta(days=45)
    return summarise(observed, period, load_bundled("liu-nomogram"), default_policy())


@pytest.fixture
def make():
    """Make calls, cards, answers and reports."""
    return SimpleNamespace(
        at=AT,
        call=a_call,
        card=a_card,
        answer=an_answer,
        found=Found,
        report=a_report,
        vertebra=VERTEBRA,
    )
