"""Events with their transitions and assessments."""

from typing import Any, Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.types import UtcDateTime

revision: Final = "0002"
down_revision: Final = "0001"

_SERIAL: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REASONS: Final = (
    "'disabled', 'timeout', 'unreachable', 'breaker_open', 'bad_output', 'context_overflow', 'out_of_memory', "
    "'model_missing', 'gated', 'unknown'"
)


def upgrade() -> None:
    """Make the tables."""
    _events()
    _event_objects()
    _transitions()
    _assessments()


def _events() -> None:
    op.create_table(
        "events",
        *_columns(),
        *_checks(),
        sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name=op.f("fk_events_camera_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_events")),
        sa.UniqueConstraint("batch_id", name=op.f("uq_events_batch_id")),
        sa.UniqueConstraint("id", name=op.f("uq_events_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_events_camera_id_started_at_id"), "events", ["camera_id", "started_at", "id"])
    op.create_index(
        "ix_events_ongoing",
        "events",
        ["camera_id"],
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(op.f("ix_events_started_at_id"), "events", ["started_at", "id"])


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("number", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("camera_name", sa.Text(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("risk_score", sa.Integer(), nullable=False),
        sa.Column("risk_level", sa.Text(), nullable=False),
        sa.Column("rule_score", sa.Integer(), nullable=False),
        sa.Column("llm_score", sa.Integer(), nullable=True),
        sa.Column("floor", sa.Integer(), nullable=False),
        sa.Column("floor_reason", sa.Text(), nullable=True),
        sa.Column("ceiling", sa.Integer(), nullable=False),
        sa.Column("ceiling_reason", sa.Text(), nullable=True),
        sa.Column("analysis_state", sa.Text(), nullable=False),
        sa.Column("analysis_reason", sa.Text(), nullable=True),
        sa.Column("analysis_detail", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("reasoning", sa.Text(), nullable=True),
        sa.Column("recommended_action", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("flags", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("unsupported", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("factors", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("object_types", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("object_groups", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("detection_count", sa.Integer(), nullable=False),
        sa.Column("media_id", sa.Text(), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=True),
        sa.Column("prompt_version", sa.Text(), nullable=True),
        sa.Column("is_fast_path", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("reviewed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("reviewed_by", sa.Text(), nullable=True),
        sa.Column("reviewed_at", UtcDateTime(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
    ]


def _checks() -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(f"analysis_reason IN ({_REASONS})", name=op.f("ck_events_analysis_reason")),
        sa.CheckConstraint(
            "analysis_state IN ('provisional', 'llm', 'vlm', 'rules', 'unknown')", name=op.f("ck_events_analysis_state")
        ),
        sa.CheckConstraint(
            "risk_level IN ('low', 'medium', 'high', 'critical', 'unknown')", name=op.f("ck_events_risk_level")
        ),
        sa.CheckConstraint("ceiling BETWEEN 0 AND 100", name=op.f("ck_events_ceiling")),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_events_confidence")),
        sa.CheckConstraint("detection_count >= 0", name=op.f("ck_events_detection_count")),
        sa.CheckConstraint("ended_at >= started_at", name=op.f("ck_events_ended_at")),
        sa.CheckConstraint("floor BETWEEN 0 AND 100", name=op.f("ck_events_floor")),
        sa.CheckConstraint("llm_score BETWEEN 0 AND 100", name=op.f("ck_events_llm_score")),
        sa.CheckConstraint("revision > 0", name=op.f("ck_events_revision")),
        sa.CheckConstraint("risk_score BETWEEN 0 AND 100", name=op.f("ck_events_risk_score")),
        sa.CheckConstraint("rule_score BETWEEN 0 AND 100", name=op.f("ck_events_rule_score")),
    ]


def _event_objects() -> None:
    op.create_table(
        "event_objects",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_event_objects_event_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("event_id", "label", name=op.f("pk_event_objects")),
    )
    op.create_index(op.f("ix_event_objects_label"), "event_objects", ["label"])


def _transitions() -> None:
    op.create_table(
        "transitions",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "change IN ('started', 'revised', 'escalated', 'downgraded', 'ended', 'dismissed', 'unknown')",
            name=op.f("ck_transitions_change"),
        ),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name=op.f("ck_transitions_score")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_transitions_event_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event_id", "revision", name=op.f("pk_transitions")),
    )


def _assessments() -> None:
    op.create_table(
        "assessments",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("evidence_version", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("rule_score", sa.Integer(), nullable=False),
        sa.Column("model_score", sa.Integer(), nullable=True),
        sa.Column("floor", sa.Integer(), nullable=False),
        sa.Column("ceiling", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("model_id", sa.Text(), nullable=True),
        sa.Column("prompt_version", sa.Text(), nullable=True),
        sa.Column("prompt", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("answer_tokens", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.Double(), nullable=True),
        sa.Column("factors", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("entities", sa.JSON(none_as_null=True), nullable=False),
        sa.CheckConstraint(f"reason IN ({_REASONS})", name=op.f("ck_assessments_reason")),
        sa.CheckConstraint(
            "state IN ('provisional', 'llm', 'vlm', 'rules', 'unknown')", name=op.f("ck_assessments_state")
        ),
        sa.CheckConstraint("ceiling BETWEEN 0 AND 100", name=op.f("ck_assessments_ceiling")),
        sa.CheckConstraint("floor BETWEEN 0 AND 100", name=op.f("ck_assessments_floor")),
        sa.CheckConstraint("model_score BETWEEN 0 AND 100", name=op.f("ck_assessments_model_score")),
        sa.CheckConstraint("rule_score BETWEEN 0 AND 100", name=op.f("ck_assessments_rule_score")),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name=op.f("ck_assessments_score")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_assessments_event_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assessments")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_assessments_event_id"), "assessments", ["event_id"])
