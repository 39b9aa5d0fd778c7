"""Retention, export, look-ups and backups, on tables with data in them."""

from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select

from service.store.backup import back_up, restore
from service.store.database import Database
from service.store.export import COLUMNS, exported
from service.store.faults import StoreError
from service.store.lookup import counts, decisions_of, key_ids, recalled
from service.store.retention import purge
from service.store.schema import comments, decision_cards, decisions, feedback, outcomes
from service.store.settings import StoreSettings
from service.store.spool import Spool

CARD = "0b0e7f0a-6f0e-5e52-9a55-3d1c3f0f3d11"


def a_card(number, **changed):
    """A card of a decision."""
    row = {
        "decision_id": f"00000000-0000-7000-8000-{number:012d}",
        "position": 0,
        "card": CARD,
        "topic": "ScnenRiskHigh",
        "indicator": "warning",
        "showing": "5" * 32,
        "is_withheld": 0,
        "suggestions": [["s1", ["ServiceRequest"]]],
    }
    return row | changed


@pytest.fixture
def filled(database, rows):
    """Two decisions a year apart, with all that can hang on them."""
    year = timedelta(days=365)
    with database.writing() as connection:
        for number, at in ((1, rows.at - year), (2, rows.at)):
            row = rows.a_decision(number, at=at, model_digest="sha256:1")
            connection.execute(insert(decisions), [row])
            connection.execute(insert(decision_cards), [a_card(number)])
            given = {"id": str(number) * 64, "received_at": at, "outcome_at": at}
            connection.execute(insert(feedback), [rows.a_feedback() | given])
            comment = {
                "feedback_id": str(number) * 64,
                "digest": "d",
                "received_at": at,
                "comment": "words",
            }
            connection.execute(insert(comments), [comment])
        outcome = {
            "id": "o",
            "decision_id": rows.a_decision(1)["id"],
            "outcome": "yes",
            "recorded_by": "test",
            "recorded_at": rows.at,
        }
        connection.execute(insert(outcomes), [outcome])
    return database


def sizes(database):
    """How many rows each table has."""
    tables = (decisions, decision_cards, feedback, comments, outcomes)
    with database.reading() as connection:
        return [
            connection.execute(select(func.count()).select_from(table)).scalar()
            for table in tables
        ]


def test_what_is_old_goes_with_all_that_hangs_on_it(filled, rows):
    """Cards and outcomes with their decision, comments before the rest."""
    settings = StoreSettings(keep_decisions_days=300, keep_comments_days=1)
    told = []
    now = rows.at + timedelta(days=2)
    gone = purge(
        filled, settings, now, is_dry=False, tell=lambda *each: told.append(each)
    )
    assert gone == {
        "comments": 2,
        "feedback": 1,
        "decisions": 1,
        "gaps": 0,
        "smart_sessions": 0,
    }
    assert sizes(filled) == [1, 1, 1, 0, 0]
    assert ("comments", 2) in told


def test_a_dry_run_takes_nothing(filled, rows):
    """It counts what would go."""
    settings = StoreSettings(keep_decisions_days=300, keep_comments_days=1)
    now = rows.at + timedelta(days=2)
    gone = purge(filled, settings, now, is_dry=True, tell=print)
    assert (gone["comments"], gone["decisions"]) == (2, 1)
    assert sizes(filled) == [2, 2, 2, 2, 1]


def test_feedback_stands_beside_the_showing_it_is_about(filled, rows):
    """The newest first; a card without feedback says nothing of acceptance."""
    with filled.writing() as connection:
        later = rows.a_decision(3, at=rows.at + timedelta(hours=1))
        connection.execute(insert(decisions), [later])
        connection.execute(insert(decision_cards), [a_card(3)])
    found = list(exported(filled))
    assert [(row["decision_id"][-1], row["feedback"]) for row in found] == [
        ("3", None),
        ("2", "overridden"),
        ("1", "overridden"),
    ]
    assert found[0]["action"] == "ServiceRequest"
    assert found[0]["intervention"] == "scnen-discharge ScnenRiskHigh"
    assert set(found[0]) == set(COLUMNS)


