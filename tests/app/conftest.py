"""A real server on a free port, and the application without one."""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from service.app import create_app, example_request_file
from service.config import VARIABLES, Settings
from service.metrics import SHARED_FOLDER

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "service", "serve", "--open", "--port", "0"]
GOLDEN = {
    "hook": "encounter-discharge",
    "hookInstance": "0b0e7f0a-6f0e-4e52-9a55-3d1c3f0f3d11",
    "fhirServer": "https://ehr.example.org/fhir",
    "fhirAuthorization": {
        "access_token": "t",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "user/Observation.read user/Procedure.read",
        "subject": "surgrisk",
    },
    "context": {
        "userId": "PractitionerRole/pr1",
        "patientId": "p1",
        "encounterId": "e1",
    },
    "prefetch": {
        "patient": {"resourceType": "Patient", "id": "p1"},
        "procedures": None,
        "observations": {"resourceType": "Bundle", "type": "searchset", "total": 0},
    },
    "extension": {"com.example.x": "y"},
}


@dataclass
class Running:
    """A started server: where it is, its process and its log."""

    process: subprocess.Popen
    url: str
    log_file: Path
    announced: list[str]
    started_in_s: float

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    @property
    def log(self):
        return self.log_file.read_text("utf-8")

    def workers(self):
        """Process ids of gunicorn's workers: the children that take connections."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in children.split() if has_socket(child)]


def has_socket(pid):
    """Whether a process holds a socket, such as the listening one."""
    try:
        files = [each.readlink().name for each in Path(f"/proc/{pid}/fd").iterdir()]
    except FileNotFoundError:
        return False
    return any(name.startswith("socket:") for name in files)


@pytest.fixture(scope="session")
def golden():
    """The request of the conformance list: nothing was operated on."""
    return GOLDEN


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """Start servers; all are stopped at the end."""
    running = []

    def start_one(*options, **variables):
        log_file = tmp_path_factory.mktemp("server") / "log"
        began = time.perf_counter()
        with log_file.open("w") as log:
            process = subprocess.Popen(
                [*COMMAND, *options],
                cwd=ROOT,
                env={**os.environ, **variables},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        running.append(process)
        announced = [process.stdout.readline().strip() for _ in range(4)]
        found = re.search(r"(http://\S+)/try$", announced[0])
        assert found, log_file.read_text()
        requests.get(f"{found[1]}/healthz/live", timeout=10).raise_for_status()
        took = time.perf_counter() - began
        return Running(process, found[1], log_file, announced, took)

    yield start_one
    for process in running:
        process.terminate()
    for process in running:
        process.wait(30)
        process.stdout.close()


@pytest.fixture(scope="session")
def server(start):
    """A server that tests share; they leave it as it was."""
    return start()


@pytest.fixture
def app(monkeypatch):
    """The application in open mode with default settings."""
    # A gunicorn in this process may have left its own folder of counts behind.
    for name in [*VARIABLES, SHARED_FOLDER]:
        monkeypatch.delenv(name, raising=False)
    return create_app(Settings.from_env(is_open=True))


@pytest.fixture
def client(app):
    """A client of the application, on this machine."""
    return app.test_client()


@pytest.fixture
def closed(monkeypatch, tmp_path):
    """Settings of a hospital, in the environment as well: everybody is asked."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "clients.yaml"
    file.write_text(
        "clients:\n  - name: north\n    issuer: https://ehr.example.org\n"
        "    keys: {jwks_url: https://ehr.example.org/jwks}\n"
    )
    for name, value in {
        "SCNEN_PUBLIC_URL": "https://cds.example.org",
        "SCNEN_SECRET_KEY": "correct-horse-battery-staple-0001",
        "SCNEN_CLIENTS_FILE": str(file),
        "SCNEN_DATA_DIR": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    return Settings.from_env()


@pytest.fixture(scope="session")
def example_request():
    """The hook request that ships with the service."""
    return json.loads(example_request_file().read_bytes())
