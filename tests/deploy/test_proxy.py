"""The shipped proxy: what it lets in, what it ends, what it tells and to whom."""

import json
import re
import socket
import ssl
import warnings
from contextlib import ExitStack

import pytest
import requests

from service.app import example_request_file

pytestmark = pytest.mark.server

CANARY = "canary-4711"
LIMIT = 8 * 1024 * 1024
HOOK = "/cds-services/scnen-discharge"


def context(proxy, version=None):
    """Trust the proxy's certificate; speak one version of TLS only, if one is given."""
    made = ssl.create_default_context(cafile=proxy.authority)
    if version:
        made.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            made.minimum_version = made.maximum_version = version
    return made


def connect(proxy, version=None):
    """Open a connection with TLS."""
    plain = socket.create_connection(("127.0.0.1", proxy.port), timeout=20)
    return context(proxy, version).wrap_socket(plain, server_hostname="127.0.0.1")


def mirror(proxy, **options):
    """Show what the service receives."""
    answer = requests.post(
        f"{proxy.url}/mirror", verify=proxy.authority, timeout=10, **options
    )
    answer.raise_for_status()
    return answer.json()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(proxy, version):
    """The refusal comes from the proxy and names the version as its reason."""
    with pytest.raises(ssl.SSLError, match=r"(?i)alert.protocol.version"):
        connect(proxy, version)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_current_tls_is_accepted(proxy, version):
    """The two versions left, with forward secrecy and authenticated encryption."""
    with connect(proxy, version) as connection:
        name, _, _ = connection.cipher()
    assert re.search("GCM|CHACHA20", name)
    assert name.startswith(("ECDHE", "TLS_"))


def test_a_hook_call_through_the_proxy_gives_a_card(proxy):
    """What the EHR will do."""
    answer = requests.post(
        f"{proxy.url}{HOOK}",
        data=example_request_file().read_bytes(),
        headers={"Content-Type": "application/json"},
        verify=proxy.authority,
        timeout=10,
    )
    assert answer.json()["cards"][0]["indicator"] == "warning"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    assert "/" not in answer.headers.get("Server", "")


