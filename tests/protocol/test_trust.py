"""Who is let in: the token of a registered client, and nothing else."""

import json
import logging

import pytest

from cds_hooks import ClientRegister, KeySource, Registry, Unavailable
from cds_hooks.errors import Untrusted
from cds_hooks.key_rings import key_finders
from cds_hooks.trust import Trust

from .signing import (
    BASE,
    ISSUER,
    NOW,
    URL,
    Address,
    Clock,
    Replays,
    claims,
    ehr,
    key_set,
    public_jwk,
    sign,
    sign_raw,
)

#: The token that versions 1.0 to 3.0 of the specification print, and its public key.
PRINTED = (
    "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImV4YW1wbGUta2lkIiwiamt1IjoiaHR0cHM6Ly9m"
    "aGlyLWVoci5leGFtcGxlLmNvbS9qd2tfdXJpIn0.eyJpc3MiOiJodHRwczovL2ZoaXItZWhyLmV4YW1wbGUu"
    "Y29tLyIsImF1ZCI6Imh0dHBzOi8vY2RzLmV4YW1wbGUub3JnL2Nkcy1zZXJ2aWNlcy9zb21lLXNlcnZpY2Ui"
    "LCJleHAiOjE0MjI1Njg4NjAsImlhdCI6MTMxMTI4MDk3MCwianRpIjoiZWUyMmIwMjEtZTFiNy00NjExLWJh"
    "NWItOGVlYzZhMzNhYzFlIiwidGVuYW50IjoiMmRkZDZjM2EtOGU5YS00NGM2LWEzMDUtNTIxMTFhZDMwMmEy"
    "In0.d1WfLjGRKlcWB94l9do4cM8REXeYJLL6SGUBO8VHZhfM8mwKYP70EMxJ67War4TQblEpaQrp11wx5p7o"
    "PFm2ETYgCicS84vXWEIYTdjooZdooCSDf2L8-i4awdoUwiEb"
)
PRINTED_KEY = {
    "kty": "EC",
    "use": "sig",
    "crv": "P-384",
    "kid": "example-kid",
    "x": "46SDH7Znh821wblCBglA61sNE9ZrHYKKt3qRtRTmSXyOI_FIGBLWrWa0GPUkDCEk",
    "y": "XMcRuuoGW7CXjQdy-F5i3FeBE0x9hPLdeFdSoDd3ELmx404tLX0VRRcqzAsPhXcI",
    "alg": "ES384",
}
PRINTED_TENANT = "2ddd6c3a-8e9a-44c6-a305-52111ad302a2"


@pytest.fixture
def replays():
    """Which tokens have come."""
    return Replays()


@pytest.fixture
def clock():
    """The time of the service."""
    return Clock()


@pytest.fixture
def make(replays, clock):
    """Make what decides, for some clients."""

    def trust(*clients, **options):
        register = ClientRegister(clients or [ehr()])
        return Trust(register, BASE, replays, **{"clock": clock, **options})

    return trust


def ask(trust, token, path="/cds-services/booster", **environ):
    """Make a call with a token."""
    return trust.admit({"HTTP_AUTHORIZATION": f"Bearer {token}", **environ}, path)


def refusal(trust, token, path="/cds-services/booster", **environ):
    """Why a call is refused."""
    with pytest.raises(Untrusted, match=r"^$") as caught:
        ask(trust, token, path, **environ)
    return caught.value.refusal


# The specification's own example ---------------------------------------------


def printed_client(**changes):
    """The client of the specification's example."""
    return ehr(
        issuer="https://fhir-ehr.example.com/",
        keys=KeySource(
            jwks=key_set(PRINTED_KEY), jku="https://fhir-ehr.example.com/jwk_uri"
        ),
        tenants=(PRINTED_TENANT,),
        # Issued in 2011, valid until 2015.
        token_lifetime_s=1_422_568_860 - 1_311_280_970,
        **changes,
    )


