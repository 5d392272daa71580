"""Alert rules as their owner writes them, and the alerts that they raise. All times are aware UTC."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .alert_vocabulary import AlertCondition, AlertDecision, AlertStatus, PathMove
from .vocabulary import AnalysisState, RiskLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSchedule:
    """When a rule holds: weekdays (0 is Monday, none means all), ``HH:MM`` to ``HH:MM`` by the clock of ``timezone``.

    A span that ends before it begins goes on into the next day; equal ends mean the whole day. Without a time zone it
    is the home's.
    """

    days: tuple[int, ...] = ()
    start: str = "00:00"
    end: str = "00:00"
    timezone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """When somebody is to be told; all conditions must hold, and one that is left empty always does.

    ``object_types`` are classes (dog) or groups (animal). One and the same object must be of such a type, be at least
    ``min_confidence`` sure, stand in one of the zones, make one of the ``moves`` (into or out of one of the zones; of
    private ones, if none are named) and pass the zones of ``zone_sequence`` in that order. Without ``severity`` an
    alert has the level of its event; without ``channels`` it goes to all that are enabled. ``dedup_key`` may name
    ``{camera_id}``, ``{rule_id}``, ``{object_type}``, ``{zone_id}`` and ``{subject}``. ``broken`` says why the rule
    cannot hold: it never matches until that is mended.
    """

    id: str
    name: str
    enabled: bool = True
    builtin: bool = False
    risk_threshold: int | None = None
    levels: tuple[RiskLevel, ...] = ()
    object_types: tuple[str, ...] = ()
    camera_ids: tuple[str, ...] = ()
    zone_ids: tuple[str, ...] = ()
    min_confidence: float | None = None
    schedule: AlertSchedule | None = None
    moves: tuple[PathMove, ...] = ()
    zone_sequence: tuple[str, ...] = ()
    severity: RiskLevel | None = None
    channels: tuple[str, ...] = ()
    cooldown_s: int = 300
    dedup_key: str = "{camera_id}:{rule_id}:{object_type}"
    broken: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRuleList:
    """All rules, the built-in one first, then by name."""

    items: tuple[AlertRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRuleRemoved:
    """A rule is gone; its alerts stay."""

    rule_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOutcome:
    """What one rule said of one revision; ``condition`` is the first that did not hold, ``alert_id`` what was made."""

    rule_id: str
    decision: AlertDecision
    condition: AlertCondition | None = None
    alert_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTrial:
    """What a rule says of one stored event, as that is now."""

    event_id: str
    camera_id: str
    started_at: datetime
    risk_score: int
    risk_level: RiskLevel
    matched: bool
    condition: AlertCondition | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTest:
    """A rule against stored events, the newest first."""

    rule_id: str
    tested: int
    matched: int
    items: tuple[RuleTrial, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Somebody is to be told of an event, or was; one for each event, rule and level at most.

    ``revision`` is the event's that raised it, with the ``level``, ``score``, ``state`` and ``summary`` of that moment.
    ``rule_only`` says that rules alone judged. ``channels`` are the ids of the rule, none for all that are enabled.
    ``delivered_at`` is when the first of them delivered, from which the cooldown of ``dedup_key`` counts. ``closed_at``
    and ``closed_by`` belong to the states acknowledged and dismissed. ``metadata`` holds more for those who tell it.
    """

    id: str
    rule_id: str
    rule_name: str
    event_id: str
    camera_id: str
    camera_name: str
    revision: int
    severity: RiskLevel
    level: RiskLevel
    score: int
    state: AnalysisState
    rule_only: bool = False
    summary: str
    media_id: str
    object_types: tuple[str, ...] = ()
    zone_ids: tuple[str, ...] = ()
    status: AlertStatus
    channels: tuple[str, ...] = ()
    dedup_key: str
    made_at: datetime
    delivered_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPage:
    """Part of the alerts, newest first."""

    items: tuple[Alert, ...]
    next_cursor: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStats:
    """Alerts since a moment; ``suppressed`` counts events that the cooldown alone kept silent.

    ``duplicate_ratio`` 0..1 is their share of all events for which a rule wanted to tell somebody, None without any.
    """

    since: datetime
    alerts: int
    suppressed: int
    duplicate_ratio: float | None = None
    by_status: dict[str, int] = field(default_factory=dict)
    by_severity: dict[str, int] = field(default_factory=dict)
    by_rule: dict[str, int] = field(default_factory=dict)
    by_camera: dict[str, int] = field(default_factory=dict)
    recent: tuple[Alert, ...] = ()
