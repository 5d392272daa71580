"""A clock that only moves when a test says so."""

import asyncio
from datetime import UTC, datetime, timedelta
import heapq
import itertools

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class FakeClock:
    """Wall, steady and monotonic time under the test's control; ``sleep`` ends when ``advance`` passes its end."""

    def __init__(self, start: datetime = START) -> None:
        self._wall = start
        self._steady = start
        self._elapsed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._wall

    def steady(self) -> datetime:
        return self._steady

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        done = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), done))
        await done

    @property
    def asleep(self) -> int:
        """How many sleep on this clock."""
        return sum(not done.done() for _, _, done in self._sleepers)

    def jump(self, seconds: float) -> None:
        """Move the wall clock only, as a time server or a user does."""
        self._wall += timedelta(seconds=seconds)

    def tick(self, seconds: float) -> None:
        """Move all clocks without waking anybody."""
        self._elapsed += seconds
        self._wall += timedelta(seconds=seconds)
        self._steady += timedelta(seconds=seconds)

    async def advance(self, seconds: float) -> None:
        """Move all clocks, waking sleepers in the order of their ends and letting the loop run after each."""
        end = self._elapsed + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, done = heapq.heappop(self._sleepers)
            self.tick(max(0.0, due - self._elapsed))
            if not done.done():
                done.set_result(None)
            for _ in range(10):
                await asyncio.sleep(0)
        self.tick(end - self._elapsed)
        for _ in range(10):
            await asyncio.sleep(0)
