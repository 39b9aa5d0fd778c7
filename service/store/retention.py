"""Retention: what has been kept long enough goes, in small portions."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Table, func, select

from service.store.database import Database
from service.store.schema import (
    comments,
    decisions,
    feedback,
    gaps,
    smart_sessions,
)
from service.store.settings import StoreSettings

__all__ = ["purge"]

#: Rows that go in one transaction: calls do not wait long for their turn.
_PORTION: Final = 2000


class _Rule(NamedTuple):
    table: Table
    key: ColumnElement[Any]
    time: ColumnElement[datetime]
    days: int


def purge(
    database: Database,
    settings: StoreSettings,
    now: datetime,
    *,
    is_dry: bool,
    tell: Callable[[str, int], None],
) -> dict[str, int]:
    """
    Take out what is older than the settings say.

    Parameters
    ----------
    database : Database
        The database.
    settings : StoreSettings
        How long what is kept.
    now : datetime.datetime
        From when the age counts, with its zone.
    is_dry : bool
        Whether it is only counted.
    tell : callable
        Is told table and rows after each portion.

    Returns
    -------
    dict of str to int
        Rows by table. With a decision go its cards and outcomes, with feedback its
        comments. Sessions of the SMART app go once they are over.
    """
    kept, kept_comments = settings.keep_decisions_days, settings.keep_comments_days
    rules = (
        _Rule(
            comments,
            comments.c.feedback_id,
            comments.c.received_at,
            kept_comments,
        ),
        _Rule(feedback, feedback.c.id, feedback.c.received_at, kept),
        _Rule(decisions, decisions.c.id, decisions.c.at, kept),
        _Rule(gaps, gaps.c.id, gaps.c.until, kept),
        _Rule(smart_sessions, smart_sessions.c.id, smart_sessions.c.until, 0),
    )
    return {
        rule.table.name: _apply(database, rule, now, is_dry=is_dry, tell=tell)
        for rule in rules
    }


def _apply(
    database: Database,
    rule: _Rule,
    now: datetime,
    *,
    is_dry: bool,
    tell: Callable[[str, int], None],
) -> int:
    is_old = rule.time < now - timedelta(days=rule.days)
    if is_dry:
        counted = select(func.count()).select_from(rule.table).where(is_old)
        with database.reading() as connection:
            return connection.execute(counted).scalar() or 0
    total = 0
    while True:
        portion = select(rule.key).where(is_old).limit(_PORTION)
        with database.writing() as connection:
            taken = rule.table.delete().where(rule.key.in_(portion), is_old)
            gone = connection.execute(taken).rowcount
        if not gone:
            return total
        total += gone
        tell(rule.table.name, total)
