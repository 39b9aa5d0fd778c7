"""Feedback, comments, outcomes, and the tokens that were used."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0002"
down_revision = "0001"

_TIME = sa.DateTime(timezone=True)
_DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")
_NAME, _DIGEST = sa.String(128), sa.String(64)


def upgrade() -> None:
    """Make the tables."""
    _make_feedback()
    _make_outcomes()
    op.create_table(
        "replay_ids",
        sa.Column("id", _DIGEST, primary_key=True),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
    op.create_index("replay_ids_until", "replay_ids", ["until"])


def downgrade() -> None:
    """Remove them, with what is in them."""
    for name in ("replay_ids", "outcomes", "comments", "feedback"):
        op.drop_table(name)


def _make_feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", _DIGEST, primary_key=True),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("client", _NAME, nullable=False),
        sa.Column("service", _NAME, nullable=False),
        sa.Column("card", _NAME, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("outcome_at", _TIME, nullable=False),
        sa.Column("accepted", _DOCUMENT, nullable=False),
        sa.Column("reasons", _DOCUMENT, nullable=False),
    )
    op.create_index("feedback_card", "feedback", ["card"])
    op.create_index("feedback_received", "feedback", ["received_at"])
    op.create_table(
        "comments",
        sa.Column(
            "feedback_id",
            _DIGEST,
            sa.ForeignKey("feedback.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("digest", _DIGEST, primary_key=True),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
    )


def _make_outcomes() -> None:
    op.create_table(
        "outcomes",
        sa.Column("id", _DIGEST, primary_key=True),
        sa.Column(
            "decision_id",
            sa.String(36),
            sa.ForeignKey("decisions.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("examined_on", sa.String(10)),
        sa.Column("criteria", sa.String(16)),
        sa.Column("recorded_by", _NAME, nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
    )
    op.create_index("ix_outcomes_decision_id", "outcomes", ["decision_id"])
