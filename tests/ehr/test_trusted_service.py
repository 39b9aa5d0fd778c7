"""A service that asks for tokens, rehearsed as an EHR would: gunicorn, nginx, TLS."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import trustme

from service.app import example_request_file
from service.clients import load_clients
from service.ehr import DevelopmentKey, Signer, read_key

from .conftest import words

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
BASE = "https://cds.example.org"
SERVICES = ("scnen-discharge", "scnen-chart")
DISCHARGE = "/cds-services/scnen-discharge"
BODY = example_request_file().read_bytes()
JSON = {"Content-Type": "application/json"}


def free_port():
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def wait_for(port, process):
    """Wait until somebody listens, unless the process that should has ended."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, "it ended; its words stand above"
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    pytest.fail("nobody listens")


@dataclass
class Trusting:
    """A running service that asks for tokens."""

    url: str
    port: int
    register: Path
    key: Path
    log: Path
    ca: trustme.CA

    def signer(self, name="north"):
        """Sign as a client of its register."""
        client = load_clients(self.register).by_name(name)
        return Signer(read_key(self.key), client, "")


def entries(jwks_file):
    """One client that signs, and one that also shows a certificate."""
    known = {
        "preset": "epic",
        "keys": {"jwks_file": jwks_file},
        "audiences": [f"{BASE}/cds-services/{name}" for name in SERVICES],
    }
    known["stage"] = "live"
    north = {"name": "north", "issuer": "https://ehr.north.example.org", **known}
    south = {"name": "south", "issuer": "https://ehr.south.example.org", **known}
    return [north, {**south, "certificates": []}]


def approved_policy():
    """The policy that ships with the service, as if two people had approved it."""
    text = (ROOT / "service/data/policy/default.yaml").read_text("utf-8")
    text = text.replace("approved_by: []", "approved_by: [A. One, B. Two]")
    return text.replace("approved_on: null", "approved_on: 2026-02-01")


@pytest.fixture(scope="module")
def trusting(tmp_path_factory):
    """Two workers, a register of two clients, a certificate for the second."""
    folder = tmp_path_factory.mktemp("trusting")
    key, jwks = DevelopmentKey.new("RS384").save(folder)
    ca = trustme.CA()
    certificate = ca.issue_cert("ehr.south.example.org")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "south.pem")
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
    clients = entries(jwks.name)
    clients[1]["certificates"] = [fingerprint(der)]
    register = folder / "clients.yaml"
    register.write_text(json.dumps({"clients": clients}))
    policy = folder / "policy.yaml"
    policy.write_text(approved_policy())
    data = folder / "data"
    data.mkdir()
    port, log = free_port(), folder / "log"
    env = {n: v for n, v in os.environ.items() if not n.startswith("SCNEN_")}
    env |= {
        "SCNEN_PUBLIC_URL": BASE,
        "SCNEN_SECRET_KEY": "correct-horse-battery-staple-0001",
        "SCNEN_CLIENTS_FILE": str(register),
        "SCNEN_POLICY_FILE": str(policy),
        "SCNEN_PROXIES": "127.0.0.1",
        "SCNEN_DATA_DIR": str(data),
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "python:service.gunicorn_conf"]
    command += ["--bind", f"127.0.0.1:{port}", "--workers", "2"]
    command += ["service.wsgi:app"]
    with log.open("w") as written:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stderr=written)
    try:
        wait_for(port, process)
        url = f"http://127.0.0.1:{port}"
        yield Trusting(url, port, register, key, log, ca)
    finally:
        process.terminate()
        process.wait(30)


def fingerprint(der):
    """As anybody's openssl writes it."""
    digest = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digest[n : n + 2] for n in range(0, 64, 2))


def call(url, token=None, **options):
    """Fire the example at the discharge service."""
    headers = {**JSON, **options.pop("headers", {})}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return requests.post(
        f"{url}{DISCHARGE}", data=BODY, headers=headers, timeout=30, **options
    )


def token_for(trusting, name="north"):
    return trusting.signer(name).token(f"{BASE}{DISCHARGE}")


def test_fire_signs_and_gets_a_card(run, ward, trusting):
    """`--key` is all that it takes; the audience is the registered one."""
    result = run(
        *("fire", "--client", "north", "--clients", trusting.register),
        *("--key", trusting.key, "--service", trusting.url, "--fhir", ward.url),
        *("--patient", "syn-01", "--encounter", "syn-01-encounter"),
    )
    assert result.exit_code == 0, result.output
    assert "SCNEN risk" in words(result.output) or "risk" in result.output


