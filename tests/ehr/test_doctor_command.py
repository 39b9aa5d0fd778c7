"""`scnen-cds doctor`: what is wrong is found, named, and given a remedy."""

import json
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest
import trustme

from cds_hooks import Availability, Client, FHIRServer, PrefetchedData
from service.doctor.server import check_names
from service.ehr import DevelopmentKey, Subject, explain
from service.ehr.preflight import preflight
from service.fhir.client import Fault, Fetched
from service.fire import discover, open_session

from .conftest import CANARY, open_ward

pytestmark = pytest.mark.server

ALL_OK = [
    "read Patient",
    "read Encounter",
    "read Procedure",
    "read Observation",
    "read Condition",
    "search code",
    "search _sort",
    "search _count",
    "pages",
    "totals",
    "codes of operations",
    "codes of measurements",
    "codes of diagnoses",
    "shape of Procedure",
    "shape of Encounter",
    "discovery",
    "call with prefetch",
    "call without prefetch",
    "agreement",
]


@pytest.fixture
def doctor(run, ward, service):
    """Examine the ward and the service; gives findings by check."""

    def doctor_(*options, client="epic", **more):
        given = ["--fhir", ward.url, "--patient", "syn-01"]
        given += ["--encounter", "syn-01-encounter", "--service", service]
        result = run("doctor", "--client", client, *given, "--json", *options, **more)
        assert result.exit_code in {0, 1}, result.output
        found = json.loads(result.stdout)
        assert (result.exit_code == 1) is (found["counts"]["fault"] > 0)
        doctor_.output = result.output
        return {each["check"]: each for each in found["findings"]}

    return doctor_


@pytest.fixture
def register(tmp_path):
    """Write a register; gives the options for its client."""

    def register_(text):
        file = tmp_path / "clients.yaml"
        file.write_text(f"clients:\n  - name: north\n{text}", "utf-8")
        return ["--clients", file]

    return register_


def assert_is(finding, level, *said):
    """Its level, what it says, and that there is a remedy for what is not well."""
    text = f"{finding['found']} {finding['remedy']}"
    assert finding["level"] == level, finding
    assert bool(finding["remedy"]) is (level != "ok"), finding
    for each in said:
        assert each in text, finding


def test_a_deployment_that_works_has_no_faults(doctor):
    """Everything that can be checked is."""
    found = doctor()
    for check in ALL_OK:
        assert_is(found[check], "ok")
    assert_is(found["agreement"], "ok", "the same cards both ways")
    assert_is(found["register"], "warning", "nothing is known of this site")
    assert_is(found["trust"], "warning", "open mode")


def test_the_text_says_the_same_and_counts(run, ward, service):
    """For people, at once as it is found."""
    result = run(
        *("doctor", "--client", "epic", "--fhir", ward.url, "--patient", "syn-01"),
        *("--encounter", "syn-01-encounter", "--service", service),
    )
    assert result.exit_code == 0
    assert "warning  register" in result.output
    assert "→" in result.output
    assert f"ok: {len(ALL_OK) + 4}, warning: 4, fault: 0" in result.output


def test_nothing_of_the_patient_and_no_token_is_told(doctor, ward):
    """Not even where all goes wrong: the report may be sent to others."""
    ward.token = CANARY
    for broken in ({}, dict.fromkeys(("Patient", "Procedure", "metadata"), 403)):
        ward.broken = broken
        doctor(env={"FHIR_TOKEN": CANARY})
        for text in (CANARY, "syn-01", "Alder", "1950", "2026-03", "0QU03JZ"):
            assert text not in doctor.output


# The register.


def test_a_registered_client_with_its_server_is_well(doctor, register, tmp_path):
    """With keys, an audience that fits, and all that the preset asks to confirm."""
    _, public = DevelopmentKey.new("ES384").save(tmp_path)
    options = register(
        "    preset: epic\n    issuer: https://ehr.example.org\n"
        f"    keys: {{jwks_file: {public}}}\n"
    )
    found = doctor(*options, client="north")
    assert_is(found["register"], "ok", "north, preset epic", "to confirm")
    assert_is(found["trust"], "ok")


@pytest.mark.parametrize(("stage", "is_told"), [("silent", True), ("live", False)])
def test_a_silent_stage_is_warned_about(doctor, register, tmp_path, stage, is_told):
    """Nobody looks for a fault where cards are withheld on purpose."""
    _, public = DevelopmentKey.new("ES384").save(tmp_path)
    options = register(
        "    issuer: https://ehr.example.org\n"
        f"    keys: {{jwks_file: {public}}}\n    stage: {stage}\n"
    )
    found = doctor(*options, client="north")
    assert ("stage" in found) is is_told
    if is_told:
        assert_is(found["stage"], "warning", "shown no card", "stage: live")


