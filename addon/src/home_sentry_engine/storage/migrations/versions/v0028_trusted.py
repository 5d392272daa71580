"""Decisions about alerts know that everybody seen was trusted."""

from typing import Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.types import UtcDateTime

revision: Final = "0028"
down_revision: Final = "0027"

_CHECK: Final = "ck_alert_evaluations_decision"
_DECISIONS: Final = (
    "'due', 'below_level', 'learning', 'snoozed', 'told_before', 'in_cooldown', 'by_person', 'rejected', 'trusted', "
    "'no_match', 'rule_off', 'rule_broken', 'in_trash', 'not_evaluated', 'unknown'"
)


def upgrade() -> None:
    """Allow the longer list; SQLite gets it with a new table into which the rows are copied."""
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("alert_evaluations", copy_from=_evaluations(), recreate="always"):
            pass
        return
    op.drop_constraint(op.f(_CHECK), "alert_evaluations")
    op.create_check_constraint(op.f(_CHECK), "alert_evaluations", f"decision IN ({_DECISIONS})")


def _evaluations() -> sa.Table:
    return sa.Table(
        "alert_evaluations",
        sa.MetaData(),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("rules", sa.JSON(none_as_null=True), nullable=True),
        sa.CheckConstraint(f"decision IN ({_DECISIONS})", name=_CHECK),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name="fk_alert_evaluations_event_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event_id", "revision", name="pk_alert_evaluations"),
    )
