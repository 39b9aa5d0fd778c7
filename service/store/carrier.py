"""The thread that carries decisions from the spool to the database, in groups."""

import logging
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from threading import Event, Thread, current_thread
from typing import TYPE_CHECKING, Final

from service.store.faults import StoreError
from service.store.spool import Segment, Spool, adopt, spooled_bytes

if TYPE_CHECKING:
    from service.store.database import Database

__all__ = ["REJECTED", "Carrier"]

#: File with the lines that no database takes; somebody has to look at it.
REJECTED: Final = "rejected.lines"

_log = logging.getLogger("service.store")

#: A decision waits so long for others to be written with it.
_GROUP_S: Final = 0.04
#: So often the thread looks for what others left behind, and for what is overridden.
_ROUND_S: Final = 1.0
#: So often a database that does not answer is an alarm in the log.
_ALARM_S: Final = 60.0
_END_S: Final = 5.0


class Carrier:
    """
    Carry what waits to the database until told to end.

    Parameters
    ----------
    spool : Spool
        The files of this process.
    folder : pathlib.Path
        Where the files of all processes are.
    limit_bytes : int
        Most bytes that may wait in the folder.
    database : callable
        Gives the database.
    each_round : callable
        Is called about every second while the database answers.

    Attributes
    ----------
    fault : str or None
        Why the database takes nothing; None if it does, or was not asked yet.
    rejected : int
        How many lines nobody could read or write.
    """

    def __init__(
        self,
        spool: Spool,
        folder: Path,
        limit_bytes: int,
        *,
        database: Callable[[], "Database"],
        each_round: Callable[[], None],
    ) -> None:
        self.fault: str | None = None
        self.rejected = 0
        self._spool = spool
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._database = database
        self._each_round = each_round
        self._next_round = 0.0
        self._alarmed_at: float | None = None
        self._is_wanted = Event()
        self._is_ending = Event()
        self._thread = Thread(target=self._run, name="store", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something to carry."""
        if not self._is_wanted.is_set():
            self._is_wanted.set()

    def look(self) -> None:
        """Say that something has changed in the database: look at once."""
        self._next_round = 0.0
        self.wake()

    def close(self) -> None:
        """End, when all is carried that the database takes."""
        if self._is_ending.is_set():
            return
        self._is_ending.set()
        self._is_wanted.set()
        if self._thread is not current_thread():
            self._thread.join(_END_S)
        self._spool.close()

    def _run(self) -> None:
        while not self._is_ending.is_set():
            self._is_wanted.wait(_ROUND_S)
            self._is_ending.wait(_GROUP_S)
            self._is_wanted.clear()
            self._try()
            if self.fault is not None:
                self._is_ending.wait(_ROUND_S)
        self._try()

    def _try(self) -> None:
        try:
            self._carry()
            self._round()
        except StoreError as error:
            self._alarm(str(error))
        except Exception as error:  # noqa: BLE001 whatever it is, the thread goes on
            self._alarm(type(error).__name__)
        else:
            if self.fault is not None:
                _log.warning("the store: the database takes decisions again")
            self.fault = self._alarmed_at = None

    def _carry(self) -> None:
        size = -1
        while size:
            with self._spool.next_chunk() as chunk:
                self._write(chunk.good, chunk.bad)
                size = chunk.size

    def _round(self) -> None:
        """Look after what is not of this moment."""
        now = time.monotonic()
        if now < self._next_round:
            return
        self._next_round = now + _ROUND_S
        for segment in adopt(self._folder):
            self._carry_on(segment)
        others = spooled_bytes(self._folder) - self._spool.waiting_bytes
        self._spool.limit_bytes = self._limit_bytes - max(0, others)
        self._each_round()

    def _carry_on(self, segment: Segment) -> None:
        """Carry what a process left behind that is no more."""
        try:
            while (chunk := segment.read(segment.size, is_final=True)).size:
                self._write(chunk.good, chunk.bad)
                segment.done += chunk.size
        except BaseException:
            segment.leave()
            raise
        segment.remove()

    def _write(self, good: tuple[bytes, ...], bad: tuple[bytes, ...]) -> None:
        refused: list[bytes] = []
        if good:
            # Here, not above: no call waits for SQLAlchemy to be imported.
            writing = import_module("service.store.writing")
            refused = writing.write_lines(self._database(), good)
        self._reject([*bad, *refused])

    def _reject(self, lines: Iterable[bytes]) -> None:
        lines = list(lines)
        if not lines:
            return
        with (self._folder / REJECTED).open("ab") as file:
            file.writelines(line + b"\n" for line in lines)
        self.rejected += len(lines)
        _log.error(
            "the store: %d lines of the spool could not be read or written; they are"
            " kept in %s",
            len(lines),
            REJECTED,
        )

    def _alarm(self, fault: str) -> None:
        """Say it at once, then every minute; at the end others carry on."""
        self.fault = fault
        if self._is_ending.is_set():
            return
        now = time.monotonic()
        if self._alarmed_at is None or now - self._alarmed_at >= _ALARM_S:
            self._alarmed_at = now
            _log.error(
                "the store: decisions wait, %s kB of them: %s", self._kilobytes(), fault
            )

    def _kilobytes(self) -> int | str:
        """Count what waits; a folder that cannot be read must not end the thread."""
        try:
            return spooled_bytes(self._folder) // 1024
        except OSError:
            return "nobody knows how many"
