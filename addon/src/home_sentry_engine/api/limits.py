"""Sliding windows: how often a caller may do what."""

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
import math
from typing import Final

from home_sentry_engine.contract.errors import RateLimited

_MINUTE_S: Final = 60.0
_MOST_CALLERS: Final = 10_000
_MOST_REMEMBERED: Final = 200_000


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
    """Calls in any minute, and how many more are borne with."""

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


class Window:
    """Lets no more through in any minute than a limit and its burst allow; remembers when each one came."""

    __slots__ = ("_came", "_capacity", "_now")

    def __init__(self, limit: Limit) -> None:
        """Start empty."""
        self._capacity = max(1, int(limit.per_minute + limit.burst))
        self._came: deque[float] = deque()
        self._now = -math.inf

    def __len__(self) -> int:
        """Tell how many are remembered."""
        return len(self._came)

    def take(self, now: float) -> float:
        """Let one through: 0 when there was room, else the seconds until the oldest leaves."""
        now = self._now = max(self._now, now)
        while self._came and self._came[0] + _MINUTE_S <= now:
            self._came.popleft()
        if len(self._came) < self._capacity:
            self._came.append(now)
            return 0.0
        return self._came[0] + _MINUTE_S - now


class Windows:
    """One window for each caller; the callers seen longest ago are forgotten first."""

    def __init__(self, limit: Limit, monotonic: Callable[[], float]) -> None:
        """Count on a clock of seconds that never goes back."""
        self._limit = limit
        self._monotonic = monotonic
        self._windows: OrderedDict[str, Window] = OrderedDict()
        self._remembered = 0

    def take(self, caller: str) -> float:
        """Let one of that caller through: 0, or seconds to wait."""
        window = self._of(caller)
        before = len(window)
        wait_s = window.take(self._monotonic())
        self._remembered += len(window) - before
        while len(self._windows) > 1 and (len(self._windows) > _MOST_CALLERS or self._remembered > _MOST_REMEMBERED):
            self._remembered -= len(self._windows.popitem(last=False)[1])
        return wait_s

    def _of(self, caller: str) -> Window:
        window = self._windows.get(caller)
        if window is None:
            window = self._windows[caller] = Window(self._limit)
        else:
            self._windows.move_to_end(caller)
        return window


class RateLimiter:
    """Counts calls per class and caller."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        """Make empty books."""
        self._windows = {name: Windows(limit, monotonic) for name, limit in limits.classes.items()}

    def check(self, name: LimitClass, caller: str) -> None:
        """Count one call; raises ``RateLimited`` with ``retry_after_s``."""
        wait_s = self._windows[name].take(caller)
        if wait_s:
            raise RateLimited(
                f"too many calls of the class '{name}'",
                details={"limit": name.value, "retry_after_s": round(wait_s, 3)},
            )
