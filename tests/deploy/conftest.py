"""The project's nginx configuration in a real nginx, before real gunicorn processes."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import trustme

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def free_port():
    """Find ports that nobody listens on."""

    def find():
        with closing(socket.create_server(("127.0.0.1", 0))) as listener:
            return listener.getsockname()[1]

    return find


@pytest.fixture(scope="session")
def wait_for():
    """Wait until something answers."""

    def wait(url, seconds=60, **options):
        end = time.monotonic() + seconds
        while True:
            try:
                return requests.get(url, timeout=5, **options)
            except requests.ConnectionError:
                assert time.monotonic() < end, url
                time.sleep(0.05)

    return wait


@dataclass
class Instance:
    """One instance of the service: gunicorn as the project configures it."""

    port: int
    log: Path
    wait_for: object
    process: subprocess.Popen | None = None

    def start(self):
        """Start and wait until it is ready."""
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "-c",
            "python:service.gunicorn_conf",
        ]
        command += ["--bind", f"127.0.0.1:{self.port}", "--chdir", HERE]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*command, "behind_proxy:app"], cwd=ROOT, stderr=log
            )
        self.wait_for(f"http://127.0.0.1:{self.port}/healthz/ready").raise_for_status()

    def stop(self):
        """Stop as a container engine does, and wait until it is gone."""
        self.process.terminate()
        assert self.process.wait(30) == 0

    def reload(self):
        """Replace the worker processes; signals that come too fast are one signal."""
        seen = self._reloads()
        self.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 30
        while self._reloads() == seen:
            assert time.monotonic() < end
            time.sleep(0.05)

    def _reloads(self):
        return self.log.read_text().count("Handling signal: hup")


@dataclass(frozen=True)
class Proxy:
    """A running nginx: where it answers, whom to trust, what it wrote."""

    url: str
    port: int
    authority: str
    folder: Path

    @property
    def log(self):
        return (self.folder / "log").read_text("utf-8")

    @property
    def errors(self):
        return (self.folder / "errors").read_text("utf-8")


def configuration(folder, port, upstreams):
    """Take the shipped file, with the places of this machine in it."""
    text = (ROOT / "deploy/nginx.conf").read_text("utf-8")
    places = {
        # First: the folder put in below may be in /tmp itself.
        "/tmp/": f"{folder}/",  # noqa: S108 of the shipped file
        "listen 8443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/run/secrets/tls_certificate": f"{folder}/certificate.pem",
        "/run/secrets/tls_key": f"{folder}/key.pem",
        # Debian's nginx is older than the image and knows no `resolve`.
        "resolver 127.0.0.11 valid=2s ipv6=off;": "",
        "cds-1:8080 resolve": f"127.0.0.1:{upstreams[0]}",
        "cds-2:8080 resolve": f"127.0.0.1:{upstreams[1]}",
    }
    for written, here in places.items():
        assert written in text, written
        text = text.replace(written, here)
    # Started by root, it would hand the folder to a user who cannot reach it.
    return f"user root;\n{text}"


@pytest.fixture(scope="session")
def start_proxy(tmp_path_factory, free_port, wait_for):
    """Start nginx before two instances."""
    if not shutil.which("nginx"):
        pytest.skip("needs nginx: apt-get install --no-install-recommends nginx-light")

    @contextmanager
    def start(*upstreams):
        folder, port = tmp_path_factory.mktemp("proxy"), free_port()
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        leaf = authority.issue_cert("127.0.0.1")
        leaf.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
        leaf.private_key_pem.write_to_path(folder / "key.pem")
        file = folder / "nginx.conf"
        file.write_text(configuration(folder, port, upstreams))
        command = ["nginx", "-p", folder, "-c", file, "-g", "daemon off;"]
        with (folder / "log").open("w") as log, (folder / "errors").open("w") as errors:
            process = subprocess.Popen(command, stdout=log, stderr=errors)
        ca, url = str(folder / "ca.pem"), f"https://127.0.0.1:{port}"
        try:
            wait_for(f"{url}/healthz/live", verify=ca)
            yield Proxy(url, port, ca, folder)
        finally:
            process.terminate()
            process.wait(10)

    return start


@pytest.fixture(scope="session")
def instances(tmp_path_factory, free_port, wait_for):
    """Two running instances; a test leaves them running."""
    folder = tmp_path_factory.mktemp("instances")
    both = [Instance(free_port(), folder / f"log-{each}", wait_for) for each in "12"]
    with ExitStack() as stack:
        for each in both:
            each.start()
            stack.callback(each.stop)
        yield both


@pytest.fixture(scope="session")
def proxy(start_proxy, instances):
    """Give the proxy before both instances."""
    with start_proxy(*(each.port for each in instances)) as running:
        yield running
