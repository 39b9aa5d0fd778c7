"""Metrics: they add up over workers, and hold nothing that was sent."""

import json
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from cds_hooks import Coding, Feedback
from service.app import example_request_file
from service.metrics import SHARED_FOLDER, Metrics, forget, make_shared_folder

BODY = example_request_file().read_bytes()
JSON = {"Content-Type": "application/json"}
CANARY = "canary-4711"
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="reads /proc, which only Linux has"
)


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """A gunicorn in this process may have left its own folder of counts behind."""
    monkeypatch.delenv(SHARED_FOLDER, raising=False)


def call(server, body=BODY, path="scnen-discharge"):
    """Fire the hook of the example."""
    url = f"{server.url}/cds-services/{path}"
    return requests.post(url, data=body, headers=JSON, timeout=20)


def samples(text):
    """Read Prometheus' text format with the library's own reader."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def collect(server):
    """What the server has counted."""
    answer = requests.get(f"{server.url}/metrics", timeout=20)
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return samples(answer.text)


def value(found, name, **labels):
    """One number; 0 for what never happened."""
    return found.get((name, *sorted(labels.items())), 0.0)


def answered(found):
    """How many calls of the discharge were answered."""
    labels = {"service": "scnen-discharge", "status": "200"}
    return value(found, "scnen_calls_total", **labels)


@pytest.mark.server
@needs_proc
@pytest.mark.parametrize("threads", ["1", "4"])
def test_counts_add_up_over_workers_and_after_one_was_killed(start, threads):
    """Whichever worker is asked, and whatever became of the one that counted."""
    server = start("--workers", "3", "--threads", threads)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: call(server).raise_for_status(), range(60)))
    assert {answered(collect(server)) for _ in range(9)} == {60.0}
    before = server.workers()
    os.kill(before[0], signal.SIGKILL)
    end = time.monotonic() + 20
    while before[0] in server.workers() or len(server.workers()) < 3:
        assert time.monotonic() < end
        time.sleep(0.02)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: call(server).raise_for_status(), range(30)))
    found = [collect(server) for _ in range(9)]
    assert {answered(each) for each in found} == {90.0}
    cards = {"kind": "ScnenRiskHigh", "band": "high"}
    assert value(found[0], "scnen_cards_total", **cards) == 90
    times = value(found[0], "scnen_call_seconds_count", service="scnen-discharge")
    assert times == 90
    assert value(found[0], "scnen_stopped", mode="off") == 0


@pytest.mark.server
@needs_proc
def test_the_folder_of_the_counts_goes_with_the_server(start):
    """It is made for one master, lies in memory where there is such a place."""
    server = start("--workers", "2")
    call(server)
    memory = Path("/dev/shm")  # noqa: S108 where the configuration puts it
    pid = server.workers()[0]
    maps = Path(f"/proc/{pid}/maps").read_text()
    (folder,) = set(re.findall(r"\S*/scnen-metrics-[^/]+", maps))
    assert Path(folder).is_dir()
    assert not memory.is_dir() or Path(folder).parent == memory
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    assert not Path(folder).exists()


def hostile_calls():
    """Calls and feedback with the canary wherever a client can put it."""
    body = json.loads(BODY)
    reason = {"reason": {"code": CANARY, "system": CANARY}, "userComment": CANARY}
    item = {
        "card": CANARY,
        "outcome": "overridden",
        "overrideReason": reason,
        "outcomeTimestamp": "2026-03-06T10:00:00Z",
    }
    named = {**body, "hookInstance": CANARY, "extension": {CANARY: CANARY}}
    yield "scnen-discharge", named
    yield "scnen-discharge", {**body, "hook": CANARY}
    yield CANARY, body
    yield "scnen-discharge/feedback", {"feedback": [item]}
    yield f"{CANARY}/feedback", {"feedback": [item]}


def test_nothing_that_was_sent_is_in_a_label(client):
    """Codes of a client's own are counted as others, unknown services not at all."""
    for path, body in hostile_calls():
        client.post(f"/cds-services/{path}", json=body)
    client.get(f"/{CANARY}")
    text = client.get("/metrics").text
    assert CANARY not in text
    assert 'scnen_overrides_total{reason="other"} 1.0' in text
    patient = json.loads(BODY)["context"]["patientId"]
    assert patient not in text


