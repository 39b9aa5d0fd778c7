"""What users did with cards: each item is kept once, comments apart from the rest."""

import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import orjson

from cds_hooks import Feedback
from service.store.database import Database
from service.store.schema import comments, feedback
from service.store.writing import insert_once

__all__ = ["keep_feedback"]

#: What identifiers and codes look like. Anything else may be words about a patient.
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/#|~-]{0,127}")


def keep_feedback(
    database: Database,
    client: str,
    service: str,
    items: Sequence[Feedback],
    now: datetime,
) -> int:
    """
    Keep feedback in one transaction.

    Parameters
    ----------
    database : Database
        Where to.
    client, service : str
        Who sent it, and which service was told.
    items : sequence of Feedback
        The items, also on cards that nobody knows, late or repeated.
    now : datetime.datetime
        Time of the call.

    Returns
    -------
    int
        How many were new.

    Raises
    ------
    StoreError
        If the database does not take them; then none was kept.
    """
    new = 0
    with database.writing() as connection:
        for item in items:
            row = _row(client, service, item)
            new += insert_once(connection, feedback, [row | {"received_at": now}])
            for text in _free_texts(item):
                comment = {
                    "feedback_id": row["id"],
                    "digest": sha256(text.encode()).hexdigest(),
                    "received_at": now,
                    "comment": text,
                }
                insert_once(connection, comments, [comment])
    return new


def _row(client: str, service: str, item: Feedback) -> dict[str, Any]:
    row = {
        "client": client,
        "service": service,
        "card": _identifier(item.card),
        "outcome": item.outcome,
        "outcome_at": item.outcome_timestamp,
        "accepted": [_identifier(each) for each in item.accepted_suggestions],
        "reasons": [
            {"code": _identifier(each.code), "system": _identifier(each.system)}
            for each in item.override_reasons
        ],
    }
    return row | {"id": sha256(orjson.dumps(list(row.values()))).hexdigest()}


def _free_texts(item: Feedback) -> list[str]:
    """Give what may be words about a patient, wherever the client has put it."""
    texts = [item.user_comment]
    texts += [each.display for each in item.override_reasons if not each.system]
    texts += [
        each.code for each in item.override_reasons if not _is_identifier(each.code)
    ]
    return [text.replace("\0", "") for text in dict.fromkeys(texts) if text]


def _is_identifier(text: str) -> bool:
    return _IDENTIFIER.fullmatch(text) is not None


def _identifier(text: str | None) -> str | None:
    """Keep an identifier as it is; of anything else only a digest, to tell it apart."""
    if text is None or _is_identifier(text):
        return text
    return f"sha256:{sha256(text.encode()).hexdigest()}"
