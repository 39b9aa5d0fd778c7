"""``scnen-cds monitor``: what a quality office types, and what cron sees."""

import json
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
from click.testing import CliRunner
from sqlalchemy import insert

from service.cli import main
from service.config import VARIABLES
from service.store.database import Database
from service.store.schema import decision_cards, decisions, feedback

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run a command with the environment of an installation."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCNEN_OPEN", "true")
    monkeypatch.setenv("SCNEN_DATA_DIR", str(tmp_path))

    def run_one(*arguments):
        return CliRunner().invoke(main, ["monitor", *map(str, arguments)])

    return run_one


@pytest.fixture
def filled(tmp_path):
    """Fifty cards of ten days ago, all overridden."""
    at = NOW - timedelta(days=10)
    database = Database(f"sqlite:///{tmp_path}/scnen.sqlite3")
    with database.writing() as connection:
        for number in range(50):
            connection.execute(insert(decisions), [_decision(number, at)])
            connection.execute(insert(decision_cards), [_card(number)])
            connection.execute(insert(feedback), [_feedback(number, at)])
    database.close()


def _decision(number, at):
    return {
        "id": f"decision-{number}",
        "at": at,
        "client": "north",
        "tenant": "north",
        "service": "scnen-discharge",
        "hook": "encounter-discharge",
        "hook_instance": "0b0e7f0a-6f0e-4e52-9a55-3d1c3f0f3d11",
        "key_id": "0a1b2c3d",
        "patient_hash": "a" * 32,
        "encounter_hash": f"{number:032d}",
        "status": 200,
        "model_digest": "sha256:1",
        "risk": 0.31,
        "band": "high",
        "vertebrae": [{"level": "L1", "found": {}, "missing": {}}],
        "flags": None,
        "latency_ms": 1.5,
        "software": "0.1.0",
    }


def _card(number):
    return {
        "decision_id": f"decision-{number}",
        "position": 0,
        "card": f"card-{number}",
        "topic": "ScnenRiskHigh",
        "indicator": "warning",
        "is_withheld": 0,
        "suggestions": [],
    }


def _feedback(number, at):
    return {
        "id": f"{number:064d}",
        "received_at": at,
        "client": "north",
        "service": "scnen-discharge",
        "card": f"card-{number}",
        "outcome": "overridden",
        "outcome_at": at + timedelta(minutes=number),
        "accepted": [],
        "reasons": [],
    }


def test_an_empty_store_gives_an_empty_report(run):
    """And no alarm for cron."""
    result = run("report", "--check")
    assert result.exit_code == 0
    assert "No card was answered" in result.output


def test_a_rule_that_is_met_is_an_exit_code(run, filled):
    """3, so that cron can tell it from a fault; without --check it is a report."""
    result = run("report", "--check")
    assert result.exit_code == 3
    assert "a stopping rule is met: see docs/safety.md" in result.stderr
    assert run("report").exit_code == 0


def test_another_clients_rule_is_not_mine(run, filled):
    """The selection counts."""
    assert run("report", "--check", "--client", "south").exit_code == 0
    head = run("report", "--client", "south", "--tenant", "t").output
    assert "client south and tenant t" in head


def test_the_report_as_json(run, filled):
    """All counts, for programs of the hospital."""
    found = json.loads(run("report", "--json").stdout)
    assert found["usage"]["cards_per_100"] == 100.0
    assert found["answers"]["outcomes"] == {
        "accepted": 0,
        "overridden": 50,
        "no answer": 0,
    }
    assert found["verdicts"][0]["is_met"] is True


def test_the_report_as_a_page(run, filled, tmp_path):
    """Written to a file; what was written is told apart from the report."""
    file = tmp_path / "report.html"
    result = run("report", "--out", file)
    assert result.stdout == ""
    assert "written to" in result.stderr
    assert "<svg" in file.read_text("utf-8")


def test_the_page_is_in_the_language_of_the_service_or_as_asked(
    run, filled, tmp_path, monkeypatch
):
    """SCNEN_LOCALE, else --lang; it says that nobody approved it."""
    monkeypatch.setenv("SCNEN_LOCALE", "zh-Hans")
    file = tmp_path / "report.html"
    for options, language in ([], "zh-Hans"), (["--lang", "en"], "en"):
        run("report", "--out", file, *options)
        text = file.read_text("utf-8")
        assert f'<html lang="{language}">' in text
        assert ("本译文尚未经临床医师批准" in text) is (language == "zh-Hans")
    assert "Stopping rules" in run("report").output


def test_a_page_that_cannot_be_written_is_said_so(run, tmp_path):
    """Without a traceback."""
    result = run("report", "--out", tmp_path / "nowhere" / "report.html")
    assert result.exit_code == 1
    assert "cannot be written: No such file or directory" in result.output


def test_the_last_day_is_part_of_the_period(run, filled):
    """A call of ten days ago, until that very day."""
    day = f"{NOW - timedelta(days=10):%Y-%m-%d}"
    found = json.loads(run("report", "--json", "--since", day, "--until", day).stdout)
    assert found["usage"]["discharges"] == 50


def test_a_period_that_ends_before_it_begins_is_refused(run):
    """The message names the option."""
    result = run("report", "--since", "2026-03-02", "--until", "2026-03-01")
    assert result.exit_code == 2
    assert "--since: must not lie after --until" in result.output


def test_a_month_is_estimated(run, filled):
    """Fifty in one day, which is not much to rest on, and it says so."""
    result = run("capacity")
    assert result.output.startswith("Rests on 50 discharges in 1 days")
    assert json.loads(run("capacity", "--json").stdout)["discharges"] == 50


def test_too_few_discharges_are_refused(run):
    """With the number that is needed."""
    result = run("capacity")
    assert result.exit_code == 1
    assert "0 discharges are too few" in result.output


@pytest.mark.parametrize("name", ["SCNEN_POLICY_FILE", "SCNEN_MODEL"])
def test_a_file_that_cannot_be_used_is_named_with_its_setting(
    run, monkeypatch, tmp_path, name
):
    """Policy or model."""
    file = tmp_path / "broken"
    file.write_text("{}")
    monkeypatch.setenv(name, str(file))
    result = run("report")
    assert result.exit_code == 1
    assert f"{name}: " in result.output


def test_the_policy_of_the_site_is_used(run, filled, monkeypatch, tmp_path):
    """Sixty answers needed: fifty are too few."""
    text = files("service").joinpath("data/policy/default.yaml").read_text("utf-8")
    file = tmp_path / "policy.yaml"
    file.write_text(text.replace("answered_cards: 50", "answered_cards: 60"))
    monkeypatch.setenv("SCNEN_POLICY_FILE", str(file))
    assert run("report", "--check").exit_code == 0
