"""What the engine says about itself: identity, components, queues, status, audit."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .vocabulary import ComponentState, Health, Mode, Vocabulary


class RestartStrategy(Vocabulary):
    """How a component begins anew: as a task or a child process of the engine, or the engine itself as a whole.

    The whole: as a ``service`` of its container, an ``app`` of Home Assistant, or by itself (``anew``). What is
    ``remote`` is never restarted, only reported; what has ``none`` only tells how it is.
    """

    TASK = "task"
    PROCESS = "process"
    SERVICE = "service"
    APP = "app"
    ANEW = "anew"
    REMOTE = "remote"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """Identity and abilities of an engine; ``risk_bands`` are the lowest scores of medium, high and critical.

    Fingerprints are the SHA-256 of certificates as 64 hexadecimal digits: the one that is shown, and the one that will
    follow it. ``insecure`` says that others on the network can listen in.
    """

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
    tls_fingerprint: str | None = None
    tls_next_fingerprint: str | None = None
    insecure: bool = False


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
    """Work of one queue: ready, leased to a worker, waiting for a retry, given up.

    ``limit`` bounds the first three together, None where it is not told; ``dead_lettered``, ``rejected`` and
    ``dropped`` count what a full queue did not keep since the start of the engine that answers.
    """

    queue: str
    pending: int
    processing: int
    delayed: int
    dead: int
    limit: int | None = None
    dead_lettered: int = 0
    rejected: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueList:
    """All queues."""

    items: tuple[QueueDepth, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTry:
    """A try of a job that failed: when, why, and the delay after which the next one was to come."""

    failed_at: datetime
    after_s: float
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadJob:
    """A job that was given up and waits for a person; ``camera_id`` is None for work without a camera.

    ``body`` is the job as JSON text of at most 2,048 characters and ends in ``…`` where it was cut; ``payload`` is the
    same as values, empty where ``body`` was cut. ``tries`` are the failed ones before the last, the newest 16 of them.
    """

    id: int
    queue: str
    camera_id: str | None
    attempts: int
    error: str
    error_type: str
    enqueued_at: datetime
    first_failed_at: datetime
    last_failed_at: datetime
    payload: dict[str, Any] = field(default_factory=dict)
    stack: str | None = None
    body: str = ""
    tries: tuple[FailedTry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadJobPage:
    """Part of a list of given-up jobs, newest first."""

    items: tuple[DeadJob, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requeued:
    """How many given-up jobs went back into their queue, and how many did not fit or do not exist any more."""

    requeued: int
    remaining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """How many given-up jobs were deleted for good."""

    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A component with what may be done to it; its counters survive a restart of the engine.

    A ``controllable`` part can be restarted and, unless it is ``fixed``, stopped and switched off. One that is
    ``stopped`` stays so until it is started or the engine begins anew; one that is not ``enabled`` also after that.
    """

    component: Component
    enabled: bool = True
    controllable: bool = False
    fixed: bool = False
    core: bool = False
    failures: int = 0
    restarts: int = 0
    last_failure_at: datetime | None = None
    last_restart_at: datetime | None = None
    strategy: RestartStrategy = RestartStrategy.NONE
    stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PartList:
    """All components."""

    items: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentHistory:
    """The last changes of one component since the start of the engine, newest first."""

    items: tuple[Component, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupMade:
    """A sound copy of the database in the engine's folder of backups: its file name, size and schema revision."""

    name: str
    size_bytes: int
    schema: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanedUp:
    """What a clean-up deleted: visits, files and their bytes, other rows, files that no row knew."""

    events: int
    files: int
    bytes: int
    rows: int
    strays: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what to the engine; ``outcome`` is ``done`` or why it was not done."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str | None = None
    outcome: str = "done"
    address: str | None = None
    request_id: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Part of the audit, newest first."""

    items: tuple[AuditEntry, ...]
    next_cursor: str | None = None
    total: int | None = None


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
class GpuSummary:
    """The busiest graphics card in one line; None is what is not known, for want of a card or of an answer."""

    utilization_percent: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    temperature_c: float | None = None
    inference_fps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """State of the whole engine at one moment; ``features`` works in this mode, ``missing`` does not.

    Counts are None while their source does not answer; ``pending`` and ``processing`` are sums over all queues.
    ``silent_together`` are cameras that fell quiet within minutes of each other, which may be sabotage.
    ``broken_rules`` names rules of alerts that are enabled and cannot hold, each with its reason.
    """

    mode: Mode
    mode_causes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    queues: tuple[QueueDepth, ...] = ()
    accounting: Accounting | None = None
    cameras_active: int | None = None
    cameras_total: int | None = None
    detector_ms: float | None = None
    rejections: dict[str, int] = field(default_factory=dict)
    silent_together: tuple[str, ...] = ()
    silent_since: datetime | None = None
    at: datetime
    health: Health = Health.UNKNOWN
    pending: int | None = None
    processing: int | None = None
    gpu: GpuSummary = field(default_factory=GpuSummary)
    broken_rules: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRotated:
    """A new token, shown this once; the one before opens the API until ``previous_until``."""

    token: str
    previous_until: datetime
