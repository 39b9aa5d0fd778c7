"""Reading decisions with outcomes for a cohort, on both databases."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from service.store.cohort import followed
from service.store.monitoring import Selection
from service.store.schema import decisions, outcomes


def an_outcome(rows, number, outcome, **changed):
    """What was recorded of the first decision, so many days later."""
    row = {
        "id": str(number) * 64,
        "decision_id": rows.a_decision(1)["id"],
        "outcome": outcome,
        "examined_on": "2026-08-01",
        "criteria": "study",
        "recorded_by": "test",
        "recorded_at": rows.at + timedelta(days=number),
    }
    return row | changed


@pytest.fixture
def filled(database, rows):
    """Two decisions with an operation, one refused; an outcome and its correction."""
    with database.writing() as connection:
        for row in (
            rows.a_decision(1, encounter_hash="e" * 32),
            rows.a_decision(2, key_id="ffffffff", at=rows.at + timedelta(hours=6)),
            rows.a_decision(3, vertebrae=[]),
        ):
            connection.execute(insert(decisions), [row])
        absent = {"examined_on": None, "criteria": None}
        for row in (
            an_outcome(rows, 1, "not-examined", **absent),
            an_outcome(rows, 2, "yes"),
        ):
            connection.execute(insert(outcomes), [row])
    return database


@pytest.fixture
def stored(filled, rows):
    """All of it, read in Shanghai."""
    day = timedelta(days=1)
    selection = Selection(rows.at - day, rows.at + day)
    return followed(filled, selection, ZoneInfo("Asia/Shanghai"))


def test_decisions_about_an_operation_are_read(stored):
    """The others are counted: they are not dropped in silence."""
    assert [each.vertebrae[0]["level"] for each in stored.decided] == ["T12", "T12"]
    assert stored.without_operation == 1


def test_days_are_those_of_the_hospital(stored):
    """Half past four in the afternoon in London is the next day in Shanghai."""
    assert [each.day for each in stored.decided] == [date(2026, 3, 2), date(2026, 3, 3)]


def test_a_visit_is_the_encounter_or_else_the_day(stored):
    """So operations without a day are told apart."""
    assert [each.visit for each in stored.decided] == ["e" * 32, "2026-03-03"]


def test_patients_under_two_keys_are_two(stored):
    """Nobody can tell that they are one; how many keys there are is told."""
    first, second = stored.decided
    assert first.patient != second.patient
    assert stored.keys == 2


def test_the_last_outcome_of_a_decision_counts(stored):
    """A correction is a further row."""
    first, second = stored.decided
    assert first.follow_up.outcome == "yes"
    assert first.follow_up.examined_on == date(2026, 8, 1)
    assert second.follow_up is None


def test_an_outcome_without_examination_has_no_day(filled, rows):
    """Read up to the first of the two that were recorded."""
    with filled.writing() as connection:
        gone = outcomes.c.outcome == "yes"
        connection.execute(outcomes.delete().where(gone))
    selection = Selection(rows.at - timedelta(days=1), rows.at + timedelta(days=1))
    first, _ = followed(filled, selection, ZoneInfo("UTC")).decided
    assert first.follow_up.outcome == "not-examined"
    assert first.follow_up.examined_on is None


def test_only_the_period_is_read(filled, rows):
    """And only who is asked for."""
    selection = Selection(rows.at, rows.at + timedelta(hours=1))
    assert len(followed(filled, selection, ZoneInfo("UTC")).decided) == 1
    other = Selection(rows.at, rows.at + timedelta(days=1), tenant="south")
    assert followed(filled, other, ZoneInfo("UTC")).decided == []
