"""A FHIR server with one patient for which all can go wrong, and our service."""

import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from click.testing import CliRunner

from service.cli import main
from service.config import VARIABLES
from service.local_server import local_server
from service.patients import bundled_patients

#: Stands for a secret wherever one could leak.
CANARY = "canary-7d21e0"
FHIR_JSON = "application/fhir+json"
#: elements by which the searches of our templates find something
CODED = ("Procedure", "Observation", "Condition")


@dataclass
class Ward:
    """
    Holds resources by reference; answers reads and searches with `patient` and `code`.

    `broken` maps a resource type, or `metadata`, to a status that is answered in its
    place; the flags name what a server may leave undone without a word.
    """

    resources: dict = field(default_factory=dict)
    version: str = "4.0.1"
    token: str = ""
    broken: dict = field(default_factory=dict)
    ignores: set = field(default_factory=set)
    largest_page: int = 50
    has_next: bool = True
    links_to: str = ""
    total: int | None = -1
    url: str = ""
    asked: list = field(default_factory=list)
    headers: list = field(default_factory=list)

    def answer(self, target, form):
        """Status and resource."""
        parts = urlsplit(target)
        kind, _, identifier = parts.path.removeprefix("/fhir/").partition("/")
        if kind in self.broken:
            status = self.broken[kind]
            return status, self.outcome() if status != 200 else {"a": "b"}
        if kind == "metadata":
            return 200, self.statement()
        if identifier and identifier != "_search":
            found = self.resources.get(f"{kind}/{identifier}")
            return (200, found) if found else (404, self.outcome())
        parameters = dict(parse_qsl(form or parts.query))
        return 200, self.page(kind, parameters)

    def page(self, kind, asked):
        found = [r for r in self.resources.values() if r["resourceType"] == kind]
        if "patient" not in self.ignores:
            subject = f"Patient/{asked['patient']}"
            found = [r for r in found if r["subject"]["reference"] == subject]
        if "code" in asked and "code" not in self.ignores:
            found = [r for r in found if self.has_code(r, asked["code"])]
        if "_sort" not in self.ignores:
            found = sorted(found, key=when, reverse=True)
        size = self.largest_page
        if "_count" not in self.ignores:
            size = min(size, int(asked.get("_count", size)))
        begin = int(asked.get("_offset", 0))
        shown = found[begin : begin + size]
        page = {"resourceType": "Bundle", "type": "searchset", "link": []}
        if self.total is not None:
            page["total"] = len(found) if self.total < 0 else self.total
        if begin + size < len(found) and self.has_next:
            follow = urlencode({**asked, "_offset": begin + size})
            base = self.links_to or self.url
            page["link"] = [{"relation": "next", "url": f"{base}/{kind}?{follow}"}]
        if shown:
            page["entry"] = [
                {"resource": r, "search": {"mode": "match"}} for r in shown
            ]
        return page

    @staticmethod
    def has_code(resource, tokens):
        codings = resource["code"]["coding"]
        return any(f"{c['system']}|{c['code']}" in tokens.split(",") for c in codings)

    def statement(self):
        names = ("patient", "code", "date")
        kinds = [*CODED, "Patient", "Encounter"]
        resources = [
            {"type": kind, "searchParam": [{"name": name} for name in names]}
            for kind in kinds
        ]
        return {
            "resourceType": "CapabilityStatement",
            "fhirVersion": self.version,
            "rest": [{"mode": "server", "resource": resources}],
        }

    @staticmethod
    def outcome():
        issue = {"severity": "error", "code": "forbidden", "diagnostics": CANARY}
        return {"resourceType": "OperationOutcome", "issue": [issue]}


def when(resource):
    names = ("performedDateTime", "effectiveDateTime", "recordedDate")
    return next((resource[name] for name in names if name in resource), "")


def _handler(ward):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.reply(None)

        def do_POST(self):
            length = int(self.headers["Content-Length"])
            self.reply(self.rfile.read(length).decode())

        def reply(self, form):
            ward.asked.append(self.path)
            ward.headers.append(dict(self.headers))
            status, body = ward.answer(self.path, form)
            is_open = self.path.endswith("/metadata") or not ward.token
            if not is_open and self.headers["Authorization"] != f"Bearer {ward.token}":
                status, body = 401, ward.outcome()
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", FHIR_JSON)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    return Handler


@contextmanager
def open_ward(tls=None):
    """A ward with the first bundled patient, served on loopback."""
    found = Ward()
    for entry in bundled_patients()[0].bundle["entry"]:
        resource = json.loads(json.dumps(entry["resource"]))
        found.resources[f"{resource['resourceType']}/{resource['id']}"] = resource
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
    server.daemon_threads = True
    scheme = "http"
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    found.url = f"{scheme}://127.0.0.1:{server.server_port}/fhir"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def ward():
    """A FHIR server that does all it should, until a test says otherwise."""
    with open_ward() as found:
        yield found


@pytest.fixture(scope="module")
def service():
    """The service with default settings, its address."""
    with local_server() as url:
        yield url


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    """No setting of the machine that runs the tests leaks in."""
    for name in [*VARIABLES, "FHIR_TOKEN", "NO_COLOR"]:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run():
    """Run a command; the exception of a fault in it is not swallowed."""

    def run_(*arguments, **options):
        result = CliRunner().invoke(main, [str(each) for each in arguments], **options)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run_


def words(text):
    """A text without its line breaks and indents."""
    return re.sub(r"\s+", " ", text)


def query_of(target):
    """The parameters of a target."""
    return parse_qs(urlsplit(target).query)
