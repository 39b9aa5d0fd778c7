"""Reading a period for monitoring, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from service.monitor.calls import CardRow, Found
from service.store.monitoring import Selection, observed
from service.store.schema import decision_cards, decisions, feedback, gaps, outcomes

CARD = "0b0e7f0a-6f0e-5e52-9a55-3d1c3f0f3d11"


@pytest.fixture
def filled(database, rows):
    """Two clients' decisions, one of another time; answers, outcomes and gaps."""
    day = timedelta(days=1)
    with database.writing() as connection:
        for row in (
            rows.a_decision(1, encounter_hash="e" * 32),
            rows.a_decision(2, client="south", tenant="s1"),
            rows.a_decision(3, at=rows.at - 40 * day),
        ):
            connection.execute(insert(decisions), [row])
        card = {
            "decision_id": rows.a_decision(1)["id"],
            "position": 0,
            "card": CARD,
            "topic": "ScnenRiskHigh",
            "indicator": "warning",
            "is_withheld": 0,
            "suggestions": [["s1", ["ServiceRequest"]], ["s2", [None]]],
        }
        connection.execute(insert(decision_cards), [card])
        given = rows.a_feedback()
        given["reasons"] = [{"code": "patient-refuses", "system": None}]
        given["accepted"] = ["s1"]
        connection.execute(insert(feedback), [given])
        for number, found in enumerate(("no", "yes")):
            values = {
                "id": str(number) * 64,
                "decision_id": rows.a_decision(1)["id"],
                "outcome": found,
                "examined_on": "2026-04-01",
                "criteria": "study",
                "recorded_by": "test",
                "recorded_at": rows.at + number * day,
            }
            connection.execute(insert(outcomes), [values])
        connection.execute(insert(gaps), [rows.a_gap()])
    return database


@pytest.fixture
def select(rows):
    """A selection of a month around the decisions."""

    def select(**changed):
        since = rows.at - timedelta(days=20)
        return Selection(since, since + timedelta(days=30), **changed)

    return select


def test_a_period_is_read_with_its_cards(filled, select):
    """Calls of the time, in its order; a vertebra is read as it was written."""
    first, second = observed(filled, select()).calls
    assert [first.client, second.client] == ["north", "south"]
    orders = {"s1": "ServiceRequest", "s2": ""}
    assert first.cards == [CardRow(CARD, "ScnenRiskHigh", is_shown=True, orders=orders)]
    assert first.vertebrae[0]["missing"] == {"method": "not-recorded"}


def test_a_call_without_an_encounter_belongs_to_patient_and_day(filled, select):
    """So repeated calls are known again."""
    first, second = observed(filled, select()).calls
    assert first.visit == "e" * 32
    assert second.visit == f"{'a' * 32} 2026-03-02"


@pytest.mark.parametrize("which", [{"client": "south"}, {"tenant": "s1"}])
def test_one_client_or_tenant_can_be_read(filled, select, which):
    """Nothing of the others."""
    (call,) = observed(filled, select(**which)).calls
    assert call.client == "south"


def test_answers_are_read_without_comments(filled, select):
    """Codes of reasons and suggestions."""
    (answer,) = observed(filled, select()).answers
    assert (answer.card, answer.outcome) == (CARD, "overridden")
    assert (answer.reasons, answer.accepted) == (("patient-refuses",), ("s1",))
    assert observed(filled, select(client="south")).answers == []


def test_the_last_outcome_counts(filled, select, rows):
    """A correction is a further row."""
    found = observed(filled, select()).outcomes
    assert found == {rows.a_decision(1)["id"]: Found("yes", "study")}


def test_what_was_lost_is_read_by_cause(filled, select):
    """It has no client: it is told whatever is selected."""
    assert observed(filled, select(client="south")).lost == {"OSError": 3}
