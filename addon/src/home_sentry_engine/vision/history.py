"""How long models took, minute by minute."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
import math
from typing import Final

from home_sentry_engine.domain.clock import Clock

_MINUTES: Final = 60
_MOST_SAMPLES: Final = 2000
_COLD_S: Final = 300.0
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """Calls of one minute, in milliseconds."""

    at: datetime
    calls: int
    mean_ms: float
    longest_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Calls of one model within the last hour; percentiles by nearest rank, None without any call."""

    model_id: str
    calls: int
    p50_ms: float | None
    p95_ms: float | None
    minutes: tuple[Minute, ...]


class LatencyHistory:
    """Remembers the last hour of every model, 2000 calls at most."""

    def __init__(self, clock: Clock) -> None:
        """Take the clock."""
        self._clock = clock
        self._samples: dict[str, deque[tuple[datetime, float]]] = {}
        self._busy_at: dict[str, float] = {}

    def note(self, model_id: str, spent_ms: float) -> None:
        """Remember one call."""
        self.touch(model_id)
        self._samples.setdefault(model_id, deque(maxlen=_MOST_SAMPLES)).append((self._clock.now(), spent_ms))

    def touch(self, model_id: str) -> None:
        """Note that a model has just worked, also to warm up."""
        self._busy_at[model_id] = self._clock.monotonic()

    def is_cold(self, model_id: str) -> bool:
        """Tell whether a model that is loaded has done nothing for 300 s."""
        return self._clock.monotonic() - self._busy_at.get(model_id, float("-inf")) >= _COLD_S

    def of(self, model_id: str) -> Latency:
        """Summarise a model; one that was never used has no calls."""
        since = self._clock.now() - _MINUTES * _MINUTE
        recent = [(at, spent) for at, spent in self._samples.get(model_id, ()) if at > since]
        ordered = sorted(spent for _, spent in recent)
        return Latency(
            model_id=model_id,
            calls=len(ordered),
            p50_ms=_rank(ordered, 0.5),
            p95_ms=_rank(ordered, 0.95),
            minutes=_minutes(recent),
        )

    def all(self) -> tuple[Latency, ...]:
        """Summarise every model that was used within the hour."""
        found = (self.of(model_id) for model_id in sorted(self._samples))
        return tuple(one for one in found if one.calls)


def _minutes(samples: Sequence[tuple[datetime, float]]) -> tuple[Minute, ...]:
    by_minute: dict[datetime, list[float]] = {}
    for at, spent in samples:
        by_minute.setdefault(at.replace(second=0, microsecond=0), []).append(spent)
    return tuple(
        Minute(at=at, calls=len(spent), mean_ms=sum(spent) / len(spent), longest_ms=max(spent))
        for at, spent in sorted(by_minute.items())
    )


def _rank(ordered: Sequence[float], share: float) -> float | None:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None
