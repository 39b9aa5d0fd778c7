"""A registered EHR: how the app proves itself, where it is framed, what is shown."""

import json
import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import yaml
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from flask import get_template_attribute

from cds_hooks import Client
from service.app import create_app, example_request_file
from service.cli import main
from service.config import VARIABLES, Settings, SettingsError
from service.fhir.client import Reply
from service.fhir.findings import Reason
from service.smart.assembly import _keeper, _standing
from service.smart.questionnaires import load_form
from service.smart.session_store import SessionStore
from service.smart.sessions import Session
from service.smart.standings import Standing
from service.store.faults import StoreError
from service.store.outcomes import OutcomeError
from service.store.smart_sessions import SmartSessions

ROOT = Path(__file__).parents[2]
BASE, EHR = "https://cds.example.org", "https://ehr.example.org"
COOKIE = "__Host-scnen-session"
SECRET = "correct-horse-battery-staple-0001"  # noqa: S105 of a test
NOW = datetime(2026, 3, 6, 10, tzinfo=UTC)
SETTINGS = {
    "authorization_endpoint": f"{EHR}/authorize?realm=1",
    "token_endpoint": f"{EHR}/token",
    "code_challenge_methods_supported": ["S256"],
}


def private_key(kind):
    """A private key in PEM, and its public half."""
    if kind == "rsa":
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    else:
        key = ec.generate_private_key(kind)
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key.private_bytes(*form).decode(), key.public_key()


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Build the application for one client, with a network that is a script."""
    apps = []

    def build(smart=None, clock=lambda: NOW, variables=None, **fields):
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        client = {
            "name": "north",
            "issuer": f"{EHR}/fhir",
            "keys": {"jwks_url": f"{EHR}/jwks"},
            "fhir_servers": [{"base_url": f"{EHR}/fhir"}],
            **({"smart": {"client_id": "scnen", **smart}} if smart is not None else {}),
            **fields,
        }
        file = tmp_path / "clients.yaml"
        file.write_text(yaml.safe_dump({"clients": [client]}))
        for name, value in {
            "SCNEN_PUBLIC_URL": BASE,
            "SCNEN_SECRET_KEY": SECRET,
            "SCNEN_DATA_DIR": str(tmp_path),
            "SCNEN_CLIENTS_FILE": str(file),
            **(variables or {}),
        }.items():
            monkeypatch.setenv(name, value)
        app = create_app(Settings.from_env(), clock=clock)
        apps.append(app)
        app.asked = []
        app.extensions["scnen_smart"].__class__ = scripted(app)
        return app

    yield build
    for app in apps:
        app.extensions["scnen_cds"].store.close()


def scripted(app):
    """An access whose servers are a script."""
    base = type(app.extensions["scnen_smart"])

    class Scripted(base):
        def exchange(self, base_url, networks=(), **asked):
            app.asked.append((base_url, asked))
            token = SETTINGS["token_endpoint"]
            answers = {f"{EHR}/fhir": SETTINGS, token: {"patient": "p1"}}
            body = json.dumps(answers[base_url]).encode()
            return Reply(200, "application/json", "", body)

    return Scripted


def launched(app):
    """Launch, and give the browser with the answer."""
    browser = app.test_client()
    answer = browser.get(
        f"/smart/launch?iss={EHR}/fhir&launch=x", base_url="https://cds.example.org"
    )
    return browser, answer


@pytest.mark.parametrize(
    ("accepted", "asked", "language"),
    [
        ("de", "", "zh-Hans"),
        ("en-GB", "", "en"),
        ("de", "&lang=en", "en"),
    ],
)
def test_a_reader_of_none_of_our_languages_gets_that_of_the_client(
    start, accepted, asked, language
):
    """After the address and the browser, before the settings."""
    app = start(smart={}, language="zh-Hans", stage="silent")
    answer = app.test_client().get(
        f"/smart/launch?iss={EHR}/fhir{asked}", headers={"Accept-Language": accepted}
    )
    assert answer.status_code == 400
    assert answer.headers["Content-Language"] == language


def token_request(app, endpoint=f"{EHR}/token"):
    """Come back with a code, and give what was sent to the token endpoint."""
    browser, answer = launched(app)
    state = parse_qs(urlsplit(answer.location).query)["state"][0]
    browser.get(
        f"/smart/callback/north?code=c0de&state={state}",
        base_url="https://cds.example.org",
    )
    url, asked = app.asked[-1]
    assert url == endpoint
    form = {name: found[0] for name, found in parse_qs(asked["body"].decode()).items()}
    return form, asked["headers"]


def test_a_public_app_sends_its_name_and_the_verifier(start):
    """RFC 7636: the challenge of the launch is its digest."""
    form, headers = token_request(start({}))
    assert form["client_id"] == "scnen"
    assert form["redirect_uri"] == f"{BASE}/smart/callback/north"
    assert len(form["code_verifier"]) >= 43
    assert "Authorization" not in headers


def test_an_app_with_a_secret_sends_it_in_the_header(start, tmp_path):
    """Form-encoded before it is joined (RFC 6749, 2.3.1); never in the body."""
    (tmp_path / "secret").write_text("a:b %")
    form, headers = token_request(start({"client_secret_file": "secret"}))
    basic = headers["Authorization"].removeprefix("Basic ")
    assert b64decode(basic) == b"scnen:a%3Ab+%25"
    assert "client_id" not in form


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("rsa", "RS384"), (ec.SECP384R1(), "ES384")],
    ids=["rsa", "ec"],
)
def test_an_app_with_a_key_signs_who_it_is(start, tmp_path, kind, algorithm):
    """SMART's asymmetric client authentication: issuer, subject, audience, one use."""
    pem, public = private_key(kind)
    (tmp_path / "key").write_text(pem)
    form, _ = token_request(start({"private_key_file": "key", "key_id": "k1"}))
    assertion = form["client_assertion"]
    assert jwt.get_unverified_header(assertion)["kid"] == "k1"
    claims = jwt.decode(
        assertion,
        public,
        [algorithm],
        audience=f"{EHR}/token",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["iss"] == claims["sub"] == "scnen"
    assert claims["exp"] - NOW.timestamp() <= 300
    assert claims["jti"]


@pytest.mark.parametrize("endpoint", [f"{EHR}/token/", "https://EHR.example.org/token"])
def test_the_token_endpoint_is_taken_to_the_letter(
    start, tmp_path, monkeypatch, endpoint
):
    """Servers compare the audience as text, and some know no address without a /."""
    pem, public = private_key(ec.SECP384R1())
    (tmp_path / "key").write_text(pem)
    monkeypatch.setitem(SETTINGS, "token_endpoint", endpoint)
    app = start({"private_key_file": "key", "key_id": "k1"})
    form, _ = token_request(app, endpoint)
    options = {"verify_exp": False, "verify_iat": False}
    said = form["client_assertion"]
    claims = jwt.decode(said, public, ["ES384"], audience=endpoint, options=options)
    assert claims["aud"] == endpoint


def test_a_key_that_cannot_sign_stops_the_start(start, tmp_path):
    """Somebody would wait for it in front of a patient otherwise."""
    pem, _ = private_key(ec.SECP256R1())
    (tmp_path / "key").write_text(pem)
    with pytest.raises(SettingsError, match=r"client north, smart\.private_key_file"):
        start({"private_key_file": "key", "key_id": "k1"})


def test_parameters_of_the_endpoint_are_kept(start):
    """Some servers tell their realms by one."""
    _, answer = launched(start({}))
    assert answer.location.startswith(f"{EHR}/authorize?realm=1&response_type=code")


def test_an_app_that_is_not_registered_is_not_launched(start):
    """A server of the register is not enough."""
    app = start()
    _, answer = launched(app)
    assert answer.status_code == 403
    assert app.asked == []


def cookie(answer):
    """Attributes of the cookie that holds something."""
    said = next(c for c in answer.headers.getlist("Set-Cookie") if "Max-Age=0" not in c)
    return said.split(";")[0].partition("=")[0], {
        p.strip() for p in said.split(";")[1:]
    }


def test_cookies_are_for_this_host_and_this_site(start):
    """Secure, out of reach of scripts, sent to no other site's frame."""
    name, attributes = cookie(launched(start({}))[1])
    assert name == "__Host-scnen-launch"
    assert attributes == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}


