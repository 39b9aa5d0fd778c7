"""Which cards were overridden in which encounter: they do not come back the same."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from service.store.database import Database
from service.store.schema import decision_cards, decisions, feedback

__all__ = ["newest_feedback", "overridden"]

#: The client's clock may be behind ours by so much.
_CLOCK_SKEW: Final = timedelta(minutes=2)


def overridden(
    database: Database, since: datetime, comes_back_for: Collection[str]
) -> frozenset[str]:
    """
    Find what was overridden.

    Parameters
    ----------
    database : Database
        Where feedback and decisions are.
    since : datetime.datetime
        Feedback that was received before does not count any more.
    comes_back_for : collection of str
        Codes of reasons that say "not now" or "not me": they keep no card away.

    Returns
    -------
    frozenset of str
        Names of what cards said in an encounter. A card that was shown several times is
        the one shown last before the user decided.
    """
    wanted = (
        select(
            feedback.c.id,
            feedback.c.outcome_at,
            feedback.c.reasons,
            decisions.c.at,
            decision_cards.c.showing,
        )
        .join(decision_cards, decision_cards.c.card == feedback.c.card)
        .join(decisions, decisions.c.id == decision_cards.c.decision_id)
        .where(
            feedback.c.outcome == "overridden",
            feedback.c.received_at >= since,
            decision_cards.c.is_withheld == 0,
        )
        .order_by(decisions.c.at)
    )
    last: dict[str, str | None] = {}
    with database.reading() as connection:
        for key, outcome_at, reasons, at, showing in connection.execute(wanted):
            is_later = at > outcome_at + _CLOCK_SKEW
            if is_later or any(each["code"] in comes_back_for for each in reasons):
                continue
            last[key] = showing
    return frozenset(filter(None, last.values()))


def newest_feedback(database: Database) -> datetime | None:
    """
    Tell when feedback was received last: cheap enough for every second.

    Parameters
    ----------
    database : Database
        Where feedback is.

    Returns
    -------
    datetime.datetime or None
        When; None if there is none.
    """
    with database.reading() as connection:
        newest = connection.execute(select(func.max(feedback.c.received_at)))
        return newest.scalar()
