"""`scnen-cds fire`: what each EHR sends, and what is said when something is wrong."""

import json
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import jwt
import pytest
import trustme

from cds_hooks.register import PRESETS
from service.clients import load_clients
from service.ehr import DevelopmentKey, read_key

from .conftest import CANARY, open_ward, words

pytestmark = pytest.mark.server

TRIGGER = "com.epic.cdshooks.request.bpa-trigger-action"
KEYS = ["patient", "encounter", "procedures", "observations", "conditions"]
DISCOVERY = [
    {
        "hook": hook,
        "id": name,
        "title": "A service",
        "description": "Looks like ours.",
        "prefetch": {
            "patient": "Patient/{{context.patientId}}",
            "encounter": "Encounter/{{context.encounterId}}",
            "procedures": "Procedure?patient={{context.patientId}}&_count=100",
            "observations": "Observation?patient={{context.patientId}}&_sort=-date",
            "conditions": "Condition?patient={{context.patientId}}",
        },
    }
    for hook, name in [("encounter-discharge", "a"), ("patient-view", "b")]
]


class Recorder:
    """A service that keeps what it is sent and answers as it is told."""

    def __init__(self):
        self.bodies, self.paths, self.tokens = [], [], []
        self.services = DISCOVERY
        self.status, self.answer = 200, {"cards": []}
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.reply(200, {"services": recorder.services})

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                recorder.bodies.append(json.loads(body))
                self.reply(recorder.status, recorder.answer)

            def reply(self, status, content):
                recorder.paths.append(self.path)
                recorder.tokens.append(self.headers["Authorization"])
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture
def recorder():
    """The service that the EHR calls."""
    found = Recorder()
    yield found
    found.close()


@pytest.fixture
def fire(run, ward, recorder):
    """Fire for the patient of the ward at the recorder."""

    def fire_(*options, encounter="syn-01-encounter", **more):
        given = ["--fhir", ward.url, "--patient", "syn-01"]
        given += ["--encounter", encounter] if encounter else []
        given += ["--service", recorder.url]
        # What comes later on the command line counts.
        return run("fire", *given, *options, **more)

    return fire_


@pytest.fixture
def sent(fire, recorder):
    """Fire, and give what was sent."""

    def sent_(*options, **more):
        result = fire(*options, **more)
        assert result.exit_code == 0, result.output
        return recorder.bodies[-1]

    return sent_


def refused(result, *said):
    """It ended with a message of one paragraph that says all of this."""
    assert result.exit_code in {1, 2}
    assert "Traceback" not in result.output
    for text in said:
        assert text in words(result.output)


def test_a_discharge_is_sent_with_everything(sent, ward, recorder):
    """By default the client of the specification."""
    body = sent()
    assert recorder.paths[-1] == "/cds-services/a"
    assert body["hook"] == "encounter-discharge"
    assert body["context"] == {
        "userId": "Practitioner/rehearsal",
        "patientId": "syn-01",
        "encounterId": "syn-01-encounter",
    }
    assert body["fhirServer"] == ward.url
    assert "fhirAuthorization" not in body
    assert list(body["prefetch"]) == KEYS
    assert body["prefetch"]["patient"] == ward.resources["Patient/syn-01"]


def test_all_pages_of_a_search_become_one_bundle(sent, ward):
    """As the query without limits would give it."""
    ward.largest_page = 2
    bundle = sent()["prefetch"]["observations"]
    wanted = {
        r["id"] for r in ward.resources.values() if r["resourceType"] == "Observation"
    }
    assert {entry["resource"]["id"] for entry in bundle["entry"]} == wanted
    assert bundle["total"] == len(wanted)
    entry = bundle["entry"][0]
    name = f"Observation/{entry['resource']['id']}"
    assert entry["fullUrl"] == f"{ward.url}/{name}"
    assert entry["resource"] == ward.resources[name]
    assert entry["search"] == {"mode": "match"}