def test_feedback_on_unknown_cards_is_exported_too(filled, rows):
    """Nothing that was received is left out in silence."""
    with filled.writing() as connection:
        row = rows.a_feedback() | {"id": "9" * 64, "card": "unknown"}
        connection.execute(insert(feedback), [row])
    last = list(exported(filled))[-1]
    assert (last["card"], last["feedback"], last["date"]) == (
        "unknown",
        "overridden",
        None,
    )
    assert set(last) == set(COLUMNS)


def test_a_model_that_is_withdrawn_names_who_was_shown_it(filled, rows):
    """Not who was shown another, nor from whom its card was withheld."""
    with filled.writing() as connection:
        for number, digest in ((3, "sha256:2"), (4, "sha256:1")):
            row = rows.a_decision(
                number, patient_hash=str(number) * 32, model_digest=digest
            )
            connection.execute(insert(decisions), [row])
        connection.execute(insert(decision_cards), [a_card(3)])
        connection.execute(insert(decision_cards), [a_card(4, is_withheld=1)])
    found = list(recalled(filled, "sha256:1"))
    assert [(each.patient_hash, each.cards) for each in found] == [("a" * 32, 2)]
    assert found[0].first < found[0].last


def test_the_decisions_of_a_patient_are_found_by_any_hash(filled):
    """The newest first."""
    found = decisions_of(filled, ["a" * 32, "b" * 32])
    assert [row.id[-1] for row in found] == ["2", "1"]


def test_the_store_counts_itself(filled, rows):
    """Tables, losses, and the keys that patients are hashed under."""
    found = counts(filled)
    assert (found["decisions"], found["comments"], found["lost_decisions"]) == (2, 2, 0)
    assert found["last"] == rows.at
    assert key_ids(filled) == {"0a1b2c3d": 2}


@pytest.fixture
def embedded(tmp_path, rows):
    """The embedded database with one decision, and the folder of its spool."""
    path, spool = tmp_path / "scnen.sqlite3", tmp_path / "spool"
    spool.mkdir()
    database = Database(f"sqlite:///{path}")
    with database.writing() as connection:
        connection.execute(insert(decisions), [rows.a_decision(1)])
    yield database, path, spool
    database.close()


def test_a_backup_of_a_running_service_can_be_restored(embedded, tmp_path, rows):
    """What came after the backup is in the database of before, not lost."""
    database, path, spool = embedded
    backup = tmp_path / "backup.sqlite3"
    back_up(path, backup, lambda left, total: None)
    with database.writing() as connection:
        connection.execute(insert(decisions), [rows.a_decision(2)])
    database.close()
    before = restore(backup, path, spool)
    assert sizes(database)[0] == 1
    older = Database(f"sqlite:///{before}")
    assert sizes(older)[0] == 2
    older.close()


def test_a_running_service_is_not_restored_under(embedded, tmp_path):
    """Its workers would write into a file that is no longer there."""
    database, path, spool = embedded
    backup = tmp_path / "backup.sqlite3"
    back_up(path, backup)
    running = Spool(spool, 1000, syncs=False)
    with pytest.raises(StoreError, match="the service runs; stop it"):
        restore(backup, path, spool)
    running.close()
    database.close()
    assert restore(backup, path, spool) is not None


@pytest.mark.parametrize(
    "content", [b"", b"no database at all" * 100], ids=["empty", "other"]
)
def test_what_is_no_backup_is_not_restored(embedded, tmp_path, content):
    """The database stays as it is."""
    database, path, spool = embedded
    other = tmp_path / "other"
    other.write_bytes(content)
    with pytest.raises(StoreError, match="is no backup of the store"):
        restore(other, path, spool)
    assert sizes(database)[0] == 1


def test_a_backup_overwrites_nothing(embedded, tmp_path):
    """Neither an older backup nor anything else."""
    _, path, _ = embedded
    target = tmp_path / "backup.sqlite3"
    target.write_text("older")
    with pytest.raises(StoreError, match="is there already"):
        back_up(path, target)
    with pytest.raises(StoreError, match="there is no database yet"):
        back_up(tmp_path / "nowhere", tmp_path / "new")