def test_in_a_registered_frame_cookies_are_partitioned(start):
    """Sent within that EHR's pages, and in no other frame."""
    _, answer = launched(start({"frame_ancestors": [EHR]}))
    _, attributes = cookie(answer)
    assert {"Secure", "HttpOnly", "SameSite=None", "Partitioned"} <= attributes


def test_the_redirect_of_a_launch_passes_the_proxies_as_they_are_shipped(start):
    """It repeats the EHR's handle, whatever its length, beside the sealed launch."""
    answer = (
        start({})
        .test_client()
        .get(f"/smart/launch?iss={EHR}/fhir&launch={'x' * 7900}", base_url=BASE)
    )
    assert answer.status_code == 302
    assert 4096 < len(str(answer.headers)) < 16_384
    for page in ("docs/operations.md", "deploy/nginx.conf"):
        text = (ROOT / page).read_text("utf-8")
        assert re.search(r"proxy_buffer_size +16k;", text)


def test_only_registered_pages_frame_the_app(start):
    """Also the page that refuses, so that the clinician sees why."""
    app = start({"frame_ancestors": [EHR]})
    browser, answer = launched(app)
    back = f"/smart/callback/north?state=x&iss={EHR}"
    wrong = browser.get(back, base_url="https://cds.example.org")
    over = with_session(app, until=NOW.timestamp() - 1).get(
        "/smart/measurements", base_url="https://cds.example.org"
    )
    blocked = app.test_client().get("/smart/callback/north?state=x")
    assert [each.status_code for each in (wrong, over, blocked)] == [400, 401, 400]
    for each in (answer, wrong, over, blocked):
        policy = each.headers["Content-Security-Policy"]
        assert f"frame-ancestors {EHR}" in policy
    for path in ("launch?iss=https://evil.example&launch=x", "callback/south?state=x"):
        policy = (
            app.test_client().get(f"/smart/{path}").headers["Content-Security-Policy"]
        )
        assert "frame-ancestors 'none'" in policy


