"""What gets out of a running service while its advice is switched off."""

import json
import time

import pytest
import requests

from service.app import example_request_file
from service.switch import Order, Stop, stop_now

pytestmark = pytest.mark.server

BODY = json.loads(example_request_file().read_bytes())
CANARY = "canary-4711"


@pytest.fixture(scope="module")
def stop_file(tmp_path_factory):
    """Where the server of this module looks."""
    return tmp_path_factory.mktemp("switch") / "stop"


@pytest.fixture(scope="module")
def service(start, stop_file):
    """Two workers that look at the stop file."""
    return start(SCNEN_STOP_FILE=str(stop_file))


@pytest.fixture
def stopped(service, stop_file):
    """Switch the advice off as the command does; it is on again afterwards."""

    def switch(mode, reason=""):
        stop_now(stop_file, Order(mode, reason))
        wait_until(service, mode.value)

    yield switch
    stop_file.unlink(missing_ok=True)
    wait_until(service, None)


def wait_until(service, state):
    """Wait until the workers that answer have seen it, at most some seconds."""
    end, seen = time.monotonic() + 10, 0
    while seen < 20:
        seen = seen + 1 if switch_of(service) == state else 0
        assert time.monotonic() < end, state
        time.sleep(0.01 if seen else 0.1)


def switch_of(service):
    """What readiness says of the switch."""
    answer = requests.get(f"{service.url}/healthz/ready", timeout=9)
    assert answer.status_code == 200
    return answer.json()["parts"]["switch"]["stopped"]


def call(service, name="scnen-discharge", **changes):
    """The cards of a call."""
    url = f"{service.url}/cds-services/{name}"
    answer = requests.post(url, json={**BODY, **changes}, timeout=9)
    assert answer.status_code == 200, answer.text
    return answer.json()["cards"]


def opened():
    """The chart of the same patient, some weeks later: see the context."""
    context = {k: v for k, v in BODY["context"].items() if k != "encounterId"}
    return {"hook": "patient-view", "context": context}


def test_off_says_at_the_discharge_that_nobody_was_assessed(service, stopped):
    """Silence would look like no risk."""
    before = call(service)[0]["summary"]
    stopped(Stop.OFF)
    (card,) = call(service)
    assert card["indicator"] == "info"
    assert "switched off" in card["summary"]
    assert "not assessed" in card["summary"]
    assert "does not mean no risk" in card["summary"]
    assert card["source"]["topic"]["code"] == "ScnenSwitchedOff"
    assert "suggestions" not in card
    assert before != card["summary"]


def test_off_has_one_card_for_a_stay(service, stopped):
    """However often the hook is fired, from whichever worker."""
    stopped(Stop.OFF)
    assert len({call(service)[0]["uuid"] for _ in range(10)}) == 1


def test_off_is_said_to_patients_who_were_not_operated_on_too(service, stopped, golden):
    """Nobody is assessed, so nobody knows who it would have concerned."""
    stopped(Stop.OFF)
    url = f"{service.url}/cds-services/scnen-discharge"
    cards = requests.post(url, json=golden, timeout=9).json()["cards"]
    assert len(cards) == 1


def test_off_reminds_of_nothing_in_the_chart(service, stopped):
    """A card whenever a chart is opened would be noise."""
    stopped(Stop.OFF)
    assert call(service, "scnen-chart", **opened()) == []


def test_relative_gives_points_and_no_probability(service, stopped):
    """The card, the page behind it and readiness agree."""
    stopped(Stop.RELATIVE)
    (card,) = call(service)
    assert "no risk is given" in card["summary"]
    assert card["source"]["topic"]["code"] == "ScnenRiskRelative"
    page = requests.get(f"{service.url}/model", timeout=9).text
    assert "Probabilities are switched off here" in page
    ready = requests.get(f"{service.url}/healthz/ready", timeout=9).json()
    assert ready["parts"]["model"]["mode"] == "relative"


def test_the_page_of_the_model_says_that_it_is_off(service, stopped):
    """Cards link to it."""
    stopped(Stop.OFF)
    page = requests.get(f"{service.url}/model", timeout=9).text
    assert "no patient is assessed" in page


def test_metrics_tell_what_is_off(service, stopped):
    """Whoever is on call sees it, and from which mode."""
    stopped(Stop.RELATIVE)
    text = requests.get(f"{service.url}/metrics", timeout=9).text
    assert 'scnen_stopped{mode="relative"} 1.0' in text
    assert 'scnen_stopped{mode="off"} 0.0' in text
    assert 'mode="relative",version=' in text


def test_the_reason_stands_in_the_log_and_nowhere_else(service, stopped):
    """It is for the people who run the service."""
    stopped(Stop.OFF, CANARY)
    pages = [f"{service.url}/{path}" for path in ("model", "metrics", "healthz/ready")]
    said = [requests.get(page, timeout=9).text for page in pages]
    assert CANARY not in json.dumps([call(service), *said])
    lines = [json.loads(line) for line in service.log.splitlines()]
    told = [line for line in lines if line.get("reason") == CANARY]
    assert {line["stop"] for line in told} == {"off"}


def test_resumed_it_is_as_before(service, stopped, stop_file):
    """Without a restart."""
    before = call(service)
    stopped(Stop.OFF)
    stop_file.unlink()
    wait_until(service, None)
    assert call(service) == before
