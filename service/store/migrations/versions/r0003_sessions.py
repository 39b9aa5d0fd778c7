"""Sessions of the SMART app, sealed."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "smart_sessions",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("smart_sessions_until", "smart_sessions", ["until"])


def downgrade() -> None:
    """Remove it; everybody opens the app again."""
    op.drop_table("smart_sessions")