def test_the_register_of_the_how_to_is_one(tmp_path):
    """Copied with its secret beside it, it passes the check and is shown."""
    page = (ROOT / "docs/smart-app.md").read_text("utf-8")
    block = page.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "clients.yaml").write_text(dedent(block))
    (tmp_path / "smart-secret").write_text("hush")
    said = CliRunner().invoke(
        main, ["clients", "check", str(tmp_path / "clients.yaml")]
    )
    assert said.exit_code == 0, said.output
    shown = " ".join(said.output.split())
    assert "SMART app client id 4a5b6c, proves itself by a secret" in shown
    assert "framed by https://ehr.north.example.org asks for leave to save" in shown
    assert "hush" not in shown


def with_session(app, **changes):
    """A browser with a session, as another worker began it."""
    session = Session(
        **{
            "server": f"{EHR}/fhir",
            "token": "t",
            "until": NOW.timestamp() + 600,
            "patient": "p1",
            "encounter": None,
            "user": "Practitioner/d1",
            "scopes": ("patient/*.cruds",),
            "csrf": "csrf",
            "form": "measurements",
            **changes,
        }
    )
    store = app.extensions["scnen_cds"].store
    sessions = SessionStore(SmartSessions(lambda: store.database), SECRET)
    handle = sessions.begin(session, now_s=NOW.timestamp())
    browser = app.test_client()
    browser.set_cookie(COOKIE, f"{handle}.north", domain="cds.example.org")
    return browser


