"""openapi.yaml: valid, complete, with examples that load, and kept by the service."""

import json
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from jsonschema_rs import validator_for
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cds_hooks import load_feedback, load_request
from service import __version__
from service.app import create_app
from service.config import Settings

ROOT = Path(__file__).parents[2]
OPENAPI = ROOT / "openapi.yaml"
TEXT = OPENAPI.read_text("utf-8")
DOCUMENT = yaml.safe_load(TEXT)
METHODS = {"get", "post", "put", "delete", "patch", "options"}

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def from_this_machine(app):
    """Give requests the address that a socket would: without one, all are 401."""

    def call(environ, start_response):
        here = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost"}
        # Closed here: schemathesis leaves files open.
        with closing(app({**environ, **here}, start_response)) as answer:
            return [b"".join(answer)]

    return call


api = schemathesis.openapi.from_dict(DOCUMENT)
api.app = create_app(Settings.from_env(is_open=True))
api.app.wsgi_app = from_this_machine(api.app.wsgi_app)
# Its cases take as long to make as all other tests to collect: see the last test.
api.config.phases.coverage.enabled = False


CALL = "/cds-services/{service_id}"
FEEDBACK = "/cds-services/{service_id}/feedback"
SERVICES = {"encounter-discharge": "scnen-discharge", "patient-view": "scnen-chart"}
GENERATED = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def validator(name):
    """A validator of one schema of the document; formats count."""
    components = {"components": DOCUMENT["components"]}
    schema = {**components, "$ref": f"#/components/schemas/{name}"}
    return validator_for(schema, validate_formats=True)


def described():
    """Every method and path of the document."""
    return {
        (method, path)
        for path, item in DOCUMENT["paths"].items()
        for method in item.keys() & METHODS
    }


def examples(operation):
    """The request examples of an operation."""
    content = operation.get("requestBody", {}).get("content", {})
    return content.get("application/json", {}).get("examples", {})


def request_examples(path):
    """The bodies under one path."""
    found = examples(DOCUMENT["paths"][path]["post"])
    return [pytest.param(each["value"], id=name) for name, each in found.items()]


def test_the_document_is_valid():
    """An independent implementation of OpenAPI 3.1 accepts it."""
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_the_document_has_the_version_of_the_package():
    """A client knows which service it describes."""
    assert DOCUMENT["info"]["version"] == __version__


def test_every_route_is_described_and_every_description_has_a_route(app):
    """Routes and methods agree both ways."""
    routes = {
        (
            method.lower(),
            rule.rule.replace("<path:", "{").replace("<", "{").replace(">", "}"),
        )
        for rule in app.url_map.iter_rules()
        for method in rule.methods
        if method != "HEAD"
    }
    assert routes == described()


def test_the_service_serves_this_document(client):
    """What is read here is what a client is given."""
    answer = client.get("/openapi.yaml")
    assert answer.content_type == "application/yaml"
    assert answer.text == TEXT


@pytest.mark.parametrize("body", request_examples("/cds-services/{service_id}"))
def test_examples_of_calls_load_and_are_answered(client, body):
    """An example can be copied and works."""
    assert load_request(body, body["hook"]).hook == body["hook"]
    assert validator("HookRequest").is_valid(body)
    answer = client.post(f"/cds-services/{SERVICES[body['hook']]}", json=body)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "body", request_examples("/cds-services/{service_id}/feedback")
)
def test_examples_of_feedback_load_and_are_accepted(client, body):
    """An example can be copied and works."""
    assert validator("Feedback").is_valid(body)
    good, bad = load_feedback(body)
    assert (len(good), bad) == (len(body["feedback"]), [])
    answer = client.post("/cds-services/scnen-discharge/feedback", json=body)
    assert answer.status_code == 200


def response_examples():
    """Every example of an answer, with its schema."""
    for path, item in DOCUMENT["paths"].items():
        for method in item.keys() & METHODS:
            for status, answer in item[method]["responses"].items():
                media = answer.get("content", {}).get("application/json", {})
                values = [each["value"] for each in media.get("examples", {}).values()]
                values += [media["example"]] if "example" in media else []
                for number, value in enumerate(values):
                    name = f"{method} {path} {status} {number}"
                    yield pytest.param(media["schema"], value, id=name)


@pytest.mark.parametrize(("schema", "value"), list(response_examples()))
def test_examples_of_answers_keep_their_schema(schema, value):
    """What the document promises, its examples keep."""
    components = {"components": DOCUMENT["components"]}
    validator_for({**components, **schema}).validate(value)


