"""The bundled patients on a server by other people: all there, and found as meant."""

import json
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from cds_hooks.prefetch import resolve
from service.fhir.terminology import load_terminology
from service.hook_requests import hook_request
from service.patients import bundled_patients
from service.services import prefetch_templates

from .conftest import with_short_references

pytestmark = pytest.mark.tool

#: the server speaks R4: it refuses the patient of R5
PATIENTS = [each for each in bundled_patients() if each.fhir_version == "R4"]
TERMINOLOGY = load_terminology()
TEMPLATES = prefetch_templates(TERMINOLOGY)
SEARCHES = [key for key, template in TEMPLATES.items() if "?" in template]
READS = [key for key in TEMPLATES if key not in SEARCHES]


@pytest.fixture(params=PATIENTS, ids=lambda patient: patient.name)
def patient(request):
    """Each bundled patient in turn."""
    return request.param


def resources(patient, kind=None):
    """All resources of a patient's Bundle, or those of one kind."""
    entries = with_short_references(patient.bundle)["entry"]
    found = [entry["resource"] for entry in entries]
    return [item for item in found if kind in {None, item["resourceType"]}]


def query(patient, key):
    """A template with the patient's context in it."""
    context = {
        "patientId": resources(patient, "Patient")[0]["id"],
        "encounterId": resources(patient, "Encounter")[0]["id"],
    }
    return resolve(TEMPLATES[key], context)


def as_sent(resource):
    """A resource without what a server adds to it."""
    added = {"versionId", "lastUpdated"}
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in added}
    return {**resource, "meta": meta}


def named(found):
    """Resources by reference, each once."""
    by_name = {f"{item['resourceType']}/{item['id']}": item for item in found}
    assert len(by_name) == len(found)
    return by_name


def time_of(resource):
    """When it was done, as an instant; a day begins at midnight."""
    period = resource.get("performedPeriod") or resource.get("effectivePeriod") or {}
    names = ("effectiveDateTime", "performedDateTime")
    text = next((resource[n] for n in names if n in resource), period.get("start"))
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def test_every_resource_is_read_back_as_it_was_sent(charts, patient):
    """Nothing is lost or changed on the way through another FHIR implementation."""
    for resource in resources(patient):
        answer = charts.get(f"{resource['resourceType']}/{resource['id']}")
        assert answer.status_code == 200
        assert as_sent(answer.json()) == resource


def test_the_server_holds_the_bundles_and_nothing_else(charts):
    """Loading left none out; what several Bundles share is there once."""
    sent = named({json.dumps(r): r for p in PATIENTS for r in resources(p)}.values())
    for kind in {name.partition("/")[0] for name in sent}:
        found = charts.get(f"{kind}?_summary=count").json()
        wanted = [name for name in sent if name.startswith(f"{kind}/")]
        assert found["total"] == len(wanted)
        assert "entry" not in found


@pytest.mark.parametrize("key", READS)
def test_template_that_reads_finds_the_one_resource(charts, patient, key):
    """Patient and encounter of the context."""
    wanted = resources(patient, key.title())
    assert [as_sent(charts.get(query(patient, key)).json())] == wanted


@pytest.mark.parametrize("key", SEARCHES)
def test_template_that_searches_finds_exactly_what_the_bundle_holds(
    charts, patient, key
):
    """No more, no fewer: the codes of the query are those in the Bundle."""
    wanted = resources(patient, key.title().removesuffix("s"))
    if key == "observations":
        wanted = [item for item in wanted if has_asked_code(item)]
    found = charts.search(query(patient, key))
    assert {k: as_sent(v) for k, v in named(found).items()} == named(wanted)


def has_asked_code(observation):
    """Whether one of its codes is one we ask for."""
    codings = observation["code"]["coding"]
    return any((c["system"], c["code"]) in TERMINOLOGY.query_codes for c in codings)


@pytest.mark.parametrize("key", ["procedures", "observations"])
def test_template_that_sorts_gets_the_newest_first(charts, patient, key):
    """`_sort=-date` holds over all pages."""
    times = [time_of(item) for item in charts.search(query(patient, key))]
    assert times == sorted(times, reverse=True)


def test_our_own_ehr_finds_the_same_as_the_server(charts, patient):
    """`service.fire` answers the templates as another implementation does."""
    service = {"hook": "encounter-discharge", "prefetch": TEMPLATES}
    prefetch = hook_request(with_short_references(patient.bundle), service)["prefetch"]
    for key in SEARCHES:
        ours = [entry["resource"] for entry in prefetch[key].get("entry", ())]
        theirs = charts.search(query(patient, key))
        assert named(ours) == {k: as_sent(v) for k, v in named(theirs).items()}


@pytest.mark.parametrize("key", SEARCHES)
def test_search_by_post_finds_the_same_as_by_get(charts, patient, key):
    """The query may stand in the body, where the address would carry too much."""
    asked = query(patient, key)
    by_get, by_post = charts.get(asked), charts.post_search(asked)
    assert by_post.status_code == 200
    assert by_post.json() == by_get.json()