def assessed(browser):
    known = {"segment": "lumbar", "method": "pvp"}
    answers = {
        "cobb-preoperative": 15,
        "cobb-postoperative": 10.5,
        "cement-ratio-ap": 41,
    }
    return browser.post(
        "/smart/measurements/assess",
        json={"answers": answers, "known": known},
        headers={"X-CSRF-Token": "csrf", "Origin": BASE},
        base_url="https://cds.example.org",
    )


def test_every_worker_knows_a_session(start):
    """It is in the database, under a key that only the browser completes."""
    assert assessed(with_session(start({}))).status_code == 200


def test_a_restarted_service_knows_a_session(start):
    """Another application on the same folder, with the same secret key."""
    browser = with_session(start({}))
    browser.application = start({})
    assert assessed(browser).status_code == 200


def test_closing_in_one_worker_ends_the_session_in_all(start):
    """Two applications on one database, and a second browser with a copied cookie."""
    one, other = start({}), start({})
    browser, copied = with_session(one), one.test_client()
    kept = browser.get_cookie(COOKIE, domain="cds.example.org").value
    copied.set_cookie(COOKIE, kept, domain="cds.example.org")
    copied.application = other
    assert assessed(copied).status_code == 200
    headers = {"X-CSRF-Token": "csrf", "Origin": BASE}
    closed = browser.post("/smart/close", headers=headers, base_url=BASE)
    assert closed.json == {"closed": True}
    answer = assessed(copied)
    assert (answer.status_code, answer.json["refused"]) == (401, "expired")
    assert answer.json["words"].startswith("The session is over")


def test_while_the_advice_is_off_a_session_can_be_ended(start, tmp_path):
    """Nothing else can be done with it."""
    (tmp_path / "stop").write_text("off\n")
    app = start({}, variables={"SCNEN_STOP_FILE": str(tmp_path / "stop")})
    browser = with_session(app)
    kept = browser.get_cookie(COOKIE, domain="cds.example.org").value
    assert assessed(browser).json["refused"] == "switched-off"
    headers = {"X-CSRF-Token": "csrf", "Origin": BASE}
    closed = browser.post("/smart/close", headers=headers, base_url=BASE)
    assert closed.json == {"closed": True}
    browser.set_cookie(COOKIE, kept, domain="cds.example.org")
    browser.application = start({})
    assert assessed(browser).json["refused"] == "expired"


def test_a_database_that_is_away_is_told_in_plain_words(start, tmp_path, caplog):
    """In the EHR's frame, with what to do; the form of before may be sent again."""
    app = start({"frame_ancestors": [EHR]}, variables=no_database(tmp_path))
    browser = app.test_client()
    browser.set_cookie(COOKIE, f"{'A' * 43}.north", domain="cds.example.org")
    page = browser.get("/smart/measurements?tag=x", base_url=BASE)
    assert page.status_code == 503
    assert "The database of this service does not answer" in page.text
    assert f"frame-ancestors {EHR}" in page.headers["Content-Security-Policy"]
    answer = assessed(browser)
    assert (answer.status_code, answer.json["refused"]) == (503, "no-sessions")
    assert "Try again in a minute" in answer.json["words"]
    alarms = [r for r in caplog.records if "does not give sessions" in r.getMessage()]
    assert [alarm.levelname for alarm in alarms] == ["ERROR"]
    assert "A" * 43 not in caplog.text


def test_closing_without_a_database_takes_the_cookie_back(start, tmp_path):
    """The next one at this desk has no handle, when the database is there again."""
    browser = start({}, variables=no_database(tmp_path)).test_client()
    browser.set_cookie(COOKIE, f"{'A' * 43}.north", domain="cds.example.org")
    headers = {"X-CSRF-Token": "csrf", "Origin": BASE}
    closed = browser.post("/smart/close", headers=headers, base_url=BASE)
    assert (closed.status_code, closed.json["refused"]) == (503, "no-sessions")
    assert browser.get_cookie(COOKIE, domain="cds.example.org") is None


