"""A local calibration ends while the service runs: safely, and never in silence."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import requests

from service.app import create_app
from service.config import VARIABLES, Settings, SettingsError
from service.metrics import SHARED_FOLDER
from service.model.artifact import bundled_models, canonical_digest
from service.parts import build_parts

LAST_DAY = "2026-03-10"
#: The last day ends in Shanghai eight hours before it does in Greenwich.
BEFORE = datetime(2026, 3, 10, 15, 59, tzinfo=UTC)
AFTER = datetime(2026, 3, 10, 16, 1, tzinfo=UTC)


class Clock:
    """The time in Shanghai, when it is told to pass."""

    def __init__(self, zone):
        self.now, self.zone = BEFORE, zone

    def __call__(self):
        return self.now.astimezone(self.zone)


def artifact(folder, **calibration):
    """An artifact as `scnen-cds recalibrate` writes it, with other numbers."""
    content = json.loads(bundled_models()["liu-nomogram"].read_bytes())
    content |= {
        "id": "north",
        "version": "1",
        "mode": "calibrated",
        "variants": [],
        "parent": f"liu-nomogram 1.0.0 {content['digest']}",
        "calibration": {
            "method": "intercept estimated on local patients",
            "n": 412,
            "events": 57,
            "first_operation": "2023-01-07",
            "last_operation": "2024-01-30",
            "interval": [1.7, 2.4],
            "approved_by": ["A. Surgeon"],
            "approved_on": "2024-03-10",
            "valid_until": LAST_DAY,
            "data_digest": "sha256:00",
            "code_version": "0.1.0",
            "tests": [{"against": "as-is", "statistic": 9.58, "df": 5, "p": 0.0881}],
            **calibration,
        },
    }
    content["digest"] = canonical_digest(content)
    path = folder / "north-1.json"
    path.write_text(json.dumps(content), "utf-8")
    return path


@pytest.fixture
def settings(monkeypatch, tmp_path):
    """Settings of open mode in Shanghai, with a calibrated model."""
    for name in [*VARIABLES, SHARED_FOLDER]:
        monkeypatch.delenv(name, raising=False)
    return replace(
        Settings.from_env(is_open=True),
        model=str(artifact(tmp_path)),
        output_mode="calibrated",
        time_zone="Asia/Shanghai",
    )


@pytest.fixture
def clock():
    """A clock of the test's own."""
    return Clock(ZoneInfo("Asia/Shanghai"))


@pytest.fixture
def client(settings, clock):
    """A client of a service that is never started anew."""
    return create_app(settings, clock=clock).test_client()


@pytest.fixture
def body(example_request):
    """The request that ships, of a discharge some days before the end."""
    return json.dumps(example_request)


def card_of(client, body):
    """The only card of a discharge."""
    answer = client.post(
        "/cds-services/scnen-discharge", data=body, content_type="application/json"
    )
    (card,) = json.loads(answer.data)["cards"]
    return card


def test_until_its_last_day_a_card_says_what_it_was_calibrated_on(client, body):
    """Patients, events and last day stand beside the number."""
    card = card_of(client, body)
    assert "recalibrated here" in card["summary"]
    assert "57 of 412 patients), valid until 2026-03-10" in card["detail"]
    assert len(card["summary"]) < 140


def test_after_its_last_day_a_card_gives_no_probability_and_says_why(
    client, clock, body
):
    """At midnight of the hospital, without a restart."""
    card_of(client, body)
    clock.now = AFTER
    card = card_of(client, body)
    assert "no risk is given" in card["summary"]
    assert "expired on 2026-03-10" in card["detail"]
    assert "no probability" in card["detail"]
    assert len(card["summary"]) < 140


def test_readiness_shows_it_and_stays_ready(client, clock):
    """A balancer that took the instance away would make silence of it."""
    model = json.loads(client.get("/healthz/ready").data)["parts"]["model"]
    assert (model["mode"], model["expired"]) == ("calibrated", False)
    clock.now = AFTER
    answer = client.get("/healthz/ready")
    assert answer.status_code == 200
    model = json.loads(answer.data)["parts"]["model"]
    assert (model["mode"], model["expired"]) == ("relative", True)
    assert model["valid_until"] == LAST_DAY


