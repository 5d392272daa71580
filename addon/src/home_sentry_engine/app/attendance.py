"""Notes what this engine can do, again and again, so that a later look back knows when nobody watched."""

from collections.abc import Callable, Collection
from datetime import timedelta
import logging
from typing import Final

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.watching import Ability, Spells

_LOGGER = logging.getLogger(__name__)
EVERY_S: Final = 30.0


class Attendance:
    """Lengthens the spell of each ability that holds; one that was away, or an engine that was, begins a new one."""

    def __init__(
        self,
        database: Database,
        rows: Spells,
        clock: Clock,
        node: str,
        able: Callable[[], Collection[Ability]],
    ) -> None:
        """Take the rows, this engine's lasting name, and what tells its abilities of this moment."""
        self._database = database
        self._rows = rows
        self._clock = clock
        self._node = node
        self._able = able
        self._had: frozenset[Ability] = frozenset()

    async def run(self) -> None:
        """Note until cancelled."""
        while True:
            try:
                await self.note()
            except HomeSentryError as err:
                # what cannot be noted is a gap afterwards, which is what it was
                _LOGGER.warning("What this engine can do was not noted: %s", err)
            await self._clock.sleep(EVERY_S)

    async def note(self) -> None:
        """Note what this engine can do now."""
        now, able = self._clock.steady(), frozenset(self._able())
        had, self._had = self._had, able
        recent = now - timedelta(seconds=2 * EVERY_S)

        def work(conn: Connection) -> None:
            for ability in sorted(able):
                self._rows.extend(conn, self._node, ability, now, since=recent if ability in had else None)

        await self._database.write(work)