def test_cards_are_given_while_the_database_is_away(start, tmp_path):
    """Only the app needs it at once."""
    variables = no_database(tmp_path) | {"SCNEN_OPEN": "true"}
    app = start({}, variables=variables | {"SCNEN_PUBLIC_URL": "http://127.0.0.1:8080"})
    body = json.loads(example_request_file().read_bytes())
    answer = app.test_client().post("/cds-services/scnen-discharge", json=body)
    assert answer.status_code == 200
    assert answer.json["cards"]


def no_database(folder):
    """The address of a PostgreSQL that is not there."""
    return {"SCNEN_DATABASE_URL": f"postgresql://scnen@/scnen?host={folder}"}


def test_another_secret_key_ends_every_session(start, tmp_path):
    """Also where the earlier one is named: that is for look-ups of decisions."""
    browser = with_session(start({}))
    (tmp_path / "previous").write_text(SECRET)
    browser.application = start(
        {},
        variables={
            "SCNEN_SECRET_KEY": "correct-horse-battery-staple-0002",
            "SCNEN_PREVIOUS_SECRET_KEYS_FILE": str(tmp_path / "previous"),
        },
    )
    assert assessed(browser).status_code == 401


def test_a_session_that_is_not_used_ends(start):
    """After 15 minutes; used, it goes on, but no longer than its token."""
    now = [NOW]
    app = start({}, clock=lambda: now[0])
    idle, used = (with_session(app, until=NOW.timestamp() + 1500) for _ in range(2))
    statuses = []
    for minutes in (14, 16, 24, 26):
        now[0] = NOW + timedelta(minutes=minutes)
        statuses.append(assessed(used).status_code)
    assert statuses == [200, 200, 200, 401]
    now[0] = NOW + timedelta(minutes=16)
    assert assessed(idle).status_code == 401


def test_a_session_that_was_changed_is_none(start):
    """Nor a handle that nobody gave."""
    app = start({})
    browser = with_session(app)
    kept = browser.get_cookie(COOKIE, domain="cds.example.org").value
    other = "A" if kept[0] != "A" else "B"
    for value in (other + kept[1:], kept[1:], "", "é" * 43, "x" * 3000):
        browser.set_cookie(COOKIE, value, domain="cds.example.org")
        assert assessed(browser).status_code == 401
    browser.set_cookie(COOKIE, kept, domain="cds.example.org")
    assert assessed(browser).status_code == 200


def test_a_session_of_a_server_that_left_the_register_is_over(start):
    """Whoever is taken out of it is out at once."""
    browser = with_session(start({}), server="https://left.example/fhir")
    assert assessed(browser).json["refused"] == "unknown-server"


def test_a_silent_client_is_shown_no_number(start):
    """Values can be entered, both ratios are computed, and that is all."""
    said = assessed(with_session(start({}, stage="silent"))).json
    assert said == {
        "computed": {"cement-ratio-ap": None, "cobb-restoration-ratio": 30.0}
    }


@pytest.mark.parametrize(
    ("signs", "told", "is_negated"),
    [
        ("kyphosis-negative", "it is saved as −", True),
        (None, "In lordosis: leave it open", False),
        ("kyphosis-positive", "has a negative angle.</p>", False),
    ],
)
def test_the_field_says_how_an_angle_is_signed(start, signs, told, is_negated):
    """What is typed here and what the site writes may differ by a sign."""
    app = start({})
    item = load_form("measurements").item("cobb-postoperative")
    with app.test_request_context():
        question = get_template_attribute("smart_items.html", "question")
        said = question(item, Standing(), {}, signs=signs)
    assert told in said
    assert ("data-negated" in said) is is_negated


