"""Tables of what is known around the pictures: zones, habits, things that rest, views, traces, the household.

They join the metadata of ``schema``; the migrations make them.
"""

from typing import Any, Final

import sqlalchemy as sa

from home_sentry_engine.contract import EnrichmentStatus, ZoneAnchor, ZoneType

from .schema import metadata, one_of
from .types import UtcDateTime

__all__ = [
    "activity",
    "appearances",
    "enrichments",
    "entities",
    "household",
    "household_facts",
    "masks",
    "metadata",
    "plate_reads",
    "recognitions",
    "remasking",
    "resting",
    "rhythm",
    "samples",
    "scene_changes",
    "scene_memory",
    "scenes",
    "traces",
    "unmasked",
    "watched",
    "zones",
]


def _camera(*, key: bool = False) -> sa.Column[Any]:
    return sa.Column(
        "camera_id", sa.Text, sa.ForeignKey("cameras.id", ondelete="CASCADE"), nullable=False, primary_key=key
    )


def _key(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, primary_key=True)


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _real(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Double, nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime, nullable=nullable)


def _whole(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=False)


def _serial() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True)


def _json(name: str, *, default: str | None = None) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=False, server_default=default)


def _bytes(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


zones: Final = sa.Table(
    "zones",
    metadata,
    _camera(key=True),
    _key("id"),
    _text("name"),
    _text("type"),
    _json("points"),
    sa.Column("enabled", sa.Boolean, nullable=False),
    _whole("priority"),
    _text("colour"),
    _text("anchor"),
    sa.Column("private", sa.Boolean, nullable=True),
    sa.Column("inside", sa.Boolean, nullable=False),
    _real("loitering_s", nullable=True),
    _whole("inertia"),
    _json("required_for"),
    _json("line"),
    sa.CheckConstraint(one_of("type", ZoneType), "type"),
    sa.CheckConstraint(one_of("anchor", ZoneAnchor), "anchor"),
    sa.CheckConstraint("priority BETWEEN 0 AND 100", "priority"),
    sa.CheckConstraint("colour LIKE '#______'", "colour"),
    sa.CheckConstraint("inertia > 0", "inertia"),
    sa.CheckConstraint("loitering_s >= 0", "loitering_s"),
)

# appearances by the home's clock: ``day`` as 2026-11-20, ``label`` * for anything; hours without any have no row
activity: Final = sa.Table(
    "activity",
    metadata,
    _camera(key=True),
    _key("label"),
    sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
    _key("day"),
    _whole("count"),
    sa.CheckConstraint("hour BETWEEN 0 AND 23", "hour"),
    sa.CheckConstraint("count > 0", "count"),
    sa.Index(None, "day"),
)

# the first whole day from which on days without activity count as zero
watched: Final = sa.Table("watched", metadata, _camera(key=True), _text("since"))

resting: Final = sa.Table(
    "resting",
    metadata,
    _serial(),
    _camera(),
    _text("label"),
    *(_real(name) for name in ("x", "y", "width", "height")),
    _time("first_at"),
    _time("last_at"),
    _whole("missed"),
    _time("missed_at", nullable=True),
    sa.Column("patches", sa.JSON(none_as_null=True), nullable=True),
    _time("held_at", nullable=True),
    sa.Index(None, "camera_id"),
    sqlite_autoincrement=True,
)

scenes: Final = sa.Table(
    "scenes",
    metadata,
    _camera(key=True),
    _key("light"),
    _bytes("picture"),
    _json("state"),
    _time("at"),
    sa.CheckConstraint("light IN ('day', 'infrared')", "light"),
)

scene_changes: Final = sa.Table(
    "scene_changes",
    metadata,
    _serial(),
    _camera(),
    _text("kind"),
    _time("at"),
    _text("media_id", nullable=True),
    _time("over_at", nullable=True),
    _time("acknowledged_at", nullable=True),
    _real("similarity", nullable=True),
    _text("scaler", nullable=True),
    sa.Index(None, "camera_id", "at"),
    sqlite_autoincrement=True,
)

# silences between deliveries by the home's hour in which each began
rhythm: Final = sa.Table(
    "rhythm",
    metadata,
    _camera(key=True),
    sa.Column("began_at", UtcDateTime, primary_key=True),
    _whole("hour"),
    _real("seconds"),
    sa.CheckConstraint("hour BETWEEN 0 AND 23", "hour"),
    sa.CheckConstraint("seconds > 0", "seconds"),
)

# what an image model makes of the usual view: the mean vector as float32 and the usual distance from it
scene_memory: Final = sa.Table(
    "scene_memory",
    metadata,
    _camera(key=True),
    _key("light"),
    _text("model_id"),
    _whole("learned"),
    _bytes("vector"),
    _real("spread"),
    _time("at"),
    sa.CheckConstraint("light IN ('day', 'infrared')", "light"),
)

# vectors as little-endian float16
traces: Final = sa.Table(
    "traces",
    metadata,
    _serial(),
    _camera(),
    _text("model_id"),
    _text("kind"),
    sa.Column("detection_id", sa.BigInteger, nullable=True),
    _time("at"),
    _time("expires_at"),
    _bytes("vector"),
    _text("event_id", nullable=True),
    _text("entity_id", nullable=True),
    _json("attributes", default="{}"),
    sa.Index(None, "expires_at"),
    sa.Index(None, "event_id"),
    sa.Index(None, "entity_id"),
    sa.Index(None, "detection_id", "model_id", unique=True),
    sqlite_autoincrement=True,
)

household: Final = sa.Table(
    "household",
    metadata,
    _key("id"),
    _text("kind"),
    _text("name"),
    _text("role"),
    _text("trust"),
    _text("plate", nullable=True),
    sa.Column("schedule", sa.JSON(none_as_null=True), nullable=True),
    _text("ha_person", nullable=True),
    sa.CheckConstraint("kind IN ('person', 'vehicle')", "kind"),
)

samples: Final = sa.Table(
    "samples",
    metadata,
    _serial(),
    sa.Column("owner_id", sa.Text, sa.ForeignKey("household.id", ondelete="CASCADE"), nullable=False),
    _text("model_id"),
    sa.Column("negative", sa.Boolean, nullable=False),
    sa.Column("detection_id", sa.BigInteger, nullable=True),
    _time("at"),
    _bytes("vector"),
    sa.Column("source", sa.Text, nullable=False, server_default="appearance"),
    _time("expires_at", nullable=True),
    sa.Index(None, "owner_id"),
    sqlite_autoincrement=True,
)

# the vector is the mean of its looks and goes when it expires, unless a person said what the entity is to the house
entities: Final = sa.Table(
    "entities",
    metadata,
    _key("id"),
    _text("kind"),
    _text("trust"),
    _text("name", nullable=True),
    _text("model_id", nullable=True),
    sa.Column("vector", sa.LargeBinary, nullable=True),
    _time("vector_expires_at", nullable=True),
    _time("first_at"),
    _time("last_at"),
    _text("last_camera_id"),
    _whole("count"),
    sa.CheckConstraint("kind IN ('person', 'vehicle', 'animal', 'package', 'other')", "kind"),
    sa.CheckConstraint("trust IN ('trusted', 'untrusted', 'unknown')", "trust"),
    sa.Index(None, "last_at", "id"),
)

appearances: Final = sa.Table(
    "appearances",
    metadata,
    _serial(),
    sa.Column("entity_id", sa.Text, sa.ForeignKey("entities.id", ondelete="CASCADE"), nullable=False),
    _camera(),
    _text("event_id"),
    sa.Column("detection_id", sa.BigInteger, nullable=True),
    _text("media_id", nullable=True),
    _time("at"),
    _real("similarity", nullable=True),
    sa.UniqueConstraint("entity_id", "event_id"),
    sa.Index(None, "entity_id", "at", "id"),
    sqlite_autoincrement=True,
)

# what the household's comparison gave at the last assessment of a visit
recognitions: Final = sa.Table(
    "recognitions", metadata, _key("event_id"), _time("at"), _json("leg"), sa.Index(None, "at")
)

household_facts: Final = sa.Table(
    "household_facts",
    metadata,
    _key("id"),
    _text("kind"),
    _text("text"),
    _whole("points"),
    _time("begins_at", nullable=True),
    _time("expires_at"),
    sa.CheckConstraint("points BETWEEN -20 AND 20", "points"),
)

plate_reads: Final = sa.Table(
    "plate_reads",
    metadata,
    _serial(),
    _camera(),
    _text("plate"),
    _time("at"),
    _time("expires_at"),
    _real("confidence"),
    _text("event_id", nullable=True),
    sa.Column("detection_id", sa.BigInteger, nullable=True),
    _text("owner_id", nullable=True),
    sa.UniqueConstraint("event_id", "plate"),
    sa.Index(None, "at", "id"),
    sa.Index(None, "expires_at"),
    sqlite_autoincrement=True,
)

masks: Final = sa.Table(
    "masks",
    metadata,
    _camera(key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    _text("name"),
    sa.Column("points", sa.JSON(none_as_null=True), nullable=False),
    _time("changed_at"),
    _json("modes", default="[]"),
)

remasking: Final = sa.Table("remasking", metadata, _camera(key=True), _time("at"), _text("reached"), _whole("done"))

unmasked: Final = sa.Table(
    "unmasked", metadata, _key("path"), _camera(), _text("source_key", nullable=True), _time("at")
)

enrichments: Final = sa.Table(
    "enrichments",
    metadata,
    sa.Column("event_id", sa.Text, sa.ForeignKey("events.id", ondelete="CASCADE"), primary_key=True),
    _text("batch_id"),
    _time("at"),
    _text("status"),
    _json("document"),
    _json("legs"),
    sa.CheckConstraint(one_of("status", EnrichmentStatus), "status"),
)
