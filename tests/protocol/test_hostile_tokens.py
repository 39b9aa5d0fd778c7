"""Tokens that nobody should send: 401 for each, nothing fetched, nothing repeated."""

import hashlib
import hmac
import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_hooks import ClientRegister, KeySource, Registry
from cds_hooks.errors import Untrusted
from cds_hooks.tokens import read_token
from cds_hooks.trust import Trust

from .signing import (
    BASE,
    NOW,
    Address,
    Clock,
    Replays,
    b64,
    claims,
    ehr,
    key_set,
    private_key,
    public_jwk,
    sign,
    sign_raw,
)

HEADER = {"alg": "ES384", "kid": "key-1", "typ": "JWT"}
CANARY = "Zq7canary"


@pytest.fixture
def address():
    """An address of keys that must not be asked."""
    return Address(ValueError())


@pytest.fixture
def trust(address):
    """One client with the key of number 0."""
    return Trust(ClientRegister([ehr()]), BASE, Replays(), fetch=address, clock=Clock())


@pytest.fixture
def post(build_app, services, golden, trust):
    """Call the service with a header ``Authorization``."""
    client = build_app(Registry(services), trust=trust).test_client()

    def call(*authorization):
        return client.post(
            "/cds-services/booster",
            json=golden,
            headers=[("Authorization", each) for each in authorization],
        )

    return call


def refusal(trust, token):
    """Why a call is refused."""
    environ = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    with pytest.raises(Untrusted, match=r"^$") as caught:
        trust.admit(environ, "/cds-services/booster")
    return caught.value.refusal


# Algorithms -------------------------------------------------------------------


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "nOnE", "", None, 0, ["ES384"]]
)
def test_jwt_2_an_unsigned_token_is_refused(trust, alg):
    """However `none` is spelt, with a signature or without."""
    unsigned = f"{b64({**HEADER, 'alg': alg})}.{b64(claims())}"
    assert refusal(trust, f"{unsigned}.AAAA") == "algorithm"
    assert refusal(trust, f"{unsigned}.") == "malformed"


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("form", ["pem", "der", "jwk"])
def test_jwt_3_the_public_key_is_no_shared_secret(trust, alg, form):
    """The classic confusion: HMAC with what everybody knows."""
    public = private_key().public_key()
    secret = {
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "jwk": json.dumps(public_jwk()).encode(),
    }[form]
    signed = f"{b64({**HEADER, 'alg': alg})}.{b64(claims())}"
    digest = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}[alg]
    signature = hmac.digest(secret, signed.encode(), digest)
    assert refusal(trust, f"{signed}.{b64(signature)}") == "algorithm"


def test_a_shorter_hash_with_the_longer_curve_is_refused(trust):
    """ES256 with a P-384 key."""
    token = sign_raw({**HEADER, "alg": "ES256"}, claims())
    assert refusal(trust, token) == "key-kind"


@pytest.mark.parametrize("length", [0, 1, 64, 95, 96, 97, 192, 9000])
def test_a_signature_of_zeros_is_refused(trust, length):
    """Of every length: r = s = 0 once passed for good in a well-known library."""
    zeros = b64(bytes(length))
    token = f"{b64(HEADER)}.{b64(claims())}.{zeros}"
    assert refusal(trust, token) == ("signature" if length else "malformed")


# Keys that a token brings along -----------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": public_jwk(number=1)},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["MIIB"]},
        {"crit": ["exp"]},
        {"crit": ["b64"], "b64": False},
        {"crit": []},
        {"jwk": None},
    ],
)
def test_a_token_brings_no_key_along(trust, address, header):
    """Neither it nor an address of it, even if the signature is right."""
    token = sign_raw({**HEADER, **header}, claims())
    assert refusal(trust, token) == "header"
    assert address.asked == 0


