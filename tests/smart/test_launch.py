"""From the EHR to the form and back: who is let in, and what others are told."""

import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import ECKey

pytestmark = pytest.mark.tool

PATIENT = "syn-05"


def words(page):
    """What the page of a refusal says."""
    return page.text.partition('role="alert">')[2].partition("</p>")[0]


def asked(app, ehr, **told):
    """The parameters with which the browser is sent to the authorisation server."""
    handle = ehr.launch(PATIENT, **told)
    answer = app.browser.get(f"/smart/launch?iss={ehr.fhir}&launch={handle}")
    return {n: v[0] for n, v in parse_qs(urlsplit(answer.location).query).items()}


def test_a_launch_asks_for_a_code_with_pkce_and_least_scopes(app, ehr):
    """RFC 7636 with S256, a state, a nonce, the FHIR base as audience."""
    said = asked(app, ehr)
    assert said["response_type"] == "code"
    assert said["aud"] == ehr.fhir
    assert said["code_challenge_method"] == "S256"
    assert len(said["code_challenge"]) == 43
    assert min(len(said["state"]), len(said["nonce"])) >= 43
    scopes = said["scope"].split()
    assert {"launch", "openid", "fhirUser", "patient/Observation.crs"} <= set(scopes)
    assert not [s for s in scopes if "*" in s or s.startswith(("user/", "system/"))]


def test_each_launch_has_secrets_of_its_own(app, ehr):
    """None of them can be guessed from an earlier one."""
    one, other = asked(app, ehr), asked(app, ehr)
    for name in ("state", "nonce", "code_challenge"):
        assert one[name] != other[name]


def test_a_server_of_smart_1_gets_scopes_of_smart_1(app, ehr):
    """It would refuse letters that it does not know."""
    ehr.settings["capabilities"] = ["launch-ehr"]
    assert "patient/Observation.write" in asked(app, ehr)["scope"].split()


def test_the_form_opens_for_the_patient_of_the_launch(app, ehr):
    """Name and date of birth stand at the top."""
    page = app.enter(ehr, PATIENT)
    assert "Edith Synthetic-Elm, born " in page.text


def test_the_link_says_which_form(app, ehr):
    """By the appContext of the card; it holds nothing of the patient."""
    assert (
        "<h1>Record the follow-up</h1>"
        in app.enter(ehr, "syn-24", appContext="follow-up").text
    )


@pytest.mark.parametrize("query", ["", "?launch=x", "?iss=http://127.0.0.1:1/fhir"])
def test_a_launch_without_an_ehr_is_told_where_to_launch(app, query):
    """Standalone there is no patient."""
    answer = app.browser.get(f"/smart/launch{query}")
    assert answer.status_code == 400
    assert "Open this form from a patient’s chart" in words(answer)


@pytest.mark.parametrize(
    "issuer",
    ["https://evil.example/fhir", "http://10.0.0.1/fhir", "file:///etc", "x", ""],
)
def test_a_server_in_no_entry_is_not_asked(app, issuer):
    """Whoever writes a link could otherwise choose where this service connects to."""
    answer = app.browser.get(f"/smart/launch?launch=x&iss={issuer}")
    assert answer.status_code == 403
    assert "not registered with this service" in words(answer)
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("settings", "status", "told"),
    [
        ({"code_challenge_methods_supported": ["plain"]}, 502, "PKCE, S256"),
        ({"code_challenge_methods_supported": None}, 502, "PKCE, S256"),
        ({"token_endpoint": None}, 502, "no usable way"),
        ({"token_endpoint": "http://192.0.2.1/token"}, 502, "no usable way"),
        ({"authorization_endpoint": "javascript:alert(1)"}, 502, "no usable way"),
        ({"jwks_uri": "file:///etc/passwd"}, 502, "no usable way"),
    ],
    ids=str,
)
def test_a_configuration_that_cannot_be_trusted_is_refused(
    app, ehr, settings, status, told
):
    """Neither the browser nor a code is sent to where it points."""
    ehr.settings = settings
    answer = app.browser.get(f"/smart/launch?iss={ehr.fhir}&launch={ehr.launch('x')}")
    assert (answer.status_code, told in words(answer)) == (status, True)


