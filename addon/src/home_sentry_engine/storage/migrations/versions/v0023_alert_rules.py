"""Rules of alerts, alerts, the keys that they take, and what each rule said of a revision."""

from typing import Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.types import UtcDateTime

revision: Final = "0023"
down_revision: Final = "0022"

_LEVELS: Final = "'low', 'medium', 'high', 'critical', 'unknown'"
_STATUS: Final = "'pending', 'delivered', 'acknowledged', 'dismissed', 'unknown'"
_DECISIONS: Final = (
    "'due', 'below_level', 'learning', 'snoozed', 'told_before', 'in_cooldown', 'by_person', 'rejected', 'no_match', "
    "'rule_off', 'rule_broken', 'in_trash', 'not_evaluated', 'unknown'"
)


def upgrade() -> None:
    """Make the tables; SQLite gets the longer list of decisions with a new table into which the rows are copied."""
    _make_rules()
    _make_alerts()
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("alert_evaluations", copy_from=_evaluations(), recreate="always") as batch:
            batch.add_column(_json("rules", nullable=True))
        return
    op.add_column("alert_evaluations", _json("rules", nullable=True))
    op.drop_constraint(op.f("ck_alert_evaluations_decision"), "alert_evaluations")
    op.create_check_constraint(
        op.f("ck_alert_evaluations_decision"), "alert_evaluations", f"decision IN ({_DECISIONS})"
    )


def _make_rules() -> None:
    op.create_table(
        "alert_rules",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("builtin", sa.Boolean(), nullable=False),
        sa.Column("risk_threshold", sa.Integer(), nullable=True),
        _json("levels"),
        _json("object_types"),
        _json("camera_ids"),
        _json("zone_ids"),
        sa.Column("min_confidence", sa.Double(), nullable=True),
        _json("schedule", nullable=True),
        _json("moves"),
        _json("zone_sequence"),
        sa.Column("severity", sa.Text(), nullable=True),
        _json("channels"),
        sa.Column("cooldown_s", sa.Integer(), nullable=False),
        sa.Column("dedup_key", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("risk_threshold BETWEEN 0 AND 100", name=op.f("ck_alert_rules_risk_threshold")),
        sa.CheckConstraint("min_confidence BETWEEN 0 AND 1", name=op.f("ck_alert_rules_min_confidence")),
        sa.CheckConstraint("cooldown_s >= 0", name=op.f("ck_alert_rules_cooldown_s")),
        sa.CheckConstraint(f"severity IN ({_LEVELS})", name=op.f("ck_alert_rules_severity")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_rules")),
    )


def _make_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("dedup_key", sa.Text(), nullable=False),
        sa.Column("cooldown_s", sa.Integer(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        _json("body"),
        sa.CheckConstraint(f"severity IN ({_LEVELS})", name=op.f("ck_alerts_severity")),
        sa.CheckConstraint(f"level IN ({_LEVELS})", name=op.f("ck_alerts_level")),
        sa.CheckConstraint(f"status IN ({_STATUS})", name=op.f("ck_alerts_status")),
        sa.CheckConstraint("cooldown_s >= 0", name=op.f("ck_alerts_cooldown_s")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_alerts_event_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("event_id", "rule_id", "level", name=op.f("uq_alerts_event_id_rule_id_level")),
    )
    op.create_index(op.f("ix_alerts_made_at_id"), "alerts", ["made_at", "id"])
    op.create_index(op.f("ix_alerts_camera_id_made_at_id"), "alerts", ["camera_id", "made_at", "id"])
    op.create_table(
        "alert_slots",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.CheckConstraint(f"level IN ({_LEVELS})", name=op.f("ck_alert_slots_level")),
        sa.PrimaryKeyConstraint("key", "level", name=op.f("pk_alert_slots")),
    )
    op.create_index(op.f("ix_alert_slots_until"), "alert_slots", ["until"])


def _evaluations() -> sa.Table:
    """Describe the table as it is from now on, but for the new column."""
    return sa.Table(
        "alert_evaluations",
        sa.MetaData(),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.CheckConstraint(f"decision IN ({_DECISIONS})", name="ck_alert_evaluations_decision"),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name="fk_alert_evaluations_event_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event_id", "revision", name="pk_alert_evaluations"),
    )


def _json(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=nullable)
