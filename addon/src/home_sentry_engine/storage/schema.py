"""Tables of the store. The migrations make them; a test holds both together.

Ids of cameras, media, batches and events are text. Unknown is NULL. The jobs of the queue live in the same database
and are described by ``broker.sql.tables``.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from home_sentry_engine.contract import (
    AnalysisReason,
    AnalysisState,
    BatchReason,
    CameraStatus,
    EventChange,
    MediaKind,
    MediaState,
    RiskLevel,
)

from .types import UtcDateTime

metadata: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def one_of(column: str, words: Iterable[StrEnum]) -> str:
    """Give the SQL condition that a column holds one of the words."""
    return f"{column} IN ({', '.join(f"'{word.value}'" for word in words)})"


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _whole(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=nullable, server_default=None if default is None else sa.text(default))


def _real(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Double, nullable=True)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())


def _time(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime, nullable=nullable)


def _json(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=False)


def _serial(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True)


def _of(name: str, target: str, *, nullable: bool = False, ondelete: str = "CASCADE") -> sa.Column[Any]:
    return sa.Column(name, sa.Text, sa.ForeignKey(target, ondelete=ondelete), nullable=nullable)


meta: Final = sa.Table("meta", metadata, _key("key"), _text("value"))

counters: Final = sa.Table("counters", metadata, _key("name"), sa.Column("value", sa.BigInteger, nullable=False))

cameras: Final = sa.Table(
    "cameras",
    metadata,
    _key("id"),
    _text("name"),
    sa.Column("folder", sa.Text, unique=True),
    _text("status"),
    _text("status_reason", nullable=True),
    _text("previous_status", nullable=True),
    _time("status_since", nullable=True),
    _real("confidence"),
    _time("created_at"),
    _time("last_seen_at", nullable=True),
    _text("latest_media_id", nullable=True),
    _time("latest_media_at", nullable=True),
    _time("deleted_at", nullable=True),
    _time("quiet_since", nullable=True),
    _real("quiet_allowed_s"),
    _time("learning_until", nullable=True),
    _real("scene_anomaly"),
    sa.CheckConstraint(one_of("status", CameraStatus), "status"),
    sa.CheckConstraint("confidence BETWEEN 0 AND 1", "confidence"),
)

claims: Final = sa.Table(
    "claims",
    metadata,
    _key("camera_id"),
    _key("sha256"),
    _text("media_id"),
    _time("claimed_at"),
    _time("expires_at"),
    sa.Index(None, "expires_at"),
)

sources: Final = sa.Table("sources", metadata, _key("key"), _text("outcome"), _time("at"), sa.Index(None, "at"))

rejections: Final = sa.Table(
    "rejections",
    metadata,
    _serial("id"),
    _text("camera_id"),
    _text("source_key", nullable=True),
    _text("reason"),
    _text("detail"),
    _text("sha256", nullable=True),
    _time("at"),
    _text("name", nullable=True),
    sa.Index(None, "at"),
    sqlite_autoincrement=True,
)

media: Final = sa.Table(
    "media",
    metadata,
    _key("id"),
    _of("camera_id", "cameras.id"),
    _text("kind"),
    _text("state"),
    _text("sha256"),
    _text("path"),
    _text("origin"),
    _text("source_key", nullable=True),
    _time("captured_at"),
    _time("received_at"),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    _whole("width", nullable=True),
    _whole("height", nullable=True),
    _real("duration_s"),
    _text("error", nullable=True),
    _text("mime", nullable=True),
    _text("codec", nullable=True),
    sa.CheckConstraint(one_of("kind", MediaKind), "kind"),
    sa.CheckConstraint(one_of("state", MediaState), "state"),
    sa.CheckConstraint("size_bytes >= 0", "size_bytes"),
    sa.CheckConstraint("width > 0 AND height > 0", "size"),
    sa.CheckConstraint("duration_s >= 0", "duration_s"),
    sa.Index(None, "received_at", "id"),
    sa.Index(None, "camera_id", "received_at", "id"),
    sa.Index(None, "camera_id", "sha256"),
)
sa.Index(
    "ix_media_queued", media.c.id, sqlite_where=media.c.state == "queued", postgresql_where=media.c.state == "queued"
)

inspections: Final = sa.Table(
    "inspections",
    metadata,
    sa.Column("media_id", sa.Text, sa.ForeignKey("media.id", ondelete="CASCADE"), primary_key=True),
    _key("model_id"),
    _time("at"),
    _whole("frames"),
    sa.Column("inference_ms", sa.Double, nullable=False),
    _json("dropped"),
    sa.Column("quality", sa.JSON(none_as_null=True), nullable=True),
)

detections: Final = sa.Table(
    "detections",
    metadata,
    _serial("id"),
    _of("media_id", "media.id"),
    _of("camera_id", "cameras.id"),
    _text("event_id", nullable=True),
    _text("batch_id", nullable=True),
    _text("model_id"),
    sa.Column("frame_us", sa.BigInteger, nullable=False),
    _whole("position"),
    _text("label"),
    _text("object_group"),
    sa.Column("confidence", sa.Double, nullable=False),
    *(_whole(name) for name in ("x", "y", "width", "height", "image_width", "image_height")),
    _time("detected_at"),
    sa.Column("doubted", sa.Boolean, nullable=True),
    sa.Column("carried", sa.JSON(none_as_null=True), nullable=True),
    sa.UniqueConstraint("media_id", "model_id", "frame_us", "position"),
    sa.CheckConstraint("confidence BETWEEN 0 AND 1", "confidence"),
    sa.CheckConstraint("x >= 0 AND y >= 0 AND width > 0 AND height > 0", "box"),
    sa.CheckConstraint("x + width <= image_width AND y + height <= image_height", "inside"),
    sa.CheckConstraint("frame_us >= -1", "frame_us"),
    sa.Index(None, "detected_at", "id"),
    sa.Index(None, "camera_id", "detected_at", "id"),
    sa.Index(None, "event_id"),
    sa.Index(None, "batch_id"),
    sqlite_autoincrement=True,
)

batches: Final = sa.Table(
    "batches",
    metadata,
    _key("id"),
    _text("event_id"),
    _of("camera_id", "cameras.id"),
    _time("opened_at"),
    _time("last_at"),
    _time("deadline"),
    _whole("detections"),
    _whole("evidence_version"),
    _whole("assessed_version", default="0"),
    _time("closed_at", nullable=True),
    _text("reason", nullable=True),
    sa.CheckConstraint(one_of("reason", BatchReason), "reason"),
    sa.CheckConstraint("last_at >= opened_at", "last_at"),
    sa.CheckConstraint("(closed_at IS NULL) = (reason IS NULL)", "closed"),
    sa.CheckConstraint("detections > 0 AND evidence_version > 0", "evidence"),
    sa.Index(None, "event_id"),
    sa.Index(None, "camera_id", "closed_at"),
)
_OPEN: Final = batches.c.closed_at.is_(None)
sa.Index("uq_batches_open", batches.c.camera_id, unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
sa.Index("ix_batches_deadline", batches.c.deadline, sqlite_where=_OPEN, postgresql_where=_OPEN)


def _score(name: str, *, nullable: bool = False) -> tuple[sa.Column[Any], sa.CheckConstraint]:
    return _whole(name, nullable=nullable), sa.CheckConstraint(f"{name} BETWEEN 0 AND 100", name)


events: Final = sa.Table(
    "events",
    metadata,
    _serial("number"),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("batch_id", sa.Text, nullable=False, unique=True),
    _of("camera_id", "cameras.id"),
    _text("camera_name"),
    _time("started_at"),
    _time("ended_at", nullable=True),
    *_score("risk_score"),
    _text("risk_level"),
    *_score("rule_score"),
    *_score("llm_score", nullable=True),
    *_score("floor"),
    _text("floor_reason", nullable=True),
    *_score("ceiling"),
    _text("ceiling_reason", nullable=True),
    _text("analysis_state"),
    _text("analysis_reason", nullable=True),
    _text("analysis_detail", nullable=True),
    _text("summary"),
    _text("reasoning", nullable=True),
    _text("recommended_action", nullable=True),
    _real("confidence"),
    *(_json(name) for name in ("flags", "unsupported", "factors", "object_types", "object_groups")),
    sa.Column("identities", sa.JSON(none_as_null=True), nullable=False, server_default="[]"),
    _whole("detection_count"),
    _text("media_id"),
    _text("model_id", nullable=True),
    _text("prompt_version", nullable=True),
    _flag("is_fast_path"),
    _flag("reviewed"),
    _text("reviewed_by", nullable=True),
    _time("reviewed_at", nullable=True),
    _text("notes", nullable=True),
    _whole("revision"),
    _time("deleted_at", nullable=True),
    _flag("flagged"),
    _flag("favourite"),
    _time("snoozed_until", nullable=True),
    _text("visual_verdict", nullable=True),
    sa.CheckConstraint("ended_at >= started_at", "ended_at"),
    sa.CheckConstraint("confidence BETWEEN 0 AND 1", "confidence"),
    sa.CheckConstraint("detection_count >= 0", "detection_count"),
    sa.CheckConstraint("revision > 0", "revision"),
    sa.CheckConstraint(one_of("risk_level", RiskLevel), "risk_level"),
    sa.CheckConstraint(one_of("analysis_state", AnalysisState), "analysis_state"),
    sa.CheckConstraint(one_of("analysis_reason", AnalysisReason), "analysis_reason"),
    sa.Index(None, "started_at", "id"),
    sa.Index(None, "camera_id", "started_at", "id"),
    sqlite_autoincrement=True,
)
_ONGOING: Final = events.c.ended_at.is_(None)
sa.Index("ix_events_ongoing", events.c.camera_id, sqlite_where=_ONGOING, postgresql_where=_ONGOING)
_TRASHED: Final = events.c.deleted_at.is_not(None)
sa.Index("ix_events_trash", events.c.deleted_at, sqlite_where=_TRASHED, postgresql_where=_TRASHED)

event_objects: Final = sa.Table(
    "event_objects",
    metadata,
    sa.Column("event_id", sa.Text, sa.ForeignKey("events.id", ondelete="CASCADE"), primary_key=True),
    _key("label"),
    sa.Index(None, "label"),
)

# the words as they are searched; kept by storage.search_index, whose event_index follows by triggers
event_words: Final = sa.Table(
    "event_words",
    metadata,
    sa.Column("place", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    sa.Column(
        "number",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        sa.ForeignKey("events.number", ondelete="CASCADE"),
        nullable=False,
        unique=True,
    ),
    *(_text(name) for name in ("summary", "reasoning", "objects", "camera", "marks")),
)

transitions: Final = sa.Table(
    "transitions",
    metadata,
    sa.Column("event_id", sa.Text, sa.ForeignKey("events.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    _text("change"),
    _time("at"),
    *_score("score"),
    _text("level"),
    _text("state"),
    sa.CheckConstraint(one_of("change", EventChange), "change"),
    sa.CheckConstraint(one_of("level", RiskLevel), "level"),
    sa.CheckConstraint(one_of("state", AnalysisState), "state"),
)

assessments: Final = sa.Table(
    "assessments",
    metadata,
    _serial("id"),
    _of("event_id", "events.id"),
    _text("batch_id"),
    _whole("evidence_version"),
    _time("at"),
    *_score("score"),
    *_score("rule_score"),
    *_score("model_score", nullable=True),
    *_score("floor"),
    *_score("ceiling"),
    _text("state"),
    _text("reason", nullable=True),
    _text("detail", nullable=True),
    _text("model_id", nullable=True),
    _text("prompt_version", nullable=True),
    _text("prompt", nullable=True),
    _text("answer", nullable=True),
    _whole("prompt_tokens", nullable=True),
    _whole("answer_tokens", nullable=True),
    _real("duration_ms"),
    _json("factors"),
    _json("entities"),
    _text("visual_verdict", nullable=True),
    sa.CheckConstraint(one_of("state", AnalysisState), "state"),
    sa.CheckConstraint(one_of("reason", AnalysisReason), "reason"),
    sa.Index(None, "event_id"),
    sqlite_autoincrement=True,
)

outbox: Final = sa.Table(
    "outbox",
    metadata,
    _serial("seq"),
    _text("kind"),
    _text("camera_id", nullable=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    _time("at"),
    sqlite_autoincrement=True,
)

reassessments: Final = sa.Table(
    "reassessments",
    metadata,
    sa.Column("event_id", sa.Text, sa.ForeignKey("events.id", ondelete="CASCADE"), primary_key=True),
    _whole("tries"),
    _time("last_at"),
    sa.CheckConstraint("tries > 0", "tries"),
)
