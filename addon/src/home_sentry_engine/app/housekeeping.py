"""What has to happen now and then: rows that nobody needs go away, the counts of the day begin anew at midnight."""

from datetime import datetime, timedelta
import logging
from typing import Final

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.pipeline.ports import Store, Tx
from home_sentry_engine.settings import Settings
from home_sentry_engine.storage.database import Database

from .expiry import expiries
from .tables import Tables

_LOGGER = logging.getLogger(__name__)
_EVERY_S: Final = 600.0
_NEW_DAY_S: Final = 23.5 * 3600.0


class Housekeeping:
    """Deletes what has expired; tells of all cameras after midnight."""

    def __init__(self, store: Store, database: Database, tables: Tables, settings: Settings, clock: Clock) -> None:
        """Take the rows and how long they are wanted."""
        self._store = store
        self._database = database
        self._expiries = expiries(tables, settings)
        self._zone = settings.time_zone
        self._clock = clock

    async def run(self) -> None:
        """Tidy up every ten minutes, and greet each new day at home, until cancelled."""
        while True:
            await self._clock.sleep(min(_EVERY_S, self._until_midnight_s()))
            removed = await self.tidy()
            _LOGGER.debug("Housekeeping removed %d rows", removed)
            if self._until_midnight_s() > _NEW_DAY_S:
                await self._store.write(self._greet)

    async def tidy(self) -> int:
        """Delete what has expired, each kind of row in a transaction of its own; gives how many rows went."""
        now = self._clock.steady()
        removed = 0
        for expire in self._expiries.values():
            removed += await self._database.write(lambda conn, expire=expire: expire(conn, now))  # type: ignore[misc]
        return removed

    def _until_midnight_s(self) -> float:
        now = self._clock.now().astimezone(self._zone)
        tomorrow = (now + timedelta(days=1)).date()
        midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=self._zone)
        return max(1.0, midnight.timestamp() - now.timestamp() + 1.0)

    def _greet(self, tx: Tx) -> None:
        for camera in tx.cameras.all():
            tx.outbox.add("camera_changed", camera, camera_id=camera.id)