def test_the_printed_token_was_good_in_its_time(make, clock):
    """All four texts print it with its key: it verifies, to the last claim."""
    clock.now = 1_422_568_800
    trust = make(printed_client())
    caller = ask(trust, PRINTED, "/cds-services/some-service")
    assert (caller.client.name, caller.tenant) == ("north", PRINTED_TENANT)


@pytest.mark.conformance("JWT-8")
def test_the_printed_token_has_expired(make):
    """Today it is refused, and for this reason."""
    trust = make(printed_client())
    assert refusal(trust, PRINTED, "/cds-services/some-service") == "expired"


# The header -------------------------------------------------------------------


@pytest.mark.parametrize(
    "algorithm",
    [
        pytest.param("ES384", id="JWT-4 ES384"),
        pytest.param("RS384", id="JWT-4 RS384"),
        "ES256",
        "RS256",
    ],
)
def test_four_algorithms_are_taken(make, algorithm):
    """The two recommended ones, and their shorter kin."""
    jwk = public_jwk(algorithm)
    trust = make(ehr(keys=KeySource(jwks=key_set(jwk))))
    assert ask(trust, sign(algorithm)).client.name == "north"


@pytest.mark.conformance("JWT-5")
@pytest.mark.parametrize("algorithm", ["ES512", "RS512", "PS256", "PS384"])
def test_other_algorithms_are_refused(make, algorithm):
    """Even rightly signed: what is not on the list is not taken."""
    jwk = public_jwk(algorithm)
    trust = make(ehr(keys=KeySource(jwks=key_set(jwk))))
    assert refusal(trust, sign(algorithm)) == "algorithm"


@pytest.mark.conformance("JWT-5")
@pytest.mark.parametrize(
    ("key", "alg"),
    [("ES256", "ES384"), ("ES384", "ES256"), ("RS384", "ES384"), ("ES384", "RS384")],
)
def test_the_kind_of_key_must_fit_the_algorithm(make, key, alg):
    """A token does not choose how a key is used."""
    trust = make(ehr(keys=KeySource(jwks=key_set(public_jwk(key)))))
    header = {"alg": alg, "kid": "key-1", "typ": "JWT"}
    assert refusal(trust, sign_raw(header, claims(), key)) == "key-kind"


def test_a_key_that_names_its_algorithm_serves_no_other(make):
    """RFC 7517, 4.4."""
    jwk = public_jwk("RS256", alg="RS256")
    trust = make(ehr(keys=KeySource(jwks=key_set(jwk))))
    assert refusal(trust, sign("RS384")) == "key-kind"


@pytest.mark.conformance("JWT-6")
@pytest.mark.parametrize(
    ("name", "said"), [("alg", "algorithm"), ("kid", "header"), ("typ", "header")]
)
def test_each_required_header_must_be_there(make, name, said):
    """The specification requires alg, kid and typ."""
    header = {"alg": "ES384", "kid": "key-1", "typ": "JWT"}
    del header[name]
    assert refusal(make(), sign_raw(header, claims())) == said


@pytest.mark.conformance("JWT-6")
@pytest.mark.parametrize("typ", ["at+jwt", "JWE", "", 7, ["JWT"]])
def test_another_type_of_token_is_refused(make, typ):
    """A token that was made for another purpose is not one of CDS Hooks."""
    header = {"alg": "ES384", "kid": "key-1", "typ": typ}
    assert refusal(make(), sign_raw(header, claims())) == "header"


def test_a_type_in_small_letters_is_one(make):
    """RFC 7519, 5.1 recommends capitals, no more."""
    assert ask(make(), sign(header={"typ": "jwt"})).client.name == "north"


# The claims -------------------------------------------------------------------


@pytest.mark.conformance("JWT-6")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("iss", "issuer"),
        ("aud", "audience"),
        ("exp", "claims"),
        ("iat", "claims"),
        ("jti", "claims"),
    ],
)
def test_each_required_claim_must_be_there(make, name, said):
    """The specification requires iss, aud, exp, iat and jti."""
    assert refusal(make(), sign(**{name: None})) == said


