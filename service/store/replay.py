"""Tokens that were used: each counts once, for all workers and replicas together."""

import logging
import sqlite3
import time
from collections.abc import Callable
from hashlib import sha256
from importlib import import_module
from os import getpid
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from service.store.faults import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from service.store.database import Database

__all__ = ["ReplayIds", "SQLiteReplayIds", "SharedReplayIds"]

_log = logging.getLogger("service.store")

#: So long a database that did not answer is left alone: each call would wait for it.
_PAUSE_S: Final = 5.0
#: What has expired is kept for so long: by the clock of another host it may still last.
_MARGIN_S: Final = 86_400.0
#: So often what is older is taken out.
_PURGE_EACH_S: Final = 60.0
_BUSY_S: Final = 5.0
_RETRY_S: Final = 0.01
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS replay_ids"
    " (id TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID"
)


class SQLiteReplayIds:
    """
    The tokens in a file of their own, shared by the workers of one host.

    Such a token lives for minutes, so the file is not a record: it may be deleted while
    the service stands still, and no backup holds it.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    survives_power_cut : bool
        Whether each use waits for the disk. Without, the uses of the last moments
        before a power cut are forgotten, while their tokens last; a killed process
        forgets none.
    """

    def __init__(self, path: Path, *, survives_power_cut: bool = False) -> None:
        self._path = path
        self._synchronous = "FULL" if survives_power_cut else "NORMAL"
        self._lock = Lock()
        self._opened: tuple[int, sqlite3.Connection] | None = None
        self._next_purge = 0.0

    def use(self, issuer: str, jti: str, until: float) -> bool:
        """
        Take a token, once.

        Parameters
        ----------
        issuer, jti : str
            What tells it from all others.
        until : float
            When it may be forgotten, in seconds since 1970.

        Returns
        -------
        bool
            Whether it was not there yet.

        Raises
        ------
        StoreUnavailable
            If the file does not answer: then the call is refused.
        """
        row = (_name(issuer, jti), int(until) + 1)
        try:
            with self._lock:
                connection = self._connection()
                added = connection.execute(
                    "INSERT INTO replay_ids VALUES (?, ?) ON CONFLICT DO NOTHING", row
                )
                self._purge(connection)
                return added.rowcount == 1
        except sqlite3.Error as error:
            raise StoreUnavailable(
                f"{self._path.name} cannot be used: {type(error).__name__}"
            ) from None

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._opened is not None and self._opened[0] == getpid():
                self._opened[1].close()
            self._opened = None

    def _connection(self) -> sqlite3.Connection:
        # A connection must not be used on the other side of a fork.
        if self._opened is None or self._opened[0] != getpid():
            connection = sqlite3.connect(
                self._path,
                timeout=_BUSY_S,
                isolation_level=None,
                check_same_thread=False,
            )
            _prepare(connection)
            connection.execute(f"PRAGMA synchronous={self._synchronous}")
            self._opened = getpid(), connection
        return self._opened[1]

    def _purge(self, connection: sqlite3.Connection) -> None:
        now = time.time()
        if now >= self._next_purge:
            self._next_purge = now + _PURGE_EACH_S
            old = now - _MARGIN_S
            connection.execute("DELETE FROM replay_ids WHERE until < ?", (old,))


class ReplayIds:
    """
    The tokens in the database, shared by all replicas.

    Parameters
    ----------
    database : callable
        Gives the database of this process.
    """

    def __init__(self, database: Callable[[], "Database"]) -> None:
        self._database = database
        self._next_purge = 0.0

    def use(self, issuer: str, jti: str, until: float) -> bool:
        """
        Take a token, once.

        Parameters
        ----------
        issuer, jti : str
            What tells it from all others.
        until : float
            When it may be forgotten, in seconds since 1970.

        Returns
        -------
        bool
            Whether it was not there yet.

        Raises
        ------
        StoreError
            If the database does not answer: then the call is refused.
        """
        writing = import_module("service.store.writing")
        table = import_module("service.store.schema").replay_ids
        row = {"id": _name(issuer, jti), "until": int(until) + 1}
        with self._database().writing() as connection:
            added: int = writing.insert_once(connection, table, [row])
            now = time.time()
            if now >= self._next_purge:
                self._next_purge = now + _PURGE_EACH_S
                old = now - _MARGIN_S
                connection.execute(table.delete().where(table.c.until < old))
        return added == 1


class SharedReplayIds:
    """
    The tokens in the database, and in the host's own file in front of it.

    While the database does not answer the file decides alone: cards go on, no token is
    taken twice by one host, and that another host may have taken it is alarmed.

    Parameters
    ----------
    here : SQLiteReplayIds
        The memory of the host.
    everywhere : ReplayIds
        The memory of all replicas.
    clock : callable, optional
        Seconds that never go back.
    """

    def __init__(
        self,
        here: SQLiteReplayIds,
        everywhere: ReplayIds,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._here = here
        self._everywhere = everywhere
        self._clock = clock
        self._ask_again_at = -float("inf")

    def use(self, issuer: str, jti: str, until: float) -> bool:
        """
        Take a token, once.

        Parameters
        ----------
        issuer, jti : str
            What tells it from all others.
        until : float
            When it may be forgotten, in seconds since 1970.

        Returns
        -------
        bool
            Whether it was not there yet, as far as can be told.

        Raises
        ------
        StoreUnavailable
            If not even the host's file can be used: then the call is refused.
        """
        if not self._here.use(issuer, jti, until):
            return False
        if self._clock() < self._ask_again_at:
            return True
        try:
            return self._everywhere.use(issuer, jti, until)
        except StoreError as error:
            self._ask_again_at = self._clock() + _PAUSE_S
            _log.error(
                "the store: the database does not remember tokens (%s); until it does"
                " a token counts once for each host",
                type(error).__name__,
            )
            return True

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._here.close()


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the file ready; while another process does, SQLite refuses at once."""
    end = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(_TABLE)
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                connection.close()
                raise
            time.sleep(_RETRY_S)
        else:
            return


def _name(issuer: str, jti: str) -> str:
    """Name a token: what an issuer writes into it may be anything."""
    return sha256(f"{issuer}\0{jti}".encode()).hexdigest()
