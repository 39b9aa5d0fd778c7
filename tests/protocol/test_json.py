"""GEN: what every body that leaves the service has in common."""

import json

import pytest
from fhir.resources.R4B.servicerequest import ServiceRequest

MAY_BE_EMPTY = {"cards", "services"}


def strict(body):
    """Parse as a strict reader does: no NaN, no name twice."""

    def no_constant(name):
        raise AssertionError(name)

    def no_twice(pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    return json.loads(body, parse_constant=no_constant, object_pairs_hook=no_twice)


def attributes(value, name="root"):
    """All attributes of a JSON value, at any depth."""
    yield name, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from attributes(inner, key)
    if isinstance(value, list):
        for inner in value:
            yield from attributes(inner, f"item of {name}")


@pytest.fixture
def bodies(client, send, golden, chart, feedback):
    """One body of each kind that the routes give with status 200."""
    with_data = golden | {
        "prefetch": {"immunizations": {"resourceType": "Immunization"}}
    }
    responses = [
        client.get("/cds-services"),
        send("booster", golden),
        send("booster", with_data),
        send("full", chart),
        send("full/feedback", {"feedback": [feedback]}),
    ]
    assert [response.status_code for response in responses] == [200] * 5
    return responses


def test_gen_1_every_success_is_json(bodies):
    """Each 2xx says that it is JSON and is."""
    for response in bodies:
        assert response.content_type == "application/json"
        assert isinstance(strict(response.data), dict)


def test_gen_3_nothing_is_null_or_empty(bodies):
    """No attribute is null or empty, but cards and services may be."""
    for response in bodies:
        for name, value in attributes(strict(response.data)):
            assert value not in (None, "", {}), name
            assert value != [] or name in MAY_BE_EMPTY, name


def test_gen_4_optional_attributes_without_value_are_left_out(send, golden):
    """A card without suggestions, links and uuid has no such attribute."""
    card = send("booster", golden).json["cards"][0]
    assert set(card) == {"summary", "indicator", "source"}


def test_gen_5_no_string_is_blank(bodies):
    """Every string has something to read in it."""
    for response in bodies:
        for name, value in attributes(strict(response.data)):
            assert not isinstance(value, str) or value.strip(), name


def test_gen_6_bodies_with_comments_or_trailing_commas_are_refused(send, bodies):
    """What is sent parses strictly (see GEN-1); what is not JSON is not read."""
    assert send("booster", b'{"hook": "x",}').status_code == 400
    assert send("booster", b'{} // "hook"').status_code == 400


def test_gen_7_resources_in_actions_are_fhir(send, chart):
    """An independent reader of FHIR R4 takes each resource that goes out."""
    suggestions = send("full", chart).json["cards"][0]["suggestions"]
    resources = [a["resource"] for a in suggestions[0]["actions"] if "resource" in a]
    assert len(resources) == 2
    for resource in resources:
        ServiceRequest.model_validate(
            resource | {"code": {"text": "required by R4B's reader"}}
        )
