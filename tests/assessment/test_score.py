"""`scnen-cds score`: the answer of the server for a request in a file."""

import json

import pytest
from click.testing import CliRunner

from service.app import example_request_file
from service.cli.score import score
from service.config import VARIABLES

EXAMPLE = json.loads(example_request_file().read_bytes())
NOW = "2026-03-06T10:00:00Z"


@pytest.fixture
def run(monkeypatch, tmp_path):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)

    def run(content, *options):
        file = tmp_path / "request.json"
        file.write_bytes(
            content if isinstance(content, bytes) else json.dumps(content).encode()
        )
        return CliRunner().invoke(score, [*options, str(file)])

    return run


def without(*keys):
    kept = {k: v for k, v in EXAMPLE["prefetch"].items() if k not in keys}
    return EXAMPLE | {"prefetch": kept}


def test_it_prints_the_response_of_the_server(run):
    """Cards as on the wire, exit 0."""
    result = run(EXAMPLE, "--now", NOW)
    assert result.exit_code == 0
    (card,) = json.loads(result.output)["cards"]
    assert "about 45 of 100" in card["summary"]


def test_it_explains_every_vertebra(run):
    """The keys that the format promises, whatever their values."""
    result = run(EXAMPLE, "--explain", "--now", NOW)
    document = json.loads(result.output)
    assert document["model"].keys() == {"id", "version", "digest", "mode"}
    promised = {
        "vertebra",
        "segment",
        "method",
        "predictors",
        "linear_predictor",
        "risk",
        "interval",
        "bounds",
        "other_readings",
        "points",
        "total_points",
        "percentile",
        "band",
        "flags",
    }
    assert promised <= document["assessments"][0].keys()


def test_data_that_was_not_had_is_printed_as_the_server_answers(run):
    """The OperationOutcome of the 412; the request was readable, so exit 0."""
    result = run(without("procedures"), "--now", NOW)
    assert result.exit_code == 0
    assert json.loads(result.output)["resourceType"] == "OperationOutcome"


def test_data_that_was_not_had_is_explained(run):
    """No operation could be looked for: that is not "no eligible operation"."""
    document = json.loads(run(without("procedures"), "--explain").output)
    assert document["assessments"] == []
    assert document["not_assessed"] == "unavailable"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        ({"hook": "order-sign"}, "hook must be one of encounter-discharge"),
        ([], "hook must be one of"),
        (EXAMPLE | {"context": {}}, "userId"),
    ],
    ids=["broken", "not text", "other hook", "no object", "no context"],
)
def test_a_request_that_cannot_be_read_is_refused_with_file_and_field(
    run, content, message
):
    """Exit 1 and a sentence, no traceback."""
    result = run(content)
    assert result.exit_code == 1
    assert "request.json" in result.output
    assert message in result.output


@pytest.mark.parametrize("moment", ["2026-03-06", "2026-03-06T10:00:00", "noon"])
def test_a_time_needs_its_zone(run, moment):
    """A time without zone would be somebody's guess."""
    result = run(EXAMPLE, "--now", moment)
    assert result.exit_code == 2
    assert "e.g. 2026-03-06T10:00:00Z" in result.output


def test_a_setting_that_cannot_be_used_is_named(run, monkeypatch):
    """The same settings as on the server, refused as clearly."""
    monkeypatch.setenv("SCNEN_MODEL", "nowhere.json")
    result = run(EXAMPLE)
    assert result.exit_code == 1
    assert "SCNEN_MODEL" in result.output
