"""How hard the machine works: graphics cards, processor, database, hops of a picture; None is what is not known."""

from dataclasses import dataclass, field
from datetime import datetime

from .system import QueueDepth
from .vocabulary import AlertLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One reading of one graphics card; percentages are 0..100, ``throttled`` names why its clocks are held down."""

    index: int
    name: str
    at: datetime
    utilization_percent: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    fan_percent: float | None = None
    clock_mhz: float | None = None
    memory_clock_mhz: float | None = None
    encoder_percent: float | None = None
    throttled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuState:
    """The newest reading of each card; without any ``reason`` says why. ``inference_fps`` is the detector's pace."""

    source: str | None = None
    reason: str | None = None
    inference_fps: float | None = None
    items: tuple[Gpu, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuPoint:
    """Means of one card over some time that began at ``at``, from that many readings."""

    at: datetime
    index: int
    readings: int
    utilization_percent: float | None = None
    memory_used_bytes: int | None = None
    temperature_c: float | None = None
    power_w: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuHistory:
    """Readings of the last hour, or means of each minute of the last day; oldest first."""

    items: tuple[GpuPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long one hop took lately: ``watch_detect``, ``detect_batch``, ``batch_analyse`` or ``total``."""

    hop: str
    count: int
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPoint:
    """The same for one minute that began at ``at``."""

    at: datetime
    hop: str
    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyHistory:
    """Each minute of the last hour in which something happened, oldest first."""

    items: tuple[LatencyPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLoad:
    """The machine; ``engine_bytes`` is the memory of the engine and its children."""

    cpu_percent: float | None = None
    memory_percent: float | None = None
    memory_total_bytes: int | None = None
    engine_bytes: int | None = None
    disk_percent: float | None = None
    disk_free_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseLoad:
    """The database; busy counts and WAL belong to SQLite, connections and cache hits to a server."""

    backend: str
    size_bytes: int | None = None
    wal_bytes: int | None = None
    busy: int | None = None
    cache_hit_percent: float | None = None
    connections_percent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisLoad:
    """The Redis server, where one is in use."""

    used_bytes: int | None = None
    clients: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLoad:
    """A model at work: ``busy`` of ``slots`` questions or pictures at once, more are ``waiting`` for a slot."""

    model_id: str | None = None
    inference_ms: float | None = None
    per_second: float | None = None
    busy: int | None = None
    slots: int | None = None
    waiting: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadAlert:
    """A figure beyond its limit; it goes back only when it is clearly below."""

    metric: str
    level: AlertLevel
    value: float
    limit: float
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Everything about the load at one moment; parts that are not in use are None."""

    at: datetime
    gpu: GpuState
    host: HostLoad
    detector: ModelLoad | None = None
    language: ModelLoad | None = None
    database: DatabaseLoad | None = None
    redis: RedisLoad | None = None
    queues: tuple[QueueDepth, ...] = ()
    component_states: dict[str, int] = field(default_factory=dict)
    latencies: tuple[Latency, ...] = ()
    alerts: tuple[LoadAlert, ...] = ()
