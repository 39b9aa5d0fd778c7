"""The service under gunicorn, over real sockets: what happens on a bad day."""

import json
import os
import re
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from service.app import example_request_file
from service.connections import PATIENCE_S

pytestmark = pytest.mark.server

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="reads /proc, which only Linux has"
)
CANARY = "canary-4711"
JSON = {"Content-Type": "application/json"}


def raw(server, payload, timeout=10):
    """Send bytes as they are and read the answer to its end."""
    with socket.create_connection(("127.0.0.1", server.port), timeout) as connection:
        connection.sendall(payload)
        return read_all(connection)


def read_all(connection):
    """Read until the server closes the connection."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


def head(server, length, path="/cds-services/scnen-discharge", extra=""):
    """The head of a hook call."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{extra}"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def wait_until(condition, seconds=10):
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_golden_request_is_answered_without_a_card(server, golden):
    """Nothing was operated on: 200 and an empty list."""
    answer = requests.post(
        f"{server.url}/cds-services/scnen-discharge", json=golden, timeout=10
    )
    assert (answer.status_code, answer.json()) == (200, {"cards": []})
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_announced_curl_line_gives_a_card(server):
    """What `serve` prints can be pasted: the file exists and leads to a card."""
    line = server.announced[2]
    assert str(example_request_file()) in line
    assert line.endswith(f"{server.url}/cds-services/scnen-discharge")
    answer = requests.post(
        f"{server.url}/cds-services/scnen-discharge",
        data=example_request_file().read_bytes(),
        headers=JSON,
        timeout=10,
    )
    (card,) = answer.json()["cards"]
    assert card["indicator"] == "warning"


def test_every_worker_gives_the_same_card(server):
    """The answer does not depend on who answers."""
    body = example_request_file().read_bytes()
    url = f"{server.url}/cds-services/scnen-discharge"
    answers = {
        requests.post(url, data=body, headers=JSON, timeout=10).content
        for _ in range(30)
    }
    assert len(answers) == 1


def test_links_come_from_the_settings_not_from_the_host_header(server):
    """A Host header does not lead a clinician elsewhere."""
    answer = requests.post(
        f"{server.url}/cds-services/scnen-discharge",
        data=example_request_file().read_bytes(),
        headers={**JSON, "Host": "localhost:1"},
        timeout=10,
    )
    assert b"localhost" not in answer.content
    assert answer.json()["cards"][0]["source"]["url"].startswith(server.url)


@pytest.mark.parametrize("attempt", range(3))
def test_a_chunked_body_over_the_limit_is_answered_with_413(server, attempt):
    """The limit holds without a Content-Length, and the client can read the answer."""
    answer = requests.post(
        f"{server.url}/cds-services/scnen-discharge",
        data=(b"x" * 65536 for _ in range(9 * 16)),
        headers=JSON,
        timeout=10,
    )
    assert answer.status_code == 413
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_an_announced_body_over_the_limit_is_answered_with_413(server):
    """Twenty megabytes are not read to be refused."""
    answer = requests.post(
        f"{server.url}/cds-services/scnen-discharge",
        data=b"x" * 20_000_000,
        headers=JSON,
        timeout=10,
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        pytest.param(f"{CANARY}\r\n\r\n", 400, id="no request line"),
        pytest.param(
            f"GET / HTTP/1.1\r\nAuthorization Bearer {CANARY}\r\n\r\n",
            400,
            id="header without colon",
        ),
        pytest.param(
            f"GET /{CANARY}{'x' * 9000} HTTP/1.1\r\n\r\n", 414, id="long line"
        ),
        pytest.param(
            f"GET / HTTP/1.1\r\nA: {CANARY}{'x' * 20000}\r\n\r\n", 431, id="long header"
        ),
        pytest.param(
            "POST /cds-services/scnen-discharge HTTP/1.1\r\nHost: a\r\n"
            f"Content-Type: application/json\r\nTransfer-Encoding: {CANARY}\r\n\r\n",
            501,
            id="unknown coding",
        ),
        pytest.param(
            "POST /cds-services/scnen-discharge HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            f"{CANARY}\r\n",
            400,
            id="broken chunk",
        ),
    ],
)
def test_what_is_not_http_is_refused_in_json(server, payload, status):
    """Gunicorn's own refusals have the form of all others and quote nothing."""
    answer = raw(server, payload.encode())
    top, _, body = answer.partition(b"\r\n\r\n")
    assert top.startswith(f"HTTP/1.1 {status} ".encode())
    assert json.loads(body)["resourceType"] == "OperationOutcome"
    assert b"\r\nAccess-Control-Allow-Origin: *\r\n" in top
    assert len(re.findall(rb"\r\nX-Request-ID: [0-9a-f]{32}(?:\r\n|$)", top)) == 1
    assert CANARY.encode() not in answer


