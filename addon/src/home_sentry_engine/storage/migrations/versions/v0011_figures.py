"""Replies that are kept for repeated requests, means of graphics cards, and checks that earlier tables lacked."""

from typing import Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.types import UtcDateTime

revision: Final = "0011"
down_revision: Final = "0010"

_STATES: Final = "'healthy', 'starting', 'degraded', 'unhealthy', 'failed', 'disabled', 'unknown'"
_ZONE_TYPES: Final = "'entry_point', 'driveway', 'sidewalk', 'yard', 'other', 'ignore', 'unknown'"
_CHANGES: Final = "'started', 'revised', 'escalated', 'downgraded', 'ended', 'dismissed', 'unknown'"
_CHECKS: Final = {
    "components": {"state": f"state IN ({_STATES})"},
    "transitions": {
        "level": "level IN ('low', 'medium', 'high', 'critical', 'unknown')",
        "state": "state IN ('provisional', 'llm', 'vlm', 'rules', 'unknown')",
    },
    "zones": {"colour": "colour LIKE '#______'", "inertia": "inertia > 0", "loitering_s": "loitering_s >= 0"},
}


def upgrade() -> None:
    """Make the tables; SQLite can only get a check with a new table into which the rows are copied."""
    op.create_table(
        "replies",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("status BETWEEN 100 AND 599", name=op.f("ck_replies_status")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_replies")),
    )
    op.create_index(op.f("ix_replies_expires_at"), "replies", ["expires_at"])
    op.create_table(
        "gpu_stats",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("gpu", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("utilization_percent", sa.Double(), nullable=True),
        sa.Column("memory_used_bytes", sa.BigInteger(), nullable=True),
        sa.Column("temperature_c", sa.Double(), nullable=True),
        sa.Column("power_w", sa.Double(), nullable=True),
        sa.CheckConstraint("readings > 0", name=op.f("ck_gpu_stats_readings")),
        sa.CheckConstraint("utilization_percent BETWEEN 0 AND 100", name=op.f("ck_gpu_stats_utilization")),
        sa.PrimaryKeyConstraint("node", "gpu", "at", name=op.f("pk_gpu_stats")),
    )
    op.create_index(op.f("ix_gpu_stats_at"), "gpu_stats", ["at"])
    if op.get_bind().dialect.name == "sqlite":
        for table in _tables():
            with op.batch_alter_table(table.name, copy_from=table, recreate="always"):
                pass
        return
    for name, checks in _CHECKS.items():
        for check, condition in checks.items():
            op.create_check_constraint(op.f(f"ck_{name}_{check}"), name, condition)


def _tables() -> tuple[sa.Table, ...]:
    """Describe the tables as they are from now on."""
    metadata = sa.MetaData()
    return (
        sa.Table(
            "components",
            metadata,
            sa.Column("id", sa.Text(), nullable=False),
            sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
            sa.Column("state", sa.Text(), nullable=False),
            sa.Column("reason", sa.Text(), nullable=True),
            sa.Column("failures", sa.Integer(), nullable=False),
            sa.Column("restarts", sa.Integer(), nullable=False),
            sa.Column("last_failure_at", UtcDateTime(), nullable=True),
            sa.Column("last_restart_at", UtcDateTime(), nullable=True),
            sa.CheckConstraint("failures >= 0 AND restarts >= 0", name="ck_components_counts"),
            *_checks("components"),
            sa.PrimaryKeyConstraint("id", name="pk_components"),
        ),
        sa.Table(
            "transitions",
            metadata,
            sa.Column("event_id", sa.Text(), nullable=False),
            sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
            sa.Column("change", sa.Text(), nullable=False),
            sa.Column("at", UtcDateTime(), nullable=False),
            sa.Column("score", sa.Integer(), nullable=False),
            sa.Column("level", sa.Text(), nullable=False),
            sa.Column("state", sa.Text(), nullable=False),
            sa.CheckConstraint("score BETWEEN 0 AND 100", name="ck_transitions_score"),
            sa.CheckConstraint(f"change IN ({_CHANGES})", name="ck_transitions_change"),
            *_checks("transitions"),
            sa.ForeignKeyConstraint(["event_id"], ["events.id"], name="fk_transitions_event_id", ondelete="CASCADE"),
            sa.PrimaryKeyConstraint("event_id", "revision", name="pk_transitions"),
        ),
        _zones(metadata),
    )


def _zones(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "zones",
        metadata,
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("points", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("colour", sa.Text(), nullable=False),
        sa.Column("anchor", sa.Text(), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=True),
        sa.Column("inside", sa.Boolean(), nullable=False),
        sa.Column("loitering_s", sa.Double(), nullable=True),
        sa.Column("inertia", sa.Integer(), nullable=False),
        sa.Column("required_for", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("line", sa.JSON(none_as_null=True), nullable=False),
        sa.CheckConstraint(f"type IN ({_ZONE_TYPES})", name="ck_zones_type"),
        sa.CheckConstraint("anchor IN ('bottom_centre', 'centre', 'overlap', 'unknown')", name="ck_zones_anchor"),
        sa.CheckConstraint("priority BETWEEN 0 AND 100", name="ck_zones_priority"),
        *_checks("zones"),
        sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name="fk_zones_camera_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("camera_id", "id", name="pk_zones"),
    )


def _checks(table: str) -> tuple[sa.CheckConstraint, ...]:
    return tuple(
        sa.CheckConstraint(condition, name=f"ck_{table}_{check}") for check, condition in _CHECKS[table].items()
    )
