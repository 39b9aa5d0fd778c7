"""Reading a period out of the store, for monitoring."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, select

from service.monitor.calls import Answer, Call, CardRow, Found, Observed
from service.store.database import Database
from service.store.schema import decision_cards, decisions, feedback, gaps, outcomes

__all__ = ["Selection", "observed"]

_COLUMNS: Final = (
    decisions.c.id,
    decisions.c.at,
    decisions.c.client,
    decisions.c.tenant,
    decisions.c.service,
    decisions.c.patient_hash,
    decisions.c.encounter_hash,
    decisions.c.status,
    decisions.c.reason,
    decisions.c.model_digest,
    decisions.c.risk,
    decisions.c.percentile,
    decisions.c.band,
    decisions.c.vertebrae,
    decisions.c.latency_ms,
)

#: A long period must not run into the time limit of a single statement.
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Selection:
    """
    Which decisions.

    Attributes
    ----------
    since, until : datetime.datetime
        From and before when, each with its zone.
    client, tenant : str or None
        Only theirs.
    """

    since: datetime
    until: datetime
    client: str | None = None
    tenant: str | None = None

    @property
    def of_decisions(self) -> list[ColumnElement[bool]]:  # numpydoc ignore=RT01
        """The same as conditions on the table of decisions."""
        wanted = [decisions.c.at >= self.since, decisions.c.at < self.until]
        if self.client is not None:
            wanted.append(decisions.c.client == self.client)
        if self.tenant is not None:
            wanted.append(decisions.c.tenant == self.tenant)
        return wanted


def observed(database: Database, selection: Selection) -> Observed:
    """
    Read what monitoring looks at.

    Parameters
    ----------
    database : Database
        The database.
    selection : Selection
        Which decisions. Answers have no tenant: those of the client are read, and
        belong to the selection if their card does.

    Returns
    -------
    Observed
        Calls, answers, outcomes, and what was lost, which is of all clients.

    Raises
    ------
    StoreError
        If the database cannot be used.
    """
    with database.reading() as connection:
        cards = _cards(connection, selection)
        wanted = select(*_COLUMNS).where(*selection.of_decisions)
        wanted = wanted.order_by(decisions.c.at, decisions.c.id)
        rows = connection.execute(wanted.execution_options(yield_per=_AT_ONCE))
        return Observed(
            [_call(row, cards.get(row.id, [])) for row in rows],
            _answers(connection, selection),
            _outcomes(connection, selection),
            _lost(connection, selection),
        )


def _cards(connection: Connection, selection: Selection) -> dict[str, list[CardRow]]:
    found = defaultdict(list)
    wanted = (
        select(decision_cards)
        .join(decisions, decision_cards.c.decision_id == decisions.c.id)
        .where(*selection.of_decisions)
        .order_by(decision_cards.c.position)
        .execution_options(yield_per=_AT_ONCE)
    )
    for row in connection.execute(wanted):
        orders = {name: "+".join(filter(None, made)) for name, made in row.suggestions}
        card = CardRow(row.card, row.topic, not row.is_withheld, orders)
        found[row.decision_id].append(card)
    return found


def _call(row: Any, cards: list[CardRow]) -> Call:  # noqa: ANN401 a row of SQLAlchemy's
    return Call(
        id=row.id,
        at=row.at,
        client=row.client,
        tenant=row.tenant,
        service=row.service,
        visit=row.encounter_hash or f"{row.patient_hash} {row.at.date()}",
        status=row.status,
        reason=row.reason,
        model=row.model_digest,
        risk=row.risk,
        percentile=row.percentile,
        band=row.band,
        vertebrae=row.vertebrae,
        latency_ms=row.latency_ms,
        cards=cards,
    )


def _answers(connection: Connection, selection: Selection) -> list[Answer]:
    # What was said after the end of the period may be about a card of the period.
    wanted = select(feedback).where(feedback.c.received_at >= selection.since)
    if selection.client is not None:
        wanted = wanted.where(feedback.c.client == selection.client)
    return [
        Answer(
            client=row.client,
            card=row.card,
            outcome=row.outcome,
            at=row.outcome_at,
            reasons=tuple(each["code"] for each in row.reasons if each["code"]),
            accepted=tuple(filter(None, row.accepted)),
        )
        for row in connection.execute(wanted)
    ]


def _outcomes(connection: Connection, selection: Selection) -> dict[str, Found]:
    """Give the last outcome of each decision: a correction is a further row."""
    wanted = (
        select(outcomes.c.decision_id, outcomes.c.outcome, outcomes.c.criteria)
        .join(decisions, outcomes.c.decision_id == decisions.c.id)
        .where(*selection.of_decisions)
        .order_by(outcomes.c.recorded_at)
    )
    return {
        row.decision_id: Found(row.outcome, row.criteria)
        for row in connection.execute(wanted)
    }


def _lost(connection: Connection, selection: Selection) -> dict[str, int]:
    wanted = (
        select(gaps.c.cause, func.sum(gaps.c.decisions))
        .where(gaps.c.until >= selection.since, gaps.c.since < selection.until)
        .group_by(gaps.c.cause)
        .order_by(gaps.c.cause)
    )
    return {row[0]: int(row[1]) for row in connection.execute(wanted)}