def test_a_server_that_is_down_is_told(app):
    """In seconds, in plain words."""
    answer = app.browser.get("/smart/launch?launch=x&iss=http://127.0.0.1:9/fhir")
    assert answer.status_code == 502
    assert "did not answer in time" in words(answer)


def test_a_wrong_state_is_refused(app, ehr):
    """An answer to somebody else's launch, smuggled into this browser."""
    back = app.begin(ehr, PATIENT)
    answer = app.browser.get(back.replace("state=", "state=x"))
    assert answer.status_code == 400
    assert "does not belong to a launch" in words(answer)


def test_an_answer_of_another_issuer_is_refused(app, ehr):
    """RFC 9207: two authorisation servers are not to be mixed up."""
    back = app.begin(ehr, PATIENT)
    assert app.browser.get(f"{back}&iss=https://evil.example").status_code == 400
    assert app.browser.get(f"{back}&iss={ehr.base}").status_code == 303


def test_an_answer_at_another_clients_address_is_refused(app, ehr):
    """Mixed up with another server, one that does not name itself (RFC 9700, 4.4)."""
    back = app.begin(ehr, PATIENT)
    other = app.browser.get(back.replace("/callback/generic", "/callback/north"))
    assert other.status_code == 400
    assert "does not belong to a launch" in words(other)
    assert ehr.codes


def test_a_callback_without_a_launch_is_refused(app, ehr):
    """In another browser, which has no cookie of it."""
    back = app.begin(ehr, PATIENT)
    stranger = app.app.test_client()
    assert stranger.get(back).status_code == 400


def test_a_launch_ends_after_ten_minutes(app, ehr):
    """Whoever comes back later begins anew."""
    back = app.begin(ehr, PATIENT)
    app.later_s = 601
    assert app.browser.get(back).status_code == 400


def test_a_state_is_taken_once(app, ehr):
    """Even with the cookie of the launch, copied before it was taken back."""
    back = app.begin(ehr, PATIENT)
    kept = app.browser.get_cookie("scnen-launch").value
    assert app.browser.get(back).status_code == 303
    app.browser.set_cookie("scnen-launch", kept)
    answer = app.browser.get(back)
    assert answer.status_code == 400
    assert "was used already" in words(answer)


def test_no_leave_is_told(app, ehr):
    """The clinician, or the EHR, said no."""
    handle = ehr.launch(PATIENT)
    ehr.launches.pop(handle)
    location = app.browser.get(f"/smart/launch?iss={ehr.fhir}&launch={handle}").location
    state = parse_qs(urlsplit(location).query)["state"][0]
    answer = app.browser.get(
        f"/smart/callback/generic?error=access_denied&state={state}"
    )
    assert answer.status_code == 403
    assert "did not give leave" in words(answer)


@pytest.mark.parametrize(
    ("claims", "header"),
    [
        ({"nonce": "another"}, {}),
        ({"iss": "https://evil.example"}, {}),
        ({"aud": "another-app"}, {}),
        ({"aud": ["scnen-cds", "another-app"]}, {}),
        ({"azp": "another-app"}, {}),
        ({"exp": 1}, {}),
        ({"iat": 99999999999}, {}),
        ({}, {"kid": "unknown"}),
    ],
    ids=str,
)
def test_an_id_token_that_is_wrong_is_refused(app, ehr, claims, header):
    """Nobody measures under another's name."""
    ehr.claims, ehr.header = claims, header
    answer = app.browser.get(app.begin(ehr, PATIENT))
    assert answer.status_code == 403
    assert "id token is not valid" in words(answer)
    assert app.browser.get("/smart/measurements").status_code == 401


def test_an_id_token_of_another_key_is_refused(app, ehr):
    """A key of the same name, and not the EHR's."""
    real = ehr.key
    parameters = {"kid": "of-the-ehr", "use": "sig", "alg": "ES256"}
    back = app.begin(ehr, PATIENT)
    ehr.key = ECKey.generate_key("P-256", parameters=parameters)
    forged, jwks = ehr.key, real.as_dict(private=False)
    ehr.settings = {}
    ehr.key.as_dict = lambda private: jwks
    answer = app.browser.get(back)
    ehr.key = real
    assert forged is not real
    assert answer.status_code == 403