def test_pages_hold_everything_once_and_in_order(charts):
    """Next links lead through all results, in the order of one large search."""
    pages = list(charts.pages("Observation?_sort=-date&_count=200"))
    found = [entry["resource"] for page in pages for entry in page["entry"]]
    wanted = [r for p in PATIENTS for r in resources(p, "Observation")]
    assert named([as_sent(item) for item in found]) == named(wanted)
    assert {page["total"] for page in pages} == {len(wanted)}
    assert len(pages) == -(-len(wanted) // 3)
    assert all(len(page["entry"]) == 3 for page in pages[:-1])
    times = [time_of(item) for item in found]
    assert times == sorted(times, reverse=True)


def test_each_page_names_itself_and_its_entries(charts):
    """Self links can be called again, and a full URL is where the resource is."""
    page = charts.get("Observation?patient=syn-01&_offset=3").json()
    (itself,) = [each["url"] for each in page["link"] if each["relation"] == "self"]
    assert charts.session.get(itself, timeout=30).json() == page
    entry = page["entry"][0]
    assert entry["search"] == {"mode": "match"}
    read = charts.session.get(entry["fullUrl"], timeout=30).json()
    assert read == entry["resource"]


def test_smaller_page_is_given_when_asked_for(charts):
    """`_count` lowers the size of a page; it never raises it above the server's."""
    for asked, given in [("2", 2), ("3", 3), ("100", 3)]:
        page = charts.get(f"Observation?patient=syn-01&_count={asked}").json()
        assert len(page["entry"]) == given
        (following,) = [x["url"] for x in page["link"] if x["relation"] == "next"]
        assert dict(parse_qsl(urlsplit(following).query))["_offset"] == str(given)


@pytest.mark.parametrize(
    "reference",
    ["{id}", "Patient/{id}", "{base}/Patient/{id}"],
    ids=["id", "relative", "absolute"],
)
@pytest.mark.parametrize("name", ["patient", "subject", "subject:Patient"])
def test_reference_is_understood_however_it_is_written(charts, reference, name):
    """Also where the parameter could mean several types."""
    value = reference.format(id="syn-01", base=charts.url)
    found = charts.search(f"Observation?{urlencode({name: value})}")
    assert named(found).keys() == named(resources(PATIENTS[0], "Observation")).keys()


def test_encounter_finds_what_was_done_in_it(charts):
    """The parameter has two targets, and an id alone is enough."""
    found = charts.search("Procedure?encounter=syn-01-encounter")
    wanted = [
        procedure
        for procedure in resources(PATIENTS[0], "Procedure")
        if procedure.get("encounter", {}).get("reference")
        == "Encounter/syn-01-encounter"
    ]
    assert wanted
    assert named(found).keys() == named(wanted).keys()


@pytest.mark.parametrize(
    ("asked", "named_in_answer"),
    [
        ("Observation?pateint=syn-01", "pateint"),
        ("Observation?value-quantity=gt5", "value-quantity"),
        ("Observation?code:in=x", "code:in"),
        ("Observation?patient:identifier=x", "patient:identifier"),
        ("Observation?patient.name=Ada", "patient.name"),
        ("Observation?_has:Provenance:target:agent=x", "_has"),
        ("Observation?_include=Observation:encounter", "_include"),
        ("Observation?_sort=when", "when"),
        ("Observation?_count=many", "_count"),
        ("Observation?_offset=-1", "_offset"),
    ],
)
def test_search_that_cannot_be_done_is_refused_and_never_empty(
    charts, asked, named_in_answer
):
    """Nothing found would be read as: there is nothing."""
    answer = charts.get(asked)
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert named_in_answer in answer.json()["issue"][0]["details"]["text"]


@pytest.mark.parametrize("path", ["Patient/nobody", "Nonsense/1", "Patient/a%2F..%2Fb"])
def test_what_is_not_there_is_404(charts, path):
    """With an OperationOutcome."""
    answer = charts.get(path)
    assert answer.status_code == 404
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic dG9rZW4tb2YtdGhlLXRlc3Rz"},
    ],
    ids=["none", "wrong", "empty", "basic"],
)
@pytest.mark.parametrize("path", ["Patient/syn-01", "Observation?patient=syn-01"])
def test_without_the_right_token_nothing_is_told(charts, headers, path):
    """401 with an OperationOutcome, and no data."""
    charts.session.headers.pop("Authorization")
    try:
        answer = charts.session.get(f"{charts.url}/{path}", headers=headers, timeout=30)
    finally:
        charts.session.headers["Authorization"] = f"Bearer {charts.token}"
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert "syn-01" not in answer.text


def test_pages_of_other_origins_may_call(charts):
    """CDS clients that run in a browser ask before they send a token."""
    headers = {
        "Origin": "https://sandbox.example.org",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    url = f"{charts.url}/Patient/syn-01"
    asked = charts.session.options(url, headers=headers, timeout=30)
    assert asked.status_code == 204
    assert asked.headers["Access-Control-Allow-Origin"] == "*"
    assert "authorization" in asked.headers["Access-Control-Allow-Headers"]
    assert charts.get("Patient/syn-01").headers["Access-Control-Allow-Origin"] == "*"


def test_name_that_was_made_to_point_here_is_refused(charts):
    """A web page cannot pose as this machine."""
    headers = {"Host": "attacker.example.org"}
    answer = charts.session.get(f"{charts.url}/metadata", headers=headers, timeout=30)
    assert answer.status_code == 400


def test_links_use_the_name_by_which_the_server_was_called(charts):
    """So that a next link stays on the origin that a client knows."""
    url = charts.url.replace("127.0.0.1", "localhost")
    page = charts.session.get(f"{url}/Observation?patient=syn-01", timeout=30).json()
    assert all(each["url"].startswith(f"{url}/") for each in page["link"])


def test_token_with_several_codes_and_systems_is_matched(charts):
    """OR lists, with and without system, as our template for observations uses them."""
    loinc = quote("http://loinc.org|718-7", safe="")
    wanted = {"718-7", "8867-4"}
    found = charts.search(f"Observation?patient=syn-01&code={loinc},8867-4")
    assert {item["code"]["coding"][0]["code"] for item in found} == wanted