def test_an_override_is_counted_by_the_reason_that_the_card_offered(client):
    """As code; without one it is `none`; an accepted card is no override."""
    metrics = Metrics({"patient-refuses"})
    when = datetime(2026, 3, 6, tzinfo=UTC)
    metrics.count_feedback(
        [
            Feedback("c", "overridden", when),
            Feedback(
                "c",
                "overridden",
                when,
                override_reasons=(Coding("patient-refuses", "urn:x", "x"),),
            ),
            Feedback("c", "accepted", when, accepted_suggestions=("s",)),
        ]
    )
    found = samples(metrics.exposition().decode())
    assert value(found, "scnen_overrides_total", reason="none") == 1
    assert value(found, "scnen_overrides_total", reason="patient-refuses") == 1
    totals = [v for key, v in found.items() if key[0] == "scnen_overrides_total"]
    assert sum(totals) == 2


def test_what_was_missing_is_counted_by_predictor_and_reason(client, example_request):
    """Of each vertebra that could have been scored."""
    prefetch = {
        **example_request["prefetch"],
        "observations": {"resourceType": "Bundle", "type": "searchset", "total": 0},
    }
    client.post(
        "/cds-services/scnen-discharge", json={**example_request, "prefetch": prefetch}
    )
    found = samples(client.get("/metrics").text)
    labels = {"predictor": "cement_ratio_percent", "reason": "not-recorded"}
    assert value(found, "scnen_missing_total", **labels) == 1
    kind = {"kind": "ScnenInputMissing", "band": "none"}
    assert value(found, "scnen_cards_total", **kind) == 1


def test_a_patient_without_operation_is_a_call_without_card(client, golden):
    """The call is counted, nothing else."""
    client.post("/cds-services/scnen-discharge", json=golden)
    found = samples(client.get("/metrics").text)
    assert answered(found) == 1
    assert not [
        key for key in found if key[0] in {"scnen_cards_total", "scnen_missing_total"}
    ]


def test_fetches_are_counted_by_result():
    """`ok`, or the name of the fault."""
    metrics = Metrics(())
    for result in ("ok", "ok", "timeout"):
        metrics.count_fetch(result)
    found = samples(metrics.exposition().decode())
    assert value(found, "scnen_fhir_fetches_total", result="ok") == 2
    assert value(found, "scnen_fhir_fetches_total", result="timeout") == 1


def test_the_store_is_asked_when_somebody_collects():
    """What it says is never older than the answer."""
    metrics, states = Metrics(()), iter([True, False])
    assert b"store_up" not in metrics.exposition()
    metrics.watch_store(lambda: next(states), lambda: 4096)
    metrics.count_lost(3)
    for up in (1, 0):
        found = samples(metrics.exposition().decode())
        assert value(found, "scnen_store_up") == up
        assert value(found, "scnen_spool_bytes") == 4096
        assert value(found, "scnen_spool_lost_total") == 3


def test_without_a_place_in_memory_the_folder_is_a_temporary_one(tmp_path):
    """A container without /dev/shm still counts."""
    folder = Path(make_shared_folder(tmp_path / "none"))
    assert folder.is_dir()
    folder.rmdir()


def test_forgetting_a_worker_needs_no_folder(monkeypatch):
    """Where nobody shares anything there is nothing to forget."""
    monkeypatch.delenv(SHARED_FOLDER, raising=False)
    forget(1)


def test_forgetting_a_worker_keeps_what_it_counted(monkeypatch, tmp_path):
    """Only what was true while it lived goes."""
    monkeypatch.setenv(SHARED_FOLDER, str(tmp_path))
    for name in ("counter_7.db", "gauge_livesum_7.db"):
        (tmp_path / name).touch()
    forget(7)
    assert [each.name for each in tmp_path.iterdir()] == ["counter_7.db"]
