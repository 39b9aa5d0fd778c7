"""``scnen-cds store``: what an administrator sees, and what refuses politely."""

import csv
import json

import pytest
from click.testing import CliRunner
from sqlalchemy import insert

from service.cli import main
from service.config import VARIABLES
from service.store.database import Database
from service.store.pseudonyms import Pseudonyms
from service.store.schema import decision_cards, decisions, feedback

KEY = "correct-horse-battery-staple-0001"
OLD_KEY = KEY[::-1]
DECISION = "00000000-0000-7000-8000-000000000001"
DIGEST = "sha256:" + "1" * 64


@pytest.fixture
def folder(tmp_path):
    """The data folder of an installation."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def run(monkeypatch, folder, tmp_path):
    """Run a command with the environment of an installation."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    keys = tmp_path / "keys"
    keys.write_text(OLD_KEY)
    for name, value in {
        "SCNEN_PUBLIC_URL": "https://cds.example.org",
        "SCNEN_SECRET_KEY": KEY,
        "SCNEN_DATA_DIR": str(folder),
        "SCNEN_PREVIOUS_SECRET_KEYS_FILE": str(keys),
    }.items():
        monkeypatch.setenv(name, value)

    def run_one(*arguments):
        return CliRunner().invoke(main, ["store", *map(str, arguments)])

    return run_one


@pytest.fixture
def filled(folder, rows):
    """Two decisions about one patient, under the previous and the present key."""
    database = Database(f"sqlite:///{folder}/scnen.sqlite3")
    with database.writing() as connection:
        for number, key in ((1, OLD_KEY), (2, KEY)):
            names = Pseudonyms(key)
            row = rows.a_decision(
                number,
                patient_hash=names.patient("north", "p1"),
                key_id=names.key_id,
                model_digest=DIGEST,
            )
            connection.execute(insert(decisions), [row])
            card = {
                "decision_id": row["id"],
                "position": 0,
                "card": rows.a_feedback()["card"],
                "topic": "ScnenRiskHigh",
                "indicator": "warning",
                "is_withheld": 0,
                "suggestions": [],
            }
            connection.execute(insert(decision_cards), [card])
        connection.execute(insert(feedback), [rows.a_feedback()])
    database.close()


def test_the_state_of_a_fresh_store(run):
    """Nothing is made by looking."""
    said = run("status").output
    assert "none yet" in said
    assert "0 bytes wait" in said


def test_the_state_of_a_store(run, filled):
    """Counts, schema, and which keys hash the patients."""
    said = run("status").output
    assert "\ndecisions       2\n" in said
    assert f"key {Pseudonyms(KEY).key_id}" in said
    assert "previous, 1 decisions" in said
    assert "present, 1 decisions" in said


def test_the_schema_can_be_brought_back_and_forth(run):
    """Before an older version is started."""
    assert run("migrate").output == "schema 0003, was empty\n"
    assert run("migrate", "--to", "0001").output == "schema 0001, was 0003\n"
    assert run("migrate").output == "schema 0003, was 0001\n"
    refused = run("migrate", "--to", "7")
    assert refused.exit_code == 1
    assert "there is no schema 7" in refused.output


def test_a_patient_is_found_under_every_key(run, filled):
    """Rotation does not lose a patient's older decisions."""
    said = run("find-patient", "--tenant", "north", "p1").output
    assert said.startswith("2 decisions\n")
    assert DECISION in said
    assert run("find-patient", "--tenant", "south", "p1").output == "0 decisions\n"


def test_a_withdrawn_model_becomes_a_list_of_charts(run, filled, tmp_path):
    """Hashes; or, with the hospital's own list, the ids of who is meant."""
    hashes = run("recall", "--model", DIGEST).output
    assert Pseudonyms(KEY).patient("north", "p1") in hashes
    patients = tmp_path / "patients"
    patients.write_text("p0\np1\np2\n")
    found = run(
        "recall", "--model", DIGEST, "--tenant", "north", "--patients", patients
    )
    assert found.stdout == "p1\n"
    refused = run("recall", "--model", DIGEST, "--patients", patients)
    assert "--patients needs --tenant" in refused.output


def test_cards_are_exported_as_a_table(run, filled):
    """One row for each showing."""
    rows = list(csv.DictReader(run("export").output.splitlines()))
    assert [row["feedback"] for row in rows] == ["overridden", ""]
    assert rows[0]["location"] == "north"