def test_levels_that_the_record_contradicts_are_not_in_the_list(start):
    """And it is said why, with what to do if the record is wrong."""
    item = load_form("measurements").item("fracture-segment")
    with start({}).test_request_context():
        question = get_template_attribute("smart_items.html", "question")
        some = question(item, Standing(options=("L1", "L2")), {})
        whole = question(item, Standing(options=tuple(item.options)), {})
    assert re.findall(r'<option value="(\w+)">', some) == ["L1", "L2"]
    assert "if it is wrong, correct it there first" in some
    assert "correct it there first" not in whole


OUTCOME = {"outcome": "no", "examined_on": "2026-03-05", "criteria": "study"}


@pytest.mark.parametrize(
    ("kept", "tenants", "told"),
    [
        ([True], (), "Outcome kept: no."),
        ([False], ("t1",), "kept before"),
        ([ValueError("x")], (), "no assessment of this patient"),
        ([OutcomeError("x", stands="yes")], (), "yes was found before, and stands"),
        (StoreError("x"), (), "store of this service failed"),
        ([True], ("t1", "t2"), "not kept by this service"),
        (None, (), "not kept by this service"),
    ],
    ids=str,
)
def test_what_becomes_of_an_outcome_is_told(kept, tenants, told):
    """Under the tenant of the client's calls; of several, none is guessed."""
    rows = []

    def keep_outcomes(given, recorded_by, *, is_visit):
        assert is_visit
        rows.extend(given)
        if isinstance(kept, Exception):
            raise kept
        return kept

    store = SimpleNamespace(keep_outcomes=keep_outcomes) if kept else None
    client = Client("north", tenants=tenants)
    assert told in _keeper(store)(client, "p1", OUTCOME)
    tenant = tenants[0] if tenants else "north"
    assert rows in ([], [{"tenant": tenant, "patient_id": "p1", **OUTCOME}])


def stands(app, *, vertebrae=(), not_assessed=None, cards=(), is_late=False):
    """What is said of a record after saving, to a client that sees numbers."""
    assessment = SimpleNamespace(vertebrae=vertebrae, not_assessed=not_assessed)
    chart = SimpleNamespace(
        assessment=assessment, vertebrae=vertebrae, is_late=is_late, fhir_version="R4"
    )
    composer = SimpleNamespace(compose=lambda *_: cards)
    parts = SimpleNamespace(advice=SimpleNamespace(composers={"en": composer}))
    ehr = SimpleNamespace(client=Client("north"))
    session = SimpleNamespace(patient="p1", encounter=None)
    with app.test_request_context("/"):
        return _standing(parts, is_open=True)(chart, ehr, session)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (Reason.EXCLUDED_CONDITION, "excluded condition"),
        (Reason.NO_ELIGIBLE_OPERATION, "no eligible operation"),
        (None, "no eligible operation"),
    ],
)
def test_a_record_of_which_nobody_is_assessed_is_not_called_complete(
    start, reason, said
):
    """Somebody recorded a metastasis, or took the operation back, meanwhile."""
    told = stands(start(smart={}), not_assessed=reason)
    assert told.startswith("Nobody is assessed")
    assert said in told
    assert "All values are there" not in told


def test_values_that_are_missing_without_a_card_are_not_called_complete(start):
    """No score and no card: that is neither complete nor no risk."""
    lacking = (SimpleNamespace(score=None),)
    assert stands(start(smart={}), vertebrae=lacking) == "Values are still missing."


def test_of_an_old_operation_it_is_said_that_no_discharge_shows_it(start):
    """The form finds it by the longer look of the follow-up."""
    cards = (SimpleNamespace(summary="about 47 of 100"),)
    found = (SimpleNamespace(score=None),)
    told = stands(start(smart={}), vertebrae=found, cards=cards, is_late=True)
    assert told.startswith("about 47 of 100 (The operation lies further back")


def test_without_a_card_an_old_operation_is_told_as_well(start):
    """Else it would read as if a discharge looked at it."""
    lacking = (SimpleNamespace(score=None),)
    told = stands(start(smart={}), vertebrae=lacking, is_late=True)
    assert told.startswith("Values are still missing. (The operation lies further")
