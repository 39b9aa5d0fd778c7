"""How long keys serve, and how often their place is asked for them."""

import json
import logging
import threading

import pytest

from cds_hooks import KeySource
from cds_hooks.key_rings import (
    FILE_RHYTHM,
    URL_RHYTHM,
    KeyRing,
    Rhythm,
    key_finders,
)

from .signing import Address, Clock, ehr, key_set, public_jwk

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