def test_without_an_encounter_the_chart_is_opened(sent):
    """A discharge ends an encounter."""
    body = sent(encounter=None)
    assert body["hook"] == "patient-view"
    assert "encounterId" not in body["context"]
    assert list(body["prefetch"]) == [key for key in KEYS if key != "encounter"]


def test_no_prefetch_leaves_all_to_the_service(sent):
    """The key itself is not there."""
    assert "prefetch" not in sent("--no-prefetch")


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        ("", "absent"),
        ("=absent", "absent"),
        ("=null", None),
        ("=failed", "OperationOutcome"),
    ],
)
def test_a_part_is_sent_as_asked_for(sent, ward, how, wanted):
    """Without a word it is left out; what is not sent is not read either."""
    prefetch = sent("--partial", f"conditions{how}")["prefetch"]
    found = prefetch.get("conditions", "absent")
    assert (found["resourceType"] if isinstance(found, dict) else found) == wanted
    assert not any("/Condition" in target for target in ward.asked)
    assert prefetch["procedures"]["total"] == 3


def test_a_paged_part_is_the_servers_own_first_page(sent, ward):
    """With a link that leads to the rest."""
    page = sent("--partial", "procedures=paged")["prefetch"]["procedures"]
    assert len(page["entry"]) == 1
    (link,) = page["link"]
    assert link["relation"] == "next"
    assert link["url"].startswith(f"{ward.url}/Procedure?")


def test_what_a_server_does_not_page_is_sent_whole_and_said(fire, ward, recorder):
    """Nothing is made up."""
    ward.ignores.add("_count")
    result = fire("--partial", "procedures=paged", "--partial", "patient=paged")
    assert recorder.bodies[-1]["prefetch"]["procedures"]["total"] == 3
    assert "procedures: 3 entries: not paged" in words(result.output)
    assert "patient: sent: not paged" in words(result.output)


def test_epic_fires_at_its_discharge_trigger(sent):
    """In its own shape: extension, user, marked empty results, scopes of its own."""
    body = sent("--client", "epic", env={"FHIR_TOKEN": CANARY})
    assert body["hook"] == "patient-view"
    assert body["extension"][TRIGGER] == "27"
    assert body["context"]["userId"].startswith("PractitionerRole/")
    assert "encounterId" in body["context"]
    assert "(" in body["fhirAuthorization"]["scope"]


def test_epic_marks_an_empty_result(sent, ward):
    """Total 0, with an OperationOutcome as its only entry."""
    ward.resources = {
        k: r for k, r in ward.resources.items() if not k.startswith("Condition")
    }
    bundle = sent("--client", "epic")["prefetch"]["conditions"]
    assert bundle["total"] == 0
    (entry,) = bundle["entry"]
    assert entry["search"] == {"mode": "outcome"}
    assert entry["resource"]["issue"][0]["severity"] == "warning"
    assert "entry" not in sent("--client", "generic")["prefetch"]["conditions"]


def test_another_trigger_can_be_played(sent):
    """Epic's 60: an opened chart."""
    body = sent("--client", "epic", "--trigger", "60")
    assert body["extension"][TRIGGER] == "60"


def test_without_an_encounter_no_discharge_trigger_is_assumed(sent):
    """It would not be one."""
    body = sent("--client", "epic", encounter=None)
    assert TRIGGER not in body["extension"]


def test_the_public_sandbox_leaves_out_what_it_cannot_know(sent):
    """No encounter at patient-view, and so no key that needs it."""
    body = sent("--client", "public-sandbox")
    assert body["hook"] == "patient-view"
    assert body["context"] == {
        "patientId": "syn-01",
        "userId": "Practitioner/COREPRACTITIONER1",
    }
    assert "encounter" not in body["prefetch"]
    assert "extension" not in body


