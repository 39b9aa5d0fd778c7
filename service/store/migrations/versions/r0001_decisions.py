"""Decisions with their cards, and the gaps between them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0001"
down_revision = None

_TIME = sa.DateTime(timezone=True)
_DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")
_NAME, _HASH, _UUID = sa.String(128), sa.String(32), sa.String(36)


def upgrade() -> None:
    """Make the tables."""
    _make_decisions()
    op.create_table(
        "decision_cards",
        sa.Column(
            "decision_id",
            _UUID,
            sa.ForeignKey("decisions.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("card", _UUID, nullable=False),
        sa.Column("topic", _NAME),
        sa.Column("indicator", sa.String(16), nullable=False),
        sa.Column("showing", _HASH),
        sa.Column("is_withheld", sa.Integer, nullable=False),
        sa.Column("suggestions", _DOCUMENT, nullable=False),
    )
    op.create_index("decision_cards_card", "decision_cards", ["card"])
    op.create_table(
        "gaps",
        sa.Column("id", _UUID, primary_key=True),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("until", _TIME, nullable=False),
        sa.Column("decisions", sa.BigInteger, nullable=False),
        sa.Column("cause", _NAME, nullable=False),
    )


def downgrade() -> None:
    """Remove them, with what is in them."""
    op.drop_table("gaps")
    op.drop_table("decision_cards")
    op.drop_table("decisions")


def _make_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", _UUID, primary_key=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("client", _NAME, nullable=False),
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("service", _NAME, nullable=False),
        sa.Column("hook", _NAME, nullable=False),
        sa.Column("hook_instance", _UUID, nullable=False),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("patient_hash", _HASH, nullable=False),
        sa.Column("encounter_hash", _HASH),
        sa.Column("user_hash", _HASH),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("reason", _NAME),
        sa.Column("mode", sa.String(16)),
        sa.Column("model_id", _NAME),
        sa.Column("model_version", _NAME),
        sa.Column("model_digest", _NAME),
        sa.Column("policy_version", _NAME),
        sa.Column("level", sa.String(4)),
        sa.Column("risk", sa.Float),
        sa.Column("interval_low", sa.Float),
        sa.Column("interval_high", sa.Float),
        sa.Column("linear_predictor", sa.Float),
        sa.Column("percentile", sa.Float),
        sa.Column("band", sa.String(16)),
        sa.Column("vertebrae", _DOCUMENT, nullable=False),
        sa.Column("flags", _DOCUMENT),
        sa.Column("latency_ms", sa.Float, nullable=False),
        sa.Column("software", sa.String(32), nullable=False),
    )
    for name, column in (
        ("decisions_at", "at"),
        ("decisions_patient", "patient_hash"),
        ("decisions_model", "model_digest"),
    ):
        op.create_index(name, "decisions", [column])
