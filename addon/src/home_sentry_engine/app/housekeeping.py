"""Rows that nobody needs any more go away, a few at a time."""

from datetime import timedelta
import logging
from typing import Final

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.settings import Settings
from home_sentry_engine.storage.database import Connection, Database

from .transactions import Tables

_LOGGER = logging.getLogger(__name__)
_EVERY_S: Final = 600.0
_REPLAY: Final = timedelta(hours=24)
_SOURCES: Final = timedelta(days=7)


class Housekeeping:
    """Expires fingerprints, source keys, announcements and dead letters."""

    def __init__(self, database: Database, tables: Tables, settings: Settings, clock: Clock) -> None:
        """Take the rows and how long they are wanted."""
        self._database = database
        self._tables = tables
        self._replay_messages = settings.api.replay_messages
        self._sources = max(_SOURCES, timedelta(hours=settings.ingest.catch_up_h) * 2)
        self._clock = clock

    async def run(self) -> None:
        """Tidy up every ten minutes until cancelled."""
        while True:
            await self._clock.sleep(_EVERY_S)
            removed = await self._database.write(self._tidy)
            _LOGGER.debug("Housekeeping removed %d rows", removed)

    def _tidy(self, conn: Connection) -> int:
        now = self._clock.steady()
        return (
            self._tables.media.sweep_claims(conn, now)
            + self._tables.media.forget_sources(conn, now - self._sources)
            + self._tables.outbox.prune(conn, self._replay_messages, now - _REPLAY)
            + self._tables.queue.prune_dead(conn, now)
        )