def test_fire_without_a_key_is_told_what_to_do(run, ward, trusting):
    """The service says 401 and no more; the remedy is ours."""
    result = run(
        *("fire", "--client", "north", "--clients", trusting.register),
        *("--service", trusting.url, "--fhir", ward.url),
        *("--patient", "syn-01", "--encounter", "syn-01-encounter"),
    )
    assert result.exit_code == 1
    assert "HTTP 401" in result.output
    assert "--key signs with it" in words(result.output)


def test_fire_with_a_key_that_is_refused_is_not_told_to_sign(run, ward, trusting):
    """Signed for the address of this machine, which is none of the service's."""
    (north, _) = entries(trusting.key.with_name("rehearsal.jwks.json").name)
    del north["audiences"]
    other = trusting.register.with_name("no-audiences.yaml")
    other.write_text(json.dumps({"clients": [north]}))
    result = run(
        *("fire", "--client", "north", "--clients", other),
        *("--key", trusting.key, "--service", trusting.url, "--fhir", ward.url),
        *("--patient", "syn-01", "--encounter", "syn-01-encounter"),
    )
    assert result.exit_code == 1
    assert "--key signs with it" not in words(result.output)
    assert "list under `audiences`" in words(result.output)


def test_the_doctor_is_let_in(run, ward, trusting):
    """Discovery, then calls: the first with all data is answered."""
    result = run(
        *("doctor", "--client", "north", "--clients", trusting.register, "--json"),
        *("--key", trusting.key, "--service", trusting.url, "--fhir", ward.url),
        *("--patient", "syn-01", "--encounter", "syn-01-encounter"),
        env={"SCNEN_PUBLIC_URL": BASE},
    )
    found = {each["check"]: each for each in json.loads(result.stdout)["findings"]}
    for check in ("trust", "discovery", "call with prefetch"):
        assert found[check]["level"] == "ok", found[check]
    # Outside of open mode a FHIR server on this machine is never read.
    assert "412" in found["call without prefetch"]["found"]


def test_both_workers_answer_and_none_without_a_token(trusting):
    """The check is the application's, not a worker's."""
    assert {call(trusting.url).status_code for _ in range(10)} == {401}
    statuses = [call(trusting.url, token_for(trusting)).status_code for _ in range(10)]
    assert statuses == [200] * 10


@pytest.mark.conformance("JWT-10")
def test_of_a_thousand_replays_one_is_taken(trusting):
    """Whatever worker each of them reaches."""
    token = token_for(trusting)
    with ThreadPoolExecutor(16) as pool:
        calls = pool.map(lambda _: call(trusting.url, token).status_code, range(1000))
        statuses = list(calls)
    assert sorted(statuses) == [200] + [401] * 999


@pytest.mark.conformance("JWT-13")
def test_a_key_is_rotated_without_a_restart(trusting, tmp_path):
    """The old file is replaced by one with the new key; both workers take it."""
    file = trusting.key.with_name("rehearsal.jwks.json")
    before = json.loads(file.read_bytes())
    new, _ = DevelopmentKey.new("ES384").save(tmp_path)
    client = load_clients(trusting.register).by_name("north")
    both = {"keys": [*before["keys"], read_key(new).public_jwk]}
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(both))
    fresh.replace(file)
    time.sleep(1.1)  # the least pause between two looks at a file
    signer = Signer(read_key(new), client, "")
    statuses = [
        call(trusting.url, signer.token(f"{BASE}{DISCHARGE}")).status_code
        for _ in range(10)
    ]
    assert statuses == [200] * 10


@pytest.mark.parametrize(
    "headers",
    [
        "Authorization: Bearer {token}\r\nAuthorization: Bearer {other}\r\n",
        "Authorization: Bearer {token}\r\nauthorization: Basic eDp5\r\n",
        "Authorization : Bearer {token}\r\n",
        "X-Authorization: Bearer {token}\r\n",
        "HTTP_AUTHORIZATION: Bearer {token}\r\n",
        "Authorization: Bearer {token}\r\n {token}\r\n",
        "Authorization: Bearer " + "A" * 17_000 + "\r\n",
    ],
)
def test_headers_that_servers_read_differently_let_nobody_in(trusting, headers):
    """Two of a kind, folded, misspelt, or too long: 400, 401 or 431, never a card."""
    head = headers.format(token=token_for(trusting), other=token_for(trusting))
    payload = (
        f"POST {DISCHARGE} HTTP/1.1\r\nHost: cds.example.org\r\n{head}"
        f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n"
        "Connection: close\r\n\r\n"
    ).encode() + BODY
    with socket.create_connection(("127.0.0.1", trusting.port), 10) as connection:
        connection.sendall(payload)
        with contextlib.suppress(ConnectionResetError):
            answer = connection.recv(65536)
    assert re.match(rb"HTTP/1.1 (400|401|431) ", answer)