BROKEN = {
    "hook": "encounter-discharge",
    "hookInstance": CANARY,
    "fhirServer": CANARY,
    "fhirAuthorization": {"access_token": CANARY},
    "context": {"patientId": f"{CANARY}/", "userId": CANARY, "encounterId": 1},
    "prefetch": {
        "patient": {"resourceType": "Patient", "id": CANARY, "name": CANARY},
        "procedures": CANARY,
    },
}
REFUSED = {"card": CANARY, "outcome": CANARY}
REASON = {"reason": {"code": CANARY, "system": CANARY}, "userComment": CANARY}
TAKEN = {
    "card": CANARY,
    "outcome": "overridden",
    "overrideReason": REASON,
    "outcomeTimestamp": "2026-03-06T10:00:00Z",
}


def send_canaries(server, golden):
    """Put the canary wherever a client can; give the statuses and the answers."""
    url = f"{server.url}/cds-services"
    secret = {
        "Authorization": f"Bearer {CANARY}",
        "X-Request-ID": f"mrn {CANARY}",
        "Referer": f"https://ehr.example.org/{CANARY}",
        "Cookie": CANARY,
    }
    token = {**golden["fhirAuthorization"], "access_token": CANARY}
    accepted = {**golden, "fhirAuthorization": token, "extension": {"com.x": CANARY}}
    calls = [
        ("POST", f"{url}/scnen-discharge", BROKEN),
        ("POST", f"{url}/scnen-discharge?patient={CANARY}", accepted),
        ("POST", f"{url}/{CANARY}", BROKEN),
        ("POST", f"{url}/scnen-discharge/feedback", {"feedback": [REFUSED]}),
        ("POST", f"{url}/scnen-discharge/feedback", {"feedback": [TAKEN]}),
        ("GET", f"{server.url}/Patient/{CANARY}?name={CANARY}", None),
        ("PUT", f"{server.url}/healthz/live?{CANARY}", BROKEN),
    ]
    answers = [
        requests.request(method, address, json=body, headers=secret, timeout=9)
        for method, address, body in calls
    ]
    raw(server, f"{CANARY} /{CANARY} HTTP/{CANARY}\r\n\r\n".encode())
    raw(server, f"GET /{CANARY} HTTP/1.1\r\nHost {CANARY}\r\n\r\n".encode())
    with socket.create_connection(("127.0.0.1", server.port), 9) as gone:
        gone.sendall(head(server, 99, extra=f"Cookie: {CANARY}\r\n") + b"{")
    return answers


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("level", ["debug", "error"])
def test_nothing_that_was_sent_appears_in_answers_or_in_the_log(
    start, golden, threads, level
):
    """Paths, queries, headers, bodies, tokens and comments stay out, at every level."""
    options = ("--workers", "1", "--threads", str(threads))
    server = start(*options, SCNEN_LOG_LEVEL=level)
    answers = send_canaries(server, golden)
    statuses = [answer.status_code for answer in answers]
    assert statuses == [400, 200, 404, 400, 200, 404, 405]
    for answer in answers:
        assert CANARY not in answer.text + str(answer.headers)
    requests.get(f"{server.url}/healthz/live", timeout=9)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    lines = [json.loads(line) for line in server.log.splitlines()]
    assert CANARY not in server.log
    assert "Traceback" not in server.log
    assert {line["event"] for line in lines} >= (
        {"request", "feedback", "Handling signal: term"} if level == "debug" else set()
    )


def test_every_log_line_is_json(server):
    """Whatever wrote it, a log collector can read it."""
    requests.get(f"{server.url}/healthz/live", timeout=10)
    wait_until(lambda: "/healthz/live" in server.log)
    lines = [json.loads(line) for line in server.log.splitlines()]
    assert {"time", "level", "logger", "event", "pid"} <= set(lines[0])


