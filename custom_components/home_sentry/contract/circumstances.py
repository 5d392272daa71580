"""What the home says about itself, what is usual there, and what a new camera learned."""

from dataclasses import dataclass, field
from datetime import datetime

from .places import Zone
from .vocabulary import HomeFactKind, LearningState, RiskLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeFact:
    """The state of one entity of Home Assistant that the user chose; ``state`` None while it is not available.

    ``changed_at`` is when it took this state; ``details`` are a few numbers or words, such as a temperature.
    """

    kind: HomeFactKind
    entity_id: str
    name: str
    state: str | None
    changed_at: datetime | None = None
    details: dict[str, str | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeReport:
    """All chosen entities at once; the engine fills in ``received_at`` and says whether the report is ``stale``."""

    facts: tuple[HomeFact, ...] = ()
    time_zone: str | None = None
    received_at: datetime | None = None
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineLimits:
    """How habits are judged: days looked back, days needed, standard deviations that are unusual."""

    window_days: int = 30
    min_days: int = 10
    threshold_std: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """An event of the learning time that would have been an alert."""

    event_id: str
    started_at: datetime
    level: RiskLevel
    score: int
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningReport:
    """What a camera learned in its first days, and what its owner may make of it.

    ``zones`` are proposals drawn from where objects stood, ``busy_hours`` and ``quiet_hours`` are hours of the day at
    home, ``confidence`` is a detection threshold 0..1; what cannot be said yet is empty or None. ``would_alert`` are
    events of at least level high, the newest first.
    """

    camera_id: str
    state: LearningState
    since: datetime
    until: datetime | None
    pictures: int = 0
    events: int = 0
    would_alert: tuple[HeldBack, ...] = ()
    zones: tuple[Zone, ...] = ()
    busy_hours: tuple[int, ...] = ()
    quiet_hours: tuple[int, ...] = ()
    confidence: float | None = None
