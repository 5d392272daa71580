"""What people say about events: flags, favourites, snoozing, who reviewed them, feedback."""

from typing import Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.types import UtcDateTime

revision: Final = "0012"
down_revision: Final = "0011"

_KINDS: Final = "'correct', 'false_positive', 'missed', 'wrong_severity', 'this_is', 'not_this', 'unknown'"


def upgrade() -> None:
    """Add the columns, make the tables."""
    for name in ("flagged", "favourite"):
        op.add_column("events", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("events", sa.Column("snoozed_until", UtcDateTime(), nullable=True))
    in_trash = sa.text("deleted_at IS NOT NULL")
    op.create_index("ix_events_trash", "events", ["deleted_at"], sqlite_where=in_trash, postgresql_where=in_trash)
    op.create_table(
        "reviews",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("event_id", "user_id")),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_reviews_event_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event_id", "user_id", name=op.f("pk_reviews")),
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("subject", "comment")),
        sa.CheckConstraint(f"kind IN ({_KINDS})", name=op.f("ck_feedback_kind")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_feedback_event_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feedback_event_id", "feedback", ["event_id"])
