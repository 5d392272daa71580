"""What models found in the pictures of each event beyond boxes."""

from typing import Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.types import UtcDateTime

revision: Final = "0010"
down_revision: Final = "0009"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "enrichments",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("event_id", "batch_id")),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        *(sa.Column(name, sa.JSON(none_as_null=True), nullable=False) for name in ("document", "legs")),
        sa.CheckConstraint("status IN ('success', 'partial', 'failed', 'unknown')", name=op.f("ck_enrichments_status")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_enrichments_event_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_enrichments")),
    )
