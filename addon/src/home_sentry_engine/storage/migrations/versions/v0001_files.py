"""Cameras, files, detections, batches and the outbox."""

from typing import Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.types import UtcDateTime

revision: Final = "0001"
down_revision: Final = None

_SERIAL: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _meta()
    _counters()
    _cameras()
    _claims()
    _sources()
    _rejections()
    _media()
    _inspections()
    _detections()
    _batches()
    _outbox()


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )


def _counters() -> None:
    op.create_table(
        "counters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )


def _cameras() -> None:
    op.create_table(
        "cameras",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=True),
        sa.Column("latest_media_id", sa.Text(), nullable=True),
        sa.Column("latest_media_at", UtcDateTime(), nullable=True),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "status IN ('online', 'offline', 'degraded', 'blind', 'error', 'unknown')", name=op.f("ck_cameras_status")
        ),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_cameras_confidence")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cameras")),
        sa.UniqueConstraint("folder", name=op.f("uq_cameras_folder")),
    )


def _claims() -> None:
    op.create_table(
        "claims",
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("media_id", sa.Text(), nullable=False),
        sa.Column("claimed_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("camera_id", "sha256", name=op.f("pk_claims")),
    )
    op.create_index(op.f("ix_claims_expires_at"), "claims", ["expires_at"])


def _sources() -> None:
    op.create_table(
        "sources",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sources")),
    )
    op.create_index(op.f("ix_sources_at"), "sources", ["at"])


def _rejections() -> None:
    op.create_table(
        "rejections",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejections")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_rejections_at"), "rejections", ["at"])


def _media() -> None:
    op.create_table(
        "media",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=True),
        sa.Column("captured_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('image', 'video', 'unknown')", name=op.f("ck_media_kind")),
        sa.CheckConstraint("state IN ('queued', 'detected', 'failed', 'unknown')", name=op.f("ck_media_state")),
        sa.CheckConstraint("duration_s >= 0", name=op.f("ck_media_duration_s")),
        sa.CheckConstraint("size_bytes >= 0", name=op.f("ck_media_size_bytes")),
        sa.CheckConstraint("width > 0 AND height > 0", name=op.f("ck_media_size")),
        sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name=op.f("fk_media_camera_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
    )
    op.create_index(op.f("ix_media_camera_id_received_at_id"), "media", ["camera_id", "received_at", "id"])
    op.create_index(op.f("ix_media_camera_id_sha256"), "media", ["camera_id", "sha256"])
    op.create_index(
        "ix_media_queued",
        "media",
        ["id"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(op.f("ix_media_received_at_id"), "media", ["received_at", "id"])


def _inspections() -> None:
    op.create_table(
        "inspections",
        sa.Column("media_id", sa.Text(), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("inference_ms", sa.Double(), nullable=False),
        sa.Column("dropped", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name=op.f("fk_inspections_media_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("media_id", "model_id", name=op.f("pk_inspections")),
    )


def _detections() -> None:
    op.create_table(
        "detections",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("media_id", sa.Text(), nullable=False),
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("batch_id", sa.Text(), nullable=True),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("frame_us", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("object_group", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("x", sa.Integer(), nullable=False),
        sa.Column("y", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("image_width", sa.Integer(), nullable=False),
        sa.Column("image_height", sa.Integer(), nullable=False),
        sa.Column("detected_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_detections_confidence")),
        sa.CheckConstraint("frame_us >= -1", name=op.f("ck_detections_frame_us")),
        sa.CheckConstraint(
            "x + width <= image_width AND y + height <= image_height", name=op.f("ck_detections_inside")
        ),
        sa.CheckConstraint("x >= 0 AND y >= 0 AND width > 0 AND height > 0", name=op.f("ck_detections_box")),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["cameras.id"], name=op.f("fk_detections_camera_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name=op.f("fk_detections_media_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_detections")),
        sa.UniqueConstraint(
            "media_id",
            "model_id",
            "frame_us",
            "position",
            name=op.f("uq_detections_media_id_model_id_frame_us_position"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_detections_batch_id"), "detections", ["batch_id"])
    op.create_index(op.f("ix_detections_camera_id_detected_at_id"), "detections", ["camera_id", "detected_at", "id"])
    op.create_index(op.f("ix_detections_detected_at_id"), "detections", ["detected_at", "id"])
    op.create_index(op.f("ix_detections_event_id"), "detections", ["event_id"])


def _batches() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("deadline", UtcDateTime(), nullable=False),
        sa.Column("detections", sa.Integer(), nullable=False),
        sa.Column("evidence_version", sa.Integer(), nullable=False),
        sa.Column("assessed_version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "reason IN ('window', 'idle', 'full', 'urgent', 'forced', 'unknown')", name=op.f("ck_batches_reason")
        ),
        sa.CheckConstraint("(closed_at IS NULL) = (reason IS NULL)", name=op.f("ck_batches_closed")),
        sa.CheckConstraint("detections > 0 AND evidence_version > 0", name=op.f("ck_batches_evidence")),
        sa.CheckConstraint("last_at >= opened_at", name=op.f("ck_batches_last_at")),
        sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name=op.f("fk_batches_camera_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    op.create_index(op.f("ix_batches_camera_id_closed_at"), "batches", ["camera_id", "closed_at"])
    op.create_index(
        "ix_batches_deadline",
        "batches",
        ["deadline"],
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(op.f("ix_batches_event_id"), "batches", ["event_id"])
    op.create_index(
        "uq_batches_open",
        "batches",
        ["camera_id"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("seq", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("camera_id", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