def test_the_public_sandbox_joins_what_stands_twice(sent, ward, recorder):
    """With a comma, which changes the meaning."""
    recorder.services = [dict(DISCOVERY[1])]
    recorder.services[0]["prefetch"] = {
        "procedures": "Procedure?patient={{context.patientId}}&date=ge2026&date=le2027"
    }
    sent("--client", "public-sandbox")
    assert "/fhir/Procedure?patient=syn-01&date=ge2026,le2027" in ward.asked
    sent("--client", "generic")
    assert "/fhir/Procedure?patient=syn-01&date=ge2026&date=le2027" in ward.asked


def test_a_failed_query_is_told_by_some_and_left_out_by_others(sent, ward):
    """The Sandbox never sends an OperationOutcome."""
    ward.broken["Condition"] = 403
    failed = sent("--client", "generic")["prefetch"]["conditions"]
    assert failed["issue"] == [{"severity": "error", "code": "forbidden"}]
    assert "conditions" not in sent("--client", "public-sandbox")["prefetch"]


def test_oracle_health_sends_no_data(sent):
    """None is documented."""
    body = sent("--client", "oracle-health")
    assert body["hook"] == "patient-view"
    assert "prefetch" not in body


def test_a_site_has_names_of_its_own(sent, tmp_path):
    """And its own trigger."""
    file = tmp_path / "clients.yaml"
    file.write_text(
        "clients:\n  - name: north\n    preset: epic\n"
        "    prefetch_keys: {procedures: [procedures-user]}\n"
        "    trigger: {extension: com.example.at, discharge: [out]}\n"
    )
    body = sent("--client", "north", "--clients", file)
    assert body["extension"]["com.example.at"] == "out"
    assert "procedures-user" in body["prefetch"]
    assert "procedures" not in body["prefetch"]


def test_the_token_goes_to_both_servers_and_to_no_output(fire, ward, recorder):
    """From the environment; the service gets it with what it is for."""
    ward.token = CANARY
    result = fire(env={"FHIR_TOKEN": CANARY})
    assert recorder.bodies[-1]["fhirAuthorization"] == {
        "access_token": CANARY,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "user/Condition.read user/Encounter.read user/Observation.read"
        " user/Patient.read user/Procedure.read",
        "subject": "scnen-cds",
    }
    assert CANARY not in result.output


def test_a_token_file_is_read_and_counts_before_the_environment(sent, ward, tmp_path):
    """Blanks around it do no harm."""
    file = tmp_path / "token"
    file.write_text(f"\n{CANARY}\n")
    ward.token = CANARY
    body = sent("--token-file", file, env={"FHIR_TOKEN": "old"})
    assert body["fhirAuthorization"]["access_token"] == CANARY


def test_a_token_comes_by_standard_input_too(sent):
    """From a program that gets one."""
    body = sent("--token-file", "-", input=f"{CANARY}\n")
    assert body["fhirAuthorization"]["access_token"] == CANARY


def test_a_token_on_the_command_line_is_refused(fire):
    """Everybody on the machine would see it."""
    result = fire("--token", CANARY)
    refused(result, "list of processes", "FHIR_TOKEN", "--token-file")
    assert CANARY not in result.output


def test_an_empty_token_file_is_refused(fire, tmp_path):
    """Otherwise the server would say 401."""
    (tmp_path / "token").write_text("\n")
    refused(fire("--token-file", tmp_path / "token"), "--token-file", "is empty")


def test_a_call_is_signed_for_the_url_it_goes_to(fire, recorder, tmp_path):
    """Discovery and service each with a token of their own."""
    file, _ = DevelopmentKey.new("ES384").save(tmp_path)
    fire("--key", file)
    key = jwt.PyJWK(read_key(file).public_jwk)
    for path, token in zip(recorder.paths, recorder.tokens, strict=True):
        bearer = token.removeprefix("Bearer ")
        jwt.decode(bearer, key, ["ES384"], audience=f"{recorder.url}{path}")


