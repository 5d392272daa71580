"""When a file is finished whose writer does not tell: a pure state machine over what was seen of it."""

from dataclasses import dataclass
from enum import Enum, auto

from .source import Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleRules:
    """Times of the wait.

    A file is polled ``debounce_s`` after its last event and is ready when its stamp held for ``stable_s``. After
    ``polls`` looks the pace doubles up to ``slowest_poll_s``; what still changes after ``give_up_s`` is reported.
    Content that was read and is incomplete gets ``stable_s`` more if its writer closed it, else ``quiet_s``.
    """

    debounce_s: float = 0.5
    stable_s: float = 2.0
    poll_s: float = 0.5
    polls: int = 20
    slowest_poll_s: float = 30.0
    quiet_s: float = 60.0
    give_up_s: float = 600.0


class Settled(Enum):
    """Outcome of a wait."""

    READY = auto()
    """Read it; if it is incomplete, come back with ``unfinished``."""
    FINAL = auto()
    """Read it for the last time: nobody is writing any more."""
    GONE = auto()
    """It vanished."""
    GAVE_UP = auto()
    """It never stopped changing; a later event starts anew."""


@dataclass(slots=True, kw_only=True)
class _Wait:
    began: float
    due: float
    poll_s: float
    stamp: Stamp | None = None
    held_since: float = 0.0
    polls: int = 0
    failed: Stamp | None = None
    closed: bool = False


class Settling:
    """Files that are being waited for, by any key; every time is seconds of one monotonic clock."""

    def __init__(self, rules: SettleRules) -> None:
        """Take the times."""
        self._rules = rules
        self._waits: dict[str, _Wait] = {}

    def __len__(self) -> int:
        return len(self._waits)

    def __contains__(self, key: object) -> bool:
        return key in self._waits

    def touched(self, key: str, now: float) -> None:
        """Note that a file was created or changed: each call puts the first look off again."""
        wait = self._wait(key, now)
        wait.due = min(now + self._rules.debounce_s, wait.began + self._rules.give_up_s)
        wait.polls, wait.poll_s = 0, self._rules.poll_s

    def unfinished(self, key: str, now: float, *, stamp: Stamp, closed: bool) -> None:
        """Note that a file was read with this stamp and its content is incomplete."""
        wait = self._wait(key, now)
        wait.failed, wait.closed = stamp, closed
        if wait.stamp != stamp:
            wait.stamp, wait.held_since = stamp, now
        wait.due = now + wait.poll_s

    def forget(self, key: str) -> None:
        """Stop waiting for a file."""
        self._waits.pop(key, None)

    def next_due(self) -> float | None:
        """Give the time of the next look."""
        return min((wait.due for wait in self._waits.values()), default=None)

    def due(self, now: float) -> list[str]:
        """Give the files to look at now."""
        return [key for key, wait in self._waits.items() if wait.due <= now]

    def observe(self, key: str, now: float, stamp: Stamp | None) -> Settled | None:
        """Take what a look at a file found (None: it is not there); None means that the wait goes on."""
        wait = self._waits.get(key)
        if wait is None:
            return None
        if stamp is None:
            return self._end(key, Settled.GONE)
        if stamp != wait.stamp:
            wait.stamp, wait.held_since = stamp, now
            if wait.failed is not None:
                # the writer goes on: back to the first pace
                wait.failed, wait.polls, wait.poll_s = None, 0, self._rules.poll_s
        failed = wait.failed == stamp
        if now - wait.held_since >= self._needed_s(wait, failed=failed):
            return self._end(key, Settled.FINAL if failed else Settled.READY)
        if not failed and now - wait.began >= self._rules.give_up_s:
            return self._end(key, Settled.GAVE_UP)
        wait.polls += 1
        if wait.polls > self._rules.polls:
            wait.poll_s = min(wait.poll_s * 2, self._rules.slowest_poll_s)
        wait.due = now + wait.poll_s
        return None

    def _needed_s(self, wait: _Wait, *, failed: bool) -> float:
        return self._rules.quiet_s if failed and not wait.closed else self._rules.stable_s

    def _wait(self, key: str, now: float) -> _Wait:
        return self._waits.setdefault(key, _Wait(began=now, due=now, poll_s=self._rules.poll_s))

    def _end(self, key: str, outcome: Settled) -> Settled:
        del self._waits[key]
        return outcome
