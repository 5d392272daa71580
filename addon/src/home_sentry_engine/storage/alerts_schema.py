"""Tables of alerts: what was decided for each revision, rules, alerts, and which of their keys are taken.

They join the metadata of ``schema``; the migrations make them.
"""

from typing import Any, Final

import sqlalchemy as sa

from home_sentry_engine.contract import AlertDecision, AlertStatus, RiskLevel

from .schema import metadata, one_of
from .types import UtcDateTime

__all__ = ["alert_evaluations", "alert_rules", "alert_slots", "alerts", "metadata"]


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime, nullable=nullable)


def _json(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=nullable)


def _event() -> sa.ForeignKey:
    return sa.ForeignKey("events.id", ondelete="CASCADE")


alert_evaluations: Final = sa.Table(
    "alert_evaluations",
    metadata,
    sa.Column("event_id", sa.Text, _event(), primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    _time("at"),
    _text("level"),
    _text("decision"),
    _json("rules", nullable=True),
    sa.CheckConstraint(one_of("decision", AlertDecision), "decision"),
)

alert_rules: Final = sa.Table(
    "alert_rules",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("name"),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("builtin", sa.Boolean, nullable=False),
    sa.Column("risk_threshold", sa.Integer, nullable=True),
    _json("levels"),
    _json("object_types"),
    _json("camera_ids"),
    _json("zone_ids"),
    sa.Column("min_confidence", sa.Double, nullable=True),
    _json("schedule", nullable=True),
    _json("moves"),
    _json("zone_sequence"),
    _text("severity", nullable=True),
    _json("channels"),
    sa.Column("cooldown_s", sa.Integer, nullable=False),
    _text("dedup_key"),
    _time("created_at"),
    _time("updated_at"),
    sa.CheckConstraint("risk_threshold BETWEEN 0 AND 100", "risk_threshold"),
    sa.CheckConstraint("min_confidence BETWEEN 0 AND 1", "min_confidence"),
    sa.CheckConstraint("cooldown_s >= 0", "cooldown_s"),
    sa.CheckConstraint(one_of("severity", RiskLevel), "severity"),
)

alerts: Final = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("rule_id"),
    sa.Column("event_id", sa.Text, _event(), nullable=False),
    _text("camera_id"),
    sa.Column("revision", sa.Integer, nullable=False),
    _text("severity"),
    _text("level"),
    _text("status"),
    _text("dedup_key"),
    sa.Column("cooldown_s", sa.Integer, nullable=False),
    _time("made_at"),
    _time("delivered_at", nullable=True),
    _time("closed_at", nullable=True),
    _text("closed_by", nullable=True),
    _json("body"),
    sa.UniqueConstraint("event_id", "rule_id", "level"),
    sa.CheckConstraint(one_of("severity", RiskLevel), "severity"),
    sa.CheckConstraint(one_of("level", RiskLevel), "level"),
    sa.CheckConstraint(one_of("status", AlertStatus), "status"),
    sa.CheckConstraint("cooldown_s >= 0", "cooldown_s"),
    sa.Index(None, "made_at", "id"),
    sa.Index(None, "camera_id", "made_at", "id"),
)

# one row for each key and level that an alert took; it is free again at ``until``
alert_slots: Final = sa.Table(
    "alert_slots",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("level", sa.Text, primary_key=True),
    _text("alert_id"),
    _time("until"),
    sa.CheckConstraint(one_of("level", RiskLevel), "level"),
    sa.Index(None, "until"),
)