def test_a_new_key_comes_with_an_entry_that_passes_the_check(run, tmp_path):
    """What is printed can be saved beside it and used at once."""
    for name, algorithm in [("generic", "ES384"), ("epic", "RS384")]:
        folder = tmp_path / name
        result = run("fire", "--new-key", folder, "--client", name)
        assert result.exit_code == 0
        file = folder / "clients.yaml"
        file.write_text(result.stdout, "utf-8")
        client = load_clients(file).by_name("rehearsal")
        assert client.preset == name
        assert client.keys.jwks_file == folder / "rehearsal.jwks.json"
        assert read_key(folder / "rehearsal.pem").algorithm == algorithm
    refused(run("fire", "--new-key", folder), "is there already")


def test_the_answer_is_printed_as_it_came(fire, recorder):
    """For programs."""
    recorder.answer = {"cards": [], "extension": {"com.example.x": 1}}
    assert json.loads(fire("--json").stdout) == recorder.answer


def test_no_id_and_no_name_of_the_patient_is_printed(fire, ward, recorder):
    """Nor a value: what was sent is told in counts."""
    result = fire()
    for text in ("syn-01", "Alder", "1950"):
        assert text not in result.output


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(401, "--key"), (412, "must be registered"), (500, "no reason given")],
)
def test_an_answer_without_cards_ends_with_1_and_a_remedy(
    fire, recorder, status, remedy
):
    """And with what the service said."""
    recorder.status, recorder.answer = status, {"resourceType": "OperationOutcome"}
    result = fire()
    assert result.exit_code == 1
    refused(result, f"HTTP {status}", remedy)


def test_the_particular_reason_comes_before_the_general_one(fire, recorder):
    """Which key, and why: what all refusals have in common helps nobody."""
    issue = {
        "details": {"text": "prefetch.procedures: absent; fetching it failed: tls"},
        "diagnostics": "FHIR data that the service needs could not be had.",
    }
    recorder.status = 412
    recorder.answer = {"resourceType": "OperationOutcome", "issue": [issue]}
    refused(fire(), "HTTP 412: prefetch.procedures: absent; fetching it failed: tls. ")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--patient", "nobody"], ["--patient", "no such resource (404)"]),
        (["--patient", "../x"], ["--patient", "Give bare ids"]),
        (["--encounter", "nobody"], ["--encounter", "no such resource"]),
        (["--hook", "order-sign"], ["--hook", "does not fire order-sign"]),
        (["--client", "epic", "--hook", "encounter-discharge"], ["only patient-view"]),
        (["--client", "epci"], ["Did you mean epic?"]),
        (["--partial", "labs"], ["labs is no key", "conditions"]),
        (["--partial", "patient=half"], ["half is no way", "paged"]),
        (["--client", "oracle-health", "--trigger", "27"], ["has none for the hook"]),
        (["--fhir", "http://fhir.example.org/r4"], ["--fhir", "not https"]),
        (["--fhir", "fhir.example.org"], ["--fhir", "no absolute URL"]),
        (["--service", "nowhere"], ["--service", "absolute https URL"]),
        (["--service", "http://cds.example.org"], ["--service", "not https"]),
        (["--key", "none.pem"], ["--key", "No such file"]),
        (["--clients", "none.yaml"], ["none.yaml"]),
    ],
)
def test_a_mistake_is_said_with_field_and_remedy(fire, recorder, options, said):
    """Nothing is sent then."""
    refused(fire(*options), *said)
    assert recorder.bodies == []


def test_an_encounter_of_another_patient_is_refused(fire, ward, recorder):
    """A mix-up in a rehearsal is a mix-up in the chart."""
    encounter = ward.resources["Encounter/syn-01-encounter"]
    for subject in [{"reference": "Patient/syn-02"}, {"display": "x"}, None]:
        encounter["subject"] = subject
        refused(fire(), "--encounter: belongs to another patient")
    assert recorder.bodies == []


