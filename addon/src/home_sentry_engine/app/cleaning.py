"""Retention at work: hourly for what is old, at once when the disk runs out."""

import asyncio
from collections.abc import Callable
from datetime import datetime
import logging
from typing import Final

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.operations.disk import DiskGuard
from home_sentry_engine.operations.retention import Removed, Retention
from home_sentry_engine.storage.database import Database
from home_sentry_engine.storage.repositories.meta import Meta

_LOGGER = logging.getLogger(__name__)
_EVERY_S: Final = 3600.0
_LOOK_S: Final = 5.0
_STRAYS_EVERY: Final = 24


class Cleaning:
    """Deletes what is too old, what nobody knows, and the oldest files when intake pauses for want of room."""

    def __init__(
        self,
        retention: Retention,
        guard: DiskGuard,
        database: Database,
        clock: Clock,
        free: Callable[[], int],
    ) -> None:
        """Take what deletes, the guard, and how to learn the free space."""
        self._retention = retention
        self._guard = guard
        self._database = database
        self._clock = clock
        self._free = free
        self._one_at_a_time = asyncio.Lock()
        self.rounds = 0

    async def run(self) -> None:
        """Clean until cancelled."""
        next_at = self._clock.monotonic()
        while True:
            if self._guard.paused is not None:
                self._tell(await self._retention.make_room(lambda: self._free() >= self._guard.limits.resume_bytes))
            elif self._clock.monotonic() >= next_at:
                next_at = self._clock.monotonic() + _EVERY_S
                await self.once()
            await self._clock.sleep(_LOOK_S)

    async def once(self) -> None:
        """Delete what is too old, and once a day what no row knows."""
        async with self._one_at_a_time:
            strays = await self._sweep() if self.rounds % _STRAYS_EVERY == 0 else 0
            self._tell((await self._retention.clean()).plus(strays=strays))
            self.rounds += 1

    async def now(self) -> Removed:
        """Delete what is too old and what no row knows, because somebody wants it; the hours go on as they were."""
        async with self._one_at_a_time:
            strays = await self._sweep()
            removed = (await self._retention.clean()).plus(strays=strays)
            self._tell(removed)
            return removed

    async def _sweep(self) -> int:
        rescued = await self._database.read(lambda conn: Meta().get(conn, "rescued_at"))
        since = datetime.fromisoformat(rescued) if rescued else None
        return await self._retention.sweep_strays(younger_than=since)

    @staticmethod
    def _tell(removed: Removed) -> None:
        if removed != Removed():
            _LOGGER.info(
                "Deleted %d visits, %d files (%d MB), %d strays",
                removed.events,
                removed.files,
                removed.bytes // 1_000_000,
                removed.strays,
            )
