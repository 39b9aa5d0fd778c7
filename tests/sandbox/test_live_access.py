"""What the service fetches from a FHIR server by other people: as if prefetched."""

import logging
from datetime import UTC, datetime

import pytest

from service.app import create_app
from service.config import Settings
from service.hook_requests import hook_request
from service.patients import bundled_patients

pytestmark = pytest.mark.tool

#: the server speaks R4: it refuses the patient of R5
PATIENTS = [each for each in bundled_patients() if each.fhir_version == "R4"]
KEYS = ["patient", "encounter", "procedures", "observations", "conditions"]
CALLS = {"encounter-discharge": "scnen-discharge", "patient-view": "scnen-chart"}


class Service:
    """The application, its clock at the moment of each story."""

    def __init__(self):
        self.now = datetime(2026, 3, 6, tzinfo=UTC)
        app = create_app(Settings.from_env(is_open=True), clock=lambda: self.now)
        self.close = app.extensions["scnen_cds"].access.close
        self.client = app.test_client()
        found = self.client.get("/cds-services").get_json()["services"]
        self.services = {service["id"]: service for service in found}

    def request(self, patient):
        """A call with complete prefetch."""
        return hook_request(
            patient.bundle,
            self.services[CALLS[patient.hook]],
            in_encounter=patient.in_encounter,
            extension=patient.extension,
        )

    def post(self, patient, body):
        """Send it at the moment of the story."""
        self.now = datetime.fromisoformat(patient.bundle["timestamp"])
        return self.client.post(f"/cds-services/{CALLS[patient.hook]}", json=body)


@pytest.fixture(scope="module")
def service():
    """One application for all tests."""
    found = Service()
    yield found
    found.close()


def with_access(body, charts, token=None):
    """Name the FHIR server, and bring a token for it."""
    authorization = {
        "access_token": token or charts.token,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "user/Observation.read user/Procedure.read",
        "subject": "scnen-cds",
    }
    return {**body, "fhirServer": charts.url, "fhirAuthorization": authorization}


def without(body, *keys):
    """Leave keys of the prefetch out; without any key there is no prefetch."""
    kept = {k: v for k, v in body["prefetch"].items() if k not in keys}
    rest = {k: v for k, v in body.items() if k != "prefetch"}
    return {**rest, "prefetch": kept} if kept else rest


@pytest.mark.parametrize("patient", PATIENTS, ids=lambda patient: patient.name)
def test_pf_9_fetched_and_prefetched_give_the_same_answer(service, charts, patient):
    """Whichever way the record comes, on pages of three: the same cards and uuids."""
    body = service.request(patient)
    prefetched = service.post(patient, body)
    fetched = service.post(patient, with_access(without(body, *KEYS), charts))
    assert prefetched.status_code == fetched.status_code == 200
    assert fetched.get_json() == prefetched.get_json()


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("number", ["01", "07", "22"])
def test_one_key_that_is_lacking_is_fetched(service, charts, number, key):
    """The others are taken as they were sent."""
    (patient,) = [each for each in PATIENTS if each.name.startswith(number)]
    body = service.request(patient)
    answer = service.post(patient, with_access(without(body, key), charts))
    assert answer.get_json() == service.post(patient, body).get_json()


@pytest.mark.parametrize("key", ["procedures", "observations", "conditions"])
def test_a_first_page_is_completed(service, charts, key):
    """A contradiction may stand on the page that was not sent."""
    (patient,) = [each for each in PATIENTS if each.name.startswith("06")]
    body = service.request(patient)
    whole = body["prefetch"][key]
    link = [{"relation": "next", "url": f"{charts.url}/Observation?_offset=1"}]
    first = {**whole, "entry": whole["entry"][:1], "link": link}
    paged = {**body, "prefetch": {**body["prefetch"], key: first}}
    answer = service.post(patient, with_access(paged, charts))
    assert answer.get_json() == service.post(patient, body).get_json()


def test_a_token_that_is_refused_is_no_answer(service, charts, caplog):
    """412 says what is lacking and why; the token stands nowhere."""
    caplog.set_level(logging.DEBUG)
    patient = PATIENTS[0]
    body = without(service.request(patient), *KEYS)
    answer = service.post(patient, with_access(body, charts, "a-canary-of-a-token"))
    assert answer.status_code == 412
    told = " ".join(issue["details"]["text"] for issue in answer.get_json()["issue"])
    assert "prefetch.procedures: absent; fetching it failed: not-authorised" in told
    assert "a-canary" not in caplog.text + answer.text


def test_fa_2_without_a_token_nothing_is_fetched_from_a_server_that_wants_one(
    service, charts
):
    """Open mode asks a server on this machine all the same, and is refused."""
    patient = PATIENTS[0]
    body = without(service.request(patient), *KEYS)
    answer = service.post(patient, {**body, "fhirServer": charts.url})
    assert answer.status_code == 412


def test_optional_data_that_is_refused_is_said_on_the_card(service, charts):
    """Exclusions were not checked: the number is given, and that beside it."""
    patient = PATIENTS[0]
    body = without(service.request(patient), "conditions")
    answer = service.post(patient, with_access(body, charts, "wrong"))
    (card,) = answer.get_json()["cards"]
    assert "exclusions" in card["detail"]
