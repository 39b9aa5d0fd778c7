"""Every answer leaves a decision: what it says, and what no column holds."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from service.app import create_app, example_request_file
from service.config import VARIABLES, Settings
from service.store.faults import StoreError, StoreUnavailable
from service.store.pseudonyms import Pseudonyms
from service.store.schema import decision_cards, decisions, metadata
from service.store.settings import StoreSettings

NOW = datetime(2026, 3, 6, 9, tzinfo=UTC)
HTEST = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HTEST",
}
DISCHARGE = "/cds-services/scnen-discharge"


class Site:
    """The application with a store in a folder, and what is in it."""

    def __init__(self, folder, policy_file=None, **options):
        settings = Settings.from_env(is_open=True)
        store = StoreSettings(data_dir=folder, **options)
        self.settings = replace(settings, store=store, policy_file=policy_file)
        self.app = create_app(self.settings, clock=lambda: NOW)
        self.client = self.app.test_client()
        self.store = self.app.extensions["scnen_cds"].store

    def post(self, body, path=DISCHARGE):
        return self.client.post(path, json=body)

    def settle(self):
        """Write what waits, and learn what was overridden."""
        self.store._running().thread.close()
        self.store._process = None
        self.store.look_for_overrides()

    def rows(self, table=decisions):
        self.settle()
        with self.store.database.reading() as connection:
            return connection.execute(select(table)).mappings().all()

    def override(self, card, **changed):
        item = {
            "card": card,
            "outcome": "overridden",
            "outcomeTimestamp": "2026-03-06T09:05:00Z",
            "overrideReason": {"reason": {"code": "patient-refuses", "system": "x:y"}},
        }
        self.settle()
        answer = self.post({"feedback": [item | changed]}, f"{DISCHARGE}/feedback")
        self.settle()
        return answer


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    """No setting of the machine that runs the tests leaks in."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def site(tmp_path):
    """A site of its own."""
    site = Site(tmp_path)
    yield site
    site.store.close()


@pytest.fixture
def body():
    """The request that ships with the service and gives a card."""
    return json.loads(example_request_file().read_bytes())


def test_an_answer_with_a_card_is_recorded(site, body):
    """The number, what it rests on, and which card was given."""
    card = site.post(body).json["cards"][0]
    row = site.rows()[0]
    assert (row["status"], row["reason"], row["at"]) == (200, None, NOW)
    assert (row["service"], row["hook"]) == ("scnen-discharge", "encounter-discharge")
    assert row["hook_instance"] == body["hookInstance"]
    assert 0 < row["interval_low"] < row["risk"] < row["interval_high"] < 1
    assert (row["mode"], row["band"], row["level"]) == ("anchored", "high", "L2")
    found = row["vertebrae"][0]["found"]
    assert found["cobb_preoperative_deg"][1] == "deg"
    assert row["vertebrae"][0]["operated_days_ago"] == 3
    stored = site.rows(decision_cards)[0]
    assert (stored["card"], stored["indicator"]) == (card["uuid"], "warning")
    assert [each[0] for each in stored["suggestions"]] == [
        each["uuid"] for each in card["suggestions"]
    ]


def test_the_hospital_finds_the_patient_again(site, body):
    """With the key and the id that the call had."""
    site.post(body)
    row = site.rows()[0]
    names = Pseudonyms(site.settings.secret_key)
    context = body["context"]
    assert row["patient_hash"] == names.patient(row["tenant"], context["patientId"])
    assert row["encounter_hash"] == names.encounter(
        row["tenant"], context["encounterId"]
    )
    assert row["user_hash"] == names.user(row["tenant"], context["userId"])
    assert row["key_id"] == names.key_id


@pytest.mark.parametrize(
    ("patient", "noted"),
    [
        ({"meta": {"security": [HTEST]}}, True),
        ({"meta": {"tag": [HTEST]}}, True),
        ({"meta": {"tag": [{"code": "HTEST"}]}}, False),
        ({"meta": {}}, False),
        ({"meta": "HTEST"}, False),
        ({"id": "another"}, None),
    ],
)
def test_whether_the_patient_is_test_data_is_recorded(site, body, patient, noted):
    """A cohort must not count a rehearsal; without the Patient nobody knows."""
    body["prefetch"]["patient"] |= patient
    site.post(body)
    assert site.rows()[0]["vertebrae"][0]["is_test"] is noted


def test_silence_is_recorded_with_its_reason(site, body):
    """Nothing was operated on: that is an answer, too."""
    body["prefetch"]["procedures"] = None
    assert site.post(body).json == {"cards": []}
    row = site.rows()[0]
    assert (row["status"], row["reason"]) == (200, "no-eligible-operation")
    assert row["vertebrae"] == []
    assert site.rows(decision_cards) == []


def with_observations(body, number):
    """The same record with the first observations only."""
    bundle = body["prefetch"]["observations"]
    cut = {**bundle, "entry": bundle["entry"][:number], "total": number}
    return {**body, "prefetch": {**body["prefetch"], "observations": cut}}


def test_what_is_missing_is_recorded_with_its_reason(site, body):
    """And there is no number."""
    site.post(with_observations(body, 1))
    row = site.rows()[0]
    assert (row["risk"], row["band"]) == (None, None)
    assert row["vertebrae"][0]["missing"]["cement_ratio_percent"] == "not-recorded"


