"""Which keys of a JSON Web Key Set verify signatures, and by which algorithms."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt

from cds_hooks.keys import KeyFault, key_faults, key_thumbprint
from cds_hooks.tokens import is_name

__all__ = ["ALGORITHMS", "PublicKey", "ReadKeys", "read_keys"]

#: Algorithms that are taken, and the kind and curve of key that each goes with.
ALGORITHMS: Mapping[str, tuple[str, str | None]] = {
    "ES384": ("EC", "P-384"),
    "RS384": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "RS256": ("RSA", None),
}
_MOST_KEYS = 100
#: Base64url digits of 8192 bits: checking a signature by a longer key takes too long.
_LONGEST_NUMBER = 1366


@dataclass(frozen=True, slots=True)
class PublicKey:
    """
    A key that verifies.

    Attributes
    ----------
    kid : str
        Its name.
    algorithms : tuple of str
        Names out of `ALGORITHMS` with which it may be used.
    thumbprint : str
        RFC 7638, SHA-256 in base64url: what two people compare by telephone.
    material : object
        The key itself, of `cryptography`.
    """

    kid: str
    algorithms: tuple[str, ...]
    thumbprint: str
    material: Any = field(repr=False)

    def verifies(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """
        Check a signature.

        Parameters
        ----------
        algorithm : str
            One of `algorithms`.
        signed, signature : bytes
            What was signed, and the signature as RFC 7515 writes it.

        Returns
        -------
        bool
            Whether it is this key's.
        """
        method = jwt.get_algorithm_by_name(algorithm)
        return method.verify(signed, self.material, signature)


@dataclass(frozen=True, slots=True)
class ReadKeys:
    """
    What a key set holds.

    Attributes
    ----------
    keys : Mapping of str to PublicKey
        The keys that serve, by name.
    faults : tuple of KeyFault
        Why the others do not.
    """

    keys: Mapping[str, PublicKey]
    faults: tuple[KeyFault, ...]


def read_keys(document: object) -> ReadKeys:
    """
    Take from a key set what serves.

    Parameters
    ----------
    document : object
        The key set, as JSON has it.

    Returns
    -------
    ReadKeys
        A key with a fault, or that shares its name, does not serve; the others do.

    Raises
    ------
    ValueError
        If it is no key set.
    """
    faults = list(key_faults(document))
    if any(not fault.path for fault in faults):
        raise ValueError("no key set")
    entries: list[Any] = document["keys"]  # type: ignore[index] # or it had a fault
    if len(entries) > _MOST_KEYS:
        raise ValueError(f"more than {_MOST_KEYS} keys")
    bad = {fault.path[1] for fault in faults}
    names = Counter(str(each["kid"]) for n, each in enumerate(entries) if n not in bad)
    names.update(str(each.get("kid")) for each in _mappings(entries, bad))
    keys = {}
    for number, entry in enumerate(entries):
        if number in bad or names[entry["kid"]] > 1:
            continue
        key = _key(entry)
        if key is None:
            path = ("keys", number)
            faults.append(KeyFault(path, "serves no algorithm that is taken", "none"))
        else:
            keys[key.kid] = key
    return ReadKeys(keys, tuple(faults))


def _mappings(entries: Iterable[Any], numbers: Iterable[object]) -> list[Any]:
    return [
        each
        for number, each in enumerate(entries)
        if number in set(numbers) and isinstance(each, Mapping)
    ]


def _key(entry: Mapping[str, Any]) -> PublicKey | None:
    """Make a key of an entry without faults; None if no algorithm goes with it."""
    algorithms = tuple(
        name
        for name, (kind, curve) in ALGORITHMS.items()
        if entry["kty"] == kind
        and entry.get("crv") == curve
        and entry.get("alg", name) == name
    )
    is_usable = is_name(entry["kid"]) and len(entry.get("n", "")) <= _LONGEST_NUMBER
    if not (algorithms and is_usable and _may_verify(entry.get("key_ops"))):
        return None
    method = jwt.get_algorithm_by_name(algorithms[0])
    try:
        material = method.from_jwk(dict(entry))
    except (jwt.InvalidKeyError, ValueError, TypeError):
        return None
    return PublicKey(entry["kid"], algorithms, key_thumbprint(entry), material)


def _may_verify(operations: object) -> bool:
    return operations is None or (
        isinstance(operations, list | tuple) and "verify" in operations
    )