@pytest.mark.conformance("JWT-11")
@pytest.mark.parametrize(
    "issuer", ["https://evil.example", f"{ISSUER}/", ISSUER.upper()]
)
def test_only_a_registered_issuer_is_known(make, issuer):
    """To the letter."""
    assert refusal(make(), sign(iss=issuer)) == "issuer"


def test_the_issuer_comes_before_all_else(make):
    """Of a token by nobody nothing else is looked at."""
    token = sign_raw({"alg": "none"}, claims(iss="https://evil.example", exp=0))
    assert refusal(make(), token) == "issuer"


def test_another_clients_key_does_not_sign_for_an_issuer(make):
    """Keys are pinned to their client."""
    south = ehr(
        name="south",
        issuer="https://south.example.org",
        keys=KeySource(jwks=key_set(public_jwk(number=1, kid="key-2"))),
    )
    assert refusal(make(ehr(), south), sign(kid="key-2", number=1)) == "key"


def test_a_signature_by_another_key_is_refused(make):
    """The name of a key is no proof."""
    assert refusal(make(), sign(number=1)) == "signature"


@pytest.mark.conformance("JWT-7")
@pytest.mark.parametrize(
    "audience", [URL, [URL], ["https://other.example", URL], [None, 7, URL]]
)
def test_the_called_url_is_the_audience(make, audience):
    """A string or an array that holds it."""
    assert ask(make(), sign(aud=audience) if audience == URL else raw_aud(audience))


def raw_aud(audience):
    header = {"alg": "ES384", "kid": "key-1", "typ": "JWT"}
    return sign_raw(header, claims(aud=audience))


@pytest.mark.conformance("JWT-7")
@pytest.mark.parametrize(
    "audience",
    [
        f"{URL}/",
        URL.upper(),
        URL.replace("https", "http"),
        f"{BASE}/cds-services",
        f"{BASE}/cds-services/full",
        f"{URL}/feedback",
        BASE,
        "",
        [],
        [f"{URL}/"],
        {"aud": URL},
        7,
        True,
    ],
)
def test_a_token_for_another_address_is_refused(make, audience):
    """Another service, feedback, discovery, or nearly the same URL."""
    assert refusal(make(), raw_aud(audience)) == "audience"


@pytest.mark.parametrize("audience", [URL, f"{URL}/feedback"])
def test_fb_9_feedback_takes_its_own_audience_or_that_of_its_service(make, audience):
    """The public Sandbox names the one, others the other; no text says which."""
    path = "/cds-services/booster/feedback"
    assert ask(make(), sign(aud=audience), path).client.name == "north"


def test_fb_9_a_token_of_another_service_gives_no_feedback(make):
    """Nor does discovery's."""
    path = "/cds-services/booster/feedback"
    for other in (f"{BASE}/cds-services/full", f"{BASE}/cds-services"):
        assert refusal(make(), sign(aud=other), path) == "audience"


@pytest.mark.parametrize(
    ("registered", "path", "audience", "is_taken"),
    [
        (["urn:our-name"], "/cds-services/booster", "urn:our-name", True),
        (["urn:our-name"], "/cds-services/booster", URL, False),
        (["urn:our-name"], "/cds-services/booster/feedback", "urn:our-name", True),
        ([URL], "/cds-services/booster", URL, True),
        ([URL], "/cds-services/booster/feedback", f"{URL}/feedback", True),
        ([URL], "/cds-services/full", URL, False),
        ([URL, f"{BASE}/cds-services/full"], "/cds-services/full", URL, False),
        ([URL], "/cds-services", f"{BASE}/cds-services", True),
        ([f"{BASE}/cds-services"], "/cds-services/booster", URL, False),
        (
            [f"{BASE}/cds-services"],
            "/cds-services/booster",
            f"{BASE}/cds-services",
            False,
        ),
        ([], "/cds-services/feedback", f"{BASE}/cds-services", False),
    ],
)
def test_registered_audiences_replace_the_called_url(
    make, registered, path, audience, is_taken
):
    """But the URL of one of our addresses never stands for another one."""
    trust = make(ehr(audiences=tuple(registered)))
    if is_taken:
        assert ask(trust, sign(aud=audience), path).client.name == "north"
    else:
        assert refusal(trust, sign(aud=audience), path) == "audience"