def test_the_address_of_an_attackers_keys_is_never_asked(build_app, services, golden):
    """A listener waits there, and nobody comes; with the default way to fetch."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/jwks"
        trust = Trust(ClientRegister([ehr()]), BASE, Replays(), clock=Clock())
        client = build_app(Registry(services), trust=trust).test_client()
        for header in ({"jku": url}, {"x5u": url}, {"jku": url, "kid": url}):
            token = sign_raw({**HEADER, **header}, claims(iss=url), number=1)
            theirs = sign_raw({**HEADER, **header}, claims(), number=1)
            for each in (token, theirs):
                answer = client.post(
                    "/cds-services/booster",
                    json=golden,
                    headers={"Authorization": f"Bearer {each}"},
                )
                assert answer.status_code == 401
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../etc/passwd",
        "/dev/stdin",
        "https://evil.example/jwks",
        "key-1' OR '1'='1",
        "key-1\x00",
        "key-1\n",
        "kéy-1",
        "𝓴ey-1",
        "k" * 10_000,
        " key-1",
        "",
        None,
        1,
        ["key-1"],
        {"kid": "key-1"},
    ],
)
def test_a_name_of_a_key_is_a_name_and_nothing_else(trust, address, kid):
    """No path, no address, no query: it is looked up in memory."""
    token = sign_raw({**HEADER, "kid": kid}, claims())
    assert refusal(trust, token) in {"key", "header"}
    assert address.asked == 0


def test_a_flood_of_unknown_names_does_not_reach_the_ehr():
    """A thousand names, one look; after the pause one more."""
    address = Address()
    address.publish(public_jwk())
    steady = Clock(0)
    source = KeySource(jwks_url="https://ehr.example.org/jwks")
    trust = Trust(
        ClientRegister([ehr(keys=source)]),
        BASE,
        Replays(),
        fetch=address,
        clock=Clock(),
        steady_clock=steady,
    )
    for number in range(500):
        assert refusal(trust, sign_raw({**HEADER, "kid": f"k{number}"}, claims()))
    assert address.asked == 1
    steady.now = 31
    for number in range(500):
        assert refusal(trust, sign_raw({**HEADER, "kid": f"l{number}"}, claims()))
    assert address.asked == 2
    environ = {"HTTP_AUTHORIZATION": f"Bearer {sign()}"}
    assert trust.admit(environ, "/cds-services/booster").client.name == "north"


# Times, names and shapes ------------------------------------------------------


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    "value",
    [
        str(int(NOW)),
        "never",
        None,
        True,
        [NOW],
        {"n": NOW},
        10**400,
        -(10**400),
        -1,
        10**18,
    ],
)
def test_a_time_that_is_none_is_refused(trust, name, value):
    """A text, a truth, or a number that no clock shows."""
    payload = {**claims(), name: value}
    if (name, value) == ("nbf", -1):
        payload["exp"] = NOW - 99
    token = sign_raw(HEADER, payload)
    assert refusal(trust, token) in {"claims", "expired", "lifetime", "not-yet"}


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000]
)
def test_a_number_that_is_none_is_refused(trust, number):
    """JSON has no NaN; some readers take it, and compare with it as if it were late."""
    payload = json.dumps(claims()).replace(str(NOW + 300), number).encode()
    assert refusal(trust, sign_raw(HEADER, payload)) in {"malformed", "claims"}


@pytest.mark.parametrize(
    "jti", ["", None, 1, ["a"], "a\nb", "a\x00b", "é", "\ud800", "j" * 513]
)
def test_a_nonce_that_cannot_be_kept_is_refused(trust, jti):
    """It is stored and compared."""
    assert refusal(trust, sign_raw(HEADER, {**claims(), "jti": jti})) == "claims"


@pytest.mark.parametrize(
    "issuer", [None, 1, ["https://ehr.example.org/fhir"], {"a": 1}, "\ud800", "é" * 9]
)
def test_an_issuer_that_is_no_text_is_unknown(trust, issuer):
    """And no fault of ours."""
    assert refusal(trust, sign_raw(HEADER, {**claims(), "iss": issuer})) == "issuer"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"{}{}",
        b"\xff\xfe",
        b'{"iss": "a", "iss": "b"}',
        b"[" * 6000,
        b'{"a":' * 3000 + b"1" + b"}" * 3000,
    ],
)
def test_what_is_no_object_is_refused(trust, payload):
    """As claims and as header; a name that stands twice could be read two ways."""
    assert refusal(trust, sign_raw(HEADER, payload)) in {"malformed", "issuer"}
    assert refusal(trust, sign_raw(payload, claims())) == "malformed"


def test_a_header_that_stands_twice_is_refused(trust):
    """One reader takes the first `alg`, another the last."""
    header = b'{"alg":"none","alg":"ES384","kid":"key-1","typ":"JWT"}'
    assert refusal(trust, sign_raw(header, claims())) == "malformed"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: f"{token}=",
        lambda token: f"{token}.",
        lambda token: f".{token}",
        lambda token: f"{token}.AAAA",
        lambda token: f" {token}",
        lambda token: f"{token} ",
        lambda token: f"{token}\t",
        lambda token: token.replace(".", ". "),
        lambda token: token.replace(".", ""),
        lambda token: token.replace("-", "+").replace("_", "/") + "+",
        lambda token: f"{token}é",
        lambda token: f"{token}\u0660",
        lambda token: f"{token},{token}",
        lambda token: f"{token}, Bearer {token}",
        lambda token: "",
        lambda token: "a" * 20_000,
        lambda token: f"{token.rpartition('.')[0]}.{'A' * 20_000}",
        lambda token: f"..{token}",
        lambda token: f"{token.rpartition('.')[0]}.A",
    ],
)
def test_what_is_not_exactly_one_token_is_refused(trust, spoil):
    """Padding, blanks, a second token, twenty thousand characters."""
    assert refusal(trust, spoil(sign())) == "malformed"


def test_another_spelling_of_a_signature_is_refused(trust):
    """The last digit of base64 has bits to spare: only one spelling counts."""
    header, payload, _ = sign().split(".")
    assert refusal(trust, f"{header}.{payload}.AB") == "malformed"
    assert refusal(trust, f"{header}.{payload}.AA") == "signature"


@pytest.mark.parametrize(
    "scheme", ["Basic", "Digest", "Bearer:", "Token", "JWT", "DPoP", "", "Bearer\t"]
)
def test_another_scheme_is_no_bearer_token(post, scheme):
    """RFC 6750: the word Bearer, a blank, the token."""
    assert post(f"{scheme} {sign()}".strip()).status_code == 401


def test_the_scheme_may_be_written_in_any_case(post):
    """RFC 9110, 11.1."""
    assert post(f"bEARER {sign()}").status_code == 200


def test_two_headers_are_refused(post):
    """Two readers could take one each, even if both are good."""
    tokens = [f"Bearer {sign(jti=jti)}" for jti in ("a", "b")]
    assert post(*tokens).status_code == 401
    assert post(*reversed(tokens)).status_code == 401
    assert post(tokens[0]).status_code == 200


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin1"))
)
def test_no_text_breaks_the_reading(text):
    """Never a token, and never another fault than the one for all of them."""
    with pytest.raises(ValueError, match=r"^no |^nested|^a name|JSON|codec|Expecting"):
        read_token(f"Bearer {text}")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    header=st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "jku", "jwk", "crit", "x5c"]), anything
    ),
    payload=st.dictionaries(
        st.sampled_from(["aud", "exp", "iat", "nbf", "jti", "tenant", "sub"]), anything
    ),
)
def test_no_value_anywhere_breaks_the_check(trust, header, payload):
    """Rightly signed by a registered issuer it may hold anything: 401, no fault."""
    spoilt = {**claims(), **payload, "jti": ""}  # never accepted
    assert refusal(trust, sign_raw({**HEADER, **header}, spoilt))


def test_jwt_10_of_many_replays_at_once_one_is_taken(build_app, services, golden):
    """In one process with a store that is safe; over processes: tests/app."""
    trust = Trust(ClientRegister([ehr()]), BASE, Replays(), clock=Clock())
    app = build_app(Registry(services), trust=trust)
    headers = {"Authorization": f"Bearer {sign()}"}

    def call(_):
        client = app.test_client()
        url = "/cds-services/booster"
        return client.post(url, json=golden, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(call, range(20)))
    assert sorted(statuses) == [200] + [401] * 19


def test_nothing_of_a_token_comes_back(post):
    """Neither in the body nor in a header of the answer."""
    token = sign_raw({**HEADER, "kid": CANARY}, claims(sub=CANARY, aud=CANARY))
    answer = post(f"Bearer {token}")
    told = answer.text + str(answer.headers)
    assert CANARY not in told
    assert not any(part in told for part in token.split("."))


def test_digests_of_names_are_those_of_the_standard():
    """Whoever compares an EHR's log with ours can do it with any tool."""
    trust = Trust(ClientRegister([ehr()]), BASE, Replays(), clock=Clock())
    environ = {"HTTP_AUTHORIZATION": f"Bearer {sign(jti='abc')}"}
    caller = trust.admit(environ, "/cds-services/booster")
    assert caller.token_id == hashlib.sha256(b"abc").hexdigest()[:16]


def test_a_set_of_private_keys_never_verifies():
    """A key whose private half is public proves nothing."""
    private = {**public_jwk(), "d": "AAAA"}
    source = KeySource(jwks=key_set(private, public_jwk(kid="key-2", number=1)))
    trust = Trust(ClientRegister([ehr(keys=source)]), BASE, Replays(), clock=Clock())
    assert refusal(trust, sign()) == "key"