def test_audiences_of_another_service_are_a_fault(doctor, register, tmp_path):
    """Every token would be refused."""
    _, public = DevelopmentKey.new("ES384").save(tmp_path)
    options = register(
        "    issuer: https://ehr.example.org\n"
        f"    keys: {{jwks_file: {public}}}\n"
        "    audiences: [https://old.example.org/cds-services/scnen-chart]\n"
    )
    found = doctor(*options, client="north")
    assert_is(found["trust"], "fault", "no audience is below", "SCNEN_PUBLIC_URL")


def test_a_client_that_fires_no_hook_of_ours_is_a_fault(doctor, register):
    """Nothing would ever be called."""
    found = doctor(*register("    hooks: [order-sign]\n"), client="north")
    assert_is(found["hooks"], "fault", "order-sign", "patient-view")
    assert_is(found["call"], "fault", "lists no service")


def test_a_client_that_cannot_tell_a_discharge_is_warned_about(doctor, register):
    """Oracle Health has no trigger; this site could not enter the condition."""
    lines = "    preset: oracle-health\n    views_at_discharge: false\n"
    found = doctor(*register(lines), client="north")
    assert_is(found["hooks"], "warning", "nobody can tell a discharge", "`trigger`")
    assert_is(doctor(client="oracle-health")["hooks"], "ok")


def test_a_server_elsewhere_must_be_registered(run, service):
    """By a client that prefetches it is missed less."""
    given = ["--patient", "p", "--service", service, "--json"]
    for client, level in [("oracle-health", "fault"), ("generic", "warning")]:
        result = run(
            *("doctor", "--client", client),
            *("--fhir", "https://fhir.invalid/r4", *given),
        )
        found = {x["check"]: x for x in json.loads(result.stdout)["findings"]}
        assert_is(found["FHIR server"], level, "not registered", "`fhir_servers`")
        assert_is(found["connection"], "fault", "nobody answers there")


def test_the_registered_server_needs_not_be_named_again(run, register, service):
    """If there is one."""
    options = register("    fhir_servers: [{base_url: https://fhir.invalid/r4}]\n")
    result = run(
        *("doctor", "--client", "north", *options, "--patient", "p"),
        *("--service", service, "--json"),
    )
    found = {x["check"]: x for x in json.loads(result.stdout)["findings"]}
    assert_is(found["FHIR server"], "ok", "registered, R4")


# The server.


def test_a_server_that_is_not_there_ends_the_checks_of_it(doctor):
    """The service is looked at all the same."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}/fhir"
    found = doctor("--fhir", base)
    assert_is(found["connection"], "fault", "nobody answers there", "firewall")
    assert_is(found["searches, codes"], "warning", "not checked")
    assert_is(found["discovery"], "ok")
    assert "agreement" not in found


def test_a_certificate_that_nobody_trusts_is_a_fault(doctor):
    """With the place where to put the issuer."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with open_ward(tls) as other:
        found = doctor("--fhir", other.url)
    assert_is(found["connection"], "fault", "no TLS", "SSL_CERT_FILE")


@pytest.mark.parametrize(
    ("number", "level", "said"),
    [
        ("4.0.1", "ok", "FHIR R4"),
        ("4.3.0", "fault", "the server is R4B, it is read as R4"),
        ("5.0.0", "fault", "version: R5"),
        ("1.0.2", "fault", "no FHIR version that the service can read"),
    ],
)
def test_the_version_of_the_server_is_compared(doctor, ward, number, level, said):
    """With that of the register; of a server in none, with what open mode takes."""
    ward.version = number
    assert_is(doctor()["version"], level, said)


def test_the_version_of_open_mode_is_that_of_the_setting(doctor, ward, monkeypatch):
    """A server of this machine stands in no register."""
    monkeypatch.setenv("SCNEN_OPEN_FHIR_VERSION", "R5")
    ward.version = "5.0.0"
    assert_is(doctor()["version"], "ok", "FHIR R5")
    ward.version = "4.0.1"
    assert_is(
        doctor()["version"], "fault", "SCNEN_OPEN_FHIR_VERSION", "the server is R4"
    )


def test_metadata_that_are_closed_are_a_warning(doctor, ward):
    """The rest can be checked."""
    ward.broken["metadata"] = 403
    found = doctor()
    assert_is(found["metadata"], "warning", "403", "cannot be checked")
    assert_is(found["read Patient"], "ok")