@pytest.mark.parametrize(
    ("times", "said"),
    [
        pytest.param({"exp": NOW - 60}, "expired", id="JWT-8 expired"),
        pytest.param({"exp": NOW - 86_400}, "expired", id="JWT-8 yesterday"),
        pytest.param({"iat": NOW + 61}, "not-yet", id="JWT-9 issued tomorrow"),
        pytest.param({"nbf": NOW + 61}, "not-yet", id="JWT-17 nbf is honoured"),
        pytest.param({"exp": NOW + 3601}, "lifetime", id="JWT-9 an hour and more"),
        pytest.param(
            {"exp": NOW + 10 * 365 * 86_400}, "lifetime", id="JWT-9 ten years"
        ),
        pytest.param({"exp": NOW, "iat": NOW}, "lifetime", id="JWT-9 no time at all"),
        pytest.param(
            {"exp": NOW - 30, "iat": NOW + 30}, "lifetime", id="JWT-9 backwards"
        ),
    ],
)
def test_times_that_do_not_fit_are_refused(make, times, said):
    """With a minute for clocks that differ."""
    assert refusal(make(), sign(**times)) == said


@pytest.mark.parametrize(
    "times",
    [
        pytest.param({"exp": NOW - 59, "iat": NOW - 359}, id="JWT-8 within a minute"),
        pytest.param({"iat": NOW + 60, "exp": NOW + 360}, id="JWT-9 within a minute"),
        pytest.param({"exp": NOW + 3600}, id="JWT-9 an hour"),
        {"exp": NOW + 0.5, "iat": NOW - 0.25},
    ],
)
def test_clocks_may_differ_by_a_minute(make, times):
    """No more, and in both directions."""
    assert ask(make(), sign(**times)).client.name == "north"


def test_the_longest_life_of_a_token_is_the_clients(make):
    """A site that signs for a day says so in the register."""
    trust = make(ehr(token_lifetime_s=86_400))
    assert ask(trust, sign(exp=NOW + 86_400)).client.name == "north"


@pytest.mark.conformance("JWT-17")
def test_a_token_in_epics_shape_is_taken(make):
    """It adds `sub` and `nbf`, and its key's name has characters such as + / : =."""
    kid = "b1+/x:Ab0="
    jwk = public_jwk("RS384", kid=kid, bits=2048)
    trust = make(ehr(keys=KeySource(jwks=key_set(jwk))))
    token = sign("RS384", kid, sub=ISSUER, nbf=NOW - 300, extra={"a": [1]})
    assert ask(trust, token).client.name == "north"


# Tenants ----------------------------------------------------------------------


@pytest.mark.conformance("JWT-14")
@pytest.mark.parametrize("tenant", [None, "t3", "T1", "", ["t1"], 1])
def test_a_tenant_that_is_not_registered_is_refused(make, tenant):
    """One issuer may sign for all hospitals of a vendor."""
    trust = make(ehr(tenants=("t1", "t2")))
    header = {"alg": "ES384", "kid": "key-1", "typ": "JWT"}
    assert refusal(trust, sign_raw(header, claims(tenant=tenant))) == "tenant"


@pytest.mark.conformance("JWT-14")
def test_a_registered_tenant_is_told(make):
    """What is stored about it is kept apart."""
    assert ask(make(ehr(tenants=("t1", "t2"))), sign(tenant="t2")).tenant == "t2"


def test_a_tenant_nobody_registered_is_not_asked_for(make):
    """Nor is it believed."""
    assert ask(make(), sign(tenant="t9")).tenant is None


# Once -------------------------------------------------------------------------


@pytest.mark.conformance("JWT-10")
def test_a_token_is_taken_once(make, replays):
    """Who has read it cannot send it again, at this or another address."""
    trust = make(ehr(audiences=("urn:us",)))
    assert ask(trust, sign(aud="urn:us")).client.name == "north"
    assert refusal(trust, sign(aud="urn:us")) == "replayed"
    path = "/cds-services/booster/feedback"
    assert refusal(trust, sign(aud="urn:us"), path) == "replayed"


