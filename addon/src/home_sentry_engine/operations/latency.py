"""How long the hops of a picture take: percentiles over the last hour, and minute by minute."""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from math import ceil
from typing import Final

from home_sentry_engine.contract import Latency, LatencyHistory, LatencyPoint
from home_sentry_engine.domain.clock import Clock

HOPS: Final = ("watch_detect", "detect_batch", "batch_analyse", "total")
_WINDOW: Final = timedelta(minutes=60)
_MOST: Final = 20_000


class Latencies:
    """Keeps the last hour of each hop, at most 20,000 of each; safe for the event loop alone."""

    def __init__(self, clock: Clock) -> None:
        """Take the clock that stamps what is noted."""
        self._clock = clock
        self._noted: dict[str, deque[tuple[datetime, float]]] = {hop: deque(maxlen=_MOST) for hop in HOPS}

    def note(self, hop: str, seconds: float) -> None:
        """Note one time of a hop of ``HOPS``; a clock that went back in between counts as no time at all."""
        self._noted[hop].append((self._clock.now(), max(0.0, seconds) * 1000))

    def summary(self) -> tuple[Latency, ...]:
        """Give the percentiles of each hop over the last hour."""
        return tuple(self._of(hop, [ms for _, ms in self._fresh(hop)]) for hop in HOPS)

    def p99_ms(self, hop: str, within: timedelta) -> float | None:
        """Give the 99th percentile of a hop lately, None without any."""
        since = self._clock.now() - within
        values = [ms for at, ms in self._noted[hop] if at >= since]
        return percentile(sorted(values), 0.99) if values else None

    def history(self) -> LatencyHistory:
        """Give the percentiles of each minute, oldest first."""
        points: list[LatencyPoint] = []
        for hop in HOPS:
            for at, some in groupby(self._fresh(hop), key=lambda one: one[0].replace(second=0, microsecond=0)):
                values = sorted(ms for _, ms in some)
                p50, p95, p99 = (percentile(values, share) for share in (0.5, 0.95, 0.99))
                points.append(LatencyPoint(at=at, hop=hop, count=len(values), p50_ms=p50, p95_ms=p95, p99_ms=p99))
        return LatencyHistory(items=tuple(sorted(points, key=lambda point: (point.at, point.hop))))

    def _fresh(self, hop: str) -> Sequence[tuple[datetime, float]]:
        since = self._clock.now() - _WINDOW
        noted = self._noted[hop]
        while noted and noted[0][0] < since:
            noted.popleft()
        return tuple(noted)

    @staticmethod
    def _of(hop: str, values: Iterable[float]) -> Latency:
        ordered = sorted(values)
        if not ordered:
            return Latency(hop=hop, count=0)
        p50, p95, p99 = (percentile(ordered, share) for share in (0.5, 0.95, 0.99))
        return Latency(hop=hop, count=len(ordered), p50_ms=p50, p95_ms=p95, p99_ms=p99)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Give the nearest-rank percentile of sorted values."""
    return round(ordered[max(0, ceil(share * len(ordered)) - 1)], 2)