def test_metadata_that_are_none_are_a_fault(doctor, ward):
    """Something else answers there."""
    ward.broken["metadata"] = 200
    found = doctor()
    assert_is(found["metadata"], "fault", "no FHIR JSON")
    assert "read Patient" not in found


def test_search_parameters_that_are_not_listed_are_a_warning(doctor, ward, monkeypatch):
    """Types too; they may work all the same."""
    statement = ward.statement()
    statement["rest"][0]["resource"] = [
        each for each in statement["rest"][0]["resource"] if each["type"] != "Condition"
    ]
    statement["rest"][0]["resource"][1]["searchParam"] = [{"name": "patient"}]
    monkeypatch.setattr(ward, "statement", lambda: statement)
    found = doctor()["metadata"]
    assert_is(found, "warning", "Condition", "Observation.code")


@pytest.mark.parametrize("status", [401, 403])
def test_a_scope_that_is_missing_is_told_by_its_type(doctor, ward, status):
    """Each query is asked, whatever becomes of the others."""
    ward.broken["Observation"] = status
    found = doctor(env={"FHIR_TOKEN": CANARY})
    assert_is(found["read Observation"], "fault", str(status))
    assert_is(found["read Condition"], "ok")
    assert_is(found["search code"], "warning", "cannot be told", str(status))
    assert "token" not in found
    assert_is(doctor()["token"], "warning", "none was given", "FHIR_TOKEN")


def test_without_the_patient_nothing_further_is_read(doctor, ward):
    """All that follows is about the patient."""
    found = doctor("--patient", "nobody")
    assert_is(found["read Patient"], "fault", "no such resource (404)")
    assert_is(found["searches, codes"], "warning", "not checked")


def test_an_encounter_of_another_patient_is_a_fault(doctor, ward):
    """And there is no call then."""
    encounter = ward.resources["Encounter/syn-01-encounter"]
    encounter["subject"] = {"reference": "Patient/other"}
    found = doctor()
    assert_is(found["encounter"], "fault", "another patient")
    assert_is(found["call"], "fault", "another patient")


HERE, INSIDE = "https://ehr.example.org/fhir", "http://inside/fhir"


@pytest.mark.parametrize(
    ("known", "named", "said"),
    [
        ((HERE,), [INSIDE], f"fault: name the patient at {INSIDE}"),
        ((HERE, INSIDE), [INSIDE, HERE], "ok: name the patient at a base URL"),
        ((), [INSIDE], "ok: name the patient at a base URL"),
        ((), [INSIDE, HERE], f"fault: name the patient at {INSIDE}, {HERE}"),
        ((HERE,), [], None),
    ],
)
def test_names_of_the_server_in_references_are_compared(known, named, said):
    """With those that are registered; of several that are not, none counts."""
    servers = [FHIRServer(known[0], also_known_as=known[1:])] if known else []
    resources = tuple({"subject": {"reference": f"{n}/Patient/p1"}} for n in named)
    data = PrefetchedData(Availability.COMPLETE, (*resources, {"subject": None}))
    case = SimpleNamespace(
        client=Client("north", fhir_servers=tuple(servers)),
        base_url=HERE,
        subject=Subject("p1", None),
    )
    found = list(check_names(case, {"procedures": Fetched(data, None, 1, 1.0)}))
    assert [f"{each.level}: {each.found}".startswith(said) for each in found] == (
        [True] if said else []
    )


# Searches.


def test_a_server_that_ignores_the_patient_is_a_fault(doctor, ward):
    """What is somebody else's would be sent."""
    ward.ignores.add("patient")
    ward.resources["Condition/other"] = {
        "resourceType": "Condition",
        "id": "other",
        "subject": {"reference": "Patient/other"},
        "code": {"coding": [{"system": "x", "code": "y"}]},
    }
    found = doctor()["search Condition"]
    assert_is(found, "fault", "1 of 6 results", "does not honour `patient`")


def test_a_server_that_ignores_codes_is_a_fault(doctor, ward):
    """It answers as if nothing had been asked for."""
    ward.ignores.add("code")
    assert_is(doctor()["search code"], "fault", "ignored")


def test_without_observations_nobody_can_tell(doctor, ward):
    """An empty answer proves nothing."""
    ward.resources = {
        k: r for k, r in ward.resources.items() if r["resourceType"] != "Observation"
    }
    found = doctor()
    assert_is(found["search code"], "warning", "no Observations")
    assert_is(found["codes of measurements"], "warning", "0 of 0")


