"""The chart: rendered by Helm itself, valid for Kubernetes, hardened throughout."""

import re
from pathlib import Path

import helm_python
import kubernetes_validate
import pytest
import yaml

from service import __version__, gunicorn_conf
from service.callers import check_callers
from service.clients import load_clients
from service.config import VARIABLES, Settings, processes_by_environment

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/scnen-cds"
EXAMPLE = yaml.safe_load((CHART / "ci/example-values.yaml").read_text("utf-8"))
EVERYTHING = {
    "autoscaling": {"enabled": True},
    "serviceMonitor": {"enabled": True},
    "policy": "version: 1",
    "settings": {"SCNEN_OUTPUT_MODE": "relative"},
    "previousSecretKeys": True,
}
WITHOUT_VOLUME = {"spool": {"persistent": False}}
#: The oldest version that the chart allows, and a recent one.
KUBERNETES = ("1.30", "1.34")


def rendered(**values):
    """Render the example with some values changed: the manifests, by kind and name."""
    chart = helm_python.Chart.load(str(CHART))
    texts = chart.render({**EXAMPLE, **values}, name="prod", namespace="cds")
    found = {}
    for path, text in texts.items():
        if path.endswith(".yaml"):
            for manifest in filter(None, yaml.safe_load_all(text)):
                found[manifest["kind"], manifest["metadata"]["name"]] = manifest
    return found


def pods(**values):
    """The pod templates of all workloads."""
    kinds = ("StatefulSet", "Deployment", "Job", "CronJob")
    return [
        manifest["spec"].get("jobTemplate", manifest)["spec"]["template"]["spec"]
        for (kind, _), manifest in rendered(**values).items()
        if kind in kinds
    ]


every_variant = pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="example"),
        pytest.param(EVERYTHING, id="everything"),
        pytest.param(WITHOUT_VOLUME, id="without volume"),
    ],
)


@every_variant
def test_helm_has_nothing_to_complain_of(values):
    """Its own linter, strictly."""
    result = helm_python.lint(str(CHART), {**EXAMPLE, **values}, strict=True)
    assert (result["messages"], result["errors"]) == ([], [])


@every_variant
@pytest.mark.parametrize("version", KUBERNETES)
def test_every_manifest_follows_the_schema_of_kubernetes(values, version):
    """Its own schemas, unknown fields refused; a ServiceMonitor is not part of it."""
    manifests = [
        each
        for (kind, _), each in rendered(**values).items()
        if kind != "ServiceMonitor"
    ]
    assert len(manifests) >= 8
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"image": {"repository": "a", "digest": "latest"}}, "digest"),
        ({"publicUrl": "http://cds.hospital.example"}, "publicUrl"),
        ({"proxies": []}, "proxies"),
        ({"secretName": ""}, "secretName"),
        ({"clients": ""}, "clients"),
        ({"networkPolicy": {"databaseTo": []}}, "databaseTo"),
        ({"settings": {"SCNEN_OPEN": "true"}}, "SCNEN_OPEN"),
        ({"settings": {"SCNEN_SECRET_KEY": "x"}}, "SCNEN_SECRET_KEY"),
        ({"settings": {"SCNEN_WORKERS": "4"}}, "SCNEN_WORKERS"),
        ({"settings": {"SCNEN_STOP_FILE": "/else/stop"}}, "SCNEN_STOP_FILE"),
        ({"schedules": {"purge": "daily"}}, "purge"),
        (
            {"networkPolicy": {**EXAMPLE["networkPolicy"], "fhirPorts": [0]}},
            "fhirPorts",
        ),
        ({"replicaCount": 3}, "replicaCount"),
    ],
)
def test_a_value_that_would_mislead_is_refused(changed, named):
    """A tag for a digest, no encryption, open mode, a secret, a misspelt name."""
    chart = helm_python.Chart.load(str(CHART))
    with pytest.raises(helm_python.HelmError, match=named):
        chart.validate_schema({**EXAMPLE, **changed})


@every_variant
def test_every_pod_is_hardened(values):
    """As Kubernetes' restricted standard asks, and read-only as well."""
    for pod in pods(**values):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"].keys() >= {"cpu", "memory"}
        assert "@sha256:" in container["image"]


