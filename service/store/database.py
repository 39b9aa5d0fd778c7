"""The database: SQLite in a file or PostgreSQL by URL, with the newest schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.store.faults import StoreError, StoreUnavailable
from service.store.schema import REVISIONS, metadata

__all__ = ["Database"]

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
#: Any number will do that nobody else locks in this database.
_ADVISORY_LOCK: Final = 0x5C4E_CD50
_BUSY_S: Final = 5.0
#: A worker that is silent for 15 seconds is replaced: give up well before.
_POSTGRESQL: Final = {
    "connect_timeout": 5,
    "tcp_user_timeout": 5000,
    "options": "-c statement_timeout=5000 -c lock_timeout=5000 -c timezone=UTC",
}


class _Engines(NamedTuple):
    """
    Two ways to begin a transaction, over the same connections.

    Made once: an engine with an option costs as much as a small transaction.
    """

    reads: Engine
    writes: Engine


class Database:
    """
    A database of the store. Nothing is opened before it is first used.

    Parameters
    ----------
    url : str
        Where it is: ``sqlite:////path/of/file`` or ``postgresql://…``.

    Examples
    --------
    >>> with Database("sqlite://").reading() as connection:
    ...     connection.exec_driver_sql("SELECT count(*) FROM decisions").scalar()
    0
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if not self.is_sqlite:
            parsed = parsed.set(drivername="postgresql+psycopg")
        self._url = parsed
        self._engines: _Engines | None = None
        self._is_current = False
        self._lock = Lock()

    def __repr__(self) -> str:
        """Show where it is, without the password."""
        return f"Database({self._url.render_as_string(hide_password=True)!r})"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """
        Open a transaction that reads.

        Yields
        ------
        Connection
            The connection.

        Raises
        ------
        StoreUnavailable
            If the database does not answer.
        StoreError
            If its schema is not one of this version.
        """
        with _faults(), self._current().reads.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """
        Open a transaction that writes; at its end everything is on the disk.

        Yields
        ------
        Connection
            The connection.

        Raises
        ------
        StoreUnavailable
            If the database does not answer; nothing was written.
        StoreError
            If its schema is not one of this version.
        """
        with _faults(), self._current().writes.begin() as connection:
            yield connection

    def migrate(self, revision: str = REVISIONS[-1]) -> tuple[str | None, str]:
        """
        Bring the schema to a revision; a fresh database gets the newest at once.

        Several processes may do so at the same time: one does, the others wait.

        Parameters
        ----------
        revision : str, optional
            Which; one before that of the database goes back, and loses what only the
            newer schema holds.

        Returns
        -------
        tuple of (str or None, str)
            Revision before, None for a fresh database, and after.

        Raises
        ------
        StoreUnavailable
            If the database does not answer.
        StoreError
            If its schema is not one of this version.
        """
        with _faults():
            found = _migrate(self._connected().reads, revision)
            self._is_current = revision == REVISIONS[-1]
            return found

    def revision(self) -> str | None:
        """
        Tell the revision of the schema, and change nothing.

        Returns
        -------
        str or None
            The revision; None for a fresh database.

        Raises
        ------
        StoreUnavailable
            If the database does not answer.
        """
        with _faults(), self._connected().reads.connect() as connection:
            return _revision(connection)

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        with self._lock:
            if self._engines is not None:
                self._engines.reads.dispose()
            self._engines = None
            self._is_current = False

    def _current(self) -> _Engines:
        """Give the engines of a database with the newest schema."""
        engines = self._connected()
        if not self._is_current:
            _migrate(engines.reads, REVISIONS[-1])
            self._is_current = True
        return engines

    def _connected(self) -> _Engines:
        with self._lock:
            if self._engines is None:
                engine = _engine(self._url)
                writes = engine.execution_options(begin="BEGIN IMMEDIATE")
                self._engines = _Engines(engine, writes)
            return self._engines


def _engine(url: URL) -> Engine:
    options: dict[str, Any] = {
        "json_serializer": lambda value: orjson.dumps(value).decode(),
        "json_deserializer": orjson.loads,
        # A fault is logged by its type: parameters would be patient data.
        "hide_parameters": True,
    }
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": _BUSY_S}, **options)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_timeout=_BUSY_S,
        connect_args=_POSTGRESQL,
        **options,
    )


def _prepare_sqlite(connection: Any, _: object) -> None:  # noqa: ANN401 of the driver
    # The driver would begin transactions by itself, and not before DDL.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    # A commit is on the disk when it returns.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    begin = connection.get_execution_options().get("begin", "BEGIN")
    connection.exec_driver_sql(begin)


@contextmanager
def _faults() -> Iterator[None]:
    """Tell a database that does not answer from one that refuses."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise StoreUnavailable(_cause(error)) from None
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StoreUnavailable(_cause(error)) from None
        raise


def _cause(error: Exception) -> str:
    """Name the type of the driver's own fault: its text may hold values."""
    fault = type(getattr(error, "orig", None) or error).__name__
    return f"the database does not answer: {fault}"


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version"))
    revision: str | None = found.scalar()
    return revision


def _migrate(engine: Engine, revision: str) -> tuple[str | None, str]:
    with engine.connect() as connection:
        found = _revision(connection)
    if found == revision:
        return found, revision
    with engine.execution_options(begin="BEGIN EXCLUSIVE").begin() as connection:
        if engine.dialect.name == "postgresql":
            # However long the others take; the lock ends with the transaction.
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            lock = text("SELECT pg_advisory_xact_lock(:key)")
            connection.execute(lock, {"key": _ADVISORY_LOCK})
        found = _revision(connection)
        _bring(connection, found, revision)
    return found, revision


def _bring(connection: Connection, found: str | None, revision: str) -> None:
    if found is not None and found not in REVISIONS:
        raise StoreError(
            f"the database has schema {found}, this version knows up to"
            f" {REVISIONS[-1]}: run the version that made it, or restore a backup"
        )
    if revision not in REVISIONS:
        known = ", ".join(REVISIONS)
        raise StoreError(f"there is no schema {revision}; there are {known}")
    if found is None and revision == REVISIONS[-1]:
        metadata.create_all(connection)
        _stamp(connection, revision)
    elif found != revision:
        _run_revisions(connection, found, revision)


def _stamp(connection: Connection, revision: str) -> None:
    connection.execute(
        text(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
            " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    insert = text("INSERT INTO alembic_version VALUES (:revision)")
    connection.execute(insert, {"revision": revision})


def _run_revisions(connection: Connection, found: str | None, revision: str) -> None:
    # Half a second to import, and needed once in a version.
    command = import_module("alembic.command")
    config = import_module("alembic.config").Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    is_back = found is not None and REVISIONS.index(found) > REVISIONS.index(revision)
    (command.downgrade if is_back else command.upgrade)(config, revision)
