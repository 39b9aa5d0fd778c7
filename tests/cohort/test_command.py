"""``scnen-cds cohort``: what a statistician sees, and what is refused politely."""

import csv
import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import insert

from service.cli import main
from service.config import VARIABLES
from service.store.database import Database
from service.store.schema import decisions, outcomes

ROWS = ("p1,lumbar,pkp,52,12,6,1", "p2,thoracic,pvp,40,10,8,", "p3,x,pkp,52,12,6,0")


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run a command with the environment of an installation."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCNEN_OPEN", "true")
    monkeypatch.setenv("SCNEN_DATA_DIR", str(tmp_path))

    def run_one(*arguments):
        return CliRunner().invoke(main, ["cohort", *map(str, arguments)])

    return run_one


def test_the_template_can_be_filled_in(run, tmp_path):
    """Its header goes where it is sent, what it means to the eyes."""
    result = run("template")
    path = tmp_path / "filled.csv"
    path.write_text(result.stdout + ROWS[0] + "\n")
    assert run("check", path).exit_code == 0
    assert "52, not 0.52" in " ".join(result.stderr.split())


def test_check_says_what_the_table_consists_of(run, table):
    """Rows, refusals with reasons, who was examined, who was not."""
    result = run("check", table(*ROWS))
    facts = " ".join(result.stdout.split())
    assert "rows 3 taken 2 refused 1 examined 1 of 2 (50.0%)" in facts
    assert "synthetic no" in facts
    assert "1 segment: must be one of thoracic, lumbar" in facts
    assert "complete for liu-nomogram 2, of them 1 examined, 1 with SCNEN" in facts
    assert "thoracic 1 100.0%" in facts
    assert "verification bias" in facts


@pytest.mark.parametrize("option", [(), ("--refused", "elsewhere.csv")])
def test_refused_rows_are_written_and_the_exit_code_says_so(
    run, table, monkeypatch, tmp_path, option
):
    """Beside the table, or where the user wants them."""
    monkeypatch.chdir(tmp_path)
    result = run("check", table(*ROWS), *option)
    assert result.exit_code == 1
    target = tmp_path / (option[1] if option else "cohort.csv.refused.csv")
    with target.open() as file:
        (row,) = csv.DictReader(file)
    assert (row["row"], row["id"], row["field"]) == ("3", "p3", "segment")


def test_a_table_without_faults_writes_nothing(run, table, tmp_path):
    """No empty file that somebody has to open."""
    result = run("check", table(ROWS[0]))
    assert result.exit_code == 0
    assert "Not examined" not in result.stdout
    assert not (tmp_path / "cohort.csv.refused.csv").exists()


def test_a_list_of_rows_that_are_taken_by_now_is_removed(run, table, tmp_path):
    """Whoever reads it would mend rows that are right."""
    listed = tmp_path / "cohort.csv.refused.csv"
    run("check", table(*ROWS))
    mended = [
        row.replace(",".join(ROWS[2].split(",")[:2]), "p3,lumbar") for row in ROWS
    ]
    result = run("check", table(*mended))
    assert result.exit_code == 0, result.output
    assert not listed.exists()
    assert "all rows in it are taken now" in " ".join(result.stderr.split())


@pytest.mark.parametrize("text", ["row,id,field,reason\n7,elsewhere,scnen,x\n", "mine"])
def test_a_list_of_other_rows_is_kept(run, table, tmp_path, text):
    """Such as of operations that the store refused, or a file of somebody else's."""
    listed = tmp_path / "cohort.csv.refused.csv"
    listed.write_text(text)
    result = run("check", table(ROWS[0]))
    assert listed.read_text() == text
    is_told = "is of an earlier run" in " ".join(result.stderr.split())
    assert is_told == text.startswith("row")


def test_check_as_json(run, table):
    """All figures of the summary."""
    found = json.loads(run("check", table(*ROWS[:2]), "--json").stdout)
    assert (found["rows"], found["examined"], found["events"]) == (2, 1, 1)
    assert found["is_synthetic"] is False


def test_a_warning_comes_first(run, table):
    """Nobody reads the figures before it."""
    result = run("check", table("p1,lumbar,pkp,0.52,12,6,1"))
    assert result.stdout.startswith("WARNING: cement_ratio_percent: all of its values")


def test_many_reasons_are_cut_in_the_terminal(run, table):
    """The file has all of them."""
    rows = ["p1", "p2,a", "p3,a,b", "p4,a,b,c", "p5,a,b,c,d", "p6,a,b,c,d,e"]
    rows += [",x,y,z,NA,1_0,2", 'p7,lumbar,pkp,"1,2",5%,200,0']
    result = run("check", table(*rows))
    assert "and 6 further reasons, see the file" in result.stdout


def test_a_file_that_is_no_cohort_is_explained(run, table):
    """Without a traceback."""
    result = run("check", table(header="id;segment"))
    assert result.exit_code == 1
    assert "Error: cohort.csv, line 1: the fields are separated by" in result.stderr


