"""Keys and tokens of EHRs for tests, signed by PyJWT and never by our own code."""

import base64
import json
from dataclasses import dataclass
from functools import cache

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cds_hooks import Client, KeySource

#: A Monday in March 2026, seconds since 1970.
NOW = 1_772_445_600.0
BASE = "https://cds.example.org"
ISSUER = "https://ehr.example.org/fhir"
URL = f"{BASE}/cds-services/booster"
CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


def private_key(algorithm="ES384", number=0, bits=2048):
    """A private key; another one for each number."""
    return made_key(algorithm, number, bits)


@cache
def made_key(algorithm, number, bits):
    """The same key for the same question."""
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm])
    return rsa.generate_private_key(65537, bits)


def public_jwk(algorithm="ES384", kid="key-1", number=0, bits=2048, **members):
    """Its public half as a JSON Web Key."""
    public = private_key(algorithm, number, bits).public_key()
    method = jwt.get_algorithm_by_name(algorithm)
    return {**method.to_jwk(public, as_dict=True), "kid": kid, **members}


def key_set(*jwks):
    """A JSON Web Key Set."""
    return {"keys": list(jwks)}


def claims(**changes):
    """Right claims; a change to None takes one out."""
    given = {
        "iss": ISSUER,
        "aud": URL,
        "iat": NOW,
        "exp": NOW + 300,
        "jti": "jti-1",
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


def sign(algorithm="ES384", kid="key-1", number=0, *, header=None, **changes):
    """A token as an EHR writes it."""
    headers = {"kid": kid, "typ": "JWT", **(header or {})}
    key = private_key(algorithm, number)
    return jwt.encode(claims(**changes), key, algorithm, headers)


def b64(data):
    """Base64url without padding."""
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign_raw(header, payload, algorithm="ES384", number=0):
    """A rightly signed token of any bytes, which no library would write."""
    signed = f"{b64(header)}.{b64(payload)}"
    method = jwt.get_algorithm_by_name(algorithm)
    signature = method.sign(signed.encode(), private_key(algorithm, number))
    return f"{signed}.{b64(signature)}"


def ehr(**changes):
    """The client that signs with the key of number 0."""
    given = {
        "name": "north",
        "issuer": ISSUER,
        "keys": KeySource(jwks=key_set(public_jwk())),
        **changes,
    }
    return Client(**given)


class Replays:
    """A replay store in memory, which fails on demand."""

    def __init__(self):
        self.used = {}
        self.failure = None

    def use(self, issuer, jti, until):
        if self.failure:
            raise self.failure
        if (issuer, jti) in self.used:
            return False
        self.used[issuer, jti] = until
        return True


@dataclass
class Address:
    """An address of keys: counts how often it is asked."""

    answer: bytes | Exception = b""
    asked: int = 0
    urls: tuple = ()

    def __call__(self, url):
        self.asked += 1
        self.urls += (url,)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def publish(self, *jwks):
        self.answer = json.dumps(key_set(*jwks)).encode()


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now
