"""CORS: calls from web pages."""

import pytest

from cds_hooks import Registry

ENDPOINTS = {
    "/cds-services": "GET",
    "/cds-services/booster": "POST",
    "/cds-services/booster/feedback": "POST",
}
ORIGIN = {"Origin": "https://sandbox.example.org"}


@pytest.mark.parametrize("path", ENDPOINTS)
def test_cors_1_preflight_is_answered_without_authentication(client, path):
    """Methods and headers are named one by one: "*" would not cover Authorization."""
    response = client.options(path, headers=ORIGIN)
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    methods = response.headers["Access-Control-Allow-Methods"]
    assert methods == f"{ENDPOINTS[path]}, OPTIONS"
    headers = response.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "content-type"} <= set(headers)
    assert (response.data, response.content_type) == (b"", None)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/cds-services", 200),
        ("POST", "/cds-services", 405),
        ("GET", "/cds-services/booster", 405),
        ("POST", "/cds-services/booster", 415),
        ("POST", "/cds-services/nope", 404),
        ("PUT", "/cds-services/nope", 404),
        ("GET", "/cds-services/a/b/c/d", 404),
    ],
)
def test_cors_2_failures_carry_the_header_too(client, method, path, status):
    """Else a page could not read why it failed."""
    response = client.open(path, method=method, headers=ORIGIN)
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://ehr.example.org", "https://ehr.example.org"),
        ("https://ehr.example.org.evil.example", None),
        ("http://ehr.example.org", None),
        ("null", None),
        (None, None),
    ],
)
def test_cors_3_origins_can_be_restricted(build_app, services, origin, allowed):
    """Only a listed origin is let in, exactly; caches are told that it matters."""
    app = build_app(Registry(services), allowed_origins=("https://ehr.example.org",))
    headers = {"Origin": origin} if origin else {}
    response = app.test_client().get("/cds-services", headers=headers)
    assert response.headers.get("Access-Control-Allow-Origin") == allowed
    assert response.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("origin", ["https://h/", "h", "https://*.h", "null", ""])
def test_cors_3_an_origin_that_is_none_is_refused(build_app, services, origin):
    """A typing error would lock everyone out; it is found at the start."""
    with pytest.raises(ValueError, match=r"allowed_origins: .* is no scheme://host"):
        build_app(Registry(services), allowed_origins=[origin])