def test_a_call_that_could_not_be_answered_is_recorded(site, body):
    """412 with the field that was lacking."""
    body["prefetch"].pop("procedures")
    body.pop("fhirServer", None)
    body.pop("fhirAuthorization", None)
    assert site.post(body).status_code == 412
    row = site.rows()[0]
    assert (row["status"], row["reason"]) == (412, "prefetch.procedures")


def test_a_fault_of_ours_is_recorded(site, body, monkeypatch):
    """500 with the type of the fault, and nothing that it says."""

    def fail(*_, **__):
        raise KeyError("Mrs Canary")

    monkeypatch.setattr("service.advice.refuse_without_procedures", fail)
    assert site.post(body).status_code == 500
    assert [(row["status"], row["reason"]) for row in site.rows()] == [
        (500, "KeyError")
    ]


def test_the_opened_chart_is_recorded(site, body):
    """With the reason why it says nothing."""
    body["hook"] = "patient-view"
    assert site.post(body, "/cds-services/scnen-chart").status_code == 200
    row = site.rows()[0]
    assert (row["service"], row["reason"]) == ("scnen-chart", "not-yet-due")


def test_no_token_name_or_text_is_in_any_column(site, body):
    """Whatever the record holds: columns hold codes, numbers and hashes."""
    body["fhirAuthorization"] = {
        "access_token": "canary-token",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "user/*.read",
        "subject": "canary-subject",
    }
    body["prefetch"]["patient"]["name"] = [{"text": "Mrs Canary"}]
    body["context"]["userId"] = "Practitioner/canary-user"
    body["extension"] = {"com.example": "canary-extension"}
    for entry in body["prefetch"]["observations"]["entry"]:
        entry["resource"]["note"] = [{"text": "canary-note"}]
    site.post(body)
    site.override("canary-card " * 3, overrideReason={"userComment": "canary-comment"})
    site.settle()
    with site.store.database.reading() as connection:
        for table in metadata.tables.values():
            for row in connection.execute(select(table)).mappings():
                said = {**row, "comment": ""} if table.name == "comments" else row
                assert "canary" not in repr(said).lower()
                assert body["context"]["patientId"] not in map(str, said.values())


def test_an_overridden_card_does_not_come_back_in_its_encounter(site, body):
    """The call is answered without cards, and it is recorded that one was withheld."""
    card = site.post(body).json["cards"][0]["uuid"]
    assert site.override(card).status_code == 200
    assert site.post(body).json == {"cards": []}
    assert [row["reason"] for row in site.rows()] == [None, "overridden"]
    assert [row["is_withheld"] for row in site.rows(decision_cards)] == [0, 1]


def test_it_comes_back_in_another_encounter(site, body):
    """Somebody else decides there."""
    site.override(site.post(body).json["cards"][0]["uuid"])
    text = json.dumps(body).replace(body["context"]["encounterId"], "another")
    assert len(site.post(json.loads(text)).json["cards"]) == 1


def test_it_comes_back_when_its_inputs_change(site, body):
    """Another value is another card."""
    site.override(site.post(body).json["cards"][0]["uuid"])
    text = json.dumps(body).replace('"value": 41', '"value": 47')
    assert text != json.dumps(body)
    assert len(site.post(json.loads(text)).json["cards"]) == 1


def test_a_card_about_gaps_comes_back_when_the_gap_changes(site, body):
    """It keeps its uuid in the encounter, but what it says has changed."""
    first = site.post(with_observations(body, 0)).json["cards"][0]
    site.override(first["uuid"])
    assert site.post(with_observations(body, 0)).json == {"cards": []}
    second = site.post(with_observations(body, 1)).json["cards"][0]
    assert second["uuid"] == first["uuid"]


def test_a_reason_that_says_not_now_keeps_no_card_away(site, body):
    """The policy names such reasons."""
    card = site.post(body).json["cards"][0]["uuid"]
    reason = {"reason": {"code": "cds-suboptimal-context", "system": "x:y"}}
    site.override(card, overrideReason=reason)
    assert len(site.post(body).json["cards"]) == 1


def test_a_site_can_have_every_card_come_back(tmp_path, body):
    """By its policy."""
    text = (
        (example_request_file().parents[1] / "policy/default.yaml")
        .read_text("utf-8")
        .replace("stays_away: true", "stays_away: false")
    )
    policy = tmp_path / "policy.yaml"
    policy.write_text(text)
    site = Site(tmp_path, policy)
    site.override(site.post(body).json["cards"][0]["uuid"])
    assert len(site.post(body).json["cards"]) == 1
    site.store.close()


def test_feedback_is_refused_while_the_database_is_down(site, body, monkeypatch):
    """503: the client keeps it and sends it again."""

    def down(*_):
        raise StoreUnavailable("down")

    monkeypatch.setattr("service.store.store.Store.keep_feedback", down)
    card = site.post(body).json["cards"][0]["uuid"]
    assert site.override(card).status_code == 503


def test_a_call_that_cannot_be_recorded_gets_its_card_or_503(site, body, monkeypatch):
    """As the site has chosen; here it insists on a record."""

    def full(*_):
        raise StoreError("full")

    monkeypatch.setattr(site.store, "record", full)
    assert site.post(body).status_code == 503
