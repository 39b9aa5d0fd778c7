"""Addresses with a slash too many: served or 404, and never a redirect."""

from urllib.parse import unquote

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_hooks import Registry
from cds_hooks.blueprint import register_error_handlers

CANARY = "zq7canary.example.org"
PARTS = ["cds-services", "booster", "feedback", "nope", "..", ".", "%2f", "%2F%2e", ""]


def call(client, path, method="GET", **options):
    """Call a path as a server hands it on, without the test client's own reading."""
    raw = {"PATH_INFO": unquote(path, "latin-1")}
    headers = {"Host": CANARY} | options.pop("headers", {})
    return client.open(method=method, headers=headers, environ_overrides=raw, **options)


def assert_stays_here(response):
    """No redirect, no HTML, and nothing of the Host header in head or body."""
    assert response.status_code < 500
    assert not 300 <= response.status_code < 400
    assert "Location" not in response.headers
    assert CANARY not in response.text.lower() + str(response.headers).lower()
    assert "html" not in (response.content_type or "")


@pytest.mark.parametrize(
    "path",
    [
        "/cds-services//booster",
        "//cds-services/booster",
        "///cds-services////booster//",
        "/cds-services/booster/",
        "/cds-services/%2Fbooster",
    ],
)
def test_a_slash_too_many_is_served(client, golden, path):
    """The public Sandbox joins a typed address and an id so; both calls get there."""
    origin = {"Origin": "https://sandbox.example.org"}
    preflight = call(client, path, "OPTIONS", headers=origin)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    response = call(client, path, "POST", json=golden, headers=origin)
    assert response.status_code == 200
    assert response.data == client.post("/cds-services/booster", json=golden).data
    assert_stays_here(preflight)
    assert_stays_here(response)


def test_feedback_and_discovery_are_served_too(client, box, feedback):
    """Every address of the protocol takes the slash."""
    batch = {"feedback": [feedback]}
    path = "/cds-services//booster//feedback/"
    assert call(client, path, "POST", json=batch).status_code == 200
    assert len(box.items) == 1
    assert call(client, "//cds-services/").data == client.get("/cds-services").data


def test_other_routes_do_not_redirect_either(build_app):
    """Neither those that end in a slash nor those that do not."""
    app = build_app(Registry())
    app.add_url_rule("/late/", "late", lambda: {"late": True})
    app.add_url_rule("/leaf", "leaf", lambda: {"leaf": True})
    client = app.test_client()
    for path in ("/late", "/late/", "//late", "/leaf", "/leaf/", "/leaf//"):
        response = call(client, path)
        assert response.status_code == 200, path
        assert_stays_here(response)


@pytest.mark.parametrize(
    ("register", "status"), [(register_error_handlers, 200), (lambda app: None, 308)]
)
def test_routes_that_were_there_before_do_not_redirect_either(register, status):
    """Handlers may be registered after the routes; without them Flask redirects."""
    app = Flask("example")
    app.add_url_rule("/early/", "early", lambda: {"early": True})
    register(app)
    assert call(app.test_client(), "/early").status_code == status


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    parts=st.lists(
        st.sampled_from(PARTS) | st.text(st.characters(codec="ascii"), max_size=5),
        max_size=7,
    ),
    method=st.sampled_from(["GET", "POST", "PUT", "OPTIONS", "HEAD", "DELETE", "ZQ7"]),
)
def test_no_path_redirects(client, parts, method):
    """Whatever it is made of: slashes plain and escaped, dots, junk."""
    assert_stays_here(call(client, "/" + "/".join(parts), method))
