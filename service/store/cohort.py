"""Reading decisions with their outcomes out of the store, for a cohort."""

from dataclasses import dataclass
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from service.cohort.decided import Decided, FollowUp
from service.store.database import Database
from service.store.monitoring import Selection
from service.store.schema import decisions, outcomes

__all__ = ["Followed", "followed"]

_COLUMNS: Final = (
    decisions.c.id,
    decisions.c.at,
    decisions.c.tenant,
    decisions.c.key_id,
    decisions.c.patient_hash,
    decisions.c.encounter_hash,
    decisions.c.vertebrae,
)
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Followed:
    """
    What the store holds of a period.

    Attributes
    ----------
    decided : list of Decided
        Decisions that found an operation, with what was recorded of them last.
    without_operation : int
        Decisions that found none, or were refused.
    keys : int
        Under how many keys the patients are hashed.
    """

    decided: list[Decided]
    without_operation: int
    keys: int


def followed(database: Database, selection: Selection, zone: ZoneInfo) -> Followed:
    """
    Read decisions and outcomes.

    Parameters
    ----------
    database : Database
        The database.
    selection : Selection
        Which decisions.
    zone : zoneinfo.ZoneInfo
        The hospital's time zone: days of operations and films are counted back from the
        day of the call there.

    Returns
    -------
    Followed
        What there is.

    Raises
    ------
    StoreError
        If the database cannot be used.
    """
    with database.reading() as connection:
        known = _follow_ups(connection, selection)
        wanted = select(*_COLUMNS).where(*selection.of_decisions)
        wanted = wanted.order_by(decisions.c.at, decisions.c.id)
        decided, without, keys = [], 0, set()
        for row in connection.execute(wanted.execution_options(yield_per=_AT_ONCE)):
            if not row.vertebrae:
                without += 1
                continue
            at = row.at.astimezone(zone)
            keys.add(row.key_id)
            decided.append(
                Decided(
                    id=row.id,
                    at=at,
                    patient=f"{row.tenant} {row.key_id} {row.patient_hash}",
                    visit=row.encounter_hash or str(at.date()),
                    vertebrae=row.vertebrae,
                    follow_up=known.get(row.id),
                )
            )
    return Followed(decided, without, len(keys))


def _follow_ups(connection: Connection, selection: Selection) -> dict[str, FollowUp]:
    """Give the last outcome of each decision: a correction is a further row."""
    wanted = (
        select(
            outcomes.c.decision_id,
            outcomes.c.outcome,
            outcomes.c.examined_on,
            outcomes.c.criteria,
            outcomes.c.recorded_at,
        )
        .join(decisions, outcomes.c.decision_id == decisions.c.id)
        .where(*selection.of_decisions)
        .order_by(outcomes.c.recorded_at)
    )
    return {
        row.decision_id: FollowUp(
            row.outcome,
            date.fromisoformat(row.examined_on) if row.examined_on else None,
            row.criteria,
            row.recorded_at,
        )
        for row in connection.execute(wanted)
    }
