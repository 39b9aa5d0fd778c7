"""Outside of open mode: registered clients only, and what needs no token."""

import json
import logging
import time
from datetime import UTC, datetime
from importlib.resources import files

import jwt
import pytest
import yaml
from flask import Flask

from cds_hooks.blueprint import register_error_handlers
from service.admin import only_with_token
from service.app import create_app
from service.config import VARIABLES, Settings, SettingsError
from service.ehr import DevelopmentKey
from service.observability import LOGGED_FIELDS, JSONFormatter

NOW = datetime(2026, 3, 6, 10, tzinfo=UTC)
BASE = "https://cds.example.org"
ISSUER = "https://ehr.example.org/fhir"
SECRET = "correct-horse-battery-staple-0001"  # noqa: S105 of a test
KEY = DevelopmentKey.new("ES384")
DISCHARGE = "/cds-services/scnen-discharge"
#: The policy that ships with the service, approved as of a day.
POLICY = (
    files("service")
    .joinpath("data/policy/default.yaml")
    .read_text("utf-8")
    .replace("approved_on: null", "approved_on: 2026-02-01")
)
#: Each route that needs no client's token, and why.
PUBLIC = {
    "/healthz/live": "an orchestrator asks",
    "/healthz/ready": "an orchestrator asks",
    "/openapi.yaml": "says what is published anyway",
    "/model": "cards link to it",
    "/model.json": "the same for programs",
    "/model/facts": "the same on one page",
    "/model/chai.xml": "the same in CHAI's form",
    "/nomogram": "cards link to it; no patient's record is behind it",
    "/nomogram/score": "scores what a person types, and keeps nothing (decision 52)",
    "/cds-services": "unless a setting says otherwise",
}
#: Knowledge, the same for every hospital but for its address: nothing of a client.
KNOWLEDGE = {
    "/fhir/metadata": "/fhir/metadata",
    "/fhir/<resource_type>": "/fhir/Library",
    "/fhir/<resource_type>/<resource_id>": "/fhir/Library/liu-nomogram",
}
#: Where browsers come from an EHR: without what they bring there is only a refusal.
LAUNCHED = {"/smart/launch", "/smart/callback/<client>"}
#: What such a route is sent, where it takes more than its address.
SENT = {"/nomogram/score": {"model": "liu-nomogram", "inputs": {}}}


class Replays:
    """A memory of one process, for tests."""

    def __init__(self):
        self.used = set()

    def use(self, issuer, jti, until):
        before = len(self.used)
        self.used.add((issuer, jti))
        return len(self.used) > before


