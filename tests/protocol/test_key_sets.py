"""How long keys serve, how often they are asked for, and which of a set do."""

import json
import logging
import threading

import jwt
import pytest

from cds_hooks import KeySource
from cds_hooks.key_sets import (
    FILE_RHYTHM,
    URL_RHYTHM,
    KeyRing,
    Rhythm,
    key_finders,
    read_keys,
)
from cds_hooks.keys import key_thumbprint

from .signing import Address, Clock, ehr, key_set, public_jwk

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
DAY = 86_400
#: As for addresses, but a call that finds nothing waits for as long as it takes.
PATIENT = Rhythm(fresh_s=300, pause_s=30, patience_s=30, stale_s=DAY)


@pytest.fixture
def address():
    """An address with the key of number 0."""
    made = Address()
    made.publish(public_jwk())
    return made


@pytest.fixture
def clock():
    """Seconds since some start."""
    return Clock(0)


@pytest.fixture
def ring(address, clock):
    """The keys at that address."""
    load = lambda: address("https://ehr.example.org/jwks")  # noqa: E731 short
    return KeyRing("north", load, PATIENT, clock)


def settle():
    """Wait until no thread reads keys any more."""
    for thread in threading.enumerate():
        if thread.name == "keys":
            thread.join(10)


# Which keys of a set serve ------------------------------------------------------


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


# When they are read -----------------------------------------------------------


@pytest.mark.conformance("JWT-13")
def test_a_known_key_is_found_without_asking(ring, address, clock):
    """In memory: no call waits for the EHR's address of keys."""
    ring.find("key-1")
    for second in range(0, 300, 10):
        clock.now = second
        assert ring.find("key-1").kid == "key-1"
    assert address.asked == 1


def test_keys_that_are_due_are_renewed_while_they_serve(ring, address, clock):
    """The call that notices it does not wait."""
    ring.find("key-1")
    gate, load = threading.Event(), ring._load
    ring._load = lambda: (gate.wait(10), load())[1]
    address.publish(public_jwk(kid="key-2"))
    clock.now = 301
    assert ring.find("key-1").kid == "key-1"
    gate.set()
    settle()
    assert ring.find("key-2").kid == "key-2"
    assert address.asked == 2


@pytest.mark.conformance("JWT-13")
def test_a_key_that_was_taken_back_serves_no_longer(ring, address, clock):
    """After the next renewal."""
    ring.find("key-1")
    address.publish(public_jwk(kid="key-2"))
    clock.now = 301
    ring.find("key-1")
    settle()
    assert ring.find("key-1") is None


@pytest.mark.parametrize(
    "answer",
    [
        OSError("down"),
        b"<html>login</html>",
        b"",
        b"{}",
        b'{"keys": []}',
        b"[" * 100_000,
        b"\xff",
        json.dumps(key_set(public_jwk("ES512"))).encode(),
    ],
)
def test_old_keys_stay_when_a_renewal_fails(ring, address, clock, caplog, answer):
    """An address that is down, or answers a page, stops nobody for a day."""
    ring.find("key-1")
    address.answer = answer
    for clock.now in (301, 20_000, DAY):
        assert ring.find("key-1").kid == "key-1"
        settle()
    assert address.asked == 4
    assert "keys of north: not renewed, " in caplog.text
    assert "html" not in caplog.text


def test_old_keys_do_not_serve_for_ever(ring, address, clock):
    """A key that was stolen and taken back ends, even if we are kept from seeing it."""
    ring.find("key-1")
    address.answer = OSError("down")
    clock.now = DAY + 1
    with pytest.raises(LookupError):
        ring.find("key-1")
    address.publish(public_jwk())
    clock.now += 31
    assert ring.find("key-1").kid == "key-1"


def test_an_address_that_is_down_is_not_asked_by_every_call(ring, address, clock):
    """One attempt for each pause."""
    address.answer = OSError("down")
    for _ in range(50):
        with pytest.raises(LookupError):
            ring.find("key-1")
    assert address.asked == 1
    clock.now = 30
    with pytest.raises(LookupError):
        ring.find("key-1")
    assert address.asked == 2


def test_a_call_waits_for_a_slow_address_but_not_long(address, clock):
    """And no later call waits again while the same answer is awaited."""
    gate, asked = threading.Event(), []

    def load():
        asked.append(1)
        gate.wait(10)
        return address("")

    rhythm = Rhythm(fresh_s=300, pause_s=30, patience_s=0.01, stale_s=DAY)
    ring = KeyRing("north", load, rhythm, clock)
    for _ in range(3):
        with pytest.raises(LookupError):
            ring.find("key-1")
    clock.now = 5
    assert ring._patience_left(clock.now) == 0
    gate.set()
    settle()
    assert ring.find("key-1").kid == "key-1"
    assert asked == [1]


def test_an_answer_that_comes_too_late_replaces_no_newer_one(address, clock):
    """The slow attempt is overtaken by the next."""
    gate, answers = threading.Event(), [b"old", b"new"]

    def load():
        which = answers.pop(0)
        if which == b"old":
            gate.wait(10)
            return json.dumps(key_set(public_jwk(kid="old"))).encode()
        return json.dumps(key_set(public_jwk(kid="new"))).encode()

    ring = KeyRing(
        "north", load, Rhythm(300, pause_s=30, patience_s=0.01, stale_s=DAY), clock
    )
    with pytest.raises(LookupError):
        ring.find("old")
    clock.now = 31
    ring._rhythm = PATIENT
    assert ring.find("new").kid == "new"
    gate.set()
    settle()
    assert ring.find("new").kid == "new"
    assert ring.find("old") is None


def test_a_change_of_keys_is_told_in_the_log(ring, address, clock, caplog):
    """By number, so that a rotation can be followed; an unchanged set is no news."""
    caplog.set_level(logging.INFO)
    for clock.now in (0, 301, 602):
        ring.find("key-1")
        settle()
    assert [record.getMessage() for record in caplog.records] == [
        "keys of north: 1 serve now"
    ]


def test_rhythms_are_as_documented():
    """docs/clients.md tells these numbers."""
    assert Rhythm(5, 1, 1, 86_400) == FILE_RHYTHM
    assert Rhythm(300, 30, 3, 86_400) == URL_RHYTHM


# Files ------------------------------------------------------------------------


@pytest.mark.conformance("JWT-13")
def test_a_file_of_keys_is_read_again_when_it_changes(tmp_path, clock):
    """Rotation needs no restart, also without an address."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(key_set(public_jwk())))
    client = ehr(keys=KeySource(jwks_file=path))
    find = key_finders([client], Address(), clock)["north"]
    assert find("key-1").kid == "key-1"
    path.write_text(json.dumps(key_set(public_jwk(kid="key-2"))))
    clock.now = 1
    assert find("key-2").kid == "key-2"
    assert find("key-1") is None


@pytest.mark.parametrize("content", [None, "no JSON", "x" * 300_000])
def test_a_file_that_became_unusable_leaves_the_old_keys(tmp_path, clock, content):
    """Half a file, while somebody copies it, locks nobody out."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(key_set(public_jwk())))
    client = ehr(keys=KeySource(jwks_file=path))
    find = key_finders([client], Address(), clock)["north"]
    find("key-1")
    path.unlink() if content is None else path.write_text(content)
    clock.now = 10
    find("key-1")
    settle()
    assert find("key-1").kid == "key-1"


def test_keys_of_the_register_itself_are_in_memory(address):
    """Nothing is read for them."""
    find = key_finders([ehr()], address)["north"]
    assert (find("key-1").kid, find("other")) == ("key-1", None)
    assert address.asked == 0
