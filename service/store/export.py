"""What was shown, and what users did with it, for the quality office."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Row, select

from service.store.database import Database
from service.store.schema import decision_cards, decisions, feedback

__all__ = ["COLUMNS", "exported"]

COLUMNS: Final = (
    "date",
    "location",
    "intervention",
    "action",
    "feedback",
    "reasons",
    "feedback_date",
    "user",
    "indicator",
    "is_withheld",
    "card",
    "decision_id",
    "model",
)
#: The client's clock may be behind ours by so much.
_CLOCK_SKEW: Final = timedelta(minutes=2)


def exported(database: Database) -> Iterator[dict[str, Any]]:
    """
    Give each card that was shown, with what became of it.

    Parameters
    ----------
    database : Database
        The database.

    Yields
    ------
    dict
        The members of `COLUMNS`, the newest card first. Feedback stands beside the last
        showing of its card before the user decided; without feedback, ``feedback`` is
        None: that says nothing of acceptance. Feedback on cards that are not in the
        store comes last.
    """
    cards = (
        select(decisions, decision_cards)
        .join(decision_cards, decision_cards.c.decision_id == decisions.c.id)
        .order_by(decisions.c.at.desc(), decision_cards.c.position)
    )
    with database.reading() as connection:
        waiting: dict[str, list[Row[Any]]] = defaultdict(list)
        for item in connection.execute(select(feedback)):
            waiting[item.card].append(item)
        for row in connection.execution_options(yield_per=500).execute(cards):
            shown, own = _showing(row), _of_showing(row, waiting)
            if not own:
                yield shown | _reaction(None)
            for item in own:
                yield shown | _reaction(item)
        for items in waiting.values():
            for item in items:
                unknown = dict.fromkeys(COLUMNS) | {"card": item.card}
                known = {"location": item.client, "intervention": item.service}
                yield unknown | known | _reaction(item)


def _of_showing(row: Row[Any], waiting: dict[str, list[Row[Any]]]) -> list[Row[Any]]:
    items = waiting.get(row.card, [])
    own = [item for item in items if row.at <= item.outcome_at + _CLOCK_SKEW]
    if own:
        waiting[row.card] = [item for item in items if item not in own]
    return own


def _showing(row: Row[Any]) -> dict[str, Any]:
    return {
        "date": row.at.isoformat(timespec="seconds"),
        "location": row.tenant,
        "intervention": f"{row.service} {row.topic}",
        "action": "; ".join(
            "+".join(filter(None, kinds)) for _, kinds in row.suggestions
        ),
        "user": row.user_hash,
        "indicator": row.indicator,
        "is_withheld": row.is_withheld,
        "card": row.card,
        "decision_id": row.id,
        "model": row.model_digest,
    }


def _reaction(item: Row[Any] | None) -> dict[str, Any]:
    if item is None:
        return {"feedback": None, "reasons": None, "feedback_date": None}
    return {
        "feedback": item.outcome,
        "reasons": "; ".join(each["code"] for each in item.reasons),
        "feedback_date": item.outcome_at.isoformat(timespec="seconds"),
    }