def entry(**fields):
    """A client of the register."""
    return {
        "name": "north",
        "issuer": ISSUER,
        "keys": {"jwks": {"keys": [KEY.public_jwk]}},
        "stage": "live",
        **fields,
    }


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Build the application for some clients and settings."""

    def build(*clients, replays=None, approved="[A. One, B. Two]", **variables):
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        file = tmp_path / "clients.yaml"
        file.write_text(yaml.safe_dump({"clients": list(clients or [entry()])}))
        policy = tmp_path / "policy.yaml"
        policy.write_text(POLICY.replace("approved_by: []", f"approved_by: {approved}"))
        given = {
            "SCNEN_PUBLIC_URL": BASE,
            "SCNEN_SECRET_KEY": SECRET,
            "SCNEN_DATA_DIR": str(tmp_path),
            "SCNEN_CLIENTS_FILE": str(file),
            "SCNEN_POLICY_FILE": str(policy),
            **variables,
        }
        for name, value in given.items():
            if value is not None:
                monkeypatch.setenv(name, value)
        return create_app(
            Settings.from_env(), clock=lambda: NOW, replays=replays or Replays()
        )

    return build


def token(path=DISCHARGE, **changes):
    """A token as an EHR writes it, at the time of the tests."""
    now = NOW.timestamp()
    given = {
        "iss": ISSUER,
        "aud": BASE + path,
        "iat": now,
        "exp": now + 300,
        "jti": "jti-1",
        **changes,
    }
    header = {"kid": KEY.public_jwk["kid"], "typ": "JWT"}
    return jwt.encode(given, KEY.private, "ES384", header)


def bearer(path=DISCHARGE, **changes):
    """The header with it."""
    return {"Authorization": f"Bearer {token(path, **changes)}"}


@pytest.mark.conformance("SEC-3")
def test_a_call_without_a_token_is_refused(start, example_request):
    """Service and feedback, from this machine as from any other."""
    client = start().test_client()
    for path in (DISCHARGE, f"{DISCHARGE}/feedback", "/cds-services/nope"):
        answer = client.post(path, json=example_request)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_registered_client_gets_a_card(start, example_request):
    """By its token; links are made from the public URL."""
    answer = (
        start().test_client().post(DISCHARGE, json=example_request, headers=bearer())
    )
    assert answer.status_code == 200
    (card,) = answer.json["cards"]
    assert card["source"]["url"].startswith(BASE)


def test_the_client_is_known_by_its_token_not_by_its_fhir_server(
    start, example_request
):
    """What a card becomes follows who signed, whatever the request names."""
    bare = entry(capabilities={"detail": "none"})
    south = entry(
        name="south",
        issuer="https://south.example.org",
        fhir_servers=[{"base_url": "https://fhir.south.example.org/r4"}],
    )
    client = start(bare, south).test_client()
    body = {**example_request, "fhirServer": "https://fhir.south.example.org/r4"}
    (card,) = client.post(DISCHARGE, json=body, headers=bearer()).json["cards"]
    assert "detail" not in card


def test_a_token_is_taken_once(start, example_request):
    """By the whole application."""
    client = start().test_client()
    statuses = [
        client.post(DISCHARGE, json=example_request, headers=bearer()).status_code
        for _ in range(3)
    ]
    assert statuses == [200, 401, 401]


def test_a_store_that_fails_refuses(start, example_request):
    """503, so that the client sends it again."""

    class Down:
        def use(self, issuer, jti, until):
            raise ConnectionError(jti)

    client = start(replays=Down()).test_client()
    answer = client.post(DISCHARGE, json=example_request, headers=bearer())
    assert answer.status_code == 503
    assert answer.json["issue"][0]["code"] == "transient"


@pytest.mark.parametrize("path", PUBLIC)
def test_what_everybody_may_see_needs_no_token(start, path):
    """From any machine, through any proxy."""
    client = start().test_client()
    answer = client.open(
        path,
        method="POST" if path in SENT else "GET",
        json=SENT.get(path),
        headers={"X-Forwarded-For": "10.0.0.5", "Host": "cds.example.org"},
        environ_overrides={"REMOTE_ADDR": "10.0.0.9"},
    )
    assert answer.status_code == 200


def test_no_route_is_public_by_mistake(start):
    """A route that is added later needs a decision: a token, or a line in this file."""
    app = start(SCNEN_PRIVATE_DISCOVERY="true")
    client = app.test_client()
    for rule in app.url_map.iter_rules():
        method = next(iter(rule.methods - {"HEAD", "OPTIONS"}), None)
        path = rule.rule.replace("<service_id>", "scnen-discharge")
        is_page = rule.endpoint.startswith("pages.")
        if path in LAUNCHED:
            assert client.get(path).status_code == 400
        elif path in KNOWLEDGE:
            assert client.get(KNOWLEDGE[path]).status_code == 200
        elif method and path not in set(PUBLIC) - {"/cds-services"} and not is_page:
            answer = client.open(path, method=method, json={})
            assert answer.status_code == 401, f"{method} {rule.rule}"


def test_discovery_may_ask_for_a_token(start):
    """A setting; public otherwise."""
    client = start(SCNEN_PRIVATE_DISCOVERY="true").test_client()
    assert client.get("/cds-services").status_code == 401
    headers = bearer("/cds-services")
    assert client.get("/cds-services", headers=headers).status_code == 200


@pytest.mark.conformance("CORS-3")
@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://ehr.example.org", "https://ehr.example.org"),
        ("https://play.example.org", None),
        ("https://evil.example", None),
    ],
)
def test_only_pages_of_clients_that_prove_themselves_may_read(start, origin, allowed):
    """The register's origins replace the star of open mode, on failures as well."""
    play = {"name": "play", "origins": ["https://play.example.org"]}
    app = start(entry(origins=["https://ehr.example.org"]), play)
    for method, path in (("GET", "/cds-services"), ("POST", DISCHARGE)):
        answer = app.test_client().open(path, method=method, headers={"Origin": origin})
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed
        assert answer.headers["Vary"] == "Origin"


def test_a_proxy_passes_on_a_certificate(start, example_request):
    """Only a configured one is believed."""
    client = start(
        entry(certificates=["CN=ehr.example.org"]),
        SCNEN_PROXIES="10.0.0.7",
        SCNEN_CERTIFICATE_HEADER="X-SSL-Subject",
    ).test_client()
    headers = {**bearer(), "X-SSL-Subject": "CN=ehr.example.org"}
    statuses = [
        client.post(
            DISCHARGE,
            json=example_request,
            headers=headers,
            environ_overrides={"REMOTE_ADDR": peer},
        ).status_code
        for peer in ("10.0.0.8", "10.0.0.7")
    ]
    assert statuses == [401, 200]


# What stops a start -------------------------------------------------------------