@every_variant
def test_every_volume_that_is_mounted_exists(values):
    """Of the pod or claimed for it."""
    for pod in pods(**values):
        mounted = {each["name"] for each in pod["containers"][0]["volumeMounts"]}
        there = {each["name"] for each in pod["volumes"]}
        assert mounted - there <= {"spool"}
    stateful = rendered()["StatefulSet", "prod-scnen-cds"]["spec"]
    assert stateful["volumeClaimTemplates"][0]["metadata"]["name"] == "spool"


def test_secrets_come_from_a_secret_only():
    """No manifest holds one; the environment names files, or the Secret's key."""
    assert not [kind for kind, _ in rendered(**EVERYTHING) if kind == "Secret"]
    for pod in pods():
        for variable in pod["containers"][0]["env"]:
            if any(word in variable["name"] for word in ("KEY", "TOKEN")):
                assert variable["value"].startswith("/run/secrets/")
            if variable["name"] == "SCNEN_DATABASE_URL":
                assert variable["valueFrom"]["secretKeyRef"]["key"] == "database-url"


def test_a_pod_gets_time_to_be_forgotten_and_to_finish():
    """First no new requests, then SIGTERM, then the requests in flight."""
    pod = rendered()["StatefulSet", "prod-scnen-cds"]["spec"]["template"]["spec"]
    pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pause >= 5
    needed = pause + gunicorn_conf.graceful_timeout
    assert pod["terminationGracePeriodSeconds"] > needed