def test_a_token_is_remembered_until_no_clock_takes_it(make, replays):
    """To its end and a minute."""
    ask(make(), sign())
    assert replays.used == {(ISSUER, "jti-1"): NOW + 360}


def test_two_issuers_may_use_the_same_jti(make):
    """Each issuer makes its own; RFC 7519, 4.1.7 leaves the rest to luck."""
    south = ehr(name="south", issuer="https://south.example.org")
    trust = make(ehr(), south)
    ask(trust, sign())
    assert ask(trust, sign(iss="https://south.example.org")).client.name == "south"


@pytest.mark.conformance("JWT-10")
def test_a_refused_token_is_not_remembered(make, replays):
    """The memory is not filled by who cannot sign, nor by another hospital."""
    trust = make(ehr(tenants=("t1",)))
    for token in (sign(number=1), sign(tenant="t2"), sign(exp=NOW - 99)):
        refusal(trust, token)
    assert replays.used == {}


def test_a_client_may_be_known_to_reuse_its_tokens(make):
    """Some do; the register says which."""
    trust = make(ehr(reuses_tokens=True))
    assert [ask(trust, sign()).client.name for _ in range(2)] == ["north", "north"]


def test_a_memory_that_fails_lets_nobody_in(make, replays, caplog):
    """503: the client may try again; the log has the kind of fault, not its text."""
    replays.failure = OSError("INSERT jti-1 canary-4711")
    with pytest.raises(Unavailable, match=r"^$"):
        ask(make(), sign())
    assert "replay store failed: OSError" in caplog.text
    assert "canary-4711" not in caplog.text


# Keys -------------------------------------------------------------------------


@pytest.mark.conformance("JWT-12")
def test_without_jku_the_registered_keys_count(make):
    """Keys that were handed over by other means."""
    assert ask(make(), sign()).client.name == "north"


@pytest.mark.conformance("JWT-11")
@pytest.mark.parametrize(
    "source",
    [
        {"jwks": key_set(public_jwk())},
        {"jwks_url": "https://ehr.example.org/jwks"},
        {"jwks": key_set(public_jwk()), "jku": "https://ehr.example.org/jwks"},
    ],
)
@pytest.mark.parametrize(
    "jku",
    [
        "https://evil.example/jwks",
        "https://ehr.example.org/jwks/",
        "https://ehr.example.org/jwks?x",
        "https://ehr.example.org@evil.example/jwks",
        "",
        7,
        None,
    ],
)
def test_another_jku_than_the_registered_one_is_refused(make, source, jku):
    """And nothing is fetched from anywhere."""
    address = Address(ValueError())
    trust = make(ehr(keys=KeySource(**source)), fetch=address)
    header = {"alg": "ES384", "kid": "key-1", "typ": "JWT", "jku": jku}
    assert refusal(trust, sign_raw(header, claims())) == "jku"
    assert address.asked == 0


@pytest.mark.parametrize(
    "source",
    [
        {"jwks_url": "https://ehr.example.org/jwks"},
        {"jwks": key_set(public_jwk()), "jku": "https://ehr.example.org/jwks"},
    ],
)
def test_the_registered_jku_is_taken(make, source):
    """Fetched from the register's address, never from the token's."""
    address = Address()
    address.publish(public_jwk())
    trust = make(ehr(keys=KeySource(**source)), fetch=address)
    token = sign(header={"jku": "https://ehr.example.org/jwks"})
    assert ask(trust, token).client.name == "north"
    assert set(address.urls) <= {"https://ehr.example.org/jwks"}


@pytest.mark.conformance("JWT-13")
def test_rotation_needs_no_restart(make):
    """A new key at the address is found by its name, once it is there."""
    address = Address()
    address.publish(public_jwk())
    steady = Clock(0)
    source = KeySource(jwks_url="https://ehr.example.org/jwks")
    trust = make(ehr(keys=source), fetch=address, steady_clock=steady)
    ask(trust, sign())
    steady.now = 31
    assert refusal(trust, sign(kid="key-2", number=1)) == "key"
    assert address.asked == 2  # one look for the unknown name
    address.publish(public_jwk(), public_jwk(number=1, kid="key-2"))
    steady.now = 62
    assert ask(trust, sign(kid="key-2", number=1, jti="jti-2")).client.name == "north"