@pytest.mark.parametrize(
    ("clients", "variables", "said"),
    [
        ([], {"SCNEN_CLIENTS_FILE": None}, "SCNEN_CLIENTS_FILE: not set. Give the"),
        ([{"name": "a"}], {}, "no client has issuer and keys, or certificates"),
        (
            [entry(), {"name": "play", "preset": "public-sandbox"}],
            {},
            "play can only be served in open mode",
        ),
        (
            [entry(keys={"jwks_url": "https://localhost:8443/jwks"})],
            {},
            "the keys of north are at https://localhost:8443/jwks, on this machine",
        ),
        (
            [entry(keys={"jwks_url": "https://127.0.0.1/jwks"})],
            {},
            "on this machine",
        ),
    ],
)
def test_a_register_of_nobody_stops_the_start(start, clients, variables, said):
    """Everybody would be refused, or somebody let in by mistake."""
    with pytest.raises(SettingsError, match=said):
        start(*clients, **variables)


def test_keys_in_the_hospitals_network_are_fine(start):
    """The register is the administrator's; nobody else names an address."""
    start(entry(keys={"jwks_url": "https://10.20.0.7/jwks"}))


def test_while_the_shared_database_is_down_the_host_remembers_tokens(
    start, example_request, tmp_path
):
    """Cards go on, decisions wait, and no token is taken twice here."""
    url, now = f"postgresql://scnen@/scnen?host={tmp_path}", time.time()
    unused = start(SCNEN_DATABASE_URL=url)
    app = create_app(Settings.from_env())
    client = app.test_client()
    header = {"Authorization": f"Bearer {token(iat=now, exp=now + 300)}"}
    sent = [
        client.post(DISCHARGE, json=example_request, headers=header) for _ in range(2)
    ]
    ready = client.get("/healthz/ready")
    for each in (unused, app):
        each.extensions["scnen_cds"].store.close()
    assert [answer.status_code for answer in (*sent, ready)] == [200, 401, 200]


def test_the_store_remembers_the_tokens(start, example_request):
    """Without another memory: one for all workers, in the folder of the data."""
    start()
    now = time.time()
    header = {"Authorization": f"Bearer {token(iat=now, exp=now + 300)}"}
    sent = [
        create_app(Settings.from_env())
        .test_client()
        .post(DISCHARGE, json=example_request, headers=header)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in sent] == [200, 401]


# Logs -------------------------------------------------------------------------


@pytest.mark.conformance("JWT-15", "SEC-6")
def test_the_line_of_a_request_says_who_called_or_why_not(
    start, example_request, caplog
):
    """In names of the register; a digest stands for the token."""
    caplog.set_level(logging.INFO)
    client = start(entry(tenants=["t1"])).test_client()
    jti, tenant = "canary-4711", "canary-4712"
    good = bearer(tenant="t1", jti=jti)
    for headers in (good, good, bearer(tenant=tenant), bearer(iss=tenant), {}):
        client.post(DISCHARGE, json=example_request, headers=headers)
    written = [json.loads(JSONFormatter().format(record)) for record in caplog.records]
    lines = [line for line in written if line["event"] == "request"]
    told = [(each.get("client"), each.get("refusal")) for each in lines]
    assert told == [
        ("north", None),
        ("north", "replayed"),
        ("north", "tenant"),
        (None, "issuer"),
        (None, "no-token"),
    ]
    assert (lines[0]["tenant"], len(lines[0]["token_id"])) == ("t1", 16)
    warned = [
        line["refusal"] for line in written if line["event"].startswith("call refused")
    ]
    assert warned == ["replayed", "tenant", "issuer", "no-token"]
    text = json.dumps(written) + str([vars(record) for record in caplog.records])
    assert "canary" not in text
    assert not any(part in text for part in token(jti=jti, tenant="t1").split("."))
    assert {"client", "tenant", "token_id", "refusal"} <= set(LOGGED_FIELDS)


# Administrators ---------------------------------------------------------------


@pytest.fixture
def guarded():
    """An application with one guarded route."""

    def build(secret, **options):
        app = Flask("guarded")
        check = only_with_token(secret, **options)

        @app.get("/metrics")
        def metrics():
            check()
            return "ok"

        register_error_handlers(app)
        return app.test_client()

    return build


def test_the_token_of_the_setting_opens_a_route(guarded):
    """And the scheme may be written in any case."""
    client = guarded(SECRET)
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {SECRET}"}
        assert client.get("/metrics", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {SECRET}x",
        f"Bearer {SECRET[:-1]}",
        f"Bearer  {SECRET}",
        f"Basic {SECRET}",
        SECRET,
        f"Bearer {token()}",
        "Bearer \xe9" + SECRET,
        f"Bearer {SECRET},Bearer {SECRET}",
    ],
    ids=map(str, range(12)),
)
def test_nothing_else_opens_it(guarded, sent):
    """Not a client's token either; the answer is the bare 401."""
    headers = {} if sent is None else {"Authorization": sent}
    answer = guarded(SECRET).get("/metrics", headers=headers)
    assert answer.status_code == 401
    assert answer.json["issue"][0]["code"] == "login"


