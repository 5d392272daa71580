"""A copy of the database every day, the newest few kept."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
import logging
from pathlib import Path
from typing import Final

from home_sentry_engine.domain.clock import Clock

from .backup import BackupFailed, back_up, backup_name

_LOGGER = logging.getLogger(__name__)
_LOOK_S: Final = 3600.0
_ROOM: Final = 2


class DailyBackup:
    """Copies a database that is in use; skips a day on which the disk has no room for it."""

    def __init__(self, database: Path, folder: Path, clock: Clock, *, keep: int, free: Callable[[Path], int]) -> None:
        """Take the file, where copies go, how many are kept, and how to learn the free space."""
        self._database = database
        self._folder = folder
        self._clock = clock
        self._keep = keep
        self._free = free
        self.last: datetime | None = None
        self.last_error: str | None = None

    async def run(self) -> None:
        """Copy once a day until cancelled, at the earliest one hour after the start."""
        while True:
            await self._clock.sleep(_LOOK_S)
            if self.last is None:
                self.last = await asyncio.to_thread(self._newest)
            if self.last is None or self._clock.now() - self.last >= timedelta(days=1):
                await self.once()

    async def once(self) -> Path | None:
        """Copy now; None with ``last_error`` when that was not possible."""
        now = self._clock.now()
        try:
            made = await asyncio.to_thread(lambda: self._copy(now))
        except (BackupFailed, OSError) as err:
            self.last_error = str(err)
            _LOGGER.warning("No backup today: %s", err)
            return None
        self.last, self.last_error = now, None
        return made

    def _copy(self, now: datetime) -> Path:
        size = self._database.stat().st_size
        if self._free(self._database.parent) < _ROOM * size:
            raise BackupFailed(f"a backup needs {_ROOM * size // 1_000_000} MB of free space")
        made = back_up(self._database, self._folder / backup_name(now))
        for old in sorted(self._folder.glob("home_sentry-*.db"))[: -self._keep]:
            old.unlink(missing_ok=True)
        return made.path

    def _newest(self) -> datetime | None:
        copies = sorted(self._folder.glob("home_sentry-*.db"))
        return datetime.fromtimestamp(copies[-1].stat().st_mtime, self._clock.now().tzinfo) if copies else None
