"""The app, an EHR that launches it, patients whose values nobody has entered yet."""

import copy
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from service.app import create_app
from service.config import VARIABLES, Settings
from service.fhir.client import Limits
from service.patients import bundled_patients
from service.sandbox import fhir_server
from service.smart import pages

from .ehr import EHR, FHIR_JSON, Running

ROOT = Path(__file__).parents[2]
TOKEN = "token-of-the-records"  # noqa: S105 of a server that lives as long as this
PROJECT = "http://scnen-cds.example.org/fhir/CodeSystem/predictors"
UNHURRIED_S = 60.0
#: What a radiologist may have dictated; it is shown, and markup in it is text.
REPORT = "Cobb 16 deg, <script>alert(1)</script> cement in the anterior half."


def moved(number):
    """A bundled patient whose story ends today."""
    patient = bundled_patients()[number - 1]
    return copy.deepcopy(dict(patient.bundle_at(datetime.now(UTC))))


def without_values(bundle):
    """Take out what hospitals do not record: the values of the project's own codes."""
    bundle["entry"] = [
        entry
        for entry in bundle["entry"]
        if PROJECT not in json.dumps(entry["resource"].get("code", {}))
        or entry["resource"]["resourceType"] != "Observation"
    ]
    return bundle


def with_report(bundle):
    """Add a radiology report as text."""
    names = {
        e["resource"]["resourceType"]: e["resource"]["id"] for e in bundle["entry"]
    }
    report = {
        "resourceType": "DiagnosticReport",
        "id": f"{names['Patient']}-report",
        "status": "final",
        "category": [{"coding": [{"code": "RAD"}]}],
        "code": {"text": "XR spine"},
        "subject": {"reference": f"Patient/{names['Patient']}"},
        "effectiveDateTime": bundle["timestamp"][:10],
        "conclusion": REPORT,
    }
    request = {"method": "PUT", "url": f"DiagnosticReport/{report['id']}"}
    entry = {"resource": report, "request": request}
    bundle["entry"].append(entry)
    return bundle


UNHURRIED = Limits(total_s=UNHURRIED_S, connect_s=UNHURRIED_S, read_s=UNHURRIED_S)


class Record:
    """The record server, past the EHR: what a test looks up in it."""

    def __init__(self, url):
        self.url = url

    def search(self, query):
        answer = requests.get(
            f"{self.url}/{query}",
            headers={"Authorization": f"Bearer {TOKEN}", "Accept": FHIR_JSON},
            timeout=30,
        )
        return [each["resource"] for each in answer.json().get("entry", ())]

    def copy(self, patient, name):
        """Record the operation of a patient under another name, and nothing else."""
        kinds = [f"Patient?_id={patient}"]
        kinds += [f"{k}?patient={patient}" for k in ("Encounter", "Condition")]
        kinds += [f"Procedure?patient={patient}&code={PROJECT}|pvp"]
        for resource in [each for kind in kinds for each in self.search(kind)]:
            copied = json.loads(json.dumps(resource).replace(patient, name))
            requests.put(
                f"{self.url}/{copied['resourceType']}/{copied['id']}",
                json=copied,
                headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": FHIR_JSON},
                timeout=30,
            ).raise_for_status()
        return name

    def entered(self, patient, kind="Observation"):
        """What the app wrote: it has the project's identifier."""
        return [
            each
            for each in self.search(f"{kind}?patient={patient}&_count=100")
            if any("sid/entry" in i["system"] for i in each.get("identifier", ()))
        ]


@pytest.fixture(scope="module")
def record():
    """A FHIR server by others: 05 lacks the cement ratio, 18 everything, 24 waits."""
    if not shutil.which("node") or not (ROOT / "sandbox/node_modules").is_dir():
        pytest.skip("needs Node.js 20 or newer with npm, then `make setup`")
    bundles = [
        with_report(moved(5)),
        with_report(without_values(moved(18))),
        moved(7),
        moved(9),
        moved(24),
    ]
    with fhir_server(bundles, token=TOKEN, is_quiet=True) as url:
        yield Record(url)


@pytest.fixture(scope="module")
def hospital(record):
    """The EHR in front of it."""
    ehr = EHR(record.url, TOKEN)
    with Running(ehr):
        yield ehr


@pytest.fixture
def ehr(hospital):
    """The same, well behaved at the beginning of each test."""
    hospital.reset()
    return hospital


class App:
    """
    The application without a socket, and a browser for it.

    Its servers have as long as they need: what a busy machine cannot do within the
    seconds that a person is made to wait, is no fault that these tests look for.
    """

    def __init__(self):
        self.later_s = 0.0
        self.settings = Settings.from_env(is_open=True)
        self.app = create_app(self.settings, clock=self.now)
        for name in ("scnen_cds", "scnen_smart"):
            part = self.app.extensions[name]
            getattr(part, "access", part)._limits = UNHURRIED
        self.browser = self.app.test_client()

    def now(self):
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + self.later_s, UTC)

    def close(self):
        self.app.extensions["scnen_cds"].access.close()
        self.app.extensions["scnen_smart"].close()
        self.app.extensions["scnen_cds"].store.close()

    def begin(self, ehr, patient, **told):
        """Launch, allow, and give the address of the callback."""
        handle = ehr.launch(patient, encounter=f"{patient}-encounter", **told)
        answer = self.browser.get(f"/smart/launch?iss={ehr.fhir}&launch={handle}")
        assert answer.status_code == 302, answer.text
        allowed = requests.get(
            f"{answer.location}&approved=yes", allow_redirects=False, timeout=30
        )
        back = urlsplit(allowed.headers["Location"])
        return f"{back.path}?{back.query}"

    def enter(self, ehr, patient, **told):
        """Launch to the end; gives the page."""
        answer = self.browser.get(self.begin(ehr, patient, **told))
        assert answer.status_code == 303, answer.text
        page = self.browser.get(answer.location)
        assert page.status_code == 200, page.text
        return page

    def post(self, path, body, page, **headers):
        """Send what a page sends."""
        csrf = page.text.partition('data-csrf="')[2].partition('"')[0]
        own = {"X-CSRF-Token": csrf, "Origin": self.settings.public_url}
        return self.browser.post(
            f"/smart/{path}", json=body, headers={**own, **headers}
        )


@pytest.fixture
def app(monkeypatch):
    """The application in open mode with default settings."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pages, "BEGUN_WITHIN_S", UNHURRIED_S)
    found = App()
    yield found
    found.close()
