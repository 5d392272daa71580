"""Tables of prompts and evaluations: configurations with their history, records of verdicts, weeks, trials.

They join the metadata of ``schema``; the migrations make them.
"""

from typing import Any, Final

import sqlalchemy as sa

from home_sentry_engine.contract import AnalysisState, PromptChange, PromptModel, ShadowState

from .schema import metadata, one_of
from .types import UtcDateTime

__all__ = ["FLAGS", "calibrations", "event_audits", "metadata", "prompt_configs", "prompt_versions", "shadow_runs"]

FLAGS: Final = (
    "rtdetr", "florence", "clip", "violence", "clothing", "vehicle", "pet", "weather", "image_quality", "zones",
    "baseline", "cross_camera",
)  # fmt: skip


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime, nullable=nullable)


def _whole(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=nullable)


def _json(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=nullable)


# the version of each model that holds; without a row it is what was shipped
prompt_configs: Final = sa.Table(
    "prompt_configs",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    _whole("version"),
    sa.CheckConstraint(one_of("model", PromptModel), "model"),
    sa.CheckConstraint("version > 0", "version"),
)

prompt_versions: Final = sa.Table(
    "prompt_versions",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    _time("at"),
    _text("change"),
    _json("content"),
    _text("author", nullable=True),
    _text("note", nullable=True),
    _whole("source", nullable=True),
    sa.CheckConstraint(one_of("model", PromptModel), "model"),
    sa.CheckConstraint(one_of("change", PromptChange), "change"),
)

event_audits: Final = sa.Table(
    "event_audits",
    metadata,
    sa.Column("event_id", sa.Text, sa.ForeignKey("events.id", ondelete="CASCADE"), primary_key=True),
    _text("camera_id"),
    _time("at"),
    _text("state"),
    *(sa.Column(name, sa.Boolean, nullable=False) for name in FLAGS),
    sa.Column("utilisation", sa.Double, nullable=False),
    _json("effects"),
    _text("model_id", nullable=True),
    _text("prompt_version", nullable=True),
    _whole("prompt_chars", nullable=True),
    _whole("prompt_tokens", nullable=True),
    _json("evaluation", nullable=True),
    _text("evaluation_error", nullable=True),
    _time("evaluated_at", nullable=True),
    _whole("tries"),
    sa.Column("wanted", sa.Boolean, nullable=False),
    sa.CheckConstraint(one_of("state", AnalysisState), "state"),
    sa.CheckConstraint("utilisation BETWEEN 0 AND 1", "utilisation"),
    sa.CheckConstraint("evaluation IS NULL OR evaluation_error IS NULL", "evaluation"),
    sa.Index(None, "at", "event_id"),
    sa.Index(None, "camera_id", "at"),
)

# weeks that are over, from a Monday at home; they outlive the events that they counted
calibrations: Final = sa.Table(
    "calibrations",
    metadata,
    sa.Column("week", sa.Date, primary_key=True),
    sa.Column("camera_id", sa.Text, primary_key=True),
    _json("document"),
)

shadow_runs: Final = sa.Table(
    "shadow_runs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _time("at"),
    _text("state"),
    _json("document"),
    sa.CheckConstraint(one_of("state", ShadowState), "state"),
    sa.Index(None, "at", "id"),
)
