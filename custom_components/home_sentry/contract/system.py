"""What the engine says about itself: identity, components, status."""

from dataclasses import dataclass, field
from datetime import datetime

from .vocabulary import ComponentState, Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """Identity and abilities of an engine; ``risk_bands`` are the lowest scores of medium, high and critical."""

    instance_id: str
    name: str
    version: str
    schema: int
    min_schema: int
    started_at: datetime
    detector: str | None = None
    provider: str | None = None
    provider_reason: str | None = None
    llm: str | None = None
    capabilities: tuple[str, ...] = ()
    risk_bands: tuple[int, int, int] = (30, 60, 85)
    demo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """Health of one part; ``reason`` says why it is not healthy and ``fix`` what to do about it."""

    id: str
    state: ComponentState
    reason: str | None = None
    fix: str | None = None
    since: datetime | None = None
    details: dict[str, str | int | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """Work of one queue: ready, leased to a worker, waiting for a retry, given up."""

    queue: str
    pending: int
    processing: int
    delayed: int
    dead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """Files since the database was made; ``accepted = stored + queued + quarantined`` always holds."""

    seen: int
    accepted: int
    duplicate: int
    rejected: int
    stored: int
    queued: int
    quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """State of the whole engine at one moment."""

    mode: Mode
    mode_causes: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    queues: tuple[QueueDepth, ...] = ()
    accounting: Accounting | None = None
    cameras_active: int = 0
    cameras_total: int = 0
    detector_ms: float | None = None
    rejections: dict[str, int] = field(default_factory=dict)
    at: datetime
