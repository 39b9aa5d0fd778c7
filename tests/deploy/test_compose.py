"""The compose file: valid, hardened, and only the proxy can be reached."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from service import gunicorn_conf
from service.config import VARIABLES, Settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy/compose.yaml"
COMPOSE = yaml.safe_load(FILE.read_text("utf-8"))
SERVICES = COMPOSE["services"]

every_service = pytest.mark.parametrize("name", SERVICES)


def test_the_file_follows_the_compose_specification():
    """As the specification's own JSON schema has it."""
    result = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.compose-spec", FILE),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


@every_service
def test_every_container_is_hardened(name):
    """Read-only, without capabilities, an ordinary user by number, within limits."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert re.fullmatch("[1-9][0-9]*:[1-9][0-9]*", service["user"])
    assert {"cpus", "memory", "pids"} <= service["deploy"]["resources"]["limits"].keys()
    assert "privileged" not in service
    assert "cap_add" not in service


def test_only_the_proxy_has_a_port():
    """Everything else is behind it."""
    assert [name for name, each in SERVICES.items() if "ports" in each] == ["proxy"]


def test_the_database_and_the_way_to_the_service_are_closed_networks():
    """Neither has a route out or in; the proxy does not see the database."""
    for name in ("inner", "database"):
        assert COMPOSE["networks"][name]["internal"] is True
    assert "database" not in SERVICES["proxy"]["networks"]
    assert SERVICES["database"]["networks"] == ["database"]


@every_service
def test_no_secret_stands_in_the_environment(name):
    """What ends up in `docker inspect` is a path, not a secret."""
    for variable, value in SERVICES[name].get("environment", {}).items():
        if re.search("PASS|KEY|TOKEN", variable):
            assert variable.endswith("FILE")
            assert value.startswith("/run/secrets/")
        assert not re.search("://[^/]*:[^/]*@", value), variable


@every_service
def test_every_secret_and_configuration_is_a_file_that_is_declared(name):
    """Nothing is named that is not there."""
    service = SERVICES[name]
    assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys()
    sources = {each["source"] for each in service.get("configs", [])}
    assert sources <= COMPOSE["configs"].keys()
    paths = list(service.get("environment", {}).values())
    named = {Path(path).name for path in paths if path.startswith("/run/secrets/")}
    assert named <= set(service.get("secrets", []))


def test_the_database_and_the_proxy_have_health_checks():
    """The image of the service brings its own; the migration ends by itself."""
    for name in ("proxy", "database"):
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert "healthcheck" not in SERVICES["cds-1"]


def test_the_service_starts_after_the_migration_and_that_after_the_database():
    """No instance meets a database of another version."""
    condition = SERVICES["cds-1"]["depends_on"]["migrate"]["condition"]
    assert condition == "service_completed_successfully"
    assert (
        SERVICES["migrate"]["depends_on"]["database"]["condition"] == "service_healthy"
    )


def test_a_container_gets_longer_to_stop_than_its_requests():
    """The engine waits for what gunicorn waits for."""
    assert (
        int(SERVICES["cds-1"]["stop_grace_period"].rstrip("s"))
        > gunicorn_conf.graceful_timeout
    )


def test_the_proxy_is_trusted_by_its_address():
    """The address that the service trusts is the one the proxy has."""
    trusted = SERVICES["cds-1"]["environment"]["SCNEN_PROXIES"]
    assert SERVICES["proxy"]["networks"]["inner"]["ipv4_address"] == trusted


def test_the_documented_commands_make_every_secret_but_the_certificate(tmp_path):
    """As written in docs/deploy.md; each file can be read by one user only."""
    if os.getuid() != 0 or not shutil.which("openssl"):
        pytest.skip("needs root, to give files away, and openssl")
    text = (ROOT / "docs/deploy.md").read_text("utf-8")
    block = re.search(r"^ +```sh\n(.*?)^ +```", text, re.MULTILINE | re.DOTALL)[1]
    subprocess.run(["/bin/sh", "-ec", block], cwd=tmp_path, check=True)
    made = {path.name: path.stat() for path in (tmp_path / "secrets").iterdir()}
    assert made.keys() | {"tls_certificate", "tls_key"} == COMPOSE["secrets"].keys()
    users = {"database_password": 999}
    for name, status in made.items():
        assert status.st_mode & 0o777 == 0o600, name
        assert status.st_uid == users.get(name, 10001), name
    password = (tmp_path / "secrets/database_password").read_text().strip()
    entry = (tmp_path / "secrets/pgpass").read_text().strip()
    assert entry == f"database:5432:scnen:scnen:{password}"


def settings_of(folder):
    """Every setting of the service that the files of a folder name."""
    texts = [path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()]
    return set(re.findall(r"\bSCNEN_[A-Z_]*[A-Z]\b", "".join(texts)))


def test_every_setting_in_the_deployment_files_exists():
    """The service refuses unknown ones at start."""
    of_compose_itself = {"SCNEN_IMAGE"}
    named = settings_of(ROOT / "deploy") - of_compose_itself
    assert named <= VARIABLES.keys()


@pytest.mark.parametrize("name", ["cds-1", "migrate"])
def test_the_service_takes_the_settings_of_the_file(name, tmp_path, monkeypatch):
    """As the container reads them, with the site's own in place of `${…}`."""
    monkeypatch.delenv("SCNEN_IMAGE", raising=False)
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    of_the_site = {
        "SCNEN_PUBLIC_URL": "https://cds.hospital.example",
        "SCNEN_TIME_ZONE": "Europe/Vienna",
    }
    file = tmp_path / "file"
    file.write_text("of at least 32 characters, for all", encoding="utf-8")
    for variable, value in SERVICES[name]["environment"].items():
        default = re.fullmatch(r"\$\{\w+:-(.*)\}", value)
        given = default[1] if default else of_the_site.get(variable, value)
        if variable.endswith("_FILE"):
            given = str(file)
        elif variable == "SCNEN_DATA_DIR":
            given = str(tmp_path)
        monkeypatch.setenv(variable, given)
    settings = Settings.from_env()
    assert settings.store.database_url == "postgresql://scnen@database/scnen"
    assert not settings.is_open
