"""Sessions of the SMART app as sealed rows, shared by all workers and replicas."""

from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sqlalchemy import Table

    from service.store.database import Database

__all__ = ["SealedSession", "SmartSessions"]


class SealedSession(NamedTuple):
    """
    What a row says: nothing to whoever has no key.

    Attributes
    ----------
    content : str
        The session, sealed.
    until : float
        When it ends if nobody uses it, in seconds since 1970.
    """

    content: str
    until: float


class SmartSessions:
    """
    The rows: written, found, prolonged, removed. What is over is removed by the next.

    Parameters
    ----------
    database : callable
        Gives the database of this process. Each method raises ``StoreError`` if that
        does not answer.
    """

    def __init__(self, database: Callable[[], "Database"]) -> None:
        self._database = database

    def put(
        self, name: str, row: SealedSession, *, now_s: float, instead_of: str
    ) -> None:
        """
        Write a session, and remove the one that it replaces and those that are over.

        Parameters
        ----------
        name : str
            Name of the row, 64 characters at most.
        row : SealedSession
            The session.
        now_s : float
            Seconds since 1970.
        instead_of : str
            Name of the row that goes; there may be none.
        """
        table = _table()
        values = {"id": name, "content": row.content, "until": _time(row.until)}
        is_gone = (table.c.id == instead_of) | (table.c.until <= _time(now_s))
        with self._database().writing() as connection:
            connection.execute(table.delete().where(is_gone))
            connection.execute(table.insert(), values)

    def find(self, name: str, *, now_s: float) -> SealedSession | None:
        """
        Find a session that is not over.

        Parameters
        ----------
        name : str
            Name of the row.
        now_s : float
            Seconds since 1970.

        Returns
        -------
        SealedSession or None
            The session; None if there is none, or no longer.
        """
        table = _table()
        wanted = table.select().where(table.c.id == name, table.c.until > _time(now_s))
        with self._database().reading() as connection:
            found = connection.execute(wanted).one_or_none()
        if found is None:
            return None
        return SealedSession(found.content, found.until.timestamp())

    def prolong(self, name: str, until: float) -> None:
        """
        Say that a session is in use; one that was removed meanwhile stays so.

        Parameters
        ----------
        name : str
            Name of the row.
        until : float
            When it ends if nobody uses it again, in seconds since 1970.
        """
        table = _table()
        used = table.update().where(table.c.id == name).values(until=_time(until))
        with self._database().writing() as connection:
            connection.execute(used)

    def remove(self, name: str) -> None:
        """
        End a session, wherever its handle may be.

        Parameters
        ----------
        name : str
            Name of the row; there may be none.
        """
        table = _table()
        with self._database().writing() as connection:
            connection.execute(table.delete().where(table.c.id == name))


def _table() -> "Table":
    """Give the table: the first session imports what the start does without."""
    table: Table = import_module("service.store.schema").smart_sessions
    return table


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
