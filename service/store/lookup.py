"""Questions to the store: how much there is, whose it is, who was shown a model."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select

from service.store.database import Database
from service.store.schema import (
    comments,
    decision_cards,
    decisions,
    feedback,
    gaps,
    outcomes,
)

__all__ = ["Recalled", "counts", "decisions_of", "key_ids", "recalled"]


class Recalled(NamedTuple):
    """A patient who was shown cards of a model, as a hash."""

    tenant: str
    patient_hash: str
    cards: int
    first: datetime
    last: datetime


def counts(database: Database) -> dict[str, Any]:
    """
    Count what there is.

    Parameters
    ----------
    database : Database
        The database.

    Returns
    -------
    dict
        Rows by table, decisions that were lost, time of the first and last decision.
    """
    tables = (decisions, decision_cards, feedback, comments, outcomes)
    with database.reading() as connection:

        def scalar(what: Any) -> Any:  # noqa: ANN401 SQLAlchemy's
            return connection.execute(select(what)).scalar()

        found = {
            table.name: connection.execute(
                select(func.count()).select_from(table)
            ).scalar()
            for table in tables
        }
        return found | {
            "lost_decisions": scalar(func.sum(gaps.c.decisions)) or 0,
            "first": scalar(func.min(decisions.c.at)),
            "last": scalar(func.max(decisions.c.at)),
        }


def key_ids(database: Database) -> dict[str, int]:
    """
    Tell under which keys patients are hashed.

    Parameters
    ----------
    database : Database
        The database.

    Returns
    -------
    dict of str to int
        Decisions by name of the key.
    """
    wanted = select(decisions.c.key_id, func.count()).group_by(decisions.c.key_id)
    with database.reading() as connection:
        return {row[0]: row[1] for row in connection.execute(wanted)}


def decisions_of(database: Database, patients: Collection[str]) -> Iterator[Any]:
    """
    Find the decisions about a patient.

    Parameters
    ----------
    database : Database
        The database.
    patients : collection of str
        Hashes of the patient, one for each key.

    Yields
    ------
    Row
        Id, time, service, status, reason, risk, model and version; the newest first.
    """
    wanted = (
        select(
            decisions.c.id,
            decisions.c.at,
            decisions.c.service,
            decisions.c.status,
            decisions.c.reason,
            decisions.c.risk,
            decisions.c.model_id,
            decisions.c.model_version,
        )
        .where(decisions.c.patient_hash.in_(patients))
        .order_by(decisions.c.at.desc())
    )
    with database.reading() as connection:
        yield from connection.execute(wanted)


def recalled(database: Database, digest: str) -> Iterator[Recalled]:
    """
    Find who was shown cards of a model.

    Parameters
    ----------
    database : Database
        The database.
    digest : str
        Digest of the model.

    Yields
    ------
    Recalled
        One for each patient, by tenant and hash.
    """
    patient = decisions.c.tenant, decisions.c.patient_hash
    wanted = (
        select(
            *patient,
            func.count(),
            func.min(decisions.c.at),
            func.max(decisions.c.at),
        )
        .join(decision_cards, decision_cards.c.decision_id == decisions.c.id)
        .where(decisions.c.model_digest == digest, decision_cards.c.is_withheld == 0)
        .group_by(*patient)
        .order_by(*patient)
    )
    with database.reading() as connection:
        yield from (Recalled(*row) for row in connection.execute(wanted))
