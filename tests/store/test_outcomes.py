"""Outcomes: what was found, for which decision; who was not examined is never a no."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from service.store.outcomes import OutcomeError, import_outcomes, record_outcome
from service.store.pseudonyms import Pseudonyms
from service.store.schema import decisions, outcomes

NOW = datetime(2026, 5, 1, 9, tzinfo=UTC)
KEY = "correct-horse-battery-staple-0001"
DECISION = "00000000-0000-7000-8000-000000000001"
YES = {"outcome": "yes", "examined_on": "2026-04-01", "criteria": "study"}


@pytest.fixture
def names():
    """The present key, and one of before."""
    return [Pseudonyms(KEY), Pseudonyms(KEY[::-1])]


@pytest.fixture
def filled(database, rows, names):
    """Three decisions about a patient: before the key changed, since, and later."""
    with database.writing() as connection:
        made = [
            rows.a_decision(1, patient_hash=names[1].patient("north", "p1")),
            rows.a_decision(
                2,
                patient_hash=names[0].patient("north", "p1"),
                at=rows.at + timedelta(hours=1),
            ),
            rows.a_decision(
                3,
                patient_hash=names[0].patient("north", "p1"),
                at=rows.at + timedelta(hours=2),
                vertebrae=[],
            ),
            rows.a_decision(
                4,
                patient_hash=names[0].patient("north", "p1"),
                at=rows.at + timedelta(days=50),
            ),
        ]
        connection.execute(insert(decisions), made)
    return database


@pytest.fixture
def record(filled, names):
    """Record one outcome."""

    def record_one(**row):
        return record_outcome(filled, row, names=names, recorded_by="test", now=NOW)

    return record_one


def recorded(database):
    """What is recorded, in the order in which it was."""
    with database.reading() as connection:
        wanted = select(
            outcomes.c.decision_id, outcomes.c.outcome, outcomes.c.examined_on
        )
        return [tuple(row) for row in connection.execute(wanted)]


def test_an_outcome_is_keyed_to_its_decision(filled, record):
    """By the id of the decision."""
    assert record(decision_id=DECISION, **YES)
    assert recorded(filled) == [(DECISION, "yes", "2026-04-01")]


def test_the_same_outcome_is_recorded_once(filled, record):
    """A file that is imported twice changes nothing."""
    record(decision_id=DECISION, **YES)
    assert not record(decision_id=DECISION, **YES)
    assert len(recorded(filled)) == 1


def test_a_correction_stands_beside_what_it_corrects(filled, names):
    """Also back to what was recorded first."""
    for hours, outcome in enumerate(("yes", "no", "yes")):
        assert record_outcome(
            filled,
            {**YES, "decision_id": DECISION, "outcome": outcome},
            names=names,
            recorded_by="test",
            now=NOW + timedelta(hours=hours),
        )
    assert sorted(row[1] for row in recorded(filled)) == ["no", "yes", "yes"]


def test_a_visit_without_examination_takes_back_nothing(filled, names):
    """What an examination found stands; only a correction can say otherwise."""
    known = {"names": names, "recorded_by": "test"}
    missed = {"decision_id": DECISION, "outcome": "not-examined"}
    assert record_outcome(filled, missed, **known, now=NOW, is_visit=True)
    later = NOW + timedelta(hours=1)
    found = {**YES, "decision_id": DECISION}
    assert record_outcome(filled, found, **known, now=later, is_visit=True)
    latest = NOW + timedelta(hours=2)
    with pytest.raises(OutcomeError, match="yes was found before, and stands"):
        record_outcome(filled, missed, **known, now=latest, is_visit=True)
    assert len(recorded(filled)) == 2
    assert record_outcome(filled, missed, **known, now=latest)


def test_a_patient_means_the_last_decision_before_the_examination(filled, record):
    """One without operation, and one after the examination, are not meant."""
    record(tenant="north", patient_id="p1", **YES)
    assert recorded(filled)[0][0].endswith("2")


def test_a_patient_is_found_under_a_previous_key(filled, record, names):
    """The examination lies before the decision under the present key."""
    names.pop(0)
    record(tenant="north", patient_id="p1", **YES)
    assert recorded(filled)[0][0] == DECISION


def test_who_was_not_examined_is_recorded_as_that(filled, record):
    """It has neither date nor criteria."""
    record(decision_id=DECISION, outcome="not-examined")
    assert recorded(filled) == [(DECISION, "not-examined", None)]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"outcome": "maybe"}, "outcome: must be one of yes, no, not-examined"),
        ({"outcome": ""}, "outcome: must be one of"),
        ({"outcome": "not-examined"}, "goes with neither examined_on nor criteria"),
        ({"examined_on": ""}, "examined_on: must be the day"),
        ({"examined_on": "1.4.2026"}, "examined_on: must be the day"),
        ({"examined_on": "2027-01-01"}, "examined_on: lies in the future"),
        ({"criteria": None}, "criteria: must be one of study, clinical, other"),
        ({"decision_id": "1"}, "decision_id: there is no such decision"),
        ({"decision_id": None}, "decision_id: give it, or tenant and patient_id"),
        ({"name": "Mrs Canary"}, "name: unknown; there are decision_id"),
        (
            {"decision_id": None, "tenant": "south", "patient_id": "p1"},
            "patient_id: no decision",
        ),
    ],
)
def test_what_cannot_be_recorded_says_why(filled, record, changed, message):
    """Nothing is guessed, and nothing is left in the table."""
    with pytest.raises(OutcomeError, match=message):
        record(**{"decision_id": DECISION, **YES, **changed})
    assert recorded(filled) == []


def test_rows_at_fault_do_not_stop_the_others(filled, names):
    """Of each it is said what became of it."""
    rows = [
        {"decision_id": DECISION, **YES},
        {"decision_id": DECISION, "outcome": "perhaps"},
        {"decision_id": DECISION[:-1] + "2", "outcome": "not-examined"},
    ]
    results = list(
        import_outcomes(filled, rows, names=names, recorded_by="test", now=NOW)
    )
    assert results[::2] == [True, True]
    assert isinstance(results[1], OutcomeError)
    assert len(recorded(filled)) == 2
