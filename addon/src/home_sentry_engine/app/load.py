"""The load of the machine, collected every five seconds: graphics cards, models, database, queues, hops."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
import logging
from typing import Final

from home_sentry_engine.broker.queue import QueueCounts
from home_sentry_engine.contract import (
    DatabaseLoad,
    GpuHistory,
    GpuPoint,
    GpuState,
    GpuSummary,
    LatencyHistory,
    ModelLoad,
    Part,
    Performance,
    RedisLoad,
)
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.jobs import ASSESS, DETECT
from home_sentry_engine.operations.gpu_watch import GpuWatch
from home_sentry_engine.operations.health import HealthBoard
from home_sentry_engine.operations.host import HostMeter
from home_sentry_engine.operations.latency import Latencies
from home_sentry_engine.operations.limits import Watchman
from home_sentry_engine.resilience.breaker import Breakers
from home_sentry_engine.storage.database import Database
from home_sentry_engine.storage.load import database_load
from home_sentry_engine.storage.repositories.gpu_stats import GpuStats
from home_sentry_engine.telemetry.metrics import Registry
from home_sentry_engine.vision.detector import DetectorStatus

from .queues import QUEUES
from .tables import Tables
from .tallies import Tallies

_LOGGER = logging.getLogger(__name__)
_EVERY_S: Final = 5.0
_PATIENCE_S: Final = 4.0
_RING_MINUTES: Final = 60
_P99_WITHIN: Final = timedelta(minutes=10)
_MB: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauged:
    """What is looked at; ``failures`` counts failed tries since the start, ``quarantined`` files that were given up.

    ``redis`` is there where one is in use.
    """

    database: Database
    tables: Tables
    board: HealthBoard
    host: HostMeter
    latencies: Latencies
    detector: Callable[[], DetectorStatus]
    language: Callable[[], Awaitable[ModelLoad | None]]
    failures: Callable[[], int]
    quarantined: Callable[[], int]
    parts: Callable[[], Sequence[Part]]
    breakers: Breakers
    tallies: Tallies
    detect_slots: int
    redis: Callable[[], Awaitable[RedisLoad]] | None = None


class GpuMinutes:
    """Means of this engine's graphics cards in the database."""

    def __init__(self, database: Database, node: str) -> None:
        """``node`` is this engine's lasting name: others may share the database."""
        self._database = database
        self._node = node
        self._rows = GpuStats()

    async def save(self, points: Sequence[GpuPoint]) -> None:
        """Keep the means of minutes that are over."""
        await self._database.write(lambda conn: self._rows.save(conn, self._node, points))

    async def since(self, at: datetime) -> tuple[GpuPoint, ...]:
        """Give the means of a time and later, oldest first."""
        return await self._database.read(lambda conn: self._rows.since(conn, self._node, at))