def test_the_example_file_gives_a_card_of_the_documented_form(client, example_request):
    """A real card, not only a made-up one, keeps the schema."""
    answer = client.post("/cds-services/scnen-discharge", json=example_request)
    validator("HookResponse").validate(json.loads(answer.data))
    assert answer.json["cards"]


def is_part_of(shown, real):
    """Whether all that is shown is there; of a list, its first items are shown.

    A uuid follows from everything that a card is made of, so any other would serve.
    """
    if isinstance(shown, dict):
        return shown.keys() <= real.keys() and all(
            is_part_of(value, real[name])
            for name, value in shown.items()
            if name != "uuid"
        )
    if isinstance(shown, list):
        return len(shown) <= len(real) and all(map(is_part_of, shown, real))
    return shown == real


def test_the_card_of_the_document_is_the_one_of_the_example_file(example_request):
    """Nobody builds against a card that the service no longer gives."""
    clock = datetime(2026, 3, 6, 9, tzinfo=UTC)
    app = create_app(Settings.from_env(is_open=True), clock=lambda: clock)
    real = app.test_client().post("/cds-services/scnen-discharge", json=example_request)
    content = DOCUMENT["paths"][CALL]["post"]["responses"]["200"]["content"]
    shown = content["application/json"]["examples"]["one-card"]["value"]
    assert is_part_of(shown, real.json), real.json


def test_the_readiness_of_the_document_is_the_real_one(client):
    """Which model, which digest: an operator compares them."""
    content = DOCUMENT["paths"]["/healthz/ready"]["get"]["responses"]["200"]["content"]
    assert client.get("/healthz/ready").json == content["application/json"]["example"]


def test_every_answer_tells_its_request_id():
    """Every answer of the document has the header, described in one place."""
    wanted = {"$ref": "#/components/headers/RequestId"}
    for path, item in DOCUMENT["paths"].items():
        for method in item.keys() & METHODS:
            for status, answer in item[method]["responses"].items():
                name = answer.get("$ref", "").rpartition("/")[2]
                told = DOCUMENT["components"]["responses"].get(name, answer)
                assert told["headers"]["X-Request-ID"] == wanted, (path, status)


def changed(body, path, value):
    """A copy of a body with one value changed; an ellipsis removes it."""
    copy = json.loads(json.dumps(body))
    *way, last = path.split(".")
    node = copy
    for step in way:
        node = node[int(step) if step.isdigit() else step]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("hook", "order-sign"),
        ("hook", "patient-view"),
        ("hookInstance", "0B0E7F0A-6F0E-4E52-9A55-3D1C3F0F3D11"),
        ("hookInstance", "0b0e7f0a6f0e4e529a553d1c3f0f3d11"),
        ("hookInstance", ...),
        ("context.patientId", "a_b"),
        ("context.patientId", ".."),
        ("context.patientId", "a..b"),
        ("context.patientId", "p" * 256),
        ("context.patientId", "p" * 257),
        ("context.patientId", "p1\n"),
        ("context.patientId", ""),
        ("context.userId", "Patient/p1"),
        ("context.userId", "Practitioner/a_b"),
        ("context.userId", "Practitioner/.."),
        ("context.encounterId", None),
        ("context.encounterId", ...),
        ("context.other", {"x": 1}),
        ("fhirServer", None),
        ("fhirServer", "ftp://ehr.example.org"),
        ("fhirServer", "HTTPS://ehr.example.org/a?b#c"),
        ("fhirServer", "https://user@ehr.example.org"),
        ("fhirServer", "/fhir"),
        ("fhirServer", ...),
        ("fhirAuthorization", "x"),
        ("fhirAuthorization", None),
        ("fhirAuthorization.token_type", "bearer"),
        ("fhirAuthorization.token_type", "mac"),
        ("fhirAuthorization.expires_in", "300"),
        ("prefetch", []),
        ("prefetch.procedures", 7),
        ("prefetch.other", 7),
        ("extension", None),
        ("extension", "x"),
        ("unknown", None),
    ],
)
def test_document_and_service_agree_on_a_changed_call(client, golden, path, value):
    """What the one calls wrong the other refuses, and what not, not."""
    body = changed(golden, path, value)
    status = client.post("/cds-services/scnen-discharge", json=body).status_code
    # patient-view is right, but at the other service; 412 is for data, not for form
    is_valid = validator("HookRequest").is_valid(body) and value != "patient-view"
    assert is_valid == (status in {200, 412})
    assert status in {200, 400, 412}


