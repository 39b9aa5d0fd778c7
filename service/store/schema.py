"""The tables of the store; `migrations` holds how they came to be."""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.postgresql import JSONB

__all__ = [
    "REVISIONS",
    "UTCTime",
    "comments",
    "decision_cards",
    "decisions",
    "feedback",
    "gaps",
    "metadata",
    "outcomes",
    "replay_ids",
    "smart_sessions",
]

#: Every schema there has been, oldest first; the last is that of the tables below.
REVISIONS: Final = ("0001", "0002", "0003")


class UTCTime(TypeDecorator[datetime]):
    """An instant: with its zone in PostgreSQL, as UTC without zone in SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(  # numpydoc ignore=PR01,RT01
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 SQLAlchemy's
    ) -> datetime | None:
        """Refuse an instant without zone, and write UTC."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value and value.astimezone(UTC)

    def process_result_value(  # numpydoc ignore=PR01,RT01
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 SQLAlchemy's
    ) -> datetime | None:
        """Give UTC with its zone."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


_Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
_Name, _Hash, _UUID = String(128), String(32), String(36)


def _required(name: str, kind: Any, **options: Any) -> Column[Any]:  # noqa: ANN401 SQLAlchemy's
    return Column(name, kind, nullable=False, **options)


metadata = MetaData()

#: One row for each call that was evaluated, whatever came of it.
decisions = Table(
    "decisions",
    metadata,
    Column("id", _UUID, primary_key=True),
    _required("at", UTCTime),
    _required("client", _Name),
    _required("tenant", _Name),
    _required("service", _Name),
    _required("hook", _Name),
    _required("hook_instance", _UUID),
    _required("key_id", String(8)),
    _required("patient_hash", _Hash),
    Column("encounter_hash", _Hash),
    Column("user_hash", _Hash),
    _required("status", Integer),
    Column("reason", _Name),
    Column("mode", String(16)),
    Column("model_id", _Name),
    Column("model_version", _Name),
    Column("model_digest", _Name),
    Column("policy_version", _Name),
    Column("level", String(4)),
    Column("risk", Float),
    Column("interval_low", Float),
    Column("interval_high", Float),
    Column("linear_predictor", Float),
    Column("percentile", Float),
    Column("band", String(16)),
    _required("vertebrae", _Document),
    Column("flags", _Document),
    _required("latency_ms", Float),
    _required("software", String(32)),
    Index("decisions_at", "at"),
    Index("decisions_patient", "patient_hash"),
    Index("decisions_model", "model_digest"),
)

#: One row for each card of a decision, shown or withheld.
decision_cards = Table(
    "decision_cards",
    metadata,
    Column(
        "decision_id", ForeignKey("decisions.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _required("card", _UUID),
    Column("topic", _Name),
    _required("indicator", String(16)),
    Column("showing", _Hash),
    _required("is_withheld", Integer),
    _required("suggestions", _Document),
    Index("decision_cards_card", "card"),
)

#: How many decisions a process could not record, and between which times.
gaps = Table(
    "gaps",
    metadata,
    Column("id", _UUID, primary_key=True),
    _required("since", UTCTime),
    _required("until", UTCTime),
    _required("decisions", BigInteger),
    _required("cause", _Name),
)

#: What users did with cards. The key is the digest of the whole item but its comment.
feedback = Table(
    "feedback",
    metadata,
    Column("id", String(64), primary_key=True),
    _required("received_at", UTCTime),
    _required("client", _Name),
    _required("service", _Name),
    _required("card", _Name),
    _required("outcome", String(16)),
    _required("outcome_at", UTCTime),
    _required("accepted", _Document),
    _required("reasons", _Document),
    Index("feedback_card", "card"),
    Index("feedback_received", "received_at"),
)

#: Free text of users, which may be about a patient: the only column that holds any.
comments = Table(
    "comments",
    metadata,
    Column(
        "feedback_id", ForeignKey("feedback.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("digest", String(64), primary_key=True),
    _required("received_at", UTCTime),
    _required("comment", Text),
)

#: What was found at the follow-up. A correction is a further row: the last counts.
outcomes = Table(
    "outcomes",
    metadata,
    Column("id", String(64), primary_key=True),
    Column(
        "decision_id",
        ForeignKey("decisions.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    _required("outcome", String(16)),
    Column("examined_on", String(10)),
    Column("criteria", String(16)),
    _required("recorded_by", _Name),
    _required("recorded_at", UTCTime),
)

#: Tokens that were used, until they expire; with SQLite they have their own file.
replay_ids = Table(
    "replay_ids",
    metadata,
    Column("id", String(64), primary_key=True),
    _required("until", BigInteger),
    Index("replay_ids_until", "until"),
)

#: Sessions of the SMART app. Neither a row nor the secret key tells whose it is: what
#: opens it is made of both and of a handle that only the browser has.
smart_sessions = Table(
    "smart_sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    _required("content", Text),
    _required("until", UTCTime),
    Index("smart_sessions_until", "until"),
)