@pytest.mark.parametrize("told", [{"id_token": "x.y.z"}, {"id_token": 7}], ids=str)
def test_an_id_token_that_is_none_is_refused(app, ehr, told):
    """Not taken for "no id token"."""
    ehr.told = told
    assert app.browser.get(app.begin(ehr, PATIENT)).status_code == 403


@pytest.mark.parametrize(
    ("told", "status", "said"),
    [
        ({"patient": None}, 400, "named no patient"),
        ({"patient": "../x"}, 400, "named no patient"),
        ({"token_type": "mac"}, 502, "did not complete"),
        ({"access_token": None}, 502, "did not complete"),
        ({"access_token": "t\r\nX-Other: 1"}, 502, "did not complete"),
        ({"access_token": "t" * 65_537}, 502, "did not complete"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_token_answer_that_cannot_be_used_is_refused(app, ehr, told, status, said):
    """Each with what somebody can do about it."""
    ehr.told = told
    answer = app.browser.get(app.begin(ehr, PATIENT))
    assert (answer.status_code, said in words(answer)) == (status, True)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: ("<html>", 200),
        lambda: ({"error": "invalid_grant"}, 400),
        lambda: ("[]", 200, {"Content-Type": "application/json"}),
        lambda: ("", 302, {"Location": "https://evil.example/"}),
    ],
    ids=["garbage", "refused", "no-object", "redirect"],
)
def test_a_token_endpoint_that_gives_no_token_is_told(app, ehr, answer):
    """Nothing was read or saved."""
    ehr.token_answer = answer
    page = app.browser.get(app.begin(ehr, PATIENT))
    assert page.status_code == 502
    assert "did not complete the authorisation" in words(page)


def test_a_slow_token_endpoint_holds_nobody_up(app, ehr, monkeypatch):
    """Its time is limited, like that of every server."""
    access = app.app.extensions["scnen_smart"]
    monkeypatch.setattr(access, "_limits", type(access._limits)(total_s=0.2))
    ehr.token_answer = lambda: time.sleep(0.6) or ("", 500)
    back = app.begin(ehr, PATIENT)
    assert app.browser.get(back).status_code == 502


def test_without_an_id_token_the_form_opens_and_saves_nothing(app, ehr):
    """Nobody is proven to have measured."""
    ehr.granted = "launch patient/Observation.crs patient/Procedure.rs"
    page = app.enter(ehr, PATIENT)
    assert "did not say who you are" in page.text
    answer = app.post("measurements/save", {"answers": {}}, page)
    assert answer.json["refused"] == "no-leave"


@pytest.mark.parametrize(
    "user",
    [
        "Patient/p1",
        "https://evil.example/Practitioner/1",
        "https://[::/Practitioner/1",
        "Practitioner/..",
        7,
    ],
)
def test_who_is_no_clinician_of_the_server_saves_nothing(app, ehr, user):
    """A patient's own login, or somebody of another hospital."""
    ehr.claims["fhirUser"] = user
    assert "did not say who you are" in app.enter(ehr, PATIENT).text


def test_a_session_ends_with_its_token(app, ehr):
    """What is on the screen was not saved, and that is said."""
    ehr.told["expires_in"] = 300
    page = app.enter(ehr, PATIENT)
    app.later_s = 301
    answer = app.post("measurements/save", {"answers": {}}, page)
    assert (answer.status_code, answer.json["refused"]) == (401, "expired")
    assert app.browser.get("/smart/measurements").status_code == 401


def test_closing_ends_the_session_wherever_its_cookie_is(app, ehr):
    """The next one at this desk opens nothing, nor whoever copied the cookie before."""
    page = app.enter(ehr, PATIENT)
    kept = app.browser.get_cookie("scnen-session").value
    assert app.post("close", {}, page).status_code == 200
    assert app.browser.get_cookie("scnen-session") is None
    app.browser.set_cookie("scnen-session", kept)
    answer = app.post("measurements/save", {"answers": {}}, page)
    assert (answer.status_code, answer.json["refused"]) == (401, "expired")
    assert ehr.writes == []


def test_a_new_launch_ends_the_earlier_session_of_the_browser(app, ehr):
    """A copy of its cookie opens nothing either."""
    page = app.enter(ehr, PATIENT)
    kept = app.browser.get_cookie("scnen-session").value
    app.enter(ehr, "syn-24")
    app.browser.set_cookie("scnen-session", kept)
    assert app.post("close", {}, page).json["refused"] == "expired"


def test_a_token_of_some_kilobytes_fits(app, ehr):
    """Signed ones of large hospitals are longer than a cookie."""
    ehr.told = {"access_token": "t" * 20_000}
    assert app.browser.get(app.begin(ehr, PATIENT)).status_code == 303


def test_a_launch_that_fits_no_cookie_is_refused(app, ehr):
    """The browser would drop it, and nobody knew why the way back is barred."""
    ehr.settings = {"issuer": "https://ehr.example/" + "x" * 4000}
    answer = app.browser.get(f"/smart/launch?iss={ehr.fhir}&launch={ehr.launch('x')}")
    assert answer.status_code == 502
    assert "describes its authorisation in no usable way" in words(answer)
    assert "Set-Cookie" not in answer.headers


def test_another_web_page_can_send_nothing(app, ehr, caplog):
    """Neither without the page's token nor from another origin."""
    page = app.enter(ehr, PATIENT)
    for headers in ({"X-CSRF-Token": "x"}, {"Origin": "https://evil.example"}):
        answer = app.post("measurements/save", {"answers": {}}, page, **headers)
        assert answer.status_code == 403
    assert ehr.writes == []
    logged = [r.getMessage() for r in caplog.records]
    assert "SMART app refused: foreign-page" in logged


def test_an_older_page_cannot_write_into_the_next_patients_chart(app, ehr):
    """Two charts in one browser: only the last one opened can be written to."""
    page = app.enter(ehr, PATIENT)
    app.enter(ehr, "syn-24")
    body = {"answers": {"cement-ratio-ap": 30, "film-postoperative": "2026-01-01"}}
    answer = app.post("measurements/save", body, page)
    assert answer.json["refused"] == "other-patient"
    assert ehr.writes == []


def test_an_older_window_does_not_show_the_next_patients_form(app, ehr):
    """Its links and a reload are refused; they would show B inside of A's chart."""
    page = app.enter(ehr, PATIENT)
    links = re.findall(r'href="(/smart/[^"]+)"', page.text)
    assert len(links) == 4  # two forms, this one in another language, and anew
    assert all("tag=" in link for link in links)
    assert app.browser.get(links[1]).status_code == 200
    newer = app.enter(ehr, "syn-24")
    for link in (*links, "/smart/measurements"):
        answer = app.browser.get(link)
        assert answer.status_code == 403
        is_chinese = "lang=zh" in link
        told = "可能是为另一名患者" if is_chinese else "maybe for another patient"
        assert told in words(answer)
    csrf = newer.text.partition('data-csrf="')[2].partition('"')[0]
    assert csrf not in "".join(re.findall(r'href="([^"]+)"', newer.text))


def test_no_token_is_in_a_page_a_log_or_a_cookie(app, ehr, caplog):
    """It is in memory for one request; what the browser has is random."""
    page = app.enter(ehr, PATIENT)
    (token,) = [name for name in ehr.tokens if name][-1:]
    ours = [r.getMessage() for r in caplog.records if r.name != "werkzeug"]
    for text in (page.text, *ours, *map(str, page.headers.values())):
        assert token not in text
    handle = app.browser.get_cookie("scnen-session").value
    assert re.fullmatch(r"[\w-]{43}\.generic", handle)


def test_nobody_frames_the_form_unless_registered(app, ehr):
    """And nothing from elsewhere is loaded, nothing is kept."""
    headers = app.enter(ehr, PATIENT).headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_while_the_advice_is_off_nothing_is_opened(app, ehr, monkeypatch, tmp_path):
    """The kill switch counts here as well."""
    (tmp_path / "stop").write_text("off\n")
    monkeypatch.setenv("SCNEN_STOP_FILE", str(tmp_path / "stop"))
    off = type(app)()
    try:
        answer = off.browser.get(f"/smart/launch?iss={ehr.fhir}&launch=x")
    finally:
        off.close()
    assert answer.status_code == 503
    assert "switched off" in words(answer)
