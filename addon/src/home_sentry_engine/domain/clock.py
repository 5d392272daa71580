"""Time as an argument."""

import asyncio
from datetime import UTC, datetime, timedelta
import time
from typing import Protocol


class Clock(Protocol):
    """Source of time for everything that stores, waits or expires."""

    def now(self) -> datetime:
        """Give the wall-clock time, aware UTC; it may jump."""
        ...

    def steady(self) -> datetime:
        """Give a UTC time that never jumps within a process; leases and deadlines use it."""
        ...

    def monotonic(self) -> float:
        """Give seconds from an arbitrary start, never going back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for that long on this clock."""
        ...


class SystemClock:
    """The machine's clock; ``steady`` follows the monotonic clock from the wall time at construction."""

    def __init__(self) -> None:
        """Remember the pair of wall and monotonic time that ``steady`` starts from."""
        self._wall = datetime.now(UTC)
        self._origin = time.monotonic()

    def now(self) -> datetime:
        """Give the wall-clock time, aware UTC."""
        return datetime.now(UTC)

    def steady(self) -> datetime:
        """Give the start's wall time plus the monotonic time since."""
        return self._wall + timedelta(seconds=time.monotonic() - self._origin)

    def monotonic(self) -> float:
        """Give ``time.monotonic()``."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait with ``asyncio.sleep``."""
        await asyncio.sleep(seconds)
