"""Who may compute now: a few slots, the most urgent waiter first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import heapq
import itertools


class AcceleratorGate:
    """Priority semaphore of one accelerator; of equal priority the longest waiter goes first. One event loop only."""

    def __init__(self, slots: int) -> None:
        """Allow ``slots`` holders at once, at least 1."""
        if slots < 1:
            raise ValueError(f"an accelerator gate needs at least 1 slot, not {slots}")
        self._free = slots
        self._slots = slots
        self._order = itertools.count()
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []

    @property
    def busy(self) -> int:
        """Slots in use."""
        return self._slots - self._free

    @property
    def waiting(self) -> int:
        """Callers in line."""
        return sum(not waiter.done() for _, _, waiter in self._waiters)

    async def acquire(self, priority: int = 0) -> None:
        """Wait for a slot; a higher ``priority`` goes first. Each success needs one ``release``."""
        if self._free and not self.waiting:
            self._free -= 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, (-priority, next(self._order), waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """Give a slot back, to the next waiter if there is one."""
        while self._waiters:
            _, _, waiter = heapq.heappop(self._waiters)
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1

    @asynccontextmanager
    async def slot(self, priority: int = 0) -> AsyncIterator[None]:
        """Hold a slot for the block."""
        await self.acquire(priority)
        try:
            yield
        finally:
            self.release()