def test_what_a_client_says_about_itself_is_not_passed_on(proxy):
    """The address is that of the connection, whatever the headers claim."""
    claimed = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    claimed |= {"X-Real-IP": "203.0.113.9", "X-Forwarded-Proto": "http"}
    seen = mirror(proxy, headers=claimed)
    assert seen["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
    assert seen["HTTP_X_FORWARDED_PROTO"] == "https"
    assert "203.0.113.9" not in json.dumps(seen)


@pytest.mark.parametrize("name", ["X-Client-Certificate", "X_Client_Certificate"])
def test_a_client_cannot_name_its_own_certificate(proxy, name):
    """The service believes the header when the proxy sends it, so it never comes."""
    seen = mirror(proxy, headers={name: "CN=ehr.hospital.example"})
    assert "ehr.hospital.example" not in json.dumps(seen)


def test_the_bearer_token_reaches_the_service(proxy):
    """The service authenticates the client, not the proxy."""
    seen = mirror(proxy, headers={"Authorization": "Bearer a.b.c"})
    assert seen["HTTP_AUTHORIZATION"] == "Bearer a.b.c"


def test_a_uuid_as_request_id_is_kept(proxy):
    """One id from the EHR to the service's log."""
    given = "0b0e7f0a-6f0e-4e52-9a55-3d1c3f0f3d11"
    seen = mirror(proxy, headers={"X-Request-ID": given})
    assert seen["HTTP_X_REQUEST_ID"] == given


@pytest.mark.parametrize("given", ["12345678", f"{CANARY} x", "MRN-0815"])
def test_another_request_id_is_replaced(proxy, given):
    """It could be a record number."""
    seen = mirror(proxy, headers={"X-Request-ID": given})
    assert re.fullmatch("[0-9a-f]{32}", seen["HTTP_X_REQUEST_ID"])


def test_a_body_of_eight_megabytes_passes(proxy):
    """The proxy's limit is the service's."""
    assert mirror(proxy, data=b"x" * LIMIT)["body_bytes"] == LIMIT


def test_a_larger_body_is_refused_by_the_proxy(proxy):
    """It never reaches a worker, and the refusal has the form of the service's own."""
    answer = requests.post(
        f"{proxy.url}/mirror",
        data=b"x" * (LIMIT + 1),
        verify=proxy.authority,
        timeout=10,
    )
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_without_any_instance_the_answer_is_an_outcome_too(start_proxy, free_port):
    """An EHR never has to read a page of nginx."""
    with start_proxy(free_port(), free_port()) as proxy:
        answer = requests.get(
            f"{proxy.url}/cds-services", verify=proxy.authority, timeout=10
        )
    assert answer.status_code == 503
    assert answer.json()["issue"][0]["code"] == "transient"


def test_a_flood_is_answered_with_an_outcome(proxy):
    """Connections of one address have a limit; those above it are told so."""
    with ExitStack() as stack:
        begun = f"POST {HOOK} HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n"
        held = []
        for _ in range(64):
            held.append(stack.enter_context(connect(proxy)))
            held[-1].sendall(begun.encode())
            drip(held)
        answer = above(proxy, held)
    assert answer.status_code == 429
    assert answer.json()["issue"][0]["code"] == "throttled"


def drip(held):
    """Send a byte on each connection: one that is silent for long would be ended."""
    for connection in held:
        connection.sendall(b"x")


def above(proxy, held, tries=50):
    """Ask beside those that are held, until the proxy has counted them all."""
    for _ in range(tries):
        drip(held)
        answer = requests.get(
            f"{proxy.url}/healthz/live", verify=proxy.authority, timeout=10
        )
        if answer.status_code != 200:
            break
    return answer


@pytest.mark.parametrize("path", ["/metrics", "/healthz/ready"])
def test_what_is_for_the_inside_is_not_shown_outside(proxy, path):
    """Numbers of the operation stay in."""
    answer = requests.get(f"{proxy.url}{path}", verify=proxy.authority, timeout=10)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(f"POST {HOOK} HTTP/1.1\r\nHost: a\r\nX-A: ", id="head"),
        pytest.param(
            f"POST {HOOK} HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{{",
            id="body",
        ),
    ],
)
def test_slow_clients_hold_nobody_up_and_are_ended(proxy, begun):
    """Forty requests that stop midway: others are answered, the forty are closed."""
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(proxy)) for _ in range(40)]
        for connection in slow:
            connection.sendall(begun.encode())
        mirror(proxy)
        for connection in slow:
            assert HOOK.encode() not in ended(connection)


def ended(connection):
    """Read until the server closes; it may do so without a word."""
    received = b""
    try:
        while chunk := connection.recv(4096):
            received += chunk
    except (ConnectionResetError, ssl.SSLEOFError):
        pass
    return received


def test_neither_log_holds_queries_headers_or_bodies(proxy):
    """Canaries in all three, in a request that is served and in two that are not."""
    for path in (f"/mirror?patient={CANARY}", f"/{CANARY}", f"/healthz/ready?{CANARY}"):
        requests.post(
            f"{proxy.url}{path}",
            data=CANARY * 200_000,
            headers={"Authorization": f"Bearer {CANARY}", "X-Request-ID": CANARY},
            verify=proxy.authority,
            timeout=10,
        )
    with connect(proxy) as connection:
        connection.sendall(f"{CANARY}\r\n\r\n".encode())
        ended(connection)
    assert CANARY not in proxy.log
    assert CANARY not in proxy.errors


def test_the_log_names_hook_status_and_request_id(proxy):
    """Enough to find a call again: JSON with the path of a service."""
    given = "5c9f0e52-6d2b-4b59-9d1c-0c8a35a7e102"
    requests.post(
        f"{proxy.url}{HOOK}",
        data=b"{}",
        headers={"X-Request-ID": given, "Content-Type": "application/json"},
        verify=proxy.authority,
        timeout=10,
    )
    (line,) = [each for each in proxy.log.splitlines() if given in each]
    entry = json.loads(line)
    assert (entry["path"], entry["status"], entry["method"]) == (HOOK, "400", "POST")
