"""Wakes workers of this process when their queue may have something for them."""

import asyncio
from datetime import datetime

from home_sentry_engine.domain.clock import Clock


class Wakeup:
    """One flag per queue: raised by news, lowered before a look, so that no news between look and wait is missed."""

    def __init__(self, clock: Clock) -> None:
        """Take the clock that waits."""
        self._clock = clock
        self._flags: dict[str, asyncio.Event] = {}
        self._next: dict[str, datetime] = {}

    def raise_flag(self, queue: str) -> None:
        """Wake who waits for this queue."""
        self._flag(queue).set()

    def raise_all(self) -> None:
        """Wake who waits for any queue."""
        for flag in self._flags.values():
            flag.set()

    def lower_flag(self, queue: str) -> None:
        """Forget news up to now; call before looking into the queue."""
        self._flag(queue).clear()

    def expect(self, queue: str, at: datetime | None) -> None:
        """Note when the next job of the queue becomes due by itself, None for never."""
        if at is None:
            self._next.pop(queue, None)
        else:
            self._next[queue] = at

    async def wait(self, queue: str, timeout_s: float) -> None:
        """Return on news, when the expected time has come, or after the time-out."""
        flag = self._flag(queue)
        if flag.is_set():
            return
        expected = self._next.get(queue)
        if expected is not None:
            timeout_s = min(timeout_s, max(0.0, (expected - self._clock.steady()).total_seconds()))
        news = asyncio.ensure_future(flag.wait())
        pause = asyncio.ensure_future(self._clock.sleep(timeout_s))
        try:
            await asyncio.wait((news, pause), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (news, pause):
                task.cancel()
            # gathered, because a cancellation of the caller that arrives just now must not be taken for theirs
            await asyncio.gather(news, pause, return_exceptions=True)

    def _flag(self, queue: str) -> asyncio.Event:
        flag = self._flags.get(queue)
        if flag is None:
            flag = self._flags[queue] = asyncio.Event()
        return flag
