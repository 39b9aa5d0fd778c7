"""Carry decisions from the spool to the database, in groups."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from service.store.carrier_lock import CarrierLock, CarrierState
from service.store.faults import StoreError
from service.store.segments import SUFFIX, Chunk, Segment, spooled_bytes

if TYPE_CHECKING:
    from service.store.database import Database

__all__ = ["REJECTED", "ROUND_S", "Carrier"]

#: File with the lines that no database takes; somebody has to look at it.
REJECTED: Final = "rejected.lines"

_log = logging.getLogger("service.store")

#: A decision waits so long for others to be written with it.
_GROUP_S: Final = 0.04
#: Most bytes of one transaction, but for a chunk.
_GROUP_BYTES: Final = 4 << 20
#: So many files are open at most: of processes that died while the database was down.
_MOST_FILES: Final = 200
#: So often the carrier says how it is, and everybody looks.
ROUND_S: Final = 1.0
#: So often a database that does not answer is an alarm in the log.
_ALARM_S: Final = 60.0
_END_S: Final = 5.0


class Carrier:
    """
    Carry what waits in a folder to the database, whichever process wrote it.

    Parameters
    ----------
    folder : pathlib.Path
        Where the files of all processes are.
    lock : CarrierLock
        Of that folder; only who holds it may carry.
    database : callable
        Gives the database.
    """

    def __init__(
        self, folder: Path, lock: CarrierLock, database: Callable[[], "Database"]
    ) -> None:
        self._folder = folder
        self._lock = lock
        self._database = database
        self._used: Database | None = None
        self._segments: dict[str, Segment] = {}
        self._fault: str | None = None
        self._rejected = 0
        self._newest_feedback: str | None = None
        self._next_look = time.monotonic() + ROUND_S
        self._next_word = 0.0
        self._alarmed_at: float | None = None
        self._end_at: float | None = None

    def take(self) -> bool:
        """
        Become the carrier of the folder, if nobody else is, and say so.

        Returns
        -------
        bool
            Whether this process is, from now on or already.
        """
        if not self._lock.take():
            return False
        self._say()  # at once, the first time
        return True

    def step(self) -> float:
        """
        Carry what waits now.

        Returns
        -------
        float
            After how many seconds to come again.
        """
        before = self._fault
        try:
            self._carry()
            self._look()
        except StoreError as error:
            self._alarm(str(error))
        except Exception as error:  # noqa: BLE001 whatever it is, the carrier goes on
            self._alarm(type(error).__name__)
        else:
            if self._fault is not None:
                _log.warning("the store: the database takes decisions again")
            self._fault = self._alarmed_at = None
        self._say(at_once=self._fault != before)
        return _GROUP_S if self._fault is None else ROUND_S

    def end(self) -> None:
        """Carry what the database takes within some seconds, and let go of the rest."""
        self._end_at = time.monotonic() + _END_S
        self._next_word = 0.0
        self.step()
        for segment in self._segments.values():
            segment.leave()
        self._segments.clear()
        if self._used is not None:
            self._used.close()

    def _carry(self) -> None:
        self._find()
        while group := self._group():
            self._write([chunk for _, chunk in group])
            for segment, chunk in group:
                segment.advance(chunk.size)
            self._say()
            if self._end_at is not None and time.monotonic() > self._end_at:
                return

    def _find(self) -> None:
        for name in os.listdir(self._folder):  # noqa: PTH208 25 times a second
            is_new = name.endswith(SUFFIX) and name not in self._segments
            if not is_new or len(self._segments) >= _MOST_FILES:
                continue
            segment = Segment.open(self._folder / name)
            if segment is not None:
                self._segments[name] = segment

    def _group(self) -> list[tuple[Segment, Chunk]]:
        """Read what is to be written together, from all files."""
        group, size = [], 0
        for segment in list(self._segments.values()):
            chunk = self._next_of(segment)
            if chunk.size:
                group.append((segment, chunk))
                size += chunk.size
            if size > _GROUP_BYTES:
                break
        return group

    def _next_of(self, segment: Segment) -> Chunk:
        chunk = segment.read()
        if chunk.size or not segment.take():
            return chunk
        # Nobody writes to it any more: what is there now is all of it.
        chunk = segment.read()
        if not chunk.size:
            segment.remove()
            del self._segments[segment.path.name]
        return chunk

    def _write(self, chunks: Sequence[Chunk]) -> None:
        good = [line for chunk in chunks for line in chunk.good]
        refused: list[bytes] = []
        if good:
            # Here, not above: no start waits for SQLAlchemy to be imported.
            writing = import_module("service.store.writing")
            refused = writing.write_lines(self._use(), good)
        self._reject([*(line for chunk in chunks for line in chunk.bad), *refused])

    def _use(self) -> "Database":
        self._used = self._database()
        return self._used

    def _reject(self, lines: Sequence[bytes]) -> None:
        if not lines:
            return
        with (self._folder / REJECTED).open("ab") as file:
            file.writelines(line + b"\n" for line in lines)
        self._rejected += len(lines)
        self._next_word = 0.0
        _log.error(
            "the store: %d lines of the spool could not be read or written; they are"
            " kept in %s",
            len(lines),
            REJECTED,
        )

    def _look(self) -> None:
        """Ask what the workers want to know, and so whether the database is there."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + ROUND_S
        memory = import_module("service.store.memory")
        newest = memory.newest_feedback(self._use())
        said = None if newest is None else newest.isoformat()
        if said != self._newest_feedback:
            self._newest_feedback, self._next_word = said, 0.0

    def _say(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if now < self._next_word and not at_once:
            return
        self._next_word = now + ROUND_S
        state = CarrierState(
            os.getpid(), self._fault, self._rejected, self._newest_feedback, now
        )
        # What is not said makes the store look down, which is then not far from it.
        with suppress(OSError):
            self._lock.say(state)

    def _alarm(self, fault: str) -> None:
        """Say it at once, then every minute; at the end others carry on."""
        self._fault = fault
        if self._end_at is not None:
            return
        now = time.monotonic()
        if self._alarmed_at is None or now - self._alarmed_at >= _ALARM_S:
            self._alarmed_at = now
            _log.error(
                "the store: decisions wait, %s kB of them: %s", self._kilobytes(), fault
            )

    def _kilobytes(self) -> int | str:
        """Count what waits; a folder that cannot be read must not end the carrier."""
        try:
            return spooled_bytes(self._folder) // 1024
        except OSError:
            return "nobody knows how many"