@pytest.mark.parametrize(
    "reference",
    ["Patient/syn-01/_history/2", "https://ehr.example.org/fhir/Patient/syn-01"],
)
def test_an_encounter_may_name_its_patient_in_full(sent, ward, reference):
    """Absolute, or a version of it; it is sent on as it is."""
    encounter = ward.resources["Encounter/syn-01-encounter"]
    encounter["subject"] = {"reference": reference}
    assert sent()["prefetch"]["encounter"] == encounter


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"Patient": 401}, "does not take the token"),
        ({"Patient": 403}, "Add the scope"),
        ({"Encounter": 500}, "--encounter: the server failed"),
        ({"Patient": 200}, "no FHIR JSON"),
    ],
)
def test_a_fault_of_the_fhir_server_is_explained(fire, ward, broken, said):
    """Of patient and encounter, without which there is nothing to rehearse."""
    ward.broken = broken
    refused(fire(), said)


def test_servers_that_are_not_there_are_named(fire):
    """FHIR server or service."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"http://127.0.0.1:{listener.getsockname()[1]}"
    refused(fire("--fhir", f"{nobody}/fhir"), "nobody answers there", "firewall")
    refused(fire("--service", nobody), "no answer", "--service")


def test_a_certificate_that_nobody_trusts_is_explained(fire):
    """Before anything is sent."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with open_ward(tls) as other:
        refused(fire("--fhir", other.url), "no TLS", "SSL_CERT_FILE")
    assert other.asked == []


@pytest.mark.parametrize("services", [[], [{"hook": "order-sign", "id": "other"}]])
def test_a_discovery_without_our_services_is_not_ours(fire, recorder, services):
    """What it lists is named."""
    recorder.services = services
    refused(fire(), "lists no service", "Is --service the base URL of scnen-cds?")


@pytest.mark.parametrize("missing", ["--fhir", "--patient"])
def test_what_is_needed_is_asked_for(run, missing):
    """By its name."""
    given = {"--fhir": "http://127.0.0.1:1/fhir", "--patient": "p1"}
    del given[missing]
    refused(run("fire", *sum(given.items(), ())), f"{missing}: missing")


def test_a_discharge_needs_an_encounter(fire):
    """The hook's own rule."""
    result = fire("--hook", "encounter-discharge", encounter=None)
    refused(result, "--encounter: needed")


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_each_ehr_is_rehearsed_from_end_to_end(run, ward, preset):
    """A service started for the moment, which knows whom it talks to."""
    result = run(
        *("fire", "--fhir", ward.url, "--patient", "syn-01"),
        *("--encounter", "syn-01-encounter", "--client", preset),
    )
    assert result.exit_code == 0, result.output
    assert "HTTP 200" in result.output
    gets_card = preset != "public-sandbox"  # that one names no encounter
    assert ("about 45 of 100" in result.output) is gets_card


def test_a_register_is_handed_to_the_service_that_is_started(run, ward, tmp_path):
    """Which otherwise would not know the names of the keys."""
    file = tmp_path / "clients.yaml"
    names = ", ".join(f"{key}: [{key}-user]" for key in KEYS)
    file.write_text(f"clients: [{{name: north, prefetch_keys: {{{names}}}}}]")
    result = run(
        *("fire", "--fhir", ward.url, "--patient", "syn-01", "--client", "north"),
        *("--encounter", "syn-01-encounter", "--clients", file, "--width", "90"),
    )
    assert result.exit_code == 0, result.output
    assert "procedures-user: 3 entries" in result.output
    assert "about 45 of 100" in result.output


def test_the_help_teaches_with_examples(run):
    """And names where the token comes from, and how it ends."""
    text = run("fire", "--help").output
    for needed in (
        "Examples:",
        "--partial observations=paged",
        "FHIR_TOKEN",
        "Ends with",
    ):
        assert needed in text
    assert "--token " not in text
