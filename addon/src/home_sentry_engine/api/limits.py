"""Token buckets: how often a caller may do what."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from home_sentry_engine.contract.errors import RateLimited

_MINUTE_S: Final = 60.0
_MOST_CALLERS: Final = 10_000


class LimitClass(StrEnum):
    """Kinds of calls that are counted apart."""

    GENERAL = "general"
    MEDIA = "media"
    SEARCH = "search"
    UPLOAD = "upload"
    AI = "ai"
    DETECT = "detect"
    SOCKET = "socket"
    EXPORT = "export"
    BULK = "bulk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Calls per minute on average, and how many more may come at once."""

    per_minute: float
    burst: float = 0.0


def _defaults() -> dict[LimitClass, Limit]:
    return {
        LimitClass.GENERAL: Limit(per_minute=60, burst=10),
        LimitClass.MEDIA: Limit(per_minute=120),
        LimitClass.SEARCH: Limit(per_minute=30),
        LimitClass.UPLOAD: Limit(per_minute=600, burst=100),
        LimitClass.AI: Limit(per_minute=10, burst=3),
        # another engine asks for each of its pictures, as often as it takes uploads
        LimitClass.DETECT: Limit(per_minute=600, burst=100),
        LimitClass.SOCKET: Limit(per_minute=100),
        LimitClass.EXPORT: Limit(per_minute=10),
        LimitClass.BULK: Limit(per_minute=10, burst=2),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """All limits of the API, per caller (token and address, or key); ``failed_logins`` is per address and minute."""

    classes: Mapping[LimitClass, Limit] = field(default_factory=_defaults)
    failed_logins: int = 5


class TokenBucket:
    """Holds at most a minute's worth plus the burst, and fills evenly."""

    __slots__ = ("_at", "_capacity", "_level", "_rate")

    def __init__(self, limit: Limit, now: float) -> None:
        """Start full."""
        self._rate = limit.per_minute / _MINUTE_S
        self._capacity = limit.per_minute + limit.burst
        self._level = self._capacity
        self._at = now

    def take(self, now: float) -> float:
        """Take one token: 0 when there was one, else the seconds until there will be."""
        self._fill(now)
        if self._level >= 1.0:
            self._level -= 1.0
            return 0.0
        return (1.0 - self._level) / self._rate

    def peek(self, now: float) -> float:
        """Tell what ``take`` would give, without taking."""
        self._fill(now)
        return 0.0 if self._level >= 1.0 else (1.0 - self._level) / self._rate

    def _fill(self, now: float) -> None:
        self._level = min(self._capacity, self._level + max(0.0, now - self._at) * self._rate)
        self._at = now


class Buckets:
    """One bucket for each caller; the callers seen longest ago are forgotten first."""

    def __init__(self, limit: Limit, monotonic: Callable[[], float]) -> None:
        """Count on a clock of seconds that never goes back."""
        self._limit = limit
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, caller: str) -> float:
        """Take one token of that caller: 0, or seconds to wait."""
        return self._of(caller).take(self._monotonic())

    def peek(self, caller: str) -> float:
        """Tell what ``take`` would give."""
        return self._of(caller).peek(self._monotonic())

    def _of(self, caller: str) -> TokenBucket:
        bucket = self._buckets.get(caller)
        if bucket is None:
            bucket = self._buckets[caller] = TokenBucket(self._limit, self._monotonic())
            if len(self._buckets) > _MOST_CALLERS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(caller)
        return bucket


class RateLimiter:
    """Counts calls per class and caller."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        """Make empty books."""
        self._buckets = {name: Buckets(limit, monotonic) for name, limit in limits.classes.items()}

    def check(self, name: LimitClass, caller: str) -> None:
        """Count one call; raises ``RateLimited`` with ``retry_after_s``."""
        wait_s = self._buckets[name].take(caller)
        if wait_s:
            raise RateLimited(
                f"too many calls of the class '{name}'",
                details={"limit": name.value, "retry_after_s": round(wait_s, 3)},
            )