class Figures:
    """``api.ports.Load``: collects while ``run`` does, and answers from what was collected last."""

    def __init__(self, gauged: Gauged, watch: GpuWatch, minutes: GpuMinutes, clock: Clock, metrics: Registry) -> None:
        """Take what is looked at, the watch of the graphics cards and its means of minutes."""
        self._gauged = gauged
        self._watch = watch
        self._minutes = minutes
        self._clock = clock
        self._watchman = Watchman()
        self._looks: deque[tuple[float, int]] = deque(maxlen=13)
        self._errors: deque[tuple[float, int]] = deque(maxlen=13)
        self._latest: Performance | None = None
        self._depth = metrics.gauge("queue_depth", "Jobs by queue and state", ("queue", "state"))
        self._jobs = metrics.counter("queue_jobs_total", "What became of jobs in this process", ("queue", "outcome"))
        self._counted = {queue: QueueCounts() for queue in QUEUES}
        self._gpu = metrics.gauge("gpu", "Figures of the busiest graphics card", ("kind",))
        self._host = metrics.gauge("host_percent", "Processor, memory and disk in use", ("kind",))
        self._parts = metrics.gauge("components", "Components by state", ("state",))
        self._beyond = metrics.gauge("load_alerts", "Figures beyond their limit", ("level",))

    async def run(self) -> None:
        """Collect every five seconds until cancelled."""
        while True:
            self._latest = await self._collected()
            self._show(self._latest)
            await self._clock.sleep(_EVERY_S)

    async def now(self) -> Performance:
        """Give everything as it was collected last, at most five seconds ago."""
        if self._latest is None:
            self._latest = await self._collected()
        return self._latest

    async def gpu(self) -> GpuState:
        """Give the newest reading of each graphics card."""
        return replace(self._watch.state, inference_fps=self._pace())

    async def gpu_history(self, minutes: int) -> GpuHistory:
        """Give the readings of the last hour, or the means of each minute for a longer time."""
        if minutes <= _RING_MINUTES:
            return self._watch.history(minutes)
        since = self._clock.now() - timedelta(minutes=minutes)
        return GpuHistory(items=await self._minutes.since(since))

    async def latency_history(self) -> LatencyHistory:
        """Give the percentiles of each minute of the last hour."""
        return self._gauged.latencies.history()

    def summary(self) -> GpuSummary:
        """Give the busiest card in one line."""
        cards = self._watch.state.items
        if not cards:
            return GpuSummary(inference_fps=self._pace())
        card = max(cards, key=lambda one: one.utilization_percent or 0.0)
        return GpuSummary(
            utilization_percent=card.utilization_percent,
            memory_used_bytes=card.memory_used_bytes,
            memory_total_bytes=card.memory_total_bytes,
            temperature_c=card.temperature_c,
            inference_fps=self._pace(),
        )

    async def _collected(self) -> Performance:
        gauged, now = self._gauged, self._clock.now()
        seen, at = gauged.detector(), self._clock.monotonic()
        self._looks.append((at, seen.looked))
        self._errors.append((at, gauged.failures()))
        found = Performance(
            at=now,
            gpu=await self.gpu(),
            host=await asyncio.to_thread(gauged.host.read),
            detector=ModelLoad(
                model_id=seen.model_id,
                inference_ms=seen.inference_ms,
                per_second=self._pace(),
                slots=gauged.detect_slots,
            ),
            language=await self._asked(gauged.language()),
            database=await self._asked(database_load(gauged.database)),
            redis=await self._asked(gauged.redis()) if gauged.redis is not None else None,
            queues=await self._asked(gauged.tables.queues.depths()) or (),
            component_states=dict(Counter(part.state.value for part in gauged.board.components())),
            latencies=gauged.latencies.summary(),
        )
        return replace(found, alerts=self._watchman.look(self._judged(found), now))

    async def _asked[T](self, answer: Awaitable[T]) -> T | None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await answer
        except (HomeSentryError, OSError) as err:
            _LOGGER.debug("A figure is not known: %s", err)
            return None

    def _judged(self, found: Performance) -> dict[str, float | None]:
        cards, hops = found.gpu.items, self._gauged.latencies
        depths = {queue.queue: queue.pending for queue in found.queues}
        database: DatabaseLoad | None = found.database
        used = found.redis.used_bytes if found.redis is not None else None
        return {
            "gpu_temperature_c": _most(card.temperature_c for card in cards),
            "gpu_utilization_percent": _most(card.utilization_percent for card in cards),
            "gpu_memory_percent": _most(
                100 * card.memory_used_bytes / card.memory_total_bytes
                for card in cards
                if card.memory_used_bytes is not None and card.memory_total_bytes
            ),
            "cpu_percent": found.host.cpu_percent,
            "memory_percent": found.host.memory_percent,
            "disk_percent": found.host.disk_percent,
            "database_connections_percent": database.connections_percent if database is not None else None,
            "database_cache_hit_percent": database.cache_hit_percent if database is not None else None,
            "redis_mb": None if used is None else used / _MB,
            "detect_p99_ms": hops.p99_ms("watch_detect", _P99_WITHIN),
            "analyse_p99_ms": hops.p99_ms("batch_analyse", _P99_WITHIN),
            "detect_depth": depths.get(DETECT),
            "assess_depth": depths.get(ASSESS),
            "errors_per_minute": _per_second(self._errors) * 60,
        }

    def _pace(self) -> float | None:
        return round(_per_second(self._looks), 2) if len(self._looks) > 1 else None

    def _show(self, found: Performance) -> None:
        for queue in found.queues:
            for state in ("pending", "processing", "delayed", "dead"):
                self._depth.set(getattr(queue, state), queue=queue.queue, state=state)
        self._count_jobs()
        self._tell(found)
        summary = self.summary()
        for kind in ("utilization_percent", "memory_used_bytes", "memory_total_bytes", "temperature_c"):
            value = getattr(summary, kind)
            if value is not None:
                self._gpu.set(value, kind=kind)
        for kind, percent in (
            ("cpu", found.host.cpu_percent),
            ("memory", found.host.memory_percent),
            ("disk", found.host.disk_percent),
        ):
            if percent is not None:
                self._host.set(percent, kind=kind)
        for state, count in found.component_states.items():
            self._parts.set(count, state=state)
        levels = Counter(alert.level.value for alert in found.alerts)
        for level in ("warning", "critical"):
            self._beyond.set(levels[level], level=level)

    def _tell(self, found: Performance) -> None:
        gauged = self._gauged
        gauged.tallies.quarantined(gauged.quarantined())
        gauged.tallies.breakers(gauged.breakers.states())
        gauged.tallies.parts(gauged.parts())
        gauged.tallies.database(found.database)

    def _count_jobs(self) -> None:
        for name, before in self._counted.items():
            counts = self._counted[name] = self._gauged.tables.queue.counts(name)
            for outcome, count in asdict(counts).items():
                self._jobs.add(count - getattr(before, outcome), queue=name, outcome=outcome)


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _per_second(counts: deque[tuple[float, int]]) -> float:
    if len(counts) < 2:
        return 0.0
    (began, before), (ended, after) = counts[0], counts[-1]
    return max(0, after - before) / (ended - began) if ended > began else 0.0
