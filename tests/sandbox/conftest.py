"""The FHIR server and the validators of `sandbox/`, both by other people."""

import json
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from service.fire import open_session
from service.patients import bundled_patients
from service.sandbox import fhir_server

SANDBOX = Path(__file__).parents[2] / "sandbox"
TOKEN = "token-of-the-tests"  # noqa: S105 of a server that lives as long as the tests
FHIR_JSON = "application/fhir+json"


@dataclass
class Server:
    """A running FHIR server and a session that brings its token."""

    url: str
    session: requests.Session
    token: str = TOKEN

    def get(self, query):
        return self.session.get(f"{self.url}/{query}", timeout=30)

    def post(self, path, resource):
        return self.send("POST", path, resource)

    def send(self, method, path, resource, **headers):
        headers = {"Content-Type": FHIR_JSON, **headers}
        body = json.dumps(resource)
        url = f"{self.url}/{path}"
        return self.session.request(method, url, data=body, headers=headers, timeout=30)

    def post_search(self, query):
        kind, _, form = query.partition("?")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        url = f"{self.url}/{kind}/_search"
        return self.session.post(url, data=form, headers=headers, timeout=30)

    def pages(self, query):
        """The Bundles of a search, by their next links."""
        answer = self.get(query)
        while True:
            assert answer.status_code == 200, answer.text
            bundle = answer.json()
            yield bundle
            link = {each["relation"]: each["url"] for each in bundle["link"]}
            if "next" not in link:
                return
            assert link["next"].startswith(f"{self.url}/")
            answer = self.session.get(link["next"], timeout=30)

    def search(self, query):
        """The resources of all pages of a search."""
        return [
            entry["resource"]
            for page in self.pages(query)
            for entry in page.get("entry", ())
        ]


def with_short_references(bundle):
    """A Bundle as the server has it: full URLs of its entries are its own names."""
    first = bundle["entry"][0]
    base = first["fullUrl"].removesuffix(first["request"]["url"])
    text = json.dumps(bundle)
    return json.loads(text.replace(f'"reference": "{base}', '"reference": "'))


class Validators:
    """A running `validate.cjs`: a line in, a line out."""

    def __init__(self, process):
        self._process = process

    def findings(self, resource):
        """What npm fhir and Medplum say of a resource."""
        return self.findings_of_line(json.dumps(resource))

    def findings_of_line(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())["findings"]


@pytest.fixture(scope="session")
def node():
    """Node.js, if it and the packages of the sandbox are there."""
    found = shutil.which("node")
    if not found or not (SANDBOX / "node_modules").is_dir():
        pytest.skip("needs Node.js 20 or newer with npm, then `make setup`")
    return found


@contextmanager
def running(bundles, page_size):
    with (
        fhir_server(bundles, token=TOKEN, page_size=page_size) as url,
        open_session(url) as session,
    ):
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        yield Server(url, session)


@pytest.fixture(scope="session")
def charts(node):
    """A server with the bundled patients of R4 and small pages; tests only read."""
    in_r4 = [p.bundle for p in bundled_patients() if p.fhir_version == "R4"]
    with running(in_r4, 3) as server:
        yield server


@pytest.fixture(scope="module")
def scratch(node):
    """A server with one patient, for tests that write."""
    with running([bundled_patients()[0].bundle], 50) as server:
        yield server


@pytest.fixture(scope="session")
def validators(node):
    """Both validators, started once."""
    process = subprocess.Popen(
        [node, str(SANDBOX / "validate.cjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield Validators(process)
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdout.close()