def test_a_server_that_does_not_sort_is_warned_about(doctor, ward):
    """Nothing is lost with all pages."""
    ward.ignores.add("_sort")
    assert_is(doctor()["search _sort"], "warning", "ignored")


def test_a_server_that_ignores_the_page_size_is_warned_about(doctor, ward):
    """Its own counts then."""
    ward.ignores.add("_count")
    found = doctor()
    assert_is(found["search _count"], "warning", "ignored: 5 come")
    assert_is(found["pages"], "warning", "on one page")


def test_a_server_that_refuses_small_pages_is_a_fault(doctor, ward, monkeypatch):
    """The query is fine, its size is not."""
    answer = ward.answer

    def refusing(target, form):
        is_small = "Condition" in target and "_count=1" in target.split("&")
        return (400, ward.outcome()) if is_small else answer(target, form)

    monkeypatch.setattr(ward, "answer", refusing)
    assert_is(doctor()["search _count"], "fault", "refuses the query")


def test_dates_without_use_do_not_count_for_the_order(doctor, ward):
    """A year alone, or what is no date at all."""
    for number, text in enumerate(["2022", "soon", "2026-13-45"], 1):
        ward.resources[f"Procedure/syn-01-procedure-{number}"]["performedDateTime"] = (
            text
        )
        ward.resources[f"Observation/syn-01-observation-{number}"].pop(
            "effectiveDateTime"
        )
    assert_is(doctor()["search _sort"], "warning", "fewer than two")


def test_a_server_without_next_links_is_a_fault(doctor, ward):
    """The rest would be lost without a word, were it not for the totals."""
    ward.has_next, ward.total = False, None
    found = doctor()
    assert_is(found["search _count"], "fault", "lost without a word", "`next`")


def test_next_links_to_another_address_are_a_fault(doctor, ward):
    """A gateway that hands out its inner name."""
    ward.links_to = "https://inner.example.org/fhir"
    assert_is(doctor()["pages"], "fault", *explain(Fault.FOREIGN_LINK))


def test_pages_that_do_not_hold_the_same_are_a_fault(doctor, ward, monkeypatch):
    """Small ones lose something."""
    page = ward.page

    ward.total = None
    monkeypatch.setattr(
        ward, "page", lambda kind, asked: _lossy(page(kind, asked), asked)
    )
    assert_is(doctor()["pages"], "fault", "in small pages")


def _lossy(page, asked):
    return {k: v for k, v in page.items() if k != "entry" or "_offset" not in asked}


@pytest.mark.parametrize(
    ("total", "level", "said"),
    [(-1, "ok", "agree"), (None, "ok", "not sent"), (1, "warning", "differ")],
)
def test_totals_are_compared_with_what_came(doctor, ward, total, level, said):
    """One that is too small does no harm but shows an estimate."""
    ward.total = total
    assert_is(doctor()["totals"], level, said)


def test_with_one_result_nothing_can_be_told_of_pages(doctor, ward):
    """Nor of the order."""
    kept = ("Patient", "Encounter", "Procedure/syn-01-procedure-1")
    ward.resources = {k: r for k, r in ward.resources.items() if k.startswith(kept)}
    found = doctor()
    assert_is(found["search _count, pages"], "warning", "cannot be told")
    assert_is(found["search _sort"], "warning", "fewer than two")


# Content.


def test_a_patient_without_mapped_codes_is_warned_about(doctor, ward):
    """With the way to a site's own codes."""
    for resource in ward.resources.values():
        if resource["resourceType"] == "Procedure":
            resource["code"] = {"coding": [{"system": "urn:site", "code": "X1"}]}
    found = doctor()
    assert_is(found["codes of operations"], "warning", "0 of 3", "terminology coverage")
    assert_is(found["agreement"], "warning", "both ways no card")


@pytest.mark.parametrize(
    ("kind", "r4", "r5"),
    [
        ("Procedure", "performedDateTime", "occurrenceDateTime"),
        ("Encounter", "period", "actualPeriod"),
    ],
)
def test_the_shape_of_another_version_is_a_fault(doctor, ward, kind, r4, r5):
    """Whatever the metadata say."""
    for resource in ward.resources.values():
        if resource["resourceType"] == kind:
            resource[r5] = resource.pop(r4)
    assert_is(doctor()[f"shape of {kind}"], "fault", r5, "writes R5")


def test_resources_without_their_times_are_warned_about(doctor, ward):
    """Something hides them."""
    ward.resources["Encounter/syn-01-encounter"].pop("period")
    assert_is(doctor()["shape of Encounter"], "warning", "none of period")


# The service.


