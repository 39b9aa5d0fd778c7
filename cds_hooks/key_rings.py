"""The keys that a client signs with: kept for a while, and renewed beside the calls.

A call finds its key in memory. Files and addresses are read in a thread beside it: keys
that are due are renewed while they still serve, and only a call that names an unknown
key waits, for a moment, and not again before the pause is over.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cds_hooks.clients import Client, KeySource
from cds_hooks.key_sets import PublicKey, read_keys

__all__ = [
    "FILE_RHYTHM",
    "URL_RHYTHM",
    "Fetch",
    "KeyRing",
    "Rhythm",
    "key_finders",
]

#: Gives the body that an address answers; raises if it cannot be had.
Fetch = Callable[[str], bytes]
#: Gives the key of a name. `LookupError`: there are no keys at all that may serve.
Finder = Callable[[str], PublicKey | None]

_MOST_BYTES = 256 * 1024
_LOG = logging.getLogger("cds_hooks")


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
