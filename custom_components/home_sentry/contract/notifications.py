"""Channels by which the engine itself tells people of alerts, and what became of each message."""

from dataclasses import dataclass, field
from datetime import datetime

from .alerts import AlertSchedule
from .vocabulary import RiskLevel, Vocabulary


class ChannelKind(Vocabulary):
    """How a channel reaches its target."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    UNKNOWN = "unknown"


class MailSecurity(Vocabulary):
    """How the way to a mail server is encrypted: after a greeting (usually port 587), or from the start (465)."""

    STARTTLS = "starttls"
    TLS = "tls"
    UNKNOWN = "unknown"


class DeliveryState(Vocabulary):
    """What became of an alert in a channel; ``skipped`` was decided, ``failed`` was tried or could not be."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


class DeliveryGate(Vocabulary):
    """A question that an alert has to pass before it is sent, in this order."""

    ENABLED = "enabled"
    LEVEL = "level"
    CAMERA = "camera"
    AGE = "age"
    TOLD = "told"
    QUIET_HOURS = "quiet_hours"
    RATE = "rate"
    UNKNOWN = "unknown"


class DeliveryReason(Vocabulary):
    """Why a delivery stands where it does: passed and waiting, the gate that held it, or the end of its tries.

    ``no_answer``: the target took the message and did not answer, so that it is not sent again.
    """

    WAITING = "waiting"
    DELIVERED = "delivered"
    CHANNEL_OFF = "channel_off"
    BELOW_LEVEL = "below_level"
    OTHER_CAMERA = "other_camera"
    STALE = "stale"
    TOLD_BEFORE = "told_before"
    QUIET_HOURS = "quiet_hours"
    RATE_CAPPED = "rate_capped"
    NOT_SET_UP = "not_set_up"
    FORBIDDEN_TARGET = "forbidden_target"
    UNREACHABLE = "unreachable"
    NO_ANSWER = "no_answer"
    THROTTLED = "throttled"
    REJECTED = "rejected"
    REDIRECTED = "redirected"
    LOGIN_FAILED = "login_failed"
    UNTRUSTED = "untrusted"
    TOO_LATE = "too_late"
    EVENT_GONE = "event_gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFilters:
    """Which alerts a channel tells: from ``level`` on, of ``cameras`` (all, if empty), outside its quiet hours.

    Alerts from ``breaks_quiet`` on are told in quiet hours too; with None nothing is. Of one camera at most
    ``per_hour`` alerts are told within an hour, 0 for any number; those of a higher level do not wait for lower ones.
    """

    level: RiskLevel = RiskLevel.HIGH
    cameras: tuple[str, ...] = ()
    quiet_hours: tuple[AlertSchedule, ...] = ()
    breaks_quiet: RiskLevel | None = RiskLevel.CRITICAL
    per_hour: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One way to one target; ``target`` names it without secrets, None before it is set up.

    ``missing`` names what is still needed. ``signed`` webhooks carry a signature. From ``failing_since`` on nothing got
    through, ``failure`` says why.
    """

    id: str
    kind: ChannelKind
    name: str
    enabled: bool = True
    target: str | None = None
    filters: ChannelFilters = field(default_factory=ChannelFilters)
    missing: tuple[str, ...] = ()
    signed: bool = False
    created_at: datetime
    updated_at: datetime
    delivered_at: datetime | None = None
    failing_since: datetime | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelList:
    """All channels."""

    items: tuple[Channel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRemoved:
    """A channel is gone with its secrets and deliveries."""

    channel_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """What one gate said; ``reason`` is why it held the alert, None where it let it pass."""

    gate: DeliveryGate
    passed: bool
    reason: DeliveryReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One alert in one channel; a ``test`` belongs to no alert. ``gates`` are all that were asked."""

    id: str
    channel_id: str
    alert_id: str | None = None
    event_id: str | None = None
    camera_id: str | None = None
    level: RiskLevel
    state: DeliveryState
    reason: DeliveryReason
    detail: str | None = None
    gates: tuple[GateResult, ...] = ()
    attempts: int = 0
    created_at: datetime
    tried_at: datetime | None = None
    next_try_at: datetime | None = None
    delivered_at: datetime | None = None
    test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPage:
    """Part of the deliveries, newest first.

    ``all_successful`` tells whether all that were not skipped got through, None while some are under way or where
    there is none; it speaks of all that were asked for, not of this page alone.
    """

    items: tuple[Delivery, ...]
    next_cursor: str | None = None
    total: int | None = None
    all_successful: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStats:
    """How many deliveries of a channel stand where, tests left out; ``attempts`` counts every try."""

    channel_id: str
    pending: int = 0
    delivered: int = 0
    failed: int = 0
    skipped: int = 0
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationStats:
    """Deliveries by channel and by reason; ``alerts`` that went to a channel, and those that got through everywhere."""

    channels: tuple[ChannelStats, ...] = ()
    by_reason: dict[str, int] = field(default_factory=dict)
    alerts: int = 0
    all_successful: int = 0