def drip(server, part, stop):
    """Send a request byte by byte, again and again, and note what comes back."""
    received = []
    while not stop.is_set():
        with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
            connection.sendall(part[:-60])
            answer = b""
            connection.settimeout(0.25)
            for byte in part[-60:]:
                try:
                    connection.sendall(bytes([byte]))
                    answer = read_all(connection)
                    break
                except TimeoutError:
                    continue
                except OSError:
                    break
            received.append(answer)
    return received


@pytest.mark.parametrize("options", [(), ("--workers", "1", "--threads", "2")])
@pytest.mark.parametrize("is_in_body", [False, True], ids=["head", "body"])
def test_slow_clients_are_ended_and_others_answered(start, golden, options, is_in_body):
    """As many slow clients as can be served at once: each gets 408, others wait little.

    Two one-byte clients hold two workers, or two threads, no longer than the limit.
    """
    server = start(*options)
    body = json.dumps(golden).encode()
    slow = head(server, len(body)) + (body if is_in_body else b"")
    stop = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        dripping = [pool.submit(drip, server, slow, stop) for _ in range(2)]
        try:
            for _ in range(2):
                time.sleep(0.2)
                began = time.monotonic()
                answer = requests.post(
                    f"{server.url}/cds-services/scnen-discharge",
                    json=golden,
                    timeout=10,
                )
                assert answer.json() == {"cards": []}
                assert time.monotonic() - began < 2 * PATIENCE_S
        finally:
            stop.set()
        answers = [answer for each in dripping for answer in each.result()]
    assert answers
    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 408 "), answer
        assert b"OperationOutcome" in answer
        assert b"Access-Control-Allow-Origin: *" in answer
    assert "TIMEOUT" not in server.log
    assert "SIGKILL" not in server.log


def test_silent_connections_hold_no_thread(start, golden):
    """Clients that connect and say nothing wait outside of the threads."""
    server = start("--workers", "1", "--threads", "2")
    address = ("127.0.0.1", server.port)
    with ExitStack() as silent:
        for _ in range(8):
            silent.enter_context(socket.create_connection(address, 10))
        began = time.monotonic()
        for _ in range(5):
            requests.post(
                f"{server.url}/cds-services/scnen-discharge", json=golden, timeout=5
            ).raise_for_status()
        assert time.monotonic() - began < PATIENCE_S


@needs_proc
def test_a_killed_worker_is_replaced(start, golden):
    """After SIGKILL the service answers on, with as many workers as before."""
    server = start()
    wait_until(lambda: len(server.workers()) == 2)
    before = server.workers()
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: len(set(server.workers()) - set(before)) == 1)
    answer = requests.post(
        f"{server.url}/cds-services/scnen-discharge", json=golden, timeout=10
    )
    assert answer.status_code == 200
    assert len(server.workers()) == 2


def test_sigterm_finishes_the_request_in_flight(start, golden):
    """A deployment loses no answer, and the process ends with 0."""
    server = start()
    body = json.dumps(golden).encode()
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(head(server, len(body)) + body[:-5])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        connection.sendall(body[-5:])
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b'{"cards":[]}')
    assert server.process.wait(10) == 0
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", server.port), 1)


def test_threads_keep_connections_open(start, golden):
    """With `--threads` one connection serves several requests."""
    server = start("--workers", "1", "--threads", "4")
    with requests.Session() as session:
        for _ in range(5):
            answer = session.post(
                f"{server.url}/cds-services/scnen-discharge", json=golden, timeout=10
            )
            assert answer.json() == {"cards": []}
    assert CANARY.encode() not in raw(server, f"{CANARY}\r\n\r\n".encode())


def test_the_service_listens_on_ipv6_too(start):
    """`::1` is this machine as well."""
    server = start("--host", "::1")
    assert server.url.startswith("http://[::1]:")


@needs_proc
def test_a_worker_stays_under_120_mb(server):
    """The workers share what was loaded before they forked."""
    resident = []
    for pid in server.workers():
        status = Path(f"/proc/{pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        resident.append(int(line.split()[1]) / 1024)
    assert max(resident) < 120, f"{resident} MB"
