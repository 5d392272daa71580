"""Tables of telling people: channels, and what became of each alert in each of them.

They join the metadata of ``schema``; the migrations make them.
"""

from typing import Any, Final

import sqlalchemy as sa

from home_sentry_engine.contract.notifications import ChannelKind, DeliveryReason, DeliveryState
from home_sentry_engine.contract.vocabulary import RiskLevel

from .schema import metadata, one_of
from .types import UtcDateTime

__all__ = ["channels", "deliveries", "metadata"]


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime, nullable=nullable)


def _json(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=False)


# what is secret of a channel lies in the data folder of the engine ``node``
channels: Final = sa.Table(
    "channels",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("node"),
    _text("kind"),
    _text("name"),
    sa.Column("enabled", sa.Boolean, nullable=False),
    _text("target", nullable=True),
    _json("settings"),
    _json("filters"),
    _json("missing"),
    sa.Column("signed", sa.Boolean, nullable=False),
    _time("created_at"),
    _time("updated_at"),
    _time("delivered_at", nullable=True),
    _time("failing_since", nullable=True),
    _text("failure", nullable=True),
    sa.CheckConstraint(one_of("kind", ChannelKind), "kind"),
)

deliveries: Final = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("channel_id", sa.Text, sa.ForeignKey("channels.id", ondelete="CASCADE"), nullable=False),
    _text("alert_id", nullable=True),
    sa.Column("event_id", sa.Text, sa.ForeignKey("events.id", ondelete="CASCADE"), nullable=True),
    _text("camera_id", nullable=True),
    _text("level"),
    _text("state"),
    _text("reason"),
    _text("detail", nullable=True),
    _json("gates"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("test", sa.Boolean, nullable=False),
    _time("created_at"),
    _time("tried_at", nullable=True),
    _time("next_try_at", nullable=True),
    _time("delivered_at", nullable=True),
    sa.CheckConstraint(one_of("level", RiskLevel), "level"),
    sa.CheckConstraint(one_of("state", DeliveryState), "state"),
    sa.CheckConstraint(one_of("reason", DeliveryReason), "reason"),
    sa.CheckConstraint("attempts >= 0", "attempts"),
    sa.UniqueConstraint("alert_id", "channel_id"),
    sa.Index(None, "created_at", "id"),
    sa.Index(None, "event_id"),
    sa.Index(None, "channel_id", "camera_id", "created_at"),
)
_TOLD: Final = deliveries.c.state.in_(("pending", "delivered"))
# whatever happens, an event is told once for each level in a channel
sa.Index(
    "uq_deliveries_told",
    deliveries.c.event_id,
    deliveries.c.channel_id,
    deliveries.c.level,
    unique=True,
    sqlite_where=_TOLD,
    postgresql_where=_TOLD,
)
