"""A copy of the database every day, the newest few kept."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
import logging
from pathlib import Path
from typing import Final

from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.domain.clock import Clock

from .backup import Backup, BackupFailed, back_up, backup_name

_LOGGER = logging.getLogger(__name__)
_LOOK_S: Final = 3600.0
_ROOM: Final = 2
_ID: Final = "backup"

type Report = Callable[[Component], None]


class DailyBackup:
    """Copies a database that is in use; skips a day on which the disk has no room for it, which ``report`` hears."""

    def __init__(
        self,
        database: Path,
        folder: Path,
        clock: Clock,
        *,
        keep: int,
        free: Callable[[Path], int],
        report: Report = lambda _component: None,
    ) -> None:
        """Take the file, where copies go, how many are kept, how to learn the free space, and who hears of it."""
        self._database = database
        self._folder = folder
        self._clock = clock
        self._keep = keep
        self._free = free
        self._report = report
        self._one_at_a_time = asyncio.Lock()
        self.last: datetime | None = None
        self.last_error: str | None = None

    async def run(self) -> None:
        """Copy once a day until cancelled, at the earliest one hour after the start."""
        while True:
            if self.last is None:
                self.last = await asyncio.to_thread(self._newest)
                self._report(self.component())
            await self._clock.sleep(_LOOK_S)
            if self.last is None or self._clock.now() - self.last >= timedelta(days=1):
                await self.once()

    async def once(self) -> Path | None:
        """Copy now; None with ``last_error`` when that was not possible."""
        try:
            return (await self.make()).path
        except BackupFailed, OSError:
            return None

    async def make(self) -> Backup:
        """Copy now; raises ``BackupFailed`` or ``OSError``, which is reported as well."""
        async with self._one_at_a_time:
            now = self._clock.now()
            try:
                made = await asyncio.to_thread(lambda: self._copy(now))
            except (BackupFailed, OSError) as err:
                self.last_error = err.strerror or str(err)
                _LOGGER.warning("No backup today: %s", err)
                raise
            else:
                self.last, self.last_error = now, None
                return made
            finally:
                self._report(self.component())

    def component(self) -> Component:
        """Tell how backups do: degraded from the first one that fails until one succeeds."""
        last = self.last.isoformat() if self.last is not None else None
        details: dict[str, str | int | float | bool | None] = {"last": last, "kept": self._keep}
        if self.last_error is None:
            return Component(id=_ID, state=ComponentState.HEALTHY, details=details)
        return Component(
            id=_ID,
            state=ComponentState.DEGRADED,
            reason=f"the database could not be copied: {self._told()}",
            fix="make room or repair the folder of the backups; the next try comes within the hour",
            details=details,
        )

    def _told(self) -> str:
        # where the folder lies is nobody's business
        return (self.last_error or "").replace(f"{self._folder}/", "").replace(f"{self._database.parent}/", "")

    def _copy(self, now: datetime) -> Backup:
        size = self._database.stat().st_size
        if self._free(self._database.parent) < _ROOM * size:
            raise BackupFailed(f"a backup needs {_ROOM * size // 1_000_000} MB of free space")
        made = back_up(self._database, self._folder / backup_name(now))
        for old in sorted(self._folder.glob("home_sentry-*.db"))[: -self._keep]:
            old.unlink(missing_ok=True)
        return made

    def _newest(self) -> datetime | None:
        copies = sorted(self._folder.glob("home_sentry-*.db"))
        return datetime.fromtimestamp(copies[-1].stat().st_mtime, self._clock.now().tzinfo) if copies else None