def test_signed_angles_are_declared(run, table):
    """The remedy that the reason names."""
    path = table("p1,lumbar,pkp,52,12,-3,1")
    refused = " ".join(run("check", path).stdout.split())
    assert "--signed-angles" in refused
    assert run("check", path, "--signed-angles").exit_code == 0


def test_a_simulated_cohort_is_marked_everywhere(run, tmp_path):
    """In the file, on the screen, and when it is read again."""
    path = tmp_path / "synthetic.csv"
    drawn = run("simulate", "--n", 50, "--seed", 3, "--out", path)
    assert "YES: nobody here is a patient" in drawn.stdout
    lines = path.read_text().splitlines()
    assert lines[0].startswith("# synthetic")
    assert all(line.startswith("SYN-") for line in lines[2:])
    assert "YES: nobody here is a patient" in run("check", path).stdout


def test_the_seed_gives_the_same_file(run, tmp_path):
    """Byte for byte."""
    made = []
    for name in ("a.csv", "b.csv"):
        run("simulate", "--n", 50, "--model", "liu-table2", "--out", tmp_path / name)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [(("--n", 0), "n: must be 1 or more"), (("--model", "x"), "cannot be read")],
)
def test_what_cannot_be_drawn_is_refused(run, tmp_path, options, words):
    """Before anything is written."""
    result = run("simulate", *options, "--out", tmp_path / "x.csv")
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (tmp_path / "x.csv").exists()


def test_a_file_that_cannot_be_written_is_named(run, tmp_path):
    """Without a traceback."""
    result = run("simulate", "--out", tmp_path / "no" / "x.csv")
    assert result.exit_code == 1
    assert "x.csv: cannot be written: No such file" in result.stderr


def _decision(number, at, **changed):
    return {
        "id": f"00000000-0000-7000-8000-{number:012d}",
        "at": at,
        "client": "north",
        "tenant": "north",
        "service": "scnen-discharge",
        "hook": "encounter-discharge",
        "hook_instance": "0b0e7f0a-6f0e-4e52-9a55-3d1c3f0f3d11",
        "key_id": "0a1b2c3d",
        "patient_hash": f"{number:032d}",
        "status": 200,
        "vertebrae": [
            {
                "level": "L1",
                "operated_days_ago": 3,
                "found": {
                    "segment": ["lumbar", "1", 3],
                    "method": ["pkp", "1", 3],
                    "cement_ratio_percent": [52.0, "%", 1],
                    "cobb_preoperative_deg": [12.0, "deg", 4],
                    "cobb_postoperative_deg": [6.0, "deg", 1],
                    "cobb_restoration_ratio_percent": [50.0, "%", 1],
                },
            }
        ],
        "latency_ms": 1.5,
        "software": "0.1.0",
    } | changed


@pytest.fixture
def filled(tmp_path):
    """Found; not examined; not over; no operation, under another key."""
    now = datetime.now(UTC)
    long_ago = now - timedelta(days=300)
    database = Database(f"sqlite:///{tmp_path}/scnen.sqlite3")
    with database.writing() as connection:
        for row in (
            _decision(1, long_ago),
            _decision(2, long_ago, key_id="ffffffff"),
            _decision(3, now - timedelta(days=5)),
            _decision(4, now, vertebrae=[]),
        ):
            connection.execute(insert(decisions), [row])
        outcome = {
            "id": "1" * 64,
            "decision_id": _decision(1, now)["id"],
            "outcome": "yes",
            "examined_on": str((long_ago + timedelta(days=170)).date()),
            "criteria": "study",
            "recorded_by": "test",
            "recorded_at": now,
        }
        connection.execute(insert(outcomes), [outcome])
    database.close()


def test_the_store_becomes_a_table_that_can_be_checked(run, filled, tmp_path):
    """The same figures both ways."""
    path = tmp_path / "stored.csv"
    made = run("from-store", "--out", path)
    assert made.exit_code == 0, made.output
    checked = run("check", path)
    for facts in (made.stdout, checked.stdout):
        assert "taken 2" in " ".join(facts.split())
        assert "examined 1 of 2 (50.0%)" in " ".join(facts.split())
    assert "take it later" in (tmp_path / "stored.csv.refused.csv").read_text()
    assert "1 decisions found no operation" in " ".join(checked.stdout.split())


def test_what_of_the_store_is_not_in_the_cohort_is_told(run, filled, tmp_path):
    """Nothing is left out in silence."""
    facts = " ".join(run("from-store", "--out", tmp_path / "x.csv").stdout.split())
    assert "1 decisions found no operation that the model is for" in facts
    assert "hashed under 2 keys" in facts


def test_a_store_without_a_decision_is_a_table_of_nobody(run, tmp_path):
    """It says so in the figures."""
    result = run("from-store", "--since", "2026-01-01", "--out", tmp_path / "x.csv")
    assert result.exit_code == 0
    assert "taken 0" in " ".join(result.stdout.split())
