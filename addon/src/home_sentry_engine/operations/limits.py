"""Limits of the machine's figures: a warning or worse begins beyond a limit and ends only clearly below it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from home_sentry_engine.contract import AlertLevel, LoadAlert

_CLEARLY: Final = 0.05
_TIMES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Where a figure becomes worrying; with ``falling`` lower is worse. ``critical`` None: it never gets that bad."""

    warning: float
    critical: float | None = None
    falling: bool = False

    def level(self, value: float, *, eased: float = 0.0) -> AlertLevel:
        """Give the level of a value; ``eased`` moves the limits towards the good side by that share."""
        ease = 1 + eased if self.falling else 1 - eased
        if self.critical is not None and self._beyond(value, self.critical * ease):
            return AlertLevel.CRITICAL
        return AlertLevel.WARNING if self._beyond(value, self.warning * ease) else AlertLevel.NORMAL

    def limit(self, level: AlertLevel) -> float:
        """Give the limit that a level stands for."""
        return self.critical if level is AlertLevel.CRITICAL and self.critical is not None else self.warning

    def _beyond(self, value: float, limit: float) -> bool:
        return value < limit if self.falling else value > limit


BOUNDS: Final[Mapping[str, Bound]] = {
    "gpu_temperature_c": Bound(warning=75, critical=85),
    "gpu_utilization_percent": Bound(warning=90, critical=98),
    "gpu_memory_percent": Bound(warning=90, critical=95),
    "cpu_percent": Bound(warning=80, critical=95),
    "memory_percent": Bound(warning=85, critical=95),
    "disk_percent": Bound(warning=80, critical=90),
    "database_connections_percent": Bound(warning=80, critical=95),
    "database_cache_hit_percent": Bound(warning=90, critical=80, falling=True),
    "redis_mb": Bound(warning=100, critical=500),
    "detect_p99_ms": Bound(warning=1000),
    "analyse_p99_ms": Bound(warning=60_000),
    "detect_depth": Bound(warning=100),
    "assess_depth": Bound(warning=50),
    "errors_per_minute": Bound(warning=10),
}

_ORDER: Final = (AlertLevel.NORMAL, AlertLevel.WARNING, AlertLevel.CRITICAL)


class Watchman:
    """Turns figures into alerts: a level has to show twice in a row to begin, and ends 5 % on the good side."""

    def __init__(self, bounds: Mapping[str, Bound] = BOUNDS) -> None:
        """Start with everything normal."""
        self._bounds = bounds
        self._alerts: dict[str, LoadAlert] = {}
        self._rising: dict[str, int] = {}

    def look(self, figures: Mapping[str, float | None], now: datetime) -> tuple[LoadAlert, ...]:
        """Take the figures of one moment and give what is beyond its limit; an unknown figure ends its alert."""
        for metric, bound in self._bounds.items():
            value = figures.get(metric)
            if value is None:
                self._alerts.pop(metric, None)
                self._rising.pop(metric, None)
            else:
                self._one(metric, bound, value, now)
        return tuple(self._alerts.values())

    def _one(self, metric: str, bound: Bound, value: float, now: datetime) -> None:
        known = self._alerts.get(metric)
        before = known.level if known is not None else AlertLevel.NORMAL
        level = bound.level(value)
        if _ORDER.index(level) > _ORDER.index(before):
            self._rising[metric] = self._rising.get(metric, 0) + 1
            if self._rising[metric] >= _TIMES:
                del self._rising[metric]
            else:
                level = before
        else:
            self._rising.pop(metric, None)
            level = max(level, min(before, bound.level(value, eased=_CLEARLY), key=_ORDER.index), key=_ORDER.index)
        if level is AlertLevel.NORMAL:
            self._alerts.pop(metric, None)
            return
        since = known.since if known is not None and known.level is level else now
        self._alerts[metric] = LoadAlert(metric=metric, level=level, value=value, limit=bound.limit(level), since=since)
