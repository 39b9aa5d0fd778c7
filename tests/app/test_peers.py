"""Where neighbouring systems were seen to fail: each failure is a test here."""

import copy
from datetime import UTC, datetime

import pytest

from service import named
from service.app import create_app
from service.config import VARIABLES, Settings
from service.hook_requests import hook_request
from service.patients import bundled_patients

NOW = datetime(2026, 3, 6, 10, 0, tzinfo=UTC)
PATIENTS = {patient.name[:2]: patient.bundle for patient in bundled_patients()}
PATH = "/cds-services/scnen-discharge"


@pytest.fixture(scope="module")
def client():
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        return create_app(
            Settings.from_env(is_open=True), clock=lambda: NOW
        ).test_client()


@pytest.fixture
def body(client):
    """A request that gives a warning card."""
    entries = client.get("/cds-services").get_json()["services"]
    (service,) = [entry for entry in entries if entry["id"] == "scnen-discharge"]
    return copy.deepcopy(hook_request(PATIENTS["01"], service))


def observations(body):
    entries = body["prefetch"]["observations"]["entry"]
    return {entry["resource"]["code"]["coding"][0]["code"]: entry for entry in entries}


def summary(client, body):
    (card,) = client.post(PATH, json=body).get_json()["cards"]
    return card["summary"]


def test_a_request_without_prefetch_is_answered(client, body):
    """AHRQ's process ended on it. Ours answers 412 and goes on."""
    del body["prefetch"]
    answer = client.post(PATH, json=body)
    assert answer.status_code == 412
    assert answer.get_json()["resourceType"] == "OperationOutcome"


def test_an_invalid_unit_costs_only_its_value(client, body):
    """AHRQ's process ended on it. Ours names the reason."""
    quantity = observations(body)["cement-ratio-ap"]["resource"]["valueQuantity"]
    quantity |= {"code": "furlong", "unit": "furlong"}
    (card,) = client.post(PATH, json=body).get_json()["cards"]
    assert "cement ratio missing" in card["summary"]
    assert "recorded in a unit that is not known" in card["detail"]


def test_forbidden_is_not_none(client, body):
    """AHRQ's service read a "forbidden" OperationOutcome as "no conditions"."""
    issue = {"severity": "error", "code": "forbidden"}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    body["prefetch"]["conditions"] = outcome
    (card,) = client.post(PATH, json=body).get_json()["cards"]
    assert "Diagnoses were not obtained" in card["detail"]


def test_the_model_is_read_once_not_with_every_request(client, body, monkeypatch):
    """AHRQ's service parses its model on every request."""

    def refuse(*_args, **_kwargs):
        raise AssertionError("read again")

    monkeypatch.setattr(named, "load_model", refuse)
    monkeypatch.setattr("pathlib.Path.read_text", refuse)
    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    assert "about 45 of 100" in summary(client, body)


def test_three_inputs_removed_leave_no_number(client, body):
    """HealthChain's risk fell from 90 % HIGH to 43 % MODERATE without a word."""
    entries = body["prefetch"]["observations"]["entry"]
    keep = [e for e in entries if e["resource"]["code"]["coding"][0]["code"] == "none"]
    body["prefetch"]["observations"]["entry"] = keep
    body["prefetch"]["observations"]["total"] = len(keep)
    text = summary(client, body)
    assert "not given" in text
    assert "of 100" not in text


def test_another_unit_is_another_value(client, body):
    """HealthChain's risk stayed the same when the unit was relabelled."""
    quantity = observations(body)["cement-ratio-ap"]["resource"]["valueQuantity"]
    quantity |= {"code": "1", "unit": "1"}
    assert "about 45 of 100" not in summary(client, body)


def test_a_wrong_hook_is_refused(client, body):
    """HealthChain answered 200 with no cards."""
    answer = client.post(PATH, json=body | {"hook": "order-sign"})
    assert answer.status_code == 400


def test_a_failing_handler_is_no_empty_answer(client, body, monkeypatch):
    """HealthChain answered 200 with no cards: that reads as "no risk"."""

    def fail(*_args, **_kwargs):
        raise RuntimeError("canary of a patient")

    monkeypatch.setattr("service.assessor.extract", fail)
    answer = client.post(PATH, json=body)
    assert answer.status_code == 500
    assert answer.get_json()["resourceType"] == "OperationOutcome"
    assert "canary" not in answer.get_data(as_text=True)


def test_the_encounter_of_the_context_counts(client, body):
    """HealthChain lost it. Here it decides which operation is meant."""
    (card,) = client.post(PATH, json=body).get_json()["cards"]
    order = card["suggestions"][0]["actions"][0]["resource"]
    encounter = body["context"]["encounterId"]
    assert order["encounter"] == {"reference": f"Encounter/{encounter}"}


def test_discovery_stands_where_the_specification_wants_it(client):
    """HealthChain's did not, and its test pinned that."""
    assert client.get("/cds-services").status_code == 200


#: the three bodies that the specification prints, as ids and times stand there
FEEDBACK = {
    "accepted": {
        "card": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": "e56e1945-20b3-4393-8503-a1a20fd73152"}],
        "outcomeTimestamp": "2021-12-11T10:05:31Z",
    },
    "overridden": {
        "card": "f6b95768-b1c8-40dc-8385-bf3504b82ffb",
        "outcome": "overridden",
        "outcomeTimestamp": "2020-12-11T00:00:00Z",
    },
    "with a reason": {
        "card": "9368d37b-283f-44a0-93ea-547cebab93ed",
        "outcome": "overridden",
        "overrideReason": {
            "reason": {
                "code": "d7ecf885",
                "system": "https://example.com/cds-hooks/override-reason-system",
            },
            "userComment": "A comment entered by the clinician.",
        },
        "outcomeTimestamp": "2020-12-11T00:00:00Z",
    },
}


@pytest.mark.parametrize("item", FEEDBACK.values(), ids=FEEDBACK)
def test_the_specifications_own_feedback_is_taken(client, item):
    """Sero's service rejected a body that the specification prints."""
    answer = client.post(f"{PATH}/feedback", json={"feedback": [item]})
    assert answer.status_code == 200


def test_a_next_link_is_not_overlooked(client, body):
    """All but one of the peers ignore the `next` link of a paged prefetch."""
    link = {"relation": "next", "url": "https://ehr.example.org/fhir?page=2"}
    body["prefetch"]["observations"]["link"] = [link]
    assert client.post(PATH, json=body).status_code == 412


def test_a_value_that_is_no_number_is_not_a_low_risk(client, body):
    """dcurves counted a NaN risk as "below the threshold"."""
    entry = observations(body)["cement-ratio-ap"]
    entry["resource"]["valueQuantity"]["value"] = "NaN"
    assert "not given" in summary(client, body)


@pytest.mark.parametrize("patient", ["../../secret", "p1?x=y", "<script>", "p1\n"])
def test_an_id_is_never_a_path(client, body, patient):
    """AHRQ's service puts the patient's id unescaped into a path it fetches."""
    body["context"]["patientId"] = patient
    answer = client.post(PATH, json=body)
    assert answer.status_code == 400
    assert patient.strip() not in answer.get_data(as_text=True)
