"""The lock that one process holds while it carries, and what it says in that file."""

import fcntl
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson

from service.store.segments import framed, unframed

__all__ = ["LOCK", "CarrierLock", "CarrierState"]

#: The file, beside those of the spool.
LOCK: Final = "carrier.lock"
#: A carrier says something each second; one that is silent for so long is stuck.
_SILENT_S: Final = 5.0
_STATE_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class CarrierState:
    """
    What the carrier says of itself.

    Attributes
    ----------
    pid : int
        Its process.
    fault : str or None
        Why the database takes nothing; None if it does, or was not asked yet.
    rejected : int
        How many lines it could not read or write.
    newest_feedback : str or None
        When feedback was received last, in ISO 8601; None if there is none.
    at_s : float
        When it said so, by the machine's monotonic clock.
    """

    pid: int
    fault: str | None
    rejected: int
    newest_feedback: str | None
    at_s: float

    @property
    def is_up(self) -> bool:  # numpydoc ignore=RT01
        """Whether the database takes decisions, as far as one has heard lately."""
        # The clock begins anew when the machine does.
        is_fresh = 0 <= time.monotonic() - self.at_s < _SILENT_S
        return is_fresh and self.fault is None


class CarrierLock:
    """
    Make this process the carrier of a folder, or read what the carrier says.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the spool.
    """

    def __init__(self, folder: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(folder / LOCK, flags, 0o600)
        self._is_held = False
        self._known: CarrierState | None = None

    def take(self) -> bool:
        """
        Become the carrier, if nobody else is.

        Returns
        -------
        bool
            Whether this process is, from now on or already.
        """
        if not self._is_held:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            self._is_held = True
        return True

    def leave(self) -> None:
        """Let others be the carrier."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._is_held = False

    def close(self) -> None:
        """Close the file; a child that has inherited the lock keeps it."""
        os.close(self._descriptor)

    def say(self, state: CarrierState) -> None:
        """
        Tell all processes how it is; for the carrier alone.

        Parameters
        ----------
        state : CarrierState
            What to say.
        """
        # In its place: on a full disk this can still be written.
        os.pwrite(self._descriptor, framed(orjson.dumps(asdict(state))), 0)

    def state(self) -> CarrierState | None:
        """
        Read what the carrier says.

        Returns
        -------
        CarrierState or None
            What it said last; None if there was none yet.
        """
        line, _, _ = os.pread(self._descriptor, _STATE_BYTES, 0).partition(b"\n")
        # What is being written meanwhile may not be whole; it is, the next time.
        if (text := unframed(line)) is not None:
            self._known = CarrierState(**orjson.loads(text))
        return self._known