def test_without_keys_nobody_is_let_in(make):
    """The log says that the keys could not be had, the client no more than always."""
    source = KeySource(jwks_url="https://ehr.example.org/jwks")
    trust = make(ehr(keys=source), fetch=Address(OSError()))
    assert refusal(trust, sign()) == "no-keys"


# What the client and the log are told -------------------------------------------

DEFECTS = {
    "no token": None,
    "basic": "Basic bm9ydGg6c2VjcmV0",
    "malformed": "Bearer a.b",
    "issuer": f"Bearer {sign(iss='https://evil.example')}",
    "algorithm": f"Bearer {sign('RS512')}",
    "key": f"Bearer {sign(kid='other')}",
    "signature": f"Bearer {sign(number=1)}",
    "audience": f"Bearer {sign(aud=BASE)}",
    "expired": f"Bearer {sign(exp=NOW - 99)}",
    "lifetime": f"Bearer {sign(exp=NOW + 99_999)}",
    "claims": f"Bearer {sign(jti=None)}",
    "tenant": f"Bearer {sign()}",
}


@pytest.fixture
def app(build_app, services, box, make):
    """An application that lets in one client, of two tenants."""
    trust = make(ehr(tenants=("t1", "t2")))
    return build_app(Registry(services), on_feedback=box, trust=trust)


@pytest.mark.conformance("JWT-16", "JWT-1", "SEC-3", "RESP-7")
@pytest.mark.parametrize("defect", list(DEFECTS))
@pytest.mark.parametrize("path", ["booster", "booster/feedback"])
def test_every_defect_of_a_token_is_answered_the_same(
    app, golden, feedback, path, defect
):
    """The bare 401, to the byte; nothing says what was wrong."""
    body = {"feedback": [feedback]} if path.endswith("feedback") else golden
    client = app.test_client()
    plain = client.post(f"/cds-services/{path}", json=body)
    sent = DEFECTS[defect]
    headers = {"Authorization": sent} if sent else {}
    answer = client.post(f"/cds-services/{path}", json=body, headers=headers)
    assert (answer.status_code, answer.data) == (401, plain.data)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers == plain.headers
    assert answer.json["issue"][0]["code"] == "login"


def test_the_handler_learns_client_and_tenant(build_app, services, golden, make):
    """By the token, whatever FHIR server the request names."""
    seen = []
    first = services[0]
    object.__setattr__(first, "handler", watching(seen, first.handler))
    trust = make(ehr(tenants=("t1", "t2")))
    app = build_app(
        Registry(services), trust=trust, client_of=lambda _: ehr(name="south")
    )
    headers = {"Authorization": f"Bearer {sign(tenant='t2')}"}
    client = app.test_client()
    answer = client.post("/cds-services/booster", json=golden, headers=headers)
    assert answer.status_code == 200
    assert [(call.client.name, call.tenant) for call in seen] == [("north", "t2")]


def watching(seen, handler):
    """Keep the requests that a handler gets."""

    def handle(request):
        seen.append(request)
        return handler(request)

    return handle


def test_fb_9_feedback_is_handed_on_with_who_sent_it(app, box, feedback):
    """What is stored belongs to a client and a tenant."""
    headers = {"Authorization": f"Bearer {sign(tenant='t1')}"}
    answer = app.test_client().post(
        "/cds-services/booster/feedback", json={"feedback": [feedback]}, headers=headers
    )
    assert answer.status_code == 200
    (caller,) = box.callers
    assert (caller.client.name, caller.tenant) == ("north", "t1")


