"""Alerts and dashboard: right in themselves, and about metrics that the service has."""

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from cds_hooks import Card, Coding, Feedback, Response, Source
from service.advice import Advice
from service.assessment import OutputMode
from service.fhir.findings import Reason
from service.metrics import Metrics
from service.model.artifact import bundled_models, load_model

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/prometheus"
RULES = yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))["groups"][0][
    "rules"
]
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text("utf-8"))

MODEL = load_model(bundled_models()["liu-nomogram"])
SOURCE = Source(label="s", topic=Coding("ScnenInputMissing", "urn:x", "x"))
CARD = Card(summary="s", indicator="info", source=SOURCE, uuid=str(UUID(int=4)))
#: One vertebra that a value would let be scored.
GAP = {"segment": SimpleNamespace(reason=Reason.NOT_RECORDED)}
ASSESSED = SimpleNamespace(
    vertebrae=(SimpleNamespace(band=None, asks_for_values=True, missing=GAP),)
)

#: The metrics of the service with the labels that a query may use.
METRICS = {
    "scnen_calls_total": {"service", "status"},
    "scnen_call_seconds_bucket": {"service", "le"},
    "scnen_fhir_fetches_total": {"result"},
    "scnen_cards_total": {"kind", "band"},
    "scnen_withheld_total": {"kind", "why"},
    "scnen_missing_total": {"predictor", "reason"},
    "scnen_overrides_total": {"reason"},
    "scnen_replay_refusals_total": set(),
    "scnen_token_refusals_total": set(),
    "scnen_spool_bytes": set(),
    "scnen_spool_lost_total": set(),
    "scnen_store_up": set(),
    "scnen_model_info": {"id", "version", "digest", "mode"},
    "scnen_calibration_days_left": set(),
    "scnen_stopped": {"mode"},
}


def panel_queries():
    """Every query of the dashboard, with what Grafana puts in."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            query = target["expr"].replace("$__rate_interval", "5m")
            yield query.replace("$__range", "6h").replace("$instance", ".*")


QUERIES = [*panel_queries(), *(rule["expr"] for rule in RULES)]


def promtool(*arguments):
    """Run Prometheus' own checker."""
    if not shutil.which("promtool"):
        pytest.skip(
            "needs promtool: apt-get install --no-install-recommends prometheus"
        )
    return subprocess.run(
        ["/usr/bin/env", "promtool", *arguments],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.tool
def test_prometheus_can_read_the_alerts():
    """Its own checker has nothing to complain of."""
    done = promtool("check", "rules", "alerts.yaml")
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.tool
def test_the_alerts_fire_when_they_should_and_only_then():
    """Series made by hand; Prometheus evaluates them."""
    done = promtool("test", "rules", "alerts-test.yaml", "alerts-test-week.yaml")
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.tool
def test_prometheus_can_read_every_query_of_the_dashboard(tmp_path):
    """As rules, since its checker reads nothing else."""
    rules = [
        {"record": f"query:{number}", "expr": query}
        for number, query in enumerate(panel_queries())
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = promtool("check", "rules", file)
    assert done.returncode == 0, done.stderr + done.stdout


def test_the_service_has_these_metrics_with_these_labels():
    """What is asked for is what it counts."""
    metrics = Metrics(())
    metrics.watch_store(lambda: True, lambda: 0)
    metrics.watch_output(MODEL, lambda: OutputMode.ANCHORED, lambda: None, lambda: 400)
    told = {"method": "POST", "route": "/cds-services/<service_id>", "service": "s"}
    metrics.count_answer(told, 200, 0.1)
    metrics.count_fetch("ok")
    metrics.count_advice(Advice(Response(cards=(CARD,)), None, None))
    metrics.count_advice(Advice(Response(cards=()), ASSESSED, "silent", (CARD,)))
    metrics.count_feedback([Feedback("c", "overridden", datetime.now(UTC))])
    found = {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
        if not sample.name.endswith(("_created", "_sum", "_count"))
    }
    assert found == METRICS


def test_every_metric_that_is_asked_for_exists():
    """And every one is shown or watched somewhere."""
    asked = {name for query in QUERIES for name in re.findall(r"\bscnen_\w+", query)}
    assert asked == METRICS.keys()


@pytest.mark.parametrize("query", QUERIES)
def test_every_label_that_is_asked_for_exists(query):
    """A label that is not there would give an empty panel, or a mute alert."""
    names = re.findall(r"\bscnen_\w+", query)
    there = {"instance"}.union(*(METRICS[name] for name in names))
    grouped = re.findall(r"\bby \(([^)]*)\)", query)
    matched = re.findall(r"\{([^}]*)\}", query)
    asked = {word.strip() for group in grouped for word in group.split(",")}
    asked |= {word for each in matched for word in re.findall(r"(\w+)[=!]", each)}
    assert asked - {"job"} <= there


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_says_how_urgent_it_is_and_where_to_read_on(rule):
    """The page has a line about it."""
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}
    page, _, section = rule["annotations"]["runbook"].partition("#")
    text = (ROOT / page).read_text("utf-8").lower().partition(f"## {section}\n")[2]
    assert f"`{rule['alert'].lower()}`" in text.partition("\n## ")[0]


def test_panels_do_not_cover_each_other():
    """Each has its own place on a grid of 24 columns."""
    taken = set()
    for panel in DASHBOARD["panels"]:
        grid = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert taken.isdisjoint(cells), panel["title"]
        assert grid["x"] + grid["w"] <= 24
        taken |= cells


def test_the_dashboard_finds_its_prometheus_anywhere():
    """No panel names a data source of somebody else's installation."""
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