@pytest.mark.conformance("JWT-15")
def test_no_token_is_in_the_log(trusting):
    """After calls that were taken, refused, and broken."""
    good, bad = token_for(trusting), token_for(trusting)[:-8] + "canaryXX"
    for token in (good, good, bad, "canary-4711", "a.canary-4711.b"):
        call(trusting.url, token)
    call(trusting.url, None, headers={"Authorization": "Basic canary-4711"})
    log = trusting.log.read_text()
    assert '"refusal":"replayed"' in log
    assert '"refusal":"signature"' in log
    assert '"refusal":"malformed"' in log
    assert "canary" not in log
    assert not any(part in log for part in (*good.split("."), *bad.split(".")))


# nginx in front, as docs/operations.md has it --------------------------------------


def documented(language):
    """The configuration that stands in the documentation."""
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    return re.search(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[1]


@dataclass
class Proxy:
    """A running nginx."""

    url: str
    port: int
    plain: str
    ca: str


@pytest.fixture(scope="module")
def nginx(trusting, tmp_path_factory):
    """The documented server block, with our ports, files and authorities."""
    if shutil.which("nginx") is None:
        pytest.skip("needs nginx: apt-get install nginx")
    folder = tmp_path_factory.mktemp("nginx")
    trusting.ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        folder / "server.pem"
    )
    trusting.ca.cert_pem.write_to_path(folder / "ca.pem")
    tls, plain = free_port(), free_port()
    block = documented("nginx")
    for shown, ours in {
        "listen 443 ssl": f"listen 127.0.0.1:{tls} ssl",
        "listen 80": f"listen 127.0.0.1:{plain}",
        "/etc/scnen/tls.crt": str(folder / "server.pem"),
        "/etc/scnen/tls.key": str(folder / "server.pem"),
        "/etc/scnen/clients-ca.pem": str(folder / "ca.pem"),
        "http://127.0.0.1:8080": trusting.url,
    }.items():
        assert shown in block
        block = block.replace(shown, ours)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error;\n"
        f"events {{}}\nhttp {{ access_log off;\n{temporary}{block}}}\n"
    )
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command)
    try:
        wait_for(tls, process)
        yield Proxy(
            f"https://localhost:{tls}",
            tls,
            f"http://localhost:{plain}",
            str(folder / "ca.pem"),
        )
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.conformance("SEC-1")
def test_through_the_documented_proxy_a_call_is_answered(nginx, trusting):
    """TLS outside, the public name in the audience."""
    answer = call(nginx.url, token_for(trusting), verify=nginx.ca)
    assert answer.status_code == 200
    assert answer.json()["cards"]


@pytest.mark.conformance("SEC-1")
def test_without_tls_nobody_is_answered(nginx, trusting):
    """Not even redirected: the token would have been sent already."""
    answer = call(nginx.plain, token_for(trusting), allow_redirects=False)
    assert answer.status_code == 403


def test_k1_tls_before_1_2_is_refused(nginx):
    """The kit asks for 1.2 or newer."""
    old = ssl.create_default_context(cafile=nginx.ca)
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    address = ("127.0.0.1", nginx.port)
    with (
        socket.create_connection(address, 10) as connection,
        pytest.raises(ssl.SSLError, match=r"(?i)protocol"),
    ):
        old.wrap_socket(connection, server_hostname="localhost")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        new = ssl.create_default_context(cafile=nginx.ca)
        new.minimum_version = new.maximum_version = version
        with (
            socket.create_connection(address, 10) as connection,
            new.wrap_socket(connection, server_hostname="localhost") as secure,
        ):
            assert secure.version() in {"TLSv1.2", "TLSv1.3"}


@pytest.mark.conformance("SEC-4")
def test_a_registered_certificate_is_asked_for_and_passed_on(nginx, trusting):
    """The client that has one registered must show it; its word does not count."""
    certificate = str(trusting.register.with_name("south.pem"))
    token = lambda: token_for(trusting, "south")  # noqa: E731 a new one for each call
    shown = call(nginx.url, token(), verify=nginx.ca, cert=certificate)
    assert shown.status_code == 200
    assert call(nginx.url, token(), verify=nginx.ca).status_code == 401
    pem = Path(certificate).read_text().split("-----END PRIVATE KEY-----")[-1]
    pem = re.search(r"-----BEGIN CERT.*?END CERTIFICATE-----", pem, re.DOTALL)[0]
    claimed = {"X-Client-Certificate": requests.utils.quote(pem)}
    answer = call(nginx.url, token(), verify=nginx.ca, headers=claimed)
    assert answer.status_code == 401
