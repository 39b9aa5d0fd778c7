"""The schema: made at once or step by step, forwards and back, by one of many."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from importlib import import_module

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from service.store.database import Database
from service.store.faults import StoreError, StoreUnavailable
from service.store.schema import REVISIONS, decisions, feedback, gaps, metadata


def differences(database):
    """How the tables of a database differ from those of the code."""
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, metadata)


def columns(database):
    """Every column of a database as it is there."""
    with database.reading() as connection:
        inspector = inspect(connection)
        return {
            (table, column["name"], str(column["type"]), column["nullable"])
            for table in inspector.get_table_names()
            for column in inspector.get_columns(table)
        }


def test_a_fresh_database_gets_the_newest_schema(database):
    """Nobody has to run a command first."""
    assert database.revision() is None
    assert database.migrate() == (None, REVISIONS[-1])
    assert differences(database) == []


def test_step_by_step_leads_to_the_same_schema(database, tmp_path):
    """Whoever comes from the first version has what a newcomer has."""
    for revision in REVISIONS:
        database.migrate(revision)
    assert differences(database) == []
    if database.is_sqlite:
        fresh = Database(f"sqlite:///{tmp_path}/fresh.sqlite3")
        assert columns(database) == columns(fresh)
        fresh.close()


def test_data_survive_the_way_forwards_and_back(database, rows):
    """What both schemas can hold is kept; going back loses only the newer tables."""
    database.migrate()
    with database.writing() as connection:
        connection.execute(insert(decisions), [rows.a_decision()])
        connection.execute(insert(gaps), [rows.a_gap()])
        connection.execute(insert(feedback), [rows.a_feedback()])
    assert database.migrate("0001") == ("0003", "0001")
    assert database.migrate() == ("0001", "0003")
    with database.reading() as connection:
        kept = connection.execute(select(decisions)).mappings().one()
        assert {key: kept[key] for key in rows.a_decision()} == rows.a_decision()
        assert connection.execute(select(gaps.c.decisions)).scalar() == 3
        assert connection.execute(select(feedback)).all() == []


def test_a_schema_of_a_newer_version_is_refused(database):
    """An older service does not write into what it does not know."""
    database.migrate()
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(StoreError, match="has schema 9999, this version knows up to"):
        database.migrate()


def test_there_is_no_way_to_an_unknown_schema(database):
    """A typing error changes nothing."""
    with pytest.raises(StoreError, match="there is no schema 0815"):
        database.migrate("0815")


def test_processes_that_start_together_migrate_once(url):
    """Workers and replicas of a new version meet at one database."""
    database = Database(url)
    database.migrate("0001")
    database.close()
    code = (
        "import sys; from service.store.database import Database;"
        "print(Database(sys.argv[1]).migrate()[0])"
    )

    def start(_):
        command = [sys.executable, "-c", code, url]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(start, range(4)))
    assert [each.stderr for each in results if each.returncode] == []
    assert sorted(each.stdout.strip() for each in results) == ["0001", *["0003"] * 3]


def test_every_revision_of_the_folder_is_known():
    """The list in the code is the list of the files."""
    script = import_module("alembic.script").ScriptDirectory(
        str(import_module("service.store.database")._MIGRATIONS)
    )
    found = [each.revision for each in script.walk_revisions()]
    assert tuple(reversed(found)) == REVISIONS


def test_a_database_that_does_not_answer_is_unavailable(tmp_path):
    """The fault names its type, never the address with its password."""
    url = f"postgresql://scnen:pa55word@/scnen?host={tmp_path}"
    database = Database(url)
    with pytest.raises(StoreUnavailable, match="OperationalError") as caught:
        database.migrate()
    assert "pa55word" not in repr(caught.value) + repr(database)


def test_a_time_without_a_zone_is_refused(database, rows):
    """Nobody could say later when it was."""
    naive = rows.a_decision(1, at=datetime(2026, 3, 2))  # noqa: DTZ001 on purpose
    with (
        pytest.raises(StatementError, match="a time without a zone"),
        database.writing() as connection,
    ):
        connection.execute(insert(decisions), [naive])


def test_a_statement_at_fault_is_not_taken_for_a_database_that_is_down(database):
    """It would be tried for ever."""
    with (
        pytest.raises(IntegrityError),
        database.writing() as connection,
    ):
        connection.execute(insert(decisions), [{"id": "1"}])