def test_without_a_setting_only_open_mode_answers(guarded):
    """Open mode serves this machine alone."""
    assert guarded(None).get("/metrics").status_code == 401
    headers = {"Authorization": "Bearer "}
    assert guarded(None).get("/metrics", headers=headers).status_code == 401
    assert guarded(None, is_open=True).get("/metrics").status_code == 200
    assert guarded(SECRET, is_open=True).get("/metrics").status_code == 401


def test_a_new_client_is_silent(start, example_request, caplog):
    """Computed and logged, answered without cards; the log line says what was kept."""
    silent = entry()
    del silent["stage"]
    client = start(silent).test_client()
    with caplog.at_level(logging.INFO, "service.requests"):
        answer = client.post(DISCHARGE, json=example_request, headers=bearer())
    assert (answer.status_code, answer.json) == (200, {"cards": []})
    assert caplog.records[-1].withheld == "silent"


def test_a_withheld_card_is_counted(start, example_request):
    """The silent period tells how many cards going live would bring."""
    client = start(entry(stage="silent"), SCNEN_METRICS_TOKEN=SECRET).test_client()
    client.post(DISCHARGE, json=example_request, headers=bearer())
    collected = client.get("/metrics", headers={"Authorization": f"Bearer {SECRET}"})
    assert 'withheld_total{kind="ScnenRiskHigh",why="silent"} 1.0' in collected.text
    assert "scnen_cards_total{" not in collected.text


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"SCNEN_POLICY_FILE": None}, id="nobody"),
        pytest.param({"approved": "[A. One]"}, id="one"),
        pytest.param({"approved": "[A. One, a. one, A.  One]"}, id="the same twice"),
    ],
)
def test_nobody_is_live_under_a_policy_that_two_have_not_approved(start, given):
    """The message names the client and both ways out."""
    remedy = "north is live, but.*Name them.*under approval.*or set stage: silent"
    with pytest.raises(SettingsError, match=remedy):
        start(**given)


def test_nobody_is_live_in_a_translation_that_nobody_has_approved(start):
    """Words are clinical content; the message names both ways out."""
    remedy = "north is live in zh-Hans.*approval.languages.*or set stage: silent"
    with pytest.raises(SettingsError, match=remedy):
        start(entry(language="zh-Hans"))
    with pytest.raises(SettingsError, match=remedy):
        start(SCNEN_LOCALE="zh-Hans")
    assert start(entry(language="en"), SCNEN_LOCALE="zh-Hans")


def test_an_unapproved_translation_is_told_at_start(start, caplog):
    """A silent client may be answered in it, and the log says what is lacking."""
    start(entry(stage="silent", language="zh-Hans"))
    assert "cards in zh-Hans: nobody approved the translation" in caplog.messages


def test_a_client_is_answered_in_its_language(start, example_request, tmp_path):
    """Of two clients of one service each reads its own; it is one card."""
    policy = tmp_path / "translated.yaml"
    approved = POLICY.replace("approved_by: []", "approved_by: [A. One, B. Two]")
    policy.write_text(approved.replace("languages: []", "languages: [zh-Hans]"))
    cards = [
        start(entry(language=language), SCNEN_POLICY_FILE=str(policy))
        .test_client()
        .post(DISCHARGE, json=example_request, headers=bearer())
        .json["cards"][0]
        for language in ("en", "zh-Hans")
    ]
    assert "of 100 in one study" in cards[0]["summary"]
    assert "100 名患者中约" in cards[1]["summary"]
    assert cards[0]["uuid"] == cards[1]["uuid"]


def test_a_silent_client_needs_no_approval(start):
    """It is how a policy is tried before anybody signs it."""
    assert start(entry(stage="silent"), SCNEN_POLICY_FILE=None)


def test_refused_tokens_are_counted_and_replays_among_them(start, example_request):
    """By what the trust found, whatever was called."""
    client = start(SCNEN_METRICS_TOKEN=SECRET).test_client()
    for _ in range(3):
        client.post(DISCHARGE, json=example_request, headers=bearer())
    client.post(f"{DISCHARGE}/feedback", json={})
    text = client.get("/metrics", headers={"Authorization": f"Bearer {SECRET}"}).text
    assert "scnen_token_refusals_total 3.0" in text
    assert "scnen_replay_refusals_total 2.0" in text
    assert 'scnen_calls_total{service="scnen-discharge",status="401"} 2.0' in text


def test_metrics_need_their_own_token(start):
    """Neither nobody's nor a client's."""
    client = start(SCNEN_METRICS_TOKEN=SECRET).test_client()
    for header in ({}, bearer("/metrics"), {"Authorization": "Bearer wrong"}):
        assert client.get("/metrics", headers=header).status_code == 401
