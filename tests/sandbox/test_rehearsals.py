"""`scnen-cds fire` and `doctor` against a FHIR server by other people."""

import json

import pytest
from click.testing import CliRunner

from cds_hooks.register import PRESETS
from service.cli import main
from service.config import VARIABLES
from service.local_server import local_server
from service.patients import bundled_patients

from .conftest import TOKEN

pytestmark = [pytest.mark.tool, pytest.mark.server]

#: discharges: what an opened chart gets depends on the day on which this runs
DISCHARGES = [
    patient
    for patient in bundled_patients()
    if patient.hook == "encounter-discharge" and patient.fhir_version == "R4"
]
PARTS = [
    ["--partial", "patient", "--partial", "encounter"],
    ["--partial", "procedures=paged"],
    ["--partial", "observations=paged", "--partial", "conditions"],
    ["--no-prefetch"],
]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    """No setting of the machine that runs the tests leaks in."""
    for name in [*VARIABLES, "NO_COLOR"]:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def service():
    """The service with default settings, its address."""
    with local_server() as url:
        yield url


@pytest.fixture
def run(charts):
    """Run a command for a patient of the server, with the token in its environment."""

    def run_(command, patient, *options):
        given = ["--fhir", charts.url, "--patient", id_of(patient, "Patient")]
        given += ["--encounter", id_of(patient, "Encounter")]
        result = CliRunner().invoke(
            main, [command, *given, *options], env={"FHIR_TOKEN": TOKEN}
        )
        assert TOKEN not in result.output
        return result

    return run_


def id_of(patient, kind):
    """The id of the one resource of a kind."""
    found = [e["resource"] for e in patient.bundle["entry"]]
    return next(item["id"] for item in found if item["resourceType"] == kind)


def answer(result):
    """The raw answer that was printed."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("patient", DISCHARGES, ids=lambda patient: patient.name)
def test_every_patient_gets_the_same_from_prefetch_and_from_fetch(
    run, service, patient
):
    """Through the wire, on pages of three, with a token: cards and uuids."""
    options = ("--service", service, "--json")
    whole = answer(run("fire", patient, *options))
    assert answer(run("fire", patient, *options, "--no-prefetch")) == whole


@pytest.mark.parametrize("parts", PARTS, ids=" ".join)
def test_what_is_left_out_is_fetched(run, service, parts):
    """Whichever part it is."""
    patient = DISCHARGES[0]
    options = ("--service", service, "--json")
    whole = answer(run("fire", patient, *options))
    assert len(whole["cards"]) == 1
    assert answer(run("fire", patient, *options, *parts)) == whole


def test_a_failed_query_of_the_ehr_is_not_repeated(run, service):
    """The specification leaves it to the client: required data are lacking then."""
    parts = ("--partial", "procedures=failed", "--service", service)
    result = run("fire", DISCHARGES[0], *parts)
    assert result.exit_code == 1
    assert "HTTP 412" in result.output


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_each_ehr_is_rehearsed_with_a_token_and_pages(run, preset):
    """A service beside it that knows the client."""
    result = run("fire", DISCHARGES[0], "--client", preset)
    assert result.exit_code == 0, result.output
    assert "HTTP 200" in result.stdout


def test_the_doctor_finds_no_fault(run, service):
    """Pages, order, codes and totals of another implementation are right."""
    result = run(
        "doctor", DISCHARGES[0], "--client", "epic", "--service", service, "--json"
    )
    found = json.loads(result.stdout)
    faults = [each for each in found["findings"] if each["level"] == "fault"]
    assert faults == []
    by_check = {each["check"]: each for each in found["findings"]}
    checks = ("search code", "search _sort", "search _count", "pages", "totals")
    assert {by_check[check]["level"] for check in checks} == {"ok"}
    assert by_check["agreement"]["found"] == "the same cards both ways"


def test_the_doctor_finds_a_wrong_token(charts, service):
    """Each query says so."""
    result = CliRunner().invoke(
        main,
        [
            *("doctor", "--client", "epic", "--fhir", charts.url),
            *("--patient", "syn-01", "--service", service),
        ],
        env={"FHIR_TOKEN": "wrong"},
    )
    assert result.exit_code == 1
    assert result.stdout.count("does not take the token (401)") == 4
