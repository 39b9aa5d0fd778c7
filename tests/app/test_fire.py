"""The played EHR: what it sends for our templates, and how it takes the answers."""

import json

import pytest
import requests

from service.fire import FireError, Reply, discover, fire, open_session
from service.hook_requests import hook_request
from service.patients import bundled_patients

CODES = "http://scnen-cds.example.org/fhir/CodeSystem/predictors"
DISCHARGE = {
    "hook": "encounter-discharge",
    "id": "scnen-discharge",
    "prefetch": {
        "patient": "Patient/{{context.patientId}}",
        "encounter": "Encounter/{{context.encounterId}}",
        "procedures": "Procedure?patient={{context.patientId}}&_sort=-date&_count=50",
        "observations": "Observation?patient={{context.patientId}}"
        f"&code={CODES}|cement-ratio-ap,718-7",
        "conditions": "Condition?subject=Patient/{{context.patientId}}"
        "&encounter={{context.encounterId}}",
    },
}
PATIENT = bundled_patients()[0]


class Canned(requests.adapters.BaseAdapter):
    """Answers every call with one response, or raises, and remembers the request."""

    def __init__(self, body=b"{}", status=200, error=None, location=None):
        super().__init__()
        self.body, self.status, self.error = body, status, error
        self.location, self.count = location, 0
        self.sent, self.timeout = None, None

    def send(self, request, timeout=None, **_):
        self.sent, self.timeout = request, timeout
        self.count += 1
        if self.error:
            raise self.error
        response = requests.Response()
        response.status_code, response._content = self.status, self.body
        response.request, response.url = request, request.url
        if self.location:
            response.headers["Location"] = self.location
        return response

    def close(self):
        pass


@pytest.fixture
def canned():
    """A function that gives a session whose network is one canned answer."""

    def build(**options):
        session = requests.Session()
        session.adapter = Canned(**options)
        session.mount("http://", session.adapter)
        return session

    return build


def test_request_has_the_context_of_the_chart():
    """Ids are bare, the user is a reference, and every firing has its own id."""
    first, second = (hook_request(PATIENT.bundle, DISCHARGE) for _ in range(2))
    assert first["hook"] == "encounter-discharge"
    assert first["context"] == {
        "userId": "Practitioner/syn-surgeon",
        "patientId": "syn-01",
        "encounterId": "syn-01-encounter",
    }
    assert first["hookInstance"] != second["hookInstance"]


def test_hook_instance_can_be_given():
    """A rehearsal can be repeated to the letter."""
    request = hook_request(PATIENT.bundle, DISCHARGE, hook_instance="one")
    assert request["hookInstance"] == "one"


def test_reads_give_the_resource_itself():
    """`Patient/…` and `Encounter/…` are resources, not Bundles."""
    prefetch = hook_request(PATIENT.bundle, DISCHARGE)["prefetch"]
    assert prefetch["patient"]["id"] == "syn-01"
    assert prefetch["encounter"]["resourceType"] == "Encounter"


def test_searches_give_what_the_query_asks_for_and_no_more():
    """Codes with and without a system, the patient, the encounter."""
    prefetch = hook_request(PATIENT.bundle, DISCHARGE)["prefetch"]
    codes = {
        entry["resource"]["code"]["coding"][0]["code"]
        for entry in prefetch["observations"]["entry"]
    }
    assert codes == {"cement-ratio-ap", "718-7"}
    conditions = prefetch["conditions"]
    assert (conditions["type"], conditions["total"]) == ("searchset", 1)
    assert conditions["entry"][0]["search"] == {"mode": "match"}


def test_sort_puts_the_newest_first():
    """The eye operation of 2022 stands last."""
    prefetch = hook_request(PATIENT.bundle, DISCHARGE)["prefetch"]
    dates = [
        entry["resource"]["performedDateTime"]
        for entry in prefetch["procedures"]["entry"]
    ]
    assert dates == sorted(dates, reverse=True)
    assert dates[-1] == "2022-05-17"


def test_search_without_a_match_is_an_empty_bundle():
    """No empty `entry` array: FHIR JSON has none."""
    service = {
        "hook": "encounter-discharge",
        "prefetch": {"labs": "Observation?patient={{context.patientId}}&code=x|718-7"},
    }
    assert hook_request(PATIENT.bundle, service)["prefetch"] == {
        "labs": {"resourceType": "Bundle", "type": "searchset", "total": 0}
    }


def test_chart_opened_outside_of_an_encounter_names_none():
    """What only the encounter could fill is left out, the rest is sent."""
    request = hook_request(PATIENT.bundle, DISCHARGE, in_encounter=False)
    assert "encounterId" not in request["context"]
    assert request["prefetch"].keys() == {"patient", "procedures", "observations"}


def test_extension_is_sent_only_where_the_ehr_has_one():
    """Such as Epic's trigger."""
    named = {"com.example.trigger": "27"}
    sent = hook_request(PATIENT.bundle, DISCHARGE, extension=named)
    assert sent["extension"] == named
    assert "extension" not in hook_request(PATIENT.bundle, DISCHARGE)