def test_an_unknown_service_is_known_to_clients_only(app, golden):
    """Who proves nothing learns nothing, not even what is hosted."""
    client = app.test_client()
    url = f"{BASE}/cds-services/nope"
    headers = {"Authorization": f"Bearer {sign(aud=url, tenant='t1')}"}
    statuses = [
        client.post("/cds-services/nope", json=golden, headers=each).status_code
        for each in ({}, headers)
    ]
    assert statuses == [401, 404]


def test_discovery_is_public_and_may_be_private(build_app, services, make):
    """Public, it ignores whatever token comes; private, it asks for its own."""
    root = f"{BASE}/cds-services"
    bad, good = ({"Authorization": f"Bearer {t}"} for t in ("x", sign(aud=root)))
    for is_private, expected in ((False, [200, 200, 200]), (True, [401, 401, 200])):
        app = build_app(
            Registry(services), trust=make(), is_discovery_private=is_private
        )
        client = app.test_client()
        statuses = [
            client.get("/cds-services", headers=each).status_code
            for each in ({}, bad, good)
        ]
        assert statuses == expected


@pytest.mark.conformance("JWT-1")
@pytest.mark.parametrize("path", ["", "/booster", "/booster/feedback"])
def test_a_preflight_never_asks_for_a_token(build_app, services, box, make, path):
    """Browsers send none with OPTIONS."""
    app = build_app(
        Registry(services), on_feedback=box, trust=make(), is_discovery_private=True
    )
    assert app.test_client().options(f"/cds-services{path}").status_code == 204


@pytest.mark.conformance("JWT-15")
def test_the_log_names_reason_and_client_and_never_the_token(make, caplog, clock):
    """Of an issuer nobody registered it says nothing at all."""
    caplog.set_level(logging.DEBUG)
    canary = "canary-4711"
    trust = make(ehr(tenants=("t1",)))
    tokens = [
        sign(iss=f"https://{canary}.example"),
        sign(kid=canary),
        sign(aud=canary, sub=canary),
        sign(tenant=canary, jti=canary),
        sign(number=1, jti=canary),
    ]
    for token in tokens:
        refusal(trust, token)
    told = [(r.getMessage(), r.refusal, r.client) for r in caplog.records]
    reasons = ["issuer", "key", "audience", "tenant", "signature"]
    clients = [None, "north", "north", "north", "north"]
    assert told == [
        (f"call refused: {reason}", reason, client)
        for reason, client in zip(reasons, clients, strict=True)
    ]
    written = json.dumps([vars(r) for r in caplog.records], default=str)
    assert canary not in written
    assert not any(part in written for token in tokens for part in token.split("."))


def test_what_is_left_for_the_log_of_a_request_has_no_token(make):
    """Names of the register, and a digest of the token's own name."""
    environ = {"HTTP_AUTHORIZATION": f"Bearer {sign(jti='canary-4711')}"}
    caller = make().admit(environ, "/cds-services/booster")
    assert environ["cds_hooks.caller"] is caller
    assert len(caller.token_id) == 16
    assert "canary" not in repr((caller.token_id, caller.tenant))


def test_what_is_left_of_a_refusal_is_two_words(make):
    """For the log and for metrics."""
    environ = {"HTTP_AUTHORIZATION": f"Bearer {sign(exp=NOW - 99)}"}
    with pytest.raises(Untrusted, match=r"^$"):
        make().admit(environ, "/cds-services/booster")
    left = {"refusal": "expired", "client": "north"}
    assert environ["cds_hooks.refusal"] == left
    assert "cds_hooks.caller" not in environ


def test_a_token_is_read_from_its_header_only(app, golden):
    """Neither from the query nor from the body: both end up in logs."""
    client, token = app.test_client(), sign(tenant="t1")
    for path, body in (
        (f"booster?access_token={token}", golden),
        ("booster", {**golden, "access_token": token}),
        (f"booster?authorization=Bearer%20{token}", golden),
    ):
        assert client.post(f"/cds-services/{path}", json=body).status_code == 401


def test_a_client_without_keys_has_none():
    """Only those that can sign have a place to look for keys."""
    clients = [ehr(name="east", issuer=None, keys=None), ehr()]
    assert list(key_finders(clients, Address())) == ["north"]