def test_a_service_that_is_not_there_is_a_fault(doctor):
    """With the setting that names it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert_is(doctor("--service", nobody)["discovery"], "fault", "SCNEN_PUBLIC_URL")


def test_the_public_url_is_where_the_service_is_looked_for(doctor, run, ward, service):
    """Unless another is given."""
    result = run(
        *("doctor", "--client", "epic", "--fhir", ward.url, "--patient", "syn-01"),
        *("--encounter", "syn-01-encounter"),
        env={"SCNEN_PUBLIC_URL": service},
    )
    assert result.exit_code == 0, result.output


def test_web_pages_of_the_client_may_call(doctor):
    """The public Sandbox lives in a browser."""
    found = doctor(client="public-sandbox")
    assert_is(found["CORS"], "ok", "https://sandbox.cds-hooks.org")


def test_a_service_with_other_settings_is_warned_about(doctor, monkeypatch):
    """The queries checked here would not be its own."""
    monkeypatch.setenv("SCNEN_CANONICAL_BASE", "http://other.example.org/fhir")
    assert_is(doctor()["templates"], "warning", "SCNEN_* settings")


class Other:
    """A service that is ours by discovery only."""

    def __init__(self, services):
        other = self
        self.services, self.replies, self.status = services, [], 200

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.reply(200, {"services": other.services})

            def do_OPTIONS(self):
                self.reply(403, {})

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.reply(other.status, {"cards": other.replies.pop(0)})

            def reply(self, status, content):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()


@pytest.fixture
def other(service):
    """A service that lists what ours does."""
    with open_session(service) as session:
        found = Other(discover(session, service))
    yield found
    found.server.shutdown()
    found.server.server_close()
    found.thread.join(5)


def test_another_answer_to_fetched_data_is_a_fault(doctor, other):
    """The same patient, the same words: the same card."""
    other.replies = [[{"summary": "a", "uuid": "1"}], [{"summary": "b", "uuid": "2"}]]
    found = doctor("--service", other.url)
    assert_is(found["agreement"], "fault", "another answer", "--no-prefetch")


def test_what_differs_from_call_to_call_is_no_disagreement(doctor, other):
    """Ids and times of drafting."""
    other.replies = [[{"summary": "a", "uuid": "1"}], [{"summary": "a", "uuid": "2"}]]
    assert_is(doctor("--service", other.url)["agreement"], "ok")


@pytest.mark.parametrize(("status", "said"), [(401, "--key"), (500, "log")])
def test_a_call_that_fails_is_a_fault(doctor, other, status, said):
    """Each with its remedy; nothing is compared then."""
    other.status, other.replies = status, [[], []]
    found = doctor("--service", other.url)
    assert_is(found["call with prefetch"], "fault", f"HTTP {status}", said)
    assert_is(found["call without prefetch"], "fault", f"HTTP {status}", said)
    assert "agreement" not in found


def test_a_service_that_lists_others_is_not_ours(doctor, other):
    """Something else answers under that URL."""
    other.services = [{"hook": "patient-view", "id": "other"}]
    found = doctor("--service", other.url)
    assert_is(found["discovery"], "fault", "scnen-discharge, scnen-chart")


def test_something_that_answers_preflights_in_its_place_is_a_fault(doctor, other):
    """A gateway that wants a signature for OPTIONS."""
    other.replies = [[], []]
    found = doctor("--service", other.url, client="public-sandbox")
    assert_is(found["CORS"], "fault", "may not call", "OPTIONS")


def test_a_preflight_without_an_answer_is_none():
    """Whoever should answer is not there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with open_session(nobody) as session:
        assert not preflight(session, nobody, "https://ehr.example.org")


def test_a_slow_answer_is_warned_about(doctor, other, monkeypatch):
    """A clinician waits for it."""
    monkeypatch.setattr("service.doctor.deployment._SLOW_MS", {True: 0, False: 0})
    other.replies = [[], []]
    found = doctor("--service", other.url)
    assert_is(found["call with prefetch"], "warning", "a clinician waits")


# The command line.


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fhir", "https://a.example"], "--patient: missing"),
        (["--patient", "p"], "--fhir: missing. epic has 0 registered servers"),
    ],
)
def test_what_is_needed_is_asked_for(run, options, said):
    """By its name."""
    result = run("doctor", "--client", "epic", *options)
    assert result.exit_code == 2
    assert said in result.output


def test_every_fault_of_a_fhir_server_has_words():
    """In plain language, with what to do."""
    for fault in Fault:
        found, remedy = explain(fault)
        assert not found.endswith(".")
        assert remedy.endswith(".")
