"""What the API asks of the engine about its upkeep; ``app`` implements it."""

from typing import Protocol

from home_sentry_engine.contract import BackupMade, CleanedUp, ComponentHistory


class Upkeep(Protocol):
    """Copies of the database, deletion of what is too old, what became of components."""

    async def back_up(self) -> BackupMade:
        """Copy the database now; raises ``Conflict`` where it is not a file, ``Unavailable`` where it fails."""
        ...

    async def clean_up(self) -> CleanedUp:
        """Delete now what is too old, and what no row knows."""
        ...

    async def history(self, part_id: str) -> ComponentHistory:
        """Give the last changes of a component, newest first; raises ``NotFound``."""
        ...
