"""Requests in the shapes of Epic and the public Sandbox get the answer they should."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from service.app import create_app
from service.config import Settings

FOLDER = Path(__file__).parents[1] / "data/requests"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
#: a moment soon after the operation, and one when the review is overdue
SOON, LATE = "2026-03-06T10:30:00+01:00", "2026-04-15T09:30:00+01:00"
REGISTER = """
clients:
  - name: north
    preset: epic
    fhir_servers:
      - base_url: https://ehr.north.example.org/interconnect/api/FHIR/R4
    prefetch_keys:
      patient: [patient-user]
      encounter: [encounter-user]
      procedures: [procedures-user]
      observations: [observations-user]
      conditions: [conditions-user]
"""


@pytest.fixture
def post(tmp_path, monkeypatch):
    """Post a recorded request at a moment."""
    file = tmp_path / "clients.yaml"
    file.write_text(REGISTER, "utf-8")
    monkeypatch.setenv("SCNEN_CLIENTS_FILE", str(file))
    monkeypatch.setenv("SCNEN_OPEN_CLIENT", "public-sandbox")

    def post_(name, moment=SOON, **changes):
        clock = datetime.fromisoformat(moment)
        app = create_app(Settings.from_env(is_open=True), clock=lambda: clock)
        body = {**json.loads((FOLDER / f"{name}.json").read_bytes()), **changes}
        return app.test_client().post("/cds-services/scnen-chart", json=body)

    return post_


def cards(answer):
    """The cards of an answer that must be one."""
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()["cards"]


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_request_is_answered_and_none_is_an_error_of_ours(post, name):
    """200 with cards or none, or 412 where data are lacking."""
    assert post(name).status_code in {200, 412}


def test_epic_gets_the_discharge_card_at_its_discharge_trigger(post):
    """In its own shape: `any`, one action for each suggestion, a full description."""
    (card,) = cards(post("epic-27-discharge"))
    assert card["indicator"] == "warning"
    assert "about 45 of 100" in card["summary"]
    assert card["selectionBehavior"] == "any"
    for suggestion in card["suggestions"]:
        (action,) = suggestion["actions"]
        assert action["type"] == "create"
        assert action["resource"]["resourceType"] == "ServiceRequest"
        assert len(action["description"]) >= len(suggestion["label"])


def test_an_opened_chart_gets_no_card_soon_after_surgery(post):
    """Trigger 60 is no discharge, and the review is weeks away."""
    assert cards(post("epic-60-chart-opened")) == []


def test_an_opened_chart_gets_the_reminder_when_the_review_is_overdue(post):
    """The same request six weeks later."""
    (card,) = cards(post("epic-60-chart-opened", LATE))
    assert card["summary"].startswith("Spine review overdue")


def test_a_discharge_trigger_without_encounter_is_an_opened_chart(post):
    """A discharge ends an encounter."""
    assert cards(post("epic-27-without-encounter")) == []


def test_epics_empty_result_is_no_data_and_no_fault(post):
    """A Bundle of total 0 with a warning in it: nothing was operated on."""
    assert cards(post("epic-27-nothing-found")) == []


def test_a_query_that_epic_could_not_carry_out_is_not_taken_for_no_data(post):
    """An OperationOutcome under `observations-user` after an operation: 412."""
    answer = post("epic-27-failed-query")
    assert answer.status_code == 412
    assert answer.get_json()["issue"][0]["severity"] == "error"


def test_names_of_keys_that_are_not_registered_are_not_guessed(post):
    """Another site, or the names typed wrongly: 412, not silence."""
    other = "https://ehr.other.example.org/FHIR/R4"
    assert post("epic-27-discharge", fhirServer=other).status_code == 412


def test_the_sandbox_gets_the_card_of_the_criteria(post):
    """Without an encounter and without entries' `search`."""
    (card,) = cards(post("sandbox-follow-up", LATE))
    assert card["summary"].startswith("Consider superior cluneal nerve entrapment")
    assert "uuid" in card  # it shows dismissal and reasons for no other
    assert card["overrideReasons"]


def test_the_sandbox_gets_no_card_soon_after_surgery(post):
    """Chart opening does not nag."""
    assert cards(post("sandbox-soon-after-surgery")) == []


@pytest.mark.parametrize("name", ["sandbox-query-failed", "sandbox-nothing-resolved"])
def test_what_the_sandbox_leaves_out_is_lacking(post, name):
    """It tells no failure: an absent key is not the word that there is nothing."""
    assert post(name, LATE).status_code == 412


def test_the_requests_are_in_the_shapes_they_are_said_to_be():
    """What makes them worth keeping is still in them."""
    for name in NAMES:
        body = json.loads((FOLDER / f"{name}.json").read_bytes())
        assert body["hook"] == "patient-view"
        if name.startswith("sandbox"):
            assert "encounterId" not in body["context"]
            assert "fhirAuthorization" not in body
            assert "encounter" not in body.get("prefetch", {})
        else:
            assert body["context"]["userId"].startswith("PractitionerRole/")
            assert all(key.endswith("-user") for key in body["prefetch"])
            assert "(" in body["fhirAuthorization"]["scope"]
