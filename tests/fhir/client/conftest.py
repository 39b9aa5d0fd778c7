"""A FHIR server that can do everything wrong, on real sockets, and the way to it."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import trustme

from service.fhir.client import Bearer, FHIRAccess, Limits, Waiting

#: Stands for a secret wherever one could leak.
CANARY = "canary-f2c1d9"
FHIR_JSON = "application/fhir+json"


@dataclass
class Received:
    """One request as the server saw it."""

    method: str
    target: str
    headers: dict
    body: bytes
    connection: int


@dataclass
class FaultServer:
    """
    Answers by script, byte for byte.

    `script` maps a target (path and query) to an answer or a list of answers that are
    used up in turn, the last one staying. An answer is bytes, or a function that is
    given the connection and does as it likes; afterwards the connection is closed.
    `greet` is such a function for what is to happen before any request is read.
    """

    listener: socket.socket
    tls: ssl.SSLContext | None = None
    script: dict = field(default_factory=dict)
    received: list = field(default_factory=list)
    open: dict = field(default_factory=dict)
    connections: int = 0
    delay_s: float = 0.0
    greet: Callable | None = None
    _threads: list = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self):
        return self.listener.getsockname()[1]

    @property
    def base(self):
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}/fhir"

    @property
    def targets(self):
        return [each.target for each in self.received]

    def serve(self):
        while not self.stop.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(
                target=self._talk, args=(connection, self.connections), daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _talk(self, connection, number):
        # What goes wrong here is what the client did: it is allowed to hang up.
        with connection, suppress(OSError, ValueError):
            if self.greet:
                self.greet(connection)
                return
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            self.open[number] = connection
            try:
                while (request := _receive(connection, number)) is not None:
                    self.received.append(request)
                    answer = self._answer(request)
                    if callable(answer):
                        answer(connection)
                        return
                    if self.delay_s:
                        time.sleep(self.delay_s)
                    connection.sendall(answer)
            finally:
                self.open.pop(number)
                connection.close()

    def _answer(self, request):
        answers = self.script.get(request.target, self.script.get("*"))
        if answers is None:
            return http(404, {"resourceType": "OperationOutcome"})
        if isinstance(answers, list):
            return answers.pop(0) if len(answers) > 1 else answers[0]
        return answers

    def close(self):
        self.stop.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in list(self.open.values()):
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()


def _receive(connection, number):
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return None
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value
        for name, _, value in (line.partition(": ") for line in lines)
    }
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    method, target, _ = first.split(" ")
    return Received(method, target, headers, body, number)


def http(status=200, body=b"", content_type=FHIR_JSON, *more):
    """Write an HTTP answer; further header lines follow as text."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *more]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def patient(identifier="p1"):
    return {"resourceType": "Patient", "id": identifier}


def condition(number):
    return {"resourceType": "Condition", "id": f"c{number}"}


def bundle(*resources, total=None, next_url=None, **more):
    """Write a page of search results."""
    page = {"resourceType": "Bundle", "type": "searchset", **more}
    if total is not None:
        page["total"] = total
    if next_url is not None:
        page["link"] = [
            {"relation": "self", "url": "urn:whatever"},
            {"relation": "next", "url": next_url},
        ]
    if resources:
        page["entry"] = [
            {"resource": each, "search": {"mode": "match"}} for each in resources
        ]
    return page


def outcome(code="processing", severity="error"):
    issue = {"severity": severity, "code": code, "diagnostics": "Mr Smith"}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


PATIENT = {"patient": ("Patient/p1", "Patient")}
CONDITIONS = {"conditions": ("Condition?patient=p1", "Condition")}
READ = "/fhir/Patient/p1"
SEARCH = "/fhir/Condition?patient=p1"


@contextmanager
def serving(address="127.0.0.1", port=0, tls=None):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, port), family=family)
    server = FaultServer(listener, tls)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def server():
    """A server on loopback by plain http."""
    with serving() as found:
        yield found


@pytest.fixture
def open_access():
    """Make the way to servers on this machine, with limits as wished."""
    made = []

    def make(**options):
        limits = {"total_s": 2.0, "connect_s": 1.0, "read_s": 1.0}
        settings = {
            name: options.pop(name)
            for name in list(options)
            if name in Limits.__dataclass_fields__
        }
        options.setdefault("allow_loopback", True)
        options.setdefault("waiting", Waiting(pause=lambda s: time.sleep(s / 20)))
        made.append(FHIRAccess(Limits(**{**limits, **settings}), **options))
        return made[-1]

    yield make
    for access in made:
        access.close()


@pytest.fixture
def fetch(server, open_access):
    """Fetch from the server: one query or several, with a token of one's own."""
    ways = {}

    def fetch_(queries, token=CANARY, **options):
        key = tuple(sorted(options.items()))
        if key not in ways:
            ways[key] = open_access(**options)
        bearer = None if token is None else Bearer(token, 300, time.monotonic())
        return ways[key].client(server.base, bearer=bearer).fetch(queries)

    return fetch_


@pytest.fixture
def read(server, fetch):
    """Script the answer to the read of the patient, and read."""

    def read_(*answers, **options):
        server.script[READ] = list(answers)
        return fetch(PATIENT, **options)["patient"]

    return read_


@pytest.fixture
def search(server, fetch):
    """Script the answer to the search for conditions, and search."""

    def search_(*answers, **options):
        server.script[SEARCH] = list(answers)
        return fetch(CONDITIONS, **options)["conditions"]

    return search_


@pytest.fixture(scope="session")
def authority():
    """An issuer of certificates that the client is told to trust."""
    return trustme.CA()


@pytest.fixture(scope="session")
def stranger():
    """Another one, which it does not know."""
    return trustme.CA()


def certified(authority, *names):
    """TLS of a server that has a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


@pytest.fixture(scope="session")
def kit():
    """What tests write their scripts with."""
    return SimpleNamespace(
        http=http,
        patient=patient,
        condition=condition,
        bundle=bundle,
        outcome=outcome,
        serving=serving,
        certified=certified,
        waiting=Waiting,
        canary=CANARY,
        one_patient=PATIENT,
        conditions=CONDITIONS,
        read_target=READ,
        search_target=SEARCH,
    )
