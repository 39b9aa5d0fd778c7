"""A JSON Web Key Set that may be trusted: public keys only, each with a name."""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["KeyFault", "key_faults", "key_thumbprint"]

#: Members that only a private or a shared key has (RFC 7518, 6.2.2, 6.3.2, 6.4.1).
_SECRET = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
#: kty -> the members of a public key (RFC 7518, 6.2.1 and 6.3.1; RFC 8037, 2).
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "EC": ("crv", "x", "y"),
    "OKP": ("crv", "x"),
    "RSA": ("n", "e"),
}
_CURVES = {"EC": ("P-256", "P-384", "P-521"), "OKP": ("Ed25519", "Ed448")}
_ALGORITHMS = (
    *("ES256", "ES384", "ES512"),
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("EdDSA", "Ed25519", "Ed448"),
)
_LEAST_RSA_BITS = 2048


#: What RFC 7638 takes of a public key; RFC 8037, 2, for OKP.
_THUMB: Mapping[str, tuple[str, ...]] = {
    kind: tuple(sorted(("kty", *members))) for kind, members in _NEEDED.items()
}


@dataclass(frozen=True, slots=True)
class KeyFault:
    """
    What is wrong with a key set; never holds key material.

    Attributes
    ----------
    path : tuple of str and int
        Where, such as ``("keys", 0, "kid")``.
    problem : str
        What is wrong.
    remedy : str
        What to do.
    """

    path: tuple[str | int, ...]
    problem: str
    remedy: str


def key_faults(document: object) -> Iterator[KeyFault]:
    """
    Look for whatever forbids to trust a key set.

    Parameters
    ----------
    document : object
        The key set, as JSON has it.

    Yields
    ------
    KeyFault
        Each fault.

    Examples
    --------
    >>> [fault.problem for fault in key_faults({"keys": []})]
    ['holds no keys']
    """
    keys = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list | tuple) or not keys:
        yield KeyFault((), "holds no keys", "give a key set: a list under `keys`")
        return
    names: set[str] = set()
    for number, key in enumerate(keys):
        path = ("keys", number)
        if not isinstance(key, Mapping):
            yield KeyFault(path, "is no key", "give a mapping with kty and kid")
            continue
        for fault in _faults_of(key):
            yield KeyFault((*path, *fault.path), fault.problem, fault.remedy)
        name = key.get("kid")
        if isinstance(name, str) and name in names:
            yield KeyFault(
                (*path, "kid"), "is the name of two keys", "give each its own"
            )
        names.add(str(name))


def key_thumbprint(key: Mapping[str, Any]) -> str:
    """
    Give the fingerprint of a key.

    Parameters
    ----------
    key : Mapping
        A JSON Web Key without faults.

    Returns
    -------
    str
        RFC 7638, SHA-256 in base64url.
    """
    members = {name: key[name] for name in _THUMB[key["kty"]]}
    text = json.dumps(members, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _faults_of(key: Mapping[str, Any]) -> Iterator[KeyFault]:
    for member in _SECRET:
        if member in key:
            yield KeyFault(
                (member,),
                "is a part of a private or shared key",
                "take it out, replace the key at its owner, register the public part",
            )
    if not isinstance(key.get("kid"), str) or not key["kid"].strip():
        yield KeyFault(
            ("kid",), "is missing or no text", "name the key as the client's JWTs do"
        )
    yield from _faults_of_use(key)
    kind = key.get("kty")
    if not isinstance(kind, str) or kind not in _NEEDED:
        yield KeyFault(("kty",), "is no kind of public key", "give RSA, EC or OKP")
        return
    for member in _NEEDED[kind]:
        if not isinstance(key.get(member), str) or not key[member]:
            yield KeyFault(
                (member,), "is missing or no text", f"a key of kind {kind} has it"
            )
            return
    yield from _faults_of_strength(kind, key)


def _faults_of_use(key: Mapping[str, Any]) -> Iterator[KeyFault]:
    if key.get("use", "sig") != "sig":
        yield KeyFault(("use",), "is not sig", "register the key that signs")
    if key.get("alg", "ES384") not in _ALGORITHMS:
        yield KeyFault(
            ("alg",),
            "is no algorithm of public keys",
            f"give one of {', '.join(_ALGORITHMS)}, or leave it out",
        )


def _faults_of_strength(kind: str, key: Mapping[str, Any]) -> Iterator[KeyFault]:
    if kind in _CURVES and key["crv"] not in _CURVES[kind]:
        known = ", ".join(_CURVES[kind])
        yield KeyFault(("crv",), "is no curve for signatures", f"give one of {known}")
    if kind == "RSA" and _bits(key["n"]) < _LEAST_RSA_BITS:
        yield KeyFault(
            ("n",),
            f"is not base64url of at least {_LEAST_RSA_BITS} bits",
            "ask the client for a longer key",
        )


def _bits(text: str) -> int:
    """Length of a number in base64url; 0 if it is none."""
    try:
        number = base64.b64decode(text + "=" * (-len(text) % 4), "-_", validate=True)
    except (ValueError, binascii.Error):
        return 0
    return int.from_bytes(number).bit_length()
