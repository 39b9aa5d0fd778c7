"""Keyed hashes: standard, one key for each tenant, and none that can be guessed."""

import hmac
from hashlib import sha256

import pytest

from service.store.pseudonyms import Pseudonyms, derive_key

KEY = "correct-horse-battery-staple-0001"

#: RFC 5869, appendix A: secret, salt, purpose, first 32 bytes of the output.
RFC_5869 = [
    (
        "0b" * 22,
        "000102030405060708090a0b0c",
        "f0f1f2f3f4f5f6f7f8f9",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf",
    ),
    (
        "0b" * 22,
        "",
        "",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d",
    ),
]


@pytest.mark.parametrize(("secret", "salt", "purpose", "expected"), RFC_5869)
def test_keys_are_derived_as_the_standard_says(secret, salt, purpose, expected):
    """The test vectors of RFC 5869."""
    secret, salt, purpose = map(bytes.fromhex, (secret, salt, purpose))
    assert derive_key(secret, purpose, salt).hex() == expected


def test_a_patient_is_hashed_with_hmac_under_the_tenant_s_key():
    """Another program that holds the key finds the same hash."""
    key = derive_key(KEY.encode(), b"scnen-cds store: tenant north")
    expected = hmac.new(key, b"Patient/p1", sha256).hexdigest()[:32]
    assert Pseudonyms(KEY).patient("north", "p1") == expected


def test_no_two_things_share_a_name():
    """Tenant, kind, id and key all make a difference."""
    names, others = Pseudonyms(KEY), Pseudonyms(KEY[::-1])
    found = {
        names.patient("north", "1"),
        names.patient("south", "1"),
        names.patient("north", "2"),
        names.encounter("north", "1"),
        names.user("north", "1"),
        others.patient("north", "1"),
        names.showing("north", "1", "1", "words"),
        names.showing("north", "1", "1", "other words"),
        names.showing("north", "1", "2", "words"),
    }
    assert len(found) == 9


def test_the_key_s_name_says_nothing_of_the_key():
    """It tells keys apart and stands beside each hash."""
    assert Pseudonyms(KEY).key_id == Pseudonyms(KEY).key_id
    assert Pseudonyms(KEY).key_id != Pseudonyms(KEY[::-1]).key_id
    assert Pseudonyms(KEY).key_id not in KEY.encode().hex()