@pytest.mark.parametrize("order", ["date", "-date"])
@pytest.mark.parametrize("name", ["19-epic-shape", "20-r5-shape"])
def test_chart_of_another_shape_is_searched_and_sorted_as_well(name, order):
    """Absolute references, times in UTC, and R5's names of times."""
    (patient,) = (each for each in bundled_patients() if each.name == name)
    query = f"Procedure?patient={{{{context.patientId}}}}&_sort={order}"
    templates = {**DISCHARGE["prefetch"], "procedures": query}
    service = {**DISCHARGE, "prefetch": templates}
    prefetch = hook_request(patient.bundle, service)["prefetch"]
    totals = {key: prefetch[key]["total"] for key in ("observations", "conditions")}
    assert totals == {"observations": 2, "conditions": 1}
    resources = [entry["resource"] for entry in prefetch["procedures"]["entry"]]
    times = [
        each.get("performedDateTime")
        or each.get("occurrenceDateTime")
        or each["occurrencePeriod"]["start"]
        for each in resources
    ]
    assert len(times) > 1
    assert times == sorted(times, reverse=order == "-date")


def test_read_without_a_match_is_null():
    """Null is how a client says that there is none."""
    service = {"hook": "patient-view", "prefetch": {"other": "Patient/nobody"}}
    assert hook_request(PATIENT.bundle, service)["prefetch"] == {"other": None}


def test_template_the_context_cannot_fill_has_no_key():
    """An unsatisfied key is left out, as the specification says."""
    service = {"hook": "patient-view", "prefetch": {"x": "Patient/{{context.draft}}"}}
    assert hook_request(PATIENT.bundle, service)["prefetch"] == {}


def test_service_without_templates_gets_no_data():
    """Only requested keys are sent."""
    assert hook_request(PATIENT.bundle, {"hook": "patient-view"})["prefetch"] == {}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("Observation?patient=syn-01&date=ge2026-01-01", "parameter 'date'"),
        ("Observation?patient=syn-01&_sort=code", "parameter '_sort'"),
        ("Observation?patient=syn-01&_count=2", "9 results need paging"),
    ],
)
def test_search_that_is_not_played_is_an_error(query, message):
    """A query is never answered as if a parameter had not been there."""
    service = {"hook": "patient-view", "prefetch": {"x": query}}
    with pytest.raises(FireError, match=message):
        hook_request(PATIENT.bundle, service)


def test_bundle_without_one_patient_cannot_play_the_ehr():
    """A chart is about one person."""
    with pytest.raises(FireError, match="one Practitioner, it holds 0"):
        hook_request({"resourceType": "Bundle", "type": "collection"}, DISCHARGE)


def test_fire_posts_json_and_gives_the_answer(canned):
    """Status, body and time come back."""
    session = canned(body=b'{"cards": []}')
    reply = fire(session, "http://127.0.0.1:1/cds-services/a", {"hook": "x"})
    assert (reply.status, reply.body, reply.is_ok) == (200, {"cards": []}, True)
    assert reply.milliseconds >= 0
    assert json.loads(session.adapter.sent.body) == {"hook": "x"}
    assert session.adapter.timeout == (3.0, 10.0)


def test_error_of_the_service_is_an_answer_too(canned):
    """An OperationOutcome is shown, not raised."""
    session = canned(body=b'{"resourceType": "OperationOutcome"}', status=412)
    reply = fire(session, "http://127.0.0.1:1/x", {})
    assert (reply.status, reply.is_ok) == (412, False)


def test_answer_without_cards_is_not_ok():
    """200 alone does not make a CDS Hooks response."""
    assert not Reply(200, {"hello": 1}, 0.0).is_ok


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"body": b"<html>"}, "is not JSON"),
        ({"body": b"[]"}, "is not a JSON object"),
        ({"error": requests.ConnectTimeout("secret")}, r"no answer \(ConnectTimeout\)"),
    ],
)
def test_answer_that_is_none_is_an_error(canned, options, message):
    """The message names the URL and the kind of fault."""
    with pytest.raises(FireError, match=message):
        fire(canned(**options), "http://127.0.0.1:1/x", {})


def test_discovery_gives_the_services(canned):
    """The path is fixed: `/cds-services` under the base URL."""
    session = canned(body=b'{"services": [{"id": "a"}]}')
    assert discover(session, "http://127.0.0.1:1/") == [{"id": "a"}]
    assert session.adapter.sent.url == "http://127.0.0.1:1/cds-services"


@pytest.mark.parametrize("options", [{"status": 404}, {"body": b'{"services": {}}'}])
def test_discovery_that_is_none_is_an_error(canned, options):
    """Something else listens there."""
    with pytest.raises(FireError, match="no discovery document"):
        discover(canned(**options), "http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("url", "asks_proxy"),
    [
        ("http://127.0.0.1:80", False),
        ("http://[::1]:80", False),
        ("http://localhost", False),
        ("https://ehr.example.org", True),
        ("https://192.0.2.1", True),
    ],
)
def test_no_proxy_stands_between_this_machine_and_itself(url, asks_proxy):
    """A proxy of the environment would answer for our own loopback address."""
    with open_session(url) as session:
        assert session.trust_env is asks_proxy


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", [discover, lambda s, url: fire(s, url, {"a": "b"})])
def test_a_redirect_is_not_followed(canned, status, call):
    """The body holds the FHIR token, and an EHR would not follow either."""
    session = canned(status=status, location="http://elsewhere.example/cds-services")
    with pytest.raises(FireError, match=rf"leads elsewhere \(HTTP {status}\)"):
        call(session, "http://cds.example.org")
    assert session.adapter.count == 1
