"""Lines of the spool become rows; one that comes twice becomes one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import JSON, Connection, Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from service.store.database import Database
from service.store.faults import StoreError
from service.store.schema import UTCTime, decision_cards, decisions, gaps

__all__ = ["insert_once", "write_lines"]


class _Insertion(NamedTuple):
    """
    How rows of a table are inserted: the SQL, and what becomes of the values before.

    The values are made ready here, not by SQLAlchemy: that would cost each decision as
    much as its extraction.
    """

    sql: str
    empty: dict[str, None]
    converted: tuple[tuple[str, Callable[[Any], object]], ...]
    arrange: Callable[[dict[str, Any]], Any]


def insert_once(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> int:
    """
    Insert rows, but none whose key is there already.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    table : Table
        Where to.
    rows : sequence of Mapping
        The rows; what is no column is left out, what is missing is null. Times are
        datetimes or in ISO 8601, with a zone.

    Returns
    -------
    int
        How many were new; for several rows the driver may not know and give -1.
    """
    if not rows:
        return 0
    insertion = _insertion(connection.dialect, table)
    values = []
    for row in rows:
        value = {**insertion.empty, **row}
        for name, convert in insertion.converted:
            if value[name] is not None:
                value[name] = convert(value[name])
        values.append(insertion.arrange(value))
    return connection.exec_driver_sql(insertion.sql, values).rowcount


@lru_cache(maxsize=16)
def _insertion(dialect: Dialect, table: Table) -> _Insertion:
    is_sqlite = dialect.name == "sqlite"
    kind = sqlite if is_sqlite else postgresql
    names = tuple(table.columns.keys())
    statement = kind.insert(table).on_conflict_do_nothing()
    compiled = statement.compile(dialect=dialect, column_keys=names)
    converters: dict[type, Callable[[Any], object]] = {
        JSON: _json,
        UTCTime: _time_of_sqlite if is_sqlite else _time,
    }
    return _Insertion(
        str(compiled),
        dict.fromkeys(names),
        tuple(
            (column.key, convert)
            for column in table.columns
            if (convert := converters.get(type(column.type))) is not None
        ),
        itemgetter(*compiled.positiontup) if compiled.positiontup else _as_it_is,
    )


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _time(value: datetime | str) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be stored")
    return moment.astimezone(UTC)


def _time_of_sqlite(value: datetime | str) -> str:
    return _time(value).replace(tzinfo=None).isoformat(" ", "microseconds")


def _as_it_is(value: dict[str, Any]) -> dict[str, Any]:
    return value


def write_lines(database: Database, lines: Sequence[bytes]) -> list[bytes]:
    """
    Write lines of the spool in one transaction.

    Parameters
    ----------
    database : Database
        Where to.
    lines : sequence of bytes
        Each the JSON of a decision or a gap.

    Returns
    -------
    list of bytes
        Those that are none and cannot be written, however often it is tried.

    Raises
    ------
    StoreError
        If the database does not answer, or has another schema; nothing was written.
    """
    try:
        with database.writing() as connection:
            _insert(connection, map(orjson.loads, lines))
    except StoreError:
        raise
    except (SQLAlchemyError, ValueError, TypeError, KeyError, AttributeError):
        if len(lines) == 1:
            return list(lines)
        # One of them is at fault: the others are not to suffer for it.
        half = len(lines) // 2
        parts = lines[:half], lines[half:]
        return [bad for part in parts for bad in write_lines(database, part)]
    return []


def _insert(connection: Connection, documents: Iterable[dict[str, Any]]) -> None:
    made: list[dict[str, Any]] = []
    missed: list[dict[str, Any]] = []
    cards: list[dict[str, Any]] = []
    for document in documents:
        if "since" in document:
            missed.append(document)
            continue
        made.append(document)
        for position, card in enumerate(document["cards"]):
            card.update(decision_id=document["id"], position=position)
            cards.append(card)
    insert_once(connection, decisions, made)
    insert_once(connection, decision_cards, cards)
    insert_once(connection, gaps, missed)
