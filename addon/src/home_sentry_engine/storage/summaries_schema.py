"""Tables of looking back: when engines and cameras watched, summaries, exports, properties.

They join the metadata of ``schema``; the migrations make them.
"""

from typing import Any, Final

import sqlalchemy as sa

from home_sentry_engine.contract import CameraStatus, ExportKind, ExportState, SummaryPeriod

from .schema import metadata, one_of
from .types import UtcDateTime

__all__ = ["camera_states", "exports", "metadata", "properties", "property_cameras", "spells", "summaries"]


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime, nullable=nullable)


def _serial() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True)


# each change of a camera's health; what held at a time is the newest row before it
camera_states: Final = sa.Table(
    "camera_states",
    metadata,
    _serial(),
    sa.Column("camera_id", sa.Text, sa.ForeignKey("cameras.id", ondelete="CASCADE"), nullable=False),
    _text("status"),
    _text("reason", nullable=True),
    _time("at"),
    sa.CheckConstraint(one_of("status", CameraStatus), "status"),
    sa.Index(None, "camera_id", "at"),
    sqlite_autoincrement=True,
)

# times in which an engine could take files, or look at them, without a pause
spells: Final = sa.Table(
    "spells",
    metadata,
    _serial(),
    _text("node"),
    _text("ability"),
    _time("began_at"),
    _time("until_at"),
    sa.CheckConstraint("ability IN ('run', 'take', 'look')", "ability"),
    sa.CheckConstraint("until_at >= began_at", "until_at"),
    sa.Index(None, "until_at"),
    sqlite_autoincrement=True,
)

summaries: Final = sa.Table(
    "summaries",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("period"),
    _time("since"),
    _time("made_at"),
    _text("property_id", nullable=True),
    sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
    sa.CheckConstraint(one_of("period", SummaryPeriod), "period"),
    sa.Index(None, "since", "id"),
    sa.Index(None, "period", "since"),
)

exports: Final = sa.Table(
    "exports",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("node"),
    _text("kind"),
    _text("state"),
    sa.Column("filters", sa.JSON(none_as_null=True), nullable=False),
    sa.Column("share", sa.Boolean, nullable=False),
    _text("reason", nullable=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=True),
    _text("sha256", nullable=True),
    sa.Column("events", sa.Integer, nullable=True),
    sa.Column("pictures", sa.Integer, nullable=True),
    _time("created_at"),
    _time("finished_at", nullable=True),
    _time("expires_at"),
    sa.CheckConstraint(one_of("kind", ExportKind), "kind"),
    sa.CheckConstraint(one_of("state", ExportState), "state"),
    sa.Index(None, "expires_at"),
)

properties: Final = sa.Table("properties", metadata, sa.Column("id", sa.Text, primary_key=True), _text("name"))

property_cameras: Final = sa.Table(
    "property_cameras",
    metadata,
    sa.Column("camera_id", sa.Text, sa.ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("property_id", sa.Text, sa.ForeignKey("properties.id", ondelete="CASCADE"), nullable=False),
    sa.Index(None, "property_id"),
)
