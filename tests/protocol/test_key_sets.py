"""Which keys of a set serve, and for which algorithms."""

import jwt
import pytest

from cds_hooks.key_sets import read_keys
from cds_hooks.keys import key_thumbprint

from .signing import key_set, public_jwk

#: RFC 7638, 3.1: a key and its thumbprint.
RFC_KEY = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuh"
    "DR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4"
    "QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO"
    "pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csF"
    "Cur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}


def test_a_fingerprint_is_that_of_rfc_7638():
    """What two people compare by telephone."""
    expected = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert key_thumbprint(RFC_KEY) == expected
    assert read_keys(key_set(RFC_KEY)).keys["2011-04-29"].thumbprint == expected


@pytest.mark.parametrize(
    ("jwk", "algorithms"),
    [
        (public_jwk("ES384"), ("ES384",)),
        (public_jwk("ES256"), ("ES256",)),
        (public_jwk("RS256"), ("RS384", "RS256")),
        (public_jwk("RS256", alg="RS384"), ("RS384",)),
        (public_jwk("ES384", use="sig", key_ops=["verify"]), ("ES384",)),
    ],
)
def test_a_key_serves_the_algorithms_of_its_kind(jwk, algorithms):
    """Curve and kind say which; `alg` says it more closely."""
    assert read_keys(key_set(jwk)).keys["key-1"].algorithms == algorithms


@pytest.mark.parametrize(
    "jwk",
    [
        public_jwk("ES512"),
        public_jwk("RS256", alg="PS256"),
        public_jwk("ES384", alg="ES256"),
        public_jwk("ES384", use="enc"),
        public_jwk("ES384", key_ops=["sign"]),
        public_jwk("ES384", key_ops="verify"),
        public_jwk("ES384", key_ops=7),
        public_jwk("RS256", bits=1024),
        public_jwk(kid="kéy"),
        public_jwk(kid="\x1b[2J"),
        public_jwk(kid=7),
        {**public_jwk(), "x": "AAAA"},
        {**public_jwk(), "y": public_jwk(number=1)["y"]},
        {**public_jwk(), "x": "!" * 64},
        {**public_jwk("RS256"), "e": "AA"},
        {**public_jwk("RS256"), "n": "_" * 1400},
        {**public_jwk(), "d": "AAAA"},
        {"kty": "oct", "k": "AAAA", "kid": "key-1"},
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "kid": "ed",
        },
        "key",
        None,
    ],
)
def test_a_key_that_cannot_be_trusted_costs_only_itself(jwk):
    """Sets of vendors hold keys for other purposes as well."""
    found = read_keys(key_set(jwk, public_jwk(kid="good", number=1)))
    assert list(found.keys) == ["good"]
    assert found.faults


def test_a_name_of_two_keys_is_the_name_of_none():
    """Which of them signed could not be told."""
    twice = key_set(
        public_jwk(), public_jwk(number=1), public_jwk(kid="good", number=2)
    )
    assert list(read_keys(twice).keys) == ["good"]
    with_private = key_set(
        public_jwk(), {**public_jwk(number=1), "d": "AA"}, public_jwk(kid="good")
    )
    assert list(read_keys(with_private).keys) == ["good"]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"keys": []},
        {"keys": {}},
        "keys",
        key_set(*(public_jwk(kid=str(n)) for n in range(101))),
    ],
)
def test_what_is_no_key_set_is_refused(document):
    """Also one of more keys than anybody has."""
    with pytest.raises(ValueError, match=r"no key set|more than 100 keys"):
        read_keys(document)


def test_the_key_itself_is_not_shown():
    """`repr` stands in tracebacks."""
    key = read_keys(key_set(public_jwk())).keys["key-1"]
    assert "material" not in repr(key)


def test_a_signature_of_pyjwt_verifies():
    """RFC 7515 by another reader."""
    key = read_keys(key_set(RFC_KEY)).keys["2011-04-29"]
    assert not key.verifies("RS256", b"a", b"b")
    assert jwt.PyJWK(RFC_KEY).key.public_numbers() == key.material.public_numbers()
