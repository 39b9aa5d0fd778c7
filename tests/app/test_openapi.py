"""openapi.yaml: valid, complete, with examples that load, and kept by the service."""

import json
from pathlib import Path

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from jsonschema_rs import validator_for
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cds_hooks import load_feedback, load_request
from service import __version__
from service.app import create_app
from service.config import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "openapi.yaml").read_text("utf-8")
DOCUMENT = yaml.safe_load(TEXT)
METHODS = {"get", "post", "put", "delete", "patch", "options"}

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

api = schemathesis.openapi.from_dict(DOCUMENT)
api.app = create_app(Settings.from_env(is_open=True))


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
        and (method != "OPTIONS" or rule.rule.startswith("/cds-services"))
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
    service = {"patient-view": "scnen-chart"}.get(body["hook"], "scnen-discharge")
    assert client.post(f"/cds-services/{service}", json=body).status_code == 200


@pytest.mark.parametrize(
    "body", request_examples("/cds-services/{service_id}/feedback")
)
def test_examples_of_feedback_load_and_are_accepted(client, body):
    """An example can be copied and works."""
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
    components = {"components": DOCUMENT["components"]}
    schema = {**components, "$ref": "#/components/schemas/HookResponse"}
    validator_for(schema).validate(json.loads(answer.data))
    assert answer.json["cards"]


@api.parametrize()
@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_whatever_the_document_allows_is_answered_as_it_says(case):
    """Generated requests never find an answer that is not described."""
    case.call_and_validate(checks=CHECKS)
