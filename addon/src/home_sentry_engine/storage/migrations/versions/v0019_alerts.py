"""Whether each revision of an event was a reason to alarm somebody; events from before say that nobody asked."""

from typing import Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.types import UtcDateTime

revision: Final = "0019"
down_revision: Final = "0018"

_DECISIONS: Final = "'due', 'below_level', 'learning', 'snoozed', 'told_before', 'in_trash', 'not_evaluated', 'unknown'"


def upgrade() -> None:
    """Make the table and a row for each event."""
    op.create_table(
        "alert_evaluations",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.CheckConstraint(f"decision IN ({_DECISIONS})", name=op.f("ck_alert_evaluations_decision")),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_alert_evaluations_event_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("event_id", "revision", name=op.f("pk_alert_evaluations")),
    )
    op.execute(
        "INSERT INTO alert_evaluations (event_id, revision, at, level, decision) "
        "SELECT id, revision, started_at, risk_level, 'not_evaluated' FROM events"
    )
