"""What is known around the pictures: zones, habits, things that rest, views, traces, the household."""

from typing import Any, Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.types import UtcDateTime

revision: Final = "0006"
down_revision: Final = "0005"

_SERIAL: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ZONE_TYPES: Final = "'entry_point', 'driveway', 'sidewalk', 'yard', 'other', 'ignore', 'unknown'"


def upgrade() -> None:
    """Make the tables."""
    _places()
    _habits()
    _views()
    _identity()


def _places() -> None:
    op.create_table(
        "zones",
        _text("camera_id"),
        *(_text(name) for name in ("id", "name", "type")),
        _json("points"),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        *(_text(name) for name in ("colour", "anchor")),
        sa.Column("private", sa.Boolean(), nullable=True),
        sa.Column("inside", sa.Boolean(), nullable=False),
        sa.Column("loitering_s", sa.Double(), nullable=True),
        sa.Column("inertia", sa.Integer(), nullable=False),
        *(_json(name) for name in ("required_for", "line")),
        sa.CheckConstraint(f"type IN ({_ZONE_TYPES})", name=op.f("ck_zones_type")),
        sa.CheckConstraint("anchor IN ('bottom_centre', 'centre', 'overlap', 'unknown')", name=op.f("ck_zones_anchor")),
        sa.CheckConstraint("priority BETWEEN 0 AND 100", name=op.f("ck_zones_priority")),
        _of_camera("zones"),
        sa.PrimaryKeyConstraint("camera_id", "id", name=op.f("pk_zones")),
    )


def _habits() -> None:
    op.create_table(
        "activity",
        *(_text(name) for name in ("camera_id", "label")),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        _text("day"),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.CheckConstraint("hour BETWEEN 0 AND 23", name=op.f("ck_activity_hour")),
        sa.CheckConstraint("count > 0", name=op.f("ck_activity_count")),
        _of_camera("activity"),
        sa.PrimaryKeyConstraint("camera_id", "label", "hour", "day", name=op.f("pk_activity")),
    )
    op.create_index(op.f("ix_activity_day"), "activity", ["day"])
    op.create_table(
        "watched",
        *(_text(name) for name in ("camera_id", "since")),
        _of_camera("watched"),
        sa.PrimaryKeyConstraint("camera_id", name=op.f("pk_watched")),
    )
    op.create_table(
        "resting",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        *(_text(name) for name in ("camera_id", "label")),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("x", "y", "width", "height")),
        *(sa.Column(name, UtcDateTime(), nullable=False) for name in ("first_at", "last_at")),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.Column("missed_at", UtcDateTime(), nullable=True),
        _of_camera("resting"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resting")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_resting_camera_id"), "resting", ["camera_id"])


def _views() -> None:
    op.create_table(
        "scenes",
        *(_text(name) for name in ("camera_id", "light")),
        sa.Column("picture", sa.LargeBinary(), nullable=False),
        _json("state"),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("light IN ('day', 'infrared')", name=op.f("ck_scenes_light")),
        _of_camera("scenes"),
        sa.PrimaryKeyConstraint("camera_id", "light", name=op.f("pk_scenes")),
    )
    op.create_table(
        "scene_changes",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        *(_text(name) for name in ("camera_id", "kind")),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("media_id", sa.Text(), nullable=True),
        *(sa.Column(name, UtcDateTime(), nullable=True) for name in ("over_at", "acknowledged_at")),
        _of_camera("scene_changes"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scene_changes")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_scene_changes_camera_id_at"), "scene_changes", ["camera_id", "at"])


def _identity() -> None:
    op.create_table(
        "traces",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        *(_text(name) for name in ("camera_id", "model_id", "kind")),
        sa.Column("detection_id", sa.BigInteger(), nullable=True),
        *(sa.Column(name, UtcDateTime(), nullable=False) for name in ("at", "expires_at")),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        _of_camera("traces"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_traces")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_traces_expires_at"), "traces", ["expires_at"])
    op.create_table(
        "household",
        *(_text(name) for name in ("id", "kind", "name", "role", "trust")),
        sa.Column("plate", sa.Text(), nullable=True),
        sa.Column("schedule", sa.JSON(none_as_null=True), nullable=True),
        sa.CheckConstraint("kind IN ('person', 'vehicle')", name=op.f("ck_household_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household")),
    )
    op.create_table(
        "samples",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        *(_text(name) for name in ("owner_id", "model_id")),
        sa.Column("negative", sa.Boolean(), nullable=False),
        sa.Column("detection_id", sa.BigInteger(), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["household.id"], name=op.f("fk_samples_owner_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_samples")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_samples_owner_id"), "samples", ["owner_id"])


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=False)


def _json(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=False)


def _of_camera(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["camera_id"], ["cameras.id"], name=op.f(f"fk_{table}_camera_id"), ondelete="CASCADE"
    )
