"""Upkeep when a person wishes: a copy of the database, deletion of what is too old, what became of components."""

from dataclasses import asdict

from home_sentry_engine.contract import BackupMade, CleanedUp, ComponentHistory
from home_sentry_engine.contract.errors import Conflict, NotFound
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.operations.backup import BackupFailed
from home_sentry_engine.operations.backups import DailyBackup
from home_sentry_engine.operations.health import HealthBoard

from .cleaning import Cleaning


class UpkeepDesk:
    """``api.upkeep_ports.Upkeep`` over the engine's own jobs; ``backups`` is None where the database is a server."""

    def __init__(self, backups: DailyBackup | None, cleaning: Cleaning, board: HealthBoard) -> None:
        """Take what copies, what deletes, and the board."""
        self._backups = backups
        self._cleaning = cleaning
        self._board = board

    async def back_up(self) -> BackupMade:
        """Copy the database now; raises ``Conflict`` where it is not a file, ``Unavailable`` where it fails."""
        if self._backups is None:
            raise Conflict("the database is a server; copy it with its own means, such as pg_dump")
        try:
            made = await self._backups.make()
        except (BackupFailed, OSError) as err:
            raise Unavailable(self._backups.component().reason or "no backup", code="backup_failed") from err
        return BackupMade(name=made.path.name, size_bytes=made.size_bytes, schema=made.revision)

    async def clean_up(self) -> CleanedUp:
        """Delete now what is too old, and what no row knows."""
        return CleanedUp(**asdict(await self._cleaning.now()))

    async def history(self, part_id: str) -> ComponentHistory:
        """Give the last changes of a component, newest first; raises ``NotFound``."""
        if self._board.get(part_id) is None:
            raise NotFound(f"there is no component {part_id!r}")
        return ComponentHistory(items=self._board.history(part_id)[::-1])
