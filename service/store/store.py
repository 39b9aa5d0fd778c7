"""The store of a running service: decisions to the spool, all else to the database."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import finalize, ref

import orjson

from cds_hooks import Feedback
from service.store.carrier import Carrier
from service.store.carrier_lock import CarrierLock
from service.store.faults import StoreError
from service.store.gaps import Missed
from service.store.overrides import Overrides
from service.store.places import SPOOL, database_of, temporary_folder
from service.store.pseudonyms import Pseudonyms
from service.store.replay import ReplayIds, SharedReplayIds, SQLiteReplayIds
from service.store.segments import spooled_bytes
from service.store.settings import StoreSettings
from service.store.spool import Spool
from service.store.worker_thread import WorkerThread

if TYPE_CHECKING:
    from service.store.database import Database

__all__ = ["Store"]

_log = logging.getLogger("service.store")

#: A file of the data folder.
_REPLAY_IDS: Final = "replay.sqlite3"
#: A loss is an alarm at once, then after so many more.
_ALARM_EACH: Final = 100


class _Process(NamedTuple):
    """What belongs to one process and must not be inherited by its children."""

    pid: int
    spool: Spool
    lock: CarrierLock
    thread: WorkerThread


class Store:
    """
    Keep decisions, feedback and what follows from them.

    Parameters
    ----------
    settings : StoreSettings
        Where, how long, and what it survives.
    secret_key : str
        The installation's secret key: identifiers are hashed under it.
    comes_back_for : frozenset of str or None, optional
        Reasons for an override that do not keep a card away; None: no card is ever
        kept away.

    Attributes
    ----------
    names : Pseudonyms
        Hashes identifiers.
    replay_ids : SQLiteReplayIds or SharedReplayIds
        Takes tokens, each once.
    on_lost : callable
        Learns of each decision that could not be recorded.
    has_carrier_process : bool
        Whether a process of its own carries; otherwise a thread of a worker does.
    """

    def __init__(
        self,
        settings: StoreSettings,
        secret_key: str,
        *,
        comes_back_for: frozenset[str] | None = None,
    ) -> None:
        self.names = Pseudonyms(secret_key)
        self.has_carrier_process = False
        self.on_lost: Callable[[], None] = lambda: None
        self._settings = settings
        self._folder = settings.data_dir or temporary_folder(self)
        (self._folder / SPOOL).mkdir(mode=0o700, exist_ok=True)
        self._lock = Lock()
        self._process: _Process | None = None
        self._database: Database | None = None
        self._inherited: Database | None = None
        self._missed = Missed()
        use = _weakly(self)
        self._overrides = Overrides(lambda: use().database, comes_back_for)
        self.replay_ids = self._replay_ids()

    def start(self) -> None:
        """Begin in this process: what a dead one left behind is carried on."""
        if self._settings.data_dir is None:
            _log.warning(
                "the store: SCNEN_DATA_DIR is not set, so records are in a temporary"
                " folder that ends with the server"
            )
        self._running()

    def record(self, decision: dict[str, Any]) -> None:
        """
        Keep a decision; when this returns, it survives the process.

        Parameters
        ----------
        decision : dict
            Columns of the table of decisions, and its cards.

        Raises
        ------
        StoreError
            If it cannot be kept, and the settings want such a call to be refused.
            Otherwise the loss is counted and alarmed.
        """
        process = self._process
        if process is None or process.pid != os.getpid():
            process = self._running()
        try:
            process.spool.append(orjson.dumps(decision))
        except OSError as error:
            self._miss(type(error).__name__)
            return
        if self._missed.count:
            self._tell_gap(process)

    def keep_feedback(
        self, client: str, service: str, items: Sequence[Feedback]
    ) -> int:
        """
        Keep what users did with cards; when this returns, it is on the disk.

        Parameters
        ----------
        client : str
            Name of the client that sent it.
        service : str
            Id of the service that was told.
        items : sequence of Feedback
            The items; the same item sent again is kept once.

        Returns
        -------
        int
            How many were new.

        Raises
        ------
        StoreError
            If the database does not take them; then none was kept.
        """
        keeping = import_module("service.store.feedback")
        now = datetime.now(UTC)
        new: int = keeping.keep_feedback(self.database, client, service, items, now)
        self._overrides.expire()
        self._running().thread.wake()
        return new

    def keep_outcomes(
        self,
        rows: Sequence[Mapping[str, str | None]],
        *,
        recorded_by: str,
        is_visit: bool = False,
    ) -> list[Any]:
        """
        Keep what was found at the follow-up; each row is on the disk by itself.

        Parameters
        ----------
        rows : sequence of Mapping
            As `service.store.outcomes.record_outcome` takes them.
        recorded_by : str
            Who records them: a name of a system or a role.
        is_visit : bool, default False
            As `service.store.outcomes.record_outcome` takes it.

        Returns
        -------
        list of bool or OutcomeError
            For each row whether it was new, or why it cannot be recorded.

        Raises
        ------
        StoreError
            If the database does not take them. Sent again, none is kept twice.
        """
        keeping = import_module("service.store.outcomes")
        keys = self._settings.previous_secret_keys
        return list(
            keeping.import_outcomes(
                self.database,
                rows,
                names=[self.names, *map(Pseudonyms, keys)],
                recorded_by=recorded_by,
                now=datetime.now(UTC),
                is_visit=is_visit,
            )
        )

    @property
    def database(self) -> "Database":  # numpydoc ignore=RT01
        """The database of this process; nothing is opened before it is used."""
        self._running()
        with self._lock:
            if self._database is None:
                self._database = database_of(self._settings, self._folder)
            return self._database

    def health(self) -> dict[str, Any]:
        """
        Tell how the store is, from this process's point of view.

        Returns
        -------
        dict
            ``database`` (``up`` or ``down``), bytes that wait, decisions that this
            process lost, lines that the carrier could not read.
        """
        state = self._running().lock.state()
        return {
            "database": "up" if state is not None and state.is_up else "down",
            "waiting_bytes": spooled_bytes(self._folder / SPOOL),
            "lost_decisions": self._missed.total,
            "rejected_lines": 0 if state is None else state.rejected,
            "is_temporary": self._settings.data_dir is None,
        }

    def close(self) -> None:
        """End in this process; what the database takes is written before."""
        process = self._process
        self.replay_ids.close()
        if process is not None and process.pid == os.getpid():
            process.thread.close()
            self._process = None
            if self._database is not None:
                self._database.close()

    def _running(self) -> _Process:
        """Give what belongs to this process: a child takes nothing of its parent's."""
        process = self._process
        if process is not None and process.pid == os.getpid():
            return process
        with self._lock:
            if self._process is None or self._process.pid != os.getpid():
                # Closing it would end the parent's connections.
                self._inherited, self._database = self._database, None
                self._process = self._begin()
            return self._process

    def _begin(self) -> _Process:
        folder, settings = self._folder / SPOOL, self._settings
        spool = Spool(
            folder,
            settings.spool_limit_mb << 20,
            syncs=settings.durability == "power",
        )
        carrier, lock = self.open_carrier()
        thread = WorkerThread(
            spool,
            lock,
            carrier,
            has_process=self.has_carrier_process,
            look=self._overrides.follow,
        )
        thread.start()
        finalize(self, thread.close)
        return _Process(os.getpid(), spool, lock, thread)

    def open_carrier(self) -> tuple[Carrier, CarrierLock]:
        """
        Make a carrier, for a thread or a process of its own.

        Returns
        -------
        tuple of (Carrier, CarrierLock)
            It, with a database of its own, and its lock.
        """
        folder, settings = self._folder, self._settings
        lock = CarrierLock(folder / SPOOL)
        # Not before it carries: this is called where a start waits for it.
        database = cache(lambda: database_of(settings, folder))
        return Carrier(folder / SPOOL, lock, database), lock

    def _replay_ids(self) -> SQLiteReplayIds | SharedReplayIds:
        """Choose: the host's file, alone or in front of the shared database."""
        url, use = self._settings.database_url, _weakly(self)
        is_safe = self._settings.durability == "power"
        here = SQLiteReplayIds(self._folder / _REPLAY_IDS, survives_power_cut=is_safe)
        if url is None or url.startswith("sqlite:"):
            return here
        return SharedReplayIds(here, ReplayIds(lambda: use().database))

    @property
    def overridden(self) -> frozenset[str]:  # numpydoc ignore=RT01
        """What cards said in which encounters, and were overridden for it."""
        return self._overrides.showings

    def look_for_overrides(self) -> None:
        """
        Learn which cards were overridden, wherever and by whichever process.

        Raises
        ------
        StoreError
            If the database does not answer; what was known stays.
        """
        self._overrides.look()

    def _miss(self, cause: str) -> None:
        """Count a decision that could not be kept, or refuse the call if so wanted."""
        if self._settings.unrecorded == "refuse":
            raise StoreError(f"the decision cannot be recorded: {cause}")
        total = self._missed.add(cause)
        self.on_lost()
        if total % _ALARM_EACH == 1:
            _log.critical(
                "the store: a decision could not be recorded (%s), %d since start: look"
                " at the disk and at the database",
                cause,
                total,
            )

    def _tell_gap(self, process: _Process) -> None:
        """Leave a row that says how many decisions are missing, now that one can."""
        gap = self._missed.take()
        if gap is None:
            return
        try:
            process.spool.append(orjson.dumps(gap))
        except OSError:
            self._missed.put_back(gap)


def _weakly(store: Store) -> Callable[[], Store]:
    """Give a store to its parts, but let it go when nobody else uses it."""
    this = ref(store)

    def use() -> Store:
        found = this()
        if found is None:
            raise StoreError("the store is closed")
        return found

    return use
