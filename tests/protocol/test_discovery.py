"""DISC: what a client learns about the services."""

import re
from dataclasses import replace

import orjson
import pytest
from flask import Flask

from cds_hooks import HOOKS, InvalidService, Registry
from cds_hooks.blueprint import create_blueprint


@pytest.fixture
def listed(client):
    """The services as discovered."""
    return client.get("/cds-services").json["services"]


@pytest.mark.parametrize(
    "headers",
    [{}, {"Accept": "*/*"}, {"Accept": "application/json"}, {"Accept": "text/html"}],
    ids=str,
)
def test_disc_1_discovery_is_at_cds_services(client, headers):
    """GET answers 200 without redirect, whatever the client accepts."""
    assert client.get("/cds-services", headers=headers).status_code == 200


def test_disc_1_a_trailing_slash_is_no_reason_to_fail(client):
    """Clients that add a slash find the same, without redirect."""
    assert client.get("/cds-services/").data == client.get("/cds-services").data


def test_disc_1_discovery_follows_the_base_of_the_service(build_app, services):
    """Below another base URL everything moves along, CORS included."""
    app = Flask("example")
    app.register_blueprint(create_blueprint(Registry(services)), url_prefix="/r4/x")
    response = app.test_client().get("/r4/x/cds-services")
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_disc_2_discovery_does_not_change(client):
    """Two calls give the same bytes."""
    assert client.get("/cds-services").data == client.get("/cds-services").data


def test_disc_3_the_body_is_an_object_with_an_array(client):
    """Nothing else stands beside the services."""
    body = client.get("/cds-services").json
    assert list(body) == ["services"]
    assert isinstance(body["services"], list)


def test_disc_4_no_services_is_an_empty_array(build_app):
    """A host without services answers 200."""
    response = build_app(Registry()).test_client().get("/cds-services")
    assert (response.status_code, response.json) == (200, {"services": []})


@pytest.mark.parametrize(
    "field",
    [
        pytest.param("hook", id="DISC-5 hook"),
        pytest.param("description", id="DISC-5 description"),
        pytest.param("id", id="DISC-5 id"),
        pytest.param("title", id="DISC-6 title"),
    ],
)
def test_fields_of_every_service(listed, field):
    """Each service carries the field as a string with something in it."""
    assert all(
        isinstance(service[field], str) and service[field].strip() for service in listed
    )


def test_disc_7_the_id_is_the_segment_to_call(client, listed):
    """Each id leads to a route, and needs no escaping."""
    for service in listed:
        response = client.post(f"/cds-services/{service['id']}", json={})
        assert response.status_code == 400
        assert re.fullmatch(r"[A-Za-z0-9._~-]+", service["id"])


def test_disc_8_prefetch_maps_keys_to_templates(listed, services):
    """Strings to strings, as published, and left out where there are none."""
    assert listed[0]["prefetch"] == dict(services[0].prefetch)
    assert "prefetch" not in listed[2]


def test_disc_9_usage_requirements_are_a_string_or_absent(listed):
    """What the client must do stands where the author said so."""
    assert listed[0]["usageRequirements"] == "Needs the immunisations prefetched."
    assert "usageRequirements" not in listed[1]


def test_disc_10_version_is_that_of_the_specification(listed, services):
    """Three numbers; the author may leave it out."""
    assert {service["version"] for service in listed} == {"2.0.1"}
    registry = Registry([replace(services[0], version=None)])
    assert next(iter(registry)).version is None


@pytest.mark.parametrize("hook", HOOKS)
def test_disc_11_no_hook_version_is_claimed(build_app, services, hook):
    """It must equal the library's if it is sent, so before 3.0 is final it is not.

    That the table of hooks has the library's versions is shown by the tests of VER-1.
    """
    service = replace(services[2], hook=hook)
    listed = build_app(Registry([service])).test_client().get("/cds-services").json
    assert [s["hook"] for s in listed["services"]] == [hook]
    assert "hookVersion" not in listed["services"][0]


def test_disc_12_an_id_may_repeat_only_across_hooks(services, build_app, golden):
    """The same guidance at two hooks is called by the hook in the body."""
    discharge, chart, *_ = services
    with pytest.raises(InvalidService, match="booster stands twice at encounter-disch"):
        Registry([discharge, discharge])
    both = Registry([discharge, replace(chart, id="booster")])
    client = build_app(both).test_client()
    at_discharge = client.post("/cds-services/booster", json=golden)
    in_chart = client.post(
        "/cds-services/booster", json=golden | {"hook": "patient-view"}
    )
    assert at_discharge.json == in_chart.json
    assert at_discharge.status_code == 200


def test_disc_13_only_get_discovers(client, problems):
    """Another method is 405, in JSON, and says which one serves."""
    response = client.post("/cds-services", json={})
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) >= {"GET"}
    assert problems(response) == ["This address does not take that HTTP method."]


@pytest.mark.parametrize("token", ["Bearer x.y.z", "Bearer", "\xff", "Basic eDp5"])
def test_disc_14_a_token_on_discovery_does_no_harm(client, token):
    """Discovery is public: with any Authorization header it is the same."""
    response = client.get("/cds-services", headers={"Authorization": token})
    assert response.data == client.get("/cds-services").data


def test_disc_15_prefetch_keeps_the_order_of_its_keys(client, services):
    """Keys come in the author's order, not in that of the alphabet."""
    raw = client.get("/cds-services").data
    keys = list(orjson.loads(raw)["services"][0]["prefetch"])
    assert keys == list(services[0].prefetch)
    assert keys != sorted(keys)