def test_a_model_without_a_calibration_has_no_last_day(settings):
    """Nothing is said of what does not exist."""
    plain = replace(settings, model="liu-nomogram", output_mode="anchored")
    client = create_app(plain).test_client()
    assert (
        "expired" not in json.loads(client.get("/healthz/ready").data)["parts"]["model"]
    )
    assert "days_left" not in client.get("/metrics").text


def test_metrics_count_the_days(client, clock):
    """An alert is raised before the last day and after it."""
    assert "scnen_calibration_days_left 0.0" in client.get("/metrics").text
    clock.now = AFTER
    text = client.get("/metrics").text
    assert "scnen_calibration_days_left -1.0" in text
    assert 'mode="relative"' in text


def test_the_log_says_it_once(client, clock, body, caplog):
    """Not with each call."""
    clock.now = AFTER
    with caplog.at_level(logging.WARNING, "service.parts"):
        card_of(client, body)
        card_of(client, body)
    said = [r.getMessage() for r in caplog.records if r.name == "service.parts"]
    assert said == ["the calibration of north expired: no probability"]


def test_the_page_of_the_model_says_it(client, clock):
    """And how it was calibrated, before and after."""
    before = client.get("/model").text
    for part in ("412, 57 with the outcome", "A. Surgeon", "p = 0.0881", LAST_DAY):
        assert part in before
    assert "expired" not in before
    clock.now = AFTER
    assert "calibration expired on 2026-03-10" in client.get("/model").text


def test_a_start_after_the_last_day_gives_what_it_gave_before(settings, clock, body):
    """A restart in the night is no reason for no card at all."""
    clock.now = AFTER
    card = card_of(create_app(settings, clock=clock).test_client(), body)
    assert "expired on 2026-03-10" in card["detail"]


def test_risks_of_synthetic_patients_are_refused_outside_of_open_mode(
    settings, tmp_path
):
    """No clinician is shown what was drawn."""
    drawn = str(artifact(tmp_path, is_synthetic=True))
    with pytest.raises(SettingsError, match=r"SCNEN_MODEL: .*synthetic patients"):
        build_parts(replace(settings, model=drawn, is_open=False))


def test_a_card_of_a_demonstration_says_that_it_is_one(settings, clock, tmp_path, body):
    """Also on this machine, where such a model may be looked at."""
    drawn = str(artifact(tmp_path, is_synthetic=True))
    app = create_app(replace(settings, model=drawn), clock=clock)
    client = app.test_client()
    detail = card_of(client, body)["detail"]
    assert "recalibrated on synthetic patients, not on yours" in detail
    assert "on local data" not in detail.split("Limits")[1]
    assert "synthetic patients, for demonstration" in client.get("/model").text


def test_a_real_server_with_an_expired_calibration_answers(start, tmp_path):
    """It starts, and says so where operators look."""
    server = start(
        SCNEN_MODEL=str(artifact(tmp_path, valid_until="2024-03-11")),
        SCNEN_OUTPUT_MODE="calibrated",
    )
    answer = requests.get(f"{server.url}/healthz/ready", timeout=10)
    model = answer.json()["parts"]["model"]
    assert (answer.status_code, model["mode"], model["expired"]) == (
        200,
        "relative",
        True,
    )


def test_the_nomogram_has_the_local_model_until_its_last_day(client, clock):
    """The local one first, the study's beside it; after that no probability of any."""
    asked = {
        name: {"model": name, "inputs": {"segment": "lumbar"}}
        for name in ("north", "liu-nomogram")
    }

    def answers():
        return [
            client.post("/nomogram/score", json=each).json for each in asked.values()
        ]

    local, study = answers()
    assert (local["model"]["mode"], study["model"]["mode"]) == (
        "calibrated",
        "anchored",
    )
    assert "57 of 412 patients" in local["words"]["standing"]
    assert "not to local data" in study["words"]["standing"]
    page = client.get("/nomogram").text
    assert page.index('value="north"') < page.index('value="liu-nomogram"')
    assert "this hospital’s" in page
    clock.now = AFTER
    assert [each["bounds"] for each in answers()] == [None, None]
    assert "Risk within six months" not in client.get("/nomogram").text
