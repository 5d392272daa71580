"""Tables of running the engine: components, the audit, kept replies, means of graphics cards, feedback.

They join the metadata of ``schema``; the migrations make them.
"""

from typing import Any, Final

import sqlalchemy as sa

from home_sentry_engine.contract import ComponentState, FeedbackKind, KeyRole

from .schema import metadata, one_of
from .types import UtcDateTime

__all__ = ["api_keys", "audit", "components", "feedback", "gpu_stats", "metadata", "replies", "reviews"]


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime, nullable=nullable)


def _whole(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=nullable)


def _real(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Double, nullable=True)


components: Final = sa.Table(
    "components",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()),
    _text("state"),
    _text("reason", nullable=True),
    _whole("failures"),
    _whole("restarts"),
    _time("last_failure_at", nullable=True),
    _time("last_restart_at", nullable=True),
    sa.CheckConstraint("failures >= 0 AND restarts >= 0", "counts"),
    sa.CheckConstraint(one_of("state", ComponentState), "state"),
)

audit: Final = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    _time("at"),
    _text("actor"),
    _text("action"),
    _text("target", nullable=True),
    _text("outcome"),
    _text("address", nullable=True),
    _text("request_id", nullable=True),
    sa.Column("details", sa.JSON(none_as_null=True), nullable=False),
    sa.Index(None, "at", "id"),
    sqlite_autoincrement=True,
)

# answers to requests with an Idempotency-Key; without a status the request is being worked on
replies: Final = sa.Table(
    "replies",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    _text("fingerprint"),
    _time("at"),
    _time("expires_at"),
    _whole("status", nullable=True),
    sa.Column("body", sa.LargeBinary, nullable=True),
    sa.CheckConstraint("status BETWEEN 100 AND 599", "status"),
    sa.Index(None, "expires_at"),
)

gpu_stats: Final = sa.Table(
    "gpu_stats",
    metadata,
    sa.Column("node", sa.Text, primary_key=True),
    sa.Column("gpu", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", UtcDateTime, primary_key=True),
    _whole("readings"),
    _real("utilization_percent"),
    sa.Column("memory_used_bytes", sa.BigInteger, nullable=True),
    _real("temperature_c"),
    _real("power_w"),
    sa.CheckConstraint("readings > 0", "readings"),
    sa.CheckConstraint("utilization_percent BETWEEN 0 AND 100", "utilization"),
    sa.Index(None, "at"),
)

# each person's own review; the column of events says whether anybody did
reviews: Final = sa.Table(
    "reviews",
    metadata,
    sa.Column("event_id", sa.Text, sa.ForeignKey("events.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("user_id", sa.Text, primary_key=True),
    _time("at"),
)

feedback: Final = sa.Table(
    "feedback",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("event_id", sa.Text, sa.ForeignKey("events.id", ondelete="CASCADE"), nullable=False),
    _time("at"),
    _text("user_id", nullable=True),
    _text("kind"),
    _text("subject", nullable=True),
    _text("comment", nullable=True),
    sa.CheckConstraint(one_of("kind", FeedbackKind), "kind"),
    sa.Index(None, "event_id"),
    sqlite_autoincrement=True,
)

# the SHA-256 of each secret; the token of the installation is none of them
api_keys: Final = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("name"),
    _text("role"),
    sa.Column("cameras", sa.JSON(none_as_null=True), nullable=False),
    sa.Column("sha256", sa.Text, nullable=False, unique=True),
    _time("created_at"),
    _time("expires_at", nullable=True),
    _time("last_used_at", nullable=True),
    _time("revoked_at", nullable=True),
    sa.CheckConstraint(one_of("role", KeyRole), "role"),
    sa.CheckConstraint("length(sha256) = 64", "sha256"),
)