ITEM = {
    "card": "c",
    "outcome": "accepted",
    "acceptedSuggestions": [{"id": "s"}],
    "overrideReason": {"reason": {"code": "1", "system": "urn:x"}},
    "outcomeTimestamp": "2026-03-06T10:00:00Z",
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("feedback", []),
        ("feedback", None),
        ("feedback", [ITEM] * 1000),
        ("feedback", [ITEM] * 1001),
        ("feedback", [ITEM, 1]),
        ("feedback.0.card", "x" * 256),
        ("feedback.0.card", "x" * 257),
        ("feedback.0.card", "\x1c\x85 "),
        ("feedback.0.outcome", "overridden"),
        ("feedback.0.outcome", "ignored"),
        ("feedback.0.acceptedSuggestions", []),
        ("feedback.0.acceptedSuggestions", None),
        ("feedback.0.acceptedSuggestions", [{"id": "s"}] * 100),
        ("feedback.0.acceptedSuggestions", [{"id": "s"}] * 101),
        ("feedback.0.acceptedSuggestions", ["s"]),
        ("feedback.0.overrideReason", None),
        ("feedback.0.overrideReason", {}),
        ("feedback.0.overrideReason", []),
        ("feedback.0.overrideReason", {"userComment": ""}),
        ("feedback.0.overrideReason", {"userComment": "x", "reason": None}),
        ("feedback.0.overrideReason", {"extension": {"com.epic": 1}}),
        ("feedback.0.overrideReason", {"reason": {"code": "1"}}),
        ("feedback.0.overrideReasons", {"userComment": "x"}),
        ("feedback.0.overrideReasons", [{"userComment": "x"}] * 10),
        ("feedback.0.overrideReasons", [{"userComment": "x"}] * 11),
        ("feedback.0.overrideReasons", [{}]),
        ("feedback.0.outcomeTimestamp", "2026-03-06t10:00:00.123456789+01:00"),
        ("feedback.0.outcomeTimestamp", "2016-12-31T23:59:60Z"),
        ("feedback.0.outcomeTimestamp", "2026-02-30T10:00:00Z"),
        ("feedback.0.outcomeTimestamp", "2026-03-06T10:00:00"),
        ("feedback.0.outcomeTimestamp", "0000-01-01T10:00:00Z"),
        ("feedback.0.extension", None),
        ("feedback.0.unknown", 1),
    ],
)
def test_document_and_service_agree_on_changed_feedback(client, path, value):
    """What the one calls wrong the other refuses, and what not, not."""
    body = changed({"feedback": [ITEM]}, path, value)
    answer = client.post("/cds-services/scnen-chart/feedback", json=body)
    assert validator("Feedback").is_valid(body) == (answer.status_code == 200)
    assert answer.status_code in {200, 400}


@pytest.mark.parametrize("media_type", ["application/json", "application/fhir+json"])
def test_documented_media_types_are_taken(client, golden, media_type):
    """Both are documented for bodies."""
    content = DOCUMENT["paths"][CALL]["post"]["requestBody"]["content"]
    assert media_type in content
    body, address = json.dumps(golden), "/cds-services/scnen-discharge"
    answer = client.post(address, data=body, content_type=media_type)
    assert answer.status_code == 200


@GENERATED
@given(api[CALL]["POST"].as_strategy())
def test_no_call_that_the_document_allows_is_a_bad_request(case):
    """What is valid here may lack data, but it is never called wrong."""
    case.path_parameters["service_id"] = SERVICES[case.body["hook"]]
    answer = case.call()
    assert answer.status_code in {200, 412}, answer.text


@GENERATED
@given(api[FEEDBACK]["POST"].as_strategy())
def test_no_feedback_that_the_document_allows_is_a_bad_request(case):
    """What is valid here is taken."""
    case.path_parameters["service_id"] = "scnen-chart"
    answer = case.call()
    assert answer.status_code == 200, answer.text


@api.parametrize()
@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_whatever_the_document_allows_is_answered_as_it_says(case):
    """Generated requests never find an answer that is not described."""
    answer = case.call_and_validate(checks=CHECKS)
    # A session of the SMART app begins in an EHR: tests/smart has one.
    assert answer.status_code != 401 or case.path.startswith("/smart/")


@pytest.mark.server
def test_at_every_boundary_of_the_document_the_answer_is_as_it_says(server, tmp_path):
    """Least, most, missing, wrong: each bound by itself, sent to a real server."""
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "run"),
            *(OPENAPI, "--url", server.url, "--phases", "coverage", "--no-color"),
            *("--checks", ",".join(check.__name__ for check in CHECKS)),
            *("--generation-deterministic", "--warnings", "off"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
