"""The queues beside their limits: figures of each, and the component that tells of back-pressure."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from home_sentry_engine.broker.queue import Overflow, Queue, QueueCounts, QueueLimits
from home_sentry_engine.contract import Component, ComponentState, QueueDepth
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.jobs import ASSESS, DETECT, NOTIFY
from home_sentry_engine.operations.monitor import Probe
from home_sentry_engine.storage.database import Connection

QUEUES: Final = (DETECT, ASSESS, NOTIFY)
_EVERY_S: Final = 5.0
_PATIENCE_S: Final = 4.0
_RELIEVED: Final = 7 / 8
_FIX: Final = (
    "see whether the detector and the language model work; if they do and this lasts, more comes in than this machine "
    "can look at: fewer pictures per camera, a faster model, or one more engine"
)
_BECOMES: Final = {
    Overflow.DEAD_LETTER: "goes to the dead letters, that of the busiest camera first",
    Overflow.REJECT: "is refused, that of the busiest camera first",
    Overflow.DROP_OLDEST: "replaces what has waited longest, of the busiest camera first",
}


class QueueFigures:
    """Counts every queue; what overflowed is counted since the start of this process."""

    def __init__(self, queue: Queue[Connection], limits: QueueLimits) -> None:
        """Take the queues and their bounds."""
        self._queue = queue
        self.limits = limits

    async def depths(self) -> tuple[QueueDepth, ...]:
        """Count the jobs of every queue."""
        return tuple([self._beside_limit(await self._queue.depth(name)) for name in QUEUES])

    def counts(self, queue: str) -> QueueCounts:
        """Tell what this process did with a queue."""
        return self._queue.counts(queue)

    def _beside_limit(self, depth: QueueDepth) -> QueueDepth:
        counts = self._queue.counts(depth.queue)
        return replace(
            depth,
            limit=self.limits.limit,
            dead_lettered=counts.dead_lettered,
            rejected=counts.rejected,
            dropped=counts.dropped,
        )


class BackPressure:
    """The component ``queues``: degraded once a queue is 80 % full, healthy again below 70 % of its limit."""

    def __init__(self, depths: Callable[[], Awaitable[tuple[QueueDepth, ...]]], limits: QueueLimits) -> None:
        """Take what counts, and the bounds."""
        self._depths = depths
        self._limits = limits
        self._pressed: set[str] = set()

    def probe(self) -> Probe:
        """Give the probe; it has a hysteresis of its own."""
        return Probe(id="queues", check=self._check, interval_s=_EVERY_S, damped=False)

    async def _check(self) -> Component | None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                depths = await self._depths()
        except HomeSentryError, OSError:
            # the database and Redis are components of their own, which say what they lack
            return None
        return self.judged(depths)

    def judged(self, depths: tuple[QueueDepth, ...]) -> Component:
        """Give the component for these counts; numbers are in its details, so that the reason changes seldom."""
        details: dict[str, str | int | float | bool | None] = {"limit": self._limits.limit}
        troubles = []
        for depth in depths:
            held = depth.pending + depth.processing + depth.delayed
            details[depth.queue] = held
            details[f"{depth.queue}_overflowed"] = depth.dead_lettered + depth.rejected + depth.dropped
            self._weigh(depth.queue, held)
            if depth.queue in self._pressed:
                troubles.append(self._said(depth.queue, held))
        if not troubles:
            return Component(id="queues", state=ComponentState.HEALTHY, details=details)
        reason = "; ".join(troubles)
        return Component(id="queues", state=ComponentState.DEGRADED, reason=reason, fix=_FIX, details=details)

    def _weigh(self, queue: str, held: int) -> None:
        if held >= self._limits.warn_at:
            self._pressed.add(queue)
        elif held < self._limits.warn_at * _RELIEVED:
            self._pressed.discard(queue)

    def _said(self, queue: str, held: int) -> str:
        if held >= self._limits.limit:
            return f"the queue {queue} is full: what comes now {_BECOMES[self._limits.overflow]}"
        return f"the queue {queue} fills up: {self._limits.warn_share:.0%} of {self._limits.limit:,} jobs were reached"