def test_probes_ask_for_what_the_service_documents():
    """Alive decides on restarts, ready on traffic: a slow database restarts none."""
    pod = rendered()["StatefulSet", "prod-scnen-cds"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    paths = {
        kind: container[f"{kind}Probe"]["httpGet"]["path"]
        for kind in ("startup", "liveness", "readiness")
    }
    assert paths == {
        "startup": "/healthz/live",
        "liveness": "/healthz/live",
        "readiness": "/healthz/ready",
    }


def test_the_autoscaler_and_the_workload_do_not_argue():
    """With the one, the other names no number."""
    manifests = rendered(**EVERYTHING)
    assert "replicas" not in manifests["StatefulSet", "prod-scnen-cds"]["spec"]
    scaler = manifests["HorizontalPodAutoscaler", "prod-scnen-cds"]["spec"]
    assert (scaler["minReplicas"], scaler["scaleTargetRef"]["kind"]) == (
        2,
        "StatefulSet",
    )


def test_service_budget_policy_and_monitor_select_the_same_pods():
    """What guards the pods guards all of them, and not the migration."""
    manifests = rendered(**EVERYTHING)
    labels = manifests["StatefulSet", "prod-scnen-cds"]["spec"]["template"]["metadata"][
        "labels"
    ]
    name = "prod-scnen-cds"
    selectors = [
        manifests["Service", name]["spec"]["selector"],
        manifests["PodDisruptionBudget", name]["spec"]["selector"]["matchLabels"],
        manifests["NetworkPolicy", name]["spec"]["podSelector"]["matchLabels"],
        manifests["ServiceMonitor", name]["spec"]["selector"]["matchLabels"],
    ]
    assert all(each == selectors[0] for each in selectors)
    assert selectors[0].items() <= labels.items()
    job = manifests["Job", f"{name}-migration"]["spec"]["template"]["metadata"]
    assert not selectors[0].items() <= job["labels"].items()


def test_nothing_gets_in_or_out_that_is_not_named():
    """Both directions are closed; the open ways are DNS, database and FHIR servers."""
    policy = rendered()["NetworkPolicy", "prod-scnen-cds"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [each["ports"] for each in policy["ingress"]] == [
        [{"port": "http", "protocol": "TCP"}]
    ]
    ways = [{port["port"] for port in each["ports"]} for each in policy["egress"]]
    assert ways == [{53}, {5432}, {443}]
    assert all(each["to"] for each in policy["egress"][1:])


def test_the_way_to_a_proxy_can_be_opened():
    """FHIR servers are reached through it at a port of its own."""
    named = {**EXAMPLE["networkPolicy"], "fhirPorts": [3128, 443]}
    policy = rendered(networkPolicy=named)["NetworkPolicy", "prod-scnen-cds"]["spec"]
    ports = [port["port"] for port in policy["egress"][-1]["ports"]]
    assert ports == [3128, 443]


def test_a_config_map_that_is_made_later_switches_every_pod_off():
    """Without it the pods start, with an empty folder where the file would be."""
    for pod in pods():
        (stop,) = (each for each in pod["volumes"] if each["name"] == "stop")
        assert stop["configMap"] == {"name": "prod-scnen-cds-stop", "optional": True}
        (container,) = pod["containers"]
        (place,) = (
            each["mountPath"]
            for each in container["volumeMounts"]
            if each["name"] == "stop"
        )
        environment = {each["name"]: each.get("value") for each in container["env"]}
        assert environment["SCNEN_STOP_FILE"] == f"{place}/order"


def test_maintenance_needs_nobody_to_remember_it():
    """Retention and stopping rules, every night, at the hospital's time."""
    jobs = {
        name: each["spec"]
        for (kind, name), each in rendered().items()
        if kind == "CronJob"
    }
    commands = {
        name: each["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"]
        for name, each in jobs.items()
    }
    assert commands == {
        "prod-scnen-cds-purge": ["store", "purge"],
        "prod-scnen-cds-rules": ["monitor", "report", "--check"],
    }
    assert {each["timeZone"] for each in jobs.values()} == {EXAMPLE["timeZone"]}


def test_maintenance_can_be_left_to_others():
    """An empty schedule is no job."""
    kinds = [kind for kind, _ in rendered(schedules={"purge": "", "rules": ""})]
    assert "CronJob" not in kinds


def test_maintenance_reaches_the_database_and_nothing_else():
    """Its pods are those of no service."""
    manifests = rendered()
    policy = manifests["NetworkPolicy", "prod-scnen-cds-maintenance"]["spec"]
    assert [each["ports"][0]["port"] for each in policy["egress"]] == [53, 5432]
    assert "ingress" not in policy
    for name in ("purge", "rules"):
        job = manifests["CronJob", f"prod-scnen-cds-{name}"]["spec"]["jobTemplate"]
        labels = job["spec"]["template"]["metadata"]["labels"]
        assert policy["podSelector"]["matchLabels"] == labels


def test_the_migration_runs_before_the_new_pods():
    """A hook of Helm with its own copy of the configuration, there by then."""
    manifests = rendered()
    job = manifests["Job", "prod-scnen-cds-migration"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"] == ["store", "migrate"]
    (used,) = [
        each["configMap"]["name"]
        for each in pod["volumes"]
        if each["name"] == "configuration"
    ]
    hook = manifests["ConfigMap", used]["metadata"]["annotations"]
    weight = "helm.sh/hook-weight"
    assert int(hook[weight]) < int(job["metadata"]["annotations"][weight])


def test_the_service_takes_the_settings_of_the_pod(tmp_path, monkeypatch):
    """As the container reads them, with the documented address of the database."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    page = (ROOT / "docs/deploy.md").read_text("utf-8")
    url = re.search(r"`(postgresql\S*://scnen:\S*)`", page)[1]
    file = tmp_path / "file"
    file.write_text("of at least 32 characters, for all", encoding="utf-8")
    (pod, *_) = pods(workers=3, threads=8)
    for each in pod["containers"][0]["env"]:
        value = each.get("value", url)
        if each["name"].endswith("_FILE"):
            value = str(file)
        elif each["name"] == "SCNEN_DATA_DIR":
            value = str(tmp_path)
        monkeypatch.setenv(each["name"], value)
    assert Settings.from_env().store.database_url == url
    assert processes_by_environment() == (3, 8)


def test_somebody_can_call_with_the_register_of_the_example(tmp_path):
    """What a site starts from is not refused at start."""
    file = tmp_path / "clients.yaml"
    data = rendered()["ConfigMap", "prod-scnen-cds"]["data"]
    file.write_text(data["clients.yaml"], encoding="utf-8")
    check_callers(file, load_clients(file))


def test_a_new_register_of_clients_restarts_the_pods():
    """The annotation changes with the text."""

    def mark(**values):
        workload = rendered(**values)["StatefulSet", "prod-scnen-cds"]
        return workload["spec"]["template"]["metadata"]["annotations"]

    assert mark() != mark(clients="clients: {other: {}}")


def test_chart_and_service_have_one_version():
    """What is installed is what is written on it."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart["version"] == chart["appVersion"] == __version__
