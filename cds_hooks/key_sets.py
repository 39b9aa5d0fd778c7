"""The keys that a client signs with: read, kept for a while, and renewed.

A call finds its key in memory. Files and addresses are read in a thread beside it: keys
that are due are renewed while they still serve, and only a call that names an unknown
key waits, for a moment, and not again before the pause is over.
"""

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import jwt

from cds_hooks.clients import Client, KeySource
from cds_hooks.keys import KeyFault, key_faults, key_thumbprint
from cds_hooks.tokens import is_name

__all__ = [
    "ALGORITHMS",
    "FILE_RHYTHM",
    "URL_RHYTHM",
    "Fetch",
    "KeyRing",
    "PublicKey",
    "ReadKeys",
    "Rhythm",
    "key_finders",
    "read_keys",
]

#: Gives the body that an address answers; raises if it cannot be had.
Fetch = Callable[[str], bytes]
#: Gives the key of a name. `LookupError`: there are no keys at all that may serve.
Finder = Callable[[str], "PublicKey | None"]

#: Algorithms that are taken, and the kind and curve of key that each goes with.
ALGORITHMS: Mapping[str, tuple[str, str | None]] = {
    "ES384": ("EC", "P-384"),
    "RS384": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "RS256": ("RSA", None),
}
_MOST_KEYS = 100
_MOST_BYTES = 256 * 1024
#: Base64url digits of 8192 bits: checking a signature by a longer key takes too long.
_LONGEST_NUMBER = 1366
_LOG = logging.getLogger("cds_hooks")


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


@dataclass(frozen=True, slots=True)
class Rhythm:
    """
    How long keys serve, and how often they are asked for. All in seconds.

    Attributes
    ----------
    fresh_s : float
        After so long they are renewed, and serve meanwhile.
    pause_s : float
        Least time between two attempts, whatever names of keys calls come with.
    patience_s : float
        How long a call waits that names an unknown key.
    stale_s : float
        After so long without renewal they no longer serve.
    """

    fresh_s: float
    pause_s: float
    patience_s: float
    stale_s: float


FILE_RHYTHM = Rhythm(fresh_s=5, pause_s=1, patience_s=1, stale_s=86_400)
URL_RHYTHM = Rhythm(fresh_s=300, pause_s=30, patience_s=3, stale_s=86_400)


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


@dataclass(frozen=True, slots=True)
class _State:
    """What was read last, and when."""

    keys: Mapping[str, PublicKey] = field(default_factory=dict)
    read_at: float = -float("inf")


class KeyRing:
    """
    The keys of one client, from a place where they can change.

    Parameters
    ----------
    name : str
        Of the client, for the log.
    load : callable
        Gives the key set as bytes; raises if it cannot be had.
    rhythm : Rhythm
        How long keys serve.
    clock : callable
        Seconds that never go back.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], bytes],
        rhythm: Rhythm,
        clock: Callable[[], float],
    ) -> None:
        self._name = name
        self._load = load
        self._rhythm = rhythm
        self._clock = clock
        self._lock = threading.Lock()
        self._state = _State()
        self._asked_at = -float("inf")
        self._answer = threading.Event()

    def find(self, kid: str) -> PublicKey | None:
        """
        Find a key by its name.

        Parameters
        ----------
        kid : str
            The name.

        Returns
        -------
        PublicKey or None
            The key; None if there is none of that name.

        Raises
        ------
        LookupError
            If there are no keys that may still serve.
        """
        now = self._clock()
        state = self._state
        if kid not in state.keys or now - state.read_at > self._rhythm.stale_s:
            self._renew(now).wait(self._patience_left(now))
            state = self._state
        elif now - state.read_at > self._rhythm.fresh_s:
            self._renew(now)
        if now - state.read_at > self._rhythm.stale_s:
            raise LookupError
        return state.keys.get(kid)

    def _patience_left(self, now: float) -> float:
        """Seconds to wait: many unknown names wait no longer than one."""
        return max(0.0, self._asked_at + self._rhythm.patience_s - now)

    def _renew(self, now: float) -> threading.Event:
        """Ask for the keys, unless that was just done; the event tells when it is."""
        with self._lock:
            if now - self._asked_at >= self._rhythm.pause_s:
                self._asked_at = now
                self._answer = answer = threading.Event()
                threading.Thread(
                    target=self._read, args=(now, answer), name="keys", daemon=True
                ).start()
            return self._answer

    def _read(self, now: float, answer: threading.Event) -> None:
        try:
            found = read_keys(json.loads(self._load()))
            if not found.keys:
                raise ValueError("no key that serves")  # noqa: TRY301 as any other
        except Exception as error:  # noqa: BLE001 whatever it is, the old keys stay
            _LOG.warning(
                "keys of %s: not renewed, %s", self._name, type(error).__name__
            )
        else:
            self._keep(_State(found.keys, now))
        answer.set()

    def _keep(self, state: _State) -> None:
        with self._lock:
            old, is_newer = self._state.keys, state.read_at >= self._state.read_at
            if is_newer:
                self._state = state
        if is_newer and old.keys() != state.keys.keys():
            _LOG.info("keys of %s: %d serve now", self._name, len(state.keys))


def key_finders(
    clients: Iterable[Client],
    fetch: Fetch,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Finder]:
    """
    Say for each client how its keys are found.

    Parameters
    ----------
    clients : iterable of Client
        The clients.
    fetch : callable
        Reads an address.
    clock : callable
        Seconds that never go back.

    Returns
    -------
    dict of str to callable
        By name of the client; none for a client without keys.
    """
    return {
        client.name: _finder(client.name, client.keys, fetch, clock)
        for client in clients
        if client.keys is not None
    }


def _finder(
    name: str, source: KeySource, fetch: Fetch, clock: Callable[[], float]
) -> Finder:
    if source.jwks is not None:
        return read_keys(source.jwks).keys.get
    if source.jwks_file is not None:
        load = partial(_read_file, source.jwks_file)
        return KeyRing(name, load, FILE_RHYTHM, clock).find
    url = str(source.jwks_url)
    return KeyRing(name, partial(fetch, url), URL_RHYTHM, clock).find


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError("too large")
    return data
