"""Configurations of prompts with their history, records of verdicts, weeks that are over, trials."""

from typing import Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.types import UtcDateTime

revision: Final = "0027"
down_revision: Final = "0026"

_MODELS: Final = "'nemotron', 'florence2', 'yolo_world', 'xclip', 'fashion_clip', 'unknown'"
_CHANGES: Final = "'written', 'restored', 'imported', 'reset', 'unknown'"
_STATES: Final = "'provisional', 'llm', 'vlm', 'rules', 'unknown'"
_RUNS: Final = "'running', 'done', 'failed', 'interrupted', 'unknown'"
_FLAGS: Final = (
    "rtdetr", "florence", "clip", "violence", "clothing", "vehicle", "pet", "weather", "image_quality", "zones",
    "baseline", "cross_camera",
)  # fmt: skip


def upgrade() -> None:
    """Make the tables."""
    _prompts()
    _audits()
    op.create_table(
        "calibrations",
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("camera_id", sa.Text(), nullable=False),
        _json("document"),
        sa.PrimaryKeyConstraint("week", "camera_id", name=op.f("pk_calibrations")),
    )
    op.create_table(
        "shadow_runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        _json("document"),
        sa.CheckConstraint(f"state IN ({_RUNS})", name=op.f("ck_shadow_runs_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shadow_runs")),
    )
    op.create_index(op.f("ix_shadow_runs_at_id"), "shadow_runs", ["at", "id"])


def _prompts() -> None:
    op.create_table(
        "prompt_configs",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(f"model IN ({_MODELS})", name=op.f("ck_prompt_configs_model")),
        sa.CheckConstraint("version > 0", name=op.f("ck_prompt_configs_version")),
        sa.PrimaryKeyConstraint("model", name=op.f("pk_prompt_configs")),
    )
    op.create_table(
        "prompt_versions",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        _json("content"),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("author", "note")),
        sa.Column("source", sa.Integer(), nullable=True),
        sa.CheckConstraint(f"model IN ({_MODELS})", name=op.f("ck_prompt_versions_model")),
        sa.CheckConstraint(f"change IN ({_CHANGES})", name=op.f("ck_prompt_versions_change")),
        sa.PrimaryKeyConstraint("model", "version", name=op.f("pk_prompt_versions")),
    )


def _audits() -> None:
    op.create_table(
        "event_audits",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in _FLAGS),
        sa.Column("utilisation", sa.Double(), nullable=False),
        _json("effects"),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("model_id", "prompt_version")),
        *(sa.Column(name, sa.Integer(), nullable=True) for name in ("prompt_chars", "prompt_tokens")),
        _json("evaluation", nullable=True),
        sa.Column("evaluation_error", sa.Text(), nullable=True),
        sa.Column("evaluated_at", UtcDateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.CheckConstraint(f"state IN ({_STATES})", name=op.f("ck_event_audits_state")),
        sa.CheckConstraint("utilisation BETWEEN 0 AND 1", name=op.f("ck_event_audits_utilisation")),
        sa.CheckConstraint("evaluation IS NULL OR evaluation_error IS NULL", name=op.f("ck_event_audits_evaluation")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_event_audits_event_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_event_audits")),
    )
    op.create_index(op.f("ix_event_audits_at_event_id"), "event_audits", ["at", "event_id"])
    op.create_index(op.f("ix_event_audits_camera_id_at"), "event_audits", ["camera_id", "at"])


def _json(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=nullable)