def test_cards_are_exported_as_json_lines(run, filled):
    """The same, for programs."""
    lines = run("export", "--format", "ndjson").output.splitlines()
    assert [json.loads(line)["feedback"] for line in lines] == ["overridden", None]


def test_a_purge_counts_before_it_takes(run, filled, monkeypatch):
    """The dry run says what would go."""
    monkeypatch.setenv("SCNEN_KEEP_DECISIONS_DAYS", "1")
    assert "decisions       2  would go" in run("purge", "--dry-run").output
    assert "decisions       2  gone" in run("purge").output
    assert "decisions       0  gone" in run("purge").output


def test_backup_and_restore(run, filled, tmp_path, folder):
    """What was purged comes back."""
    backup = tmp_path / "backup.sqlite3"
    assert "complete and checked" in run("backup", backup).output
    (folder / "scnen.sqlite3").unlink()
    assert "restored from" in run("restore", backup).output
    assert "\ndecisions       2\n" in run("status").output
    assert "before-restore" in run("restore", backup).output


def test_postgresql_is_backed_up_by_its_own_means(run, monkeypatch, tmp_path):
    """A copy of the embedded file would be believed to be one of the database."""
    monkeypatch.setenv("SCNEN_DATABASE_URL", "postgresql://scnen@/scnen?host=/nowhere")
    refused = run("backup", tmp_path / "backup")
    assert refused.exit_code == 1
    assert "such as pg_dump" in refused.output


def test_a_database_that_is_down_is_said_so(run, monkeypatch):
    """Without a traceback, and without the password."""
    url = "postgresql://scnen:pa55word@/scnen?host=/nowhere"
    monkeypatch.setenv("SCNEN_DATABASE_URL", url)
    refused = run("status")
    assert refused.exit_code == 1
    assert "the database does not answer: OperationalError" in refused.output
    assert "pa55word" not in refused.output


def test_an_open_server_without_a_folder_leaves_nothing_to_look_at(run, monkeypatch):
    """The message names the setting."""
    monkeypatch.delenv("SCNEN_DATA_DIR")
    monkeypatch.setenv("SCNEN_OPEN", "true")
    refused = run("status")
    assert refused.exit_code == 1
    assert "SCNEN_DATA_DIR: not set" in refused.output


def test_an_outcome_is_recorded_by_hand(run, filled):
    """Once; and what cannot be recorded says why."""
    words = ("--outcome", "yes", "--examined-on", "2026-04-01", "--criteria", "study")
    assert run("outcome", "add", DECISION, *words).output == "recorded\n"
    assert run("outcome", "add", DECISION, *words).output == "was recorded before\n"
    refused = run("outcome", "add", DECISION, "--outcome", "perhaps")
    assert refused.exit_code == 1
    assert "outcome: must be one of" in refused.output


def test_outcomes_are_imported_and_refused_rows_come_back(run, filled, tmp_path):
    """Nothing is dropped in silence: corrected, the rest can be imported."""
    file = tmp_path / "outcomes.csv"
    file.write_text(
        "tenant,patient_id,outcome,examined_on,criteria\n"
        "north,p1,yes,2026-04-01,study\n"
        "north,p9,no,2026-04-01,study\n"
        "north,p1,perhaps,,\n"
    )
    result = run("outcome", "import", file)
    assert result.exit_code == 1
    assert "1 recorded, 0 known before, 2 refused" in result.output
    text = (tmp_path / "outcomes.csv.errors.csv").read_text()
    refused = list(csv.DictReader(text.splitlines()))
    assert [row["patient_id"] for row in refused] == ["p9", "p1"]
    assert "no decision about an operation" in refused[0]["error"]
    again = run("outcome", "import", tmp_path / "outcomes.csv.errors.csv")
    assert "0 recorded, 0 known before, 2 refused" in again.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("decision_id,outcome,name\n1,yes,x\n", "the header must hold outcome"),
        ("decision_id\n1\n", "the header must hold outcome"),
        ("decision_id,outcome\n1,yes,extra\n", "longer or shorter than the header"),
        ("decision_id,outcome\n1\n", "longer or shorter than the header"),
        ('decision_id,outcome\n"1"x,yes\n', "cannot be read"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused_whole(run, tmp_path, text, message):
    """Before anything is recorded."""
    file = tmp_path / "outcomes.csv"
    file.write_text(text)
    refused = run("outcome", "import", file)
    assert refused.exit_code == 1
    assert message in refused.output
