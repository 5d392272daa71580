"""The keys that count now, in memory: every request looks here; the store is asked twice a second if there are any."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
import hmac
import logging
from typing import Final

from home_sentry_engine.contract.errors import WireError
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.storage.repositories.keys import StoredKey

from .key_ports import KeyDesk

_LOGGER = logging.getLogger(__name__)
_LOOK_S: Final = 0.5
_WITHOUT_KEYS_S: Final = 3.0
_PATIENCE_S: Final = 5.0
_COARSE: Final = timedelta(minutes=5)


class KeyBook:
    """Finds keys by the hash of their secret; takes the same time whichever it is."""

    def __init__(self, desk: KeyDesk, clock: Clock) -> None:
        """Start empty; ``refresh`` reads."""
        self._desk = desk
        self._clock = clock
        self._keys: tuple[StoredKey, ...] = ()
        self._used: dict[str, datetime] = {}

    def find(self, sha256: str) -> StoredKey | None:
        """Give the key of a secret's hash, also one that opens nothing any more."""
        found: StoredKey | None = None
        for one in self._keys:
            if hmac.compare_digest(one.sha256, sha256):
                found = one
        return found

    def use(self, key_id: str) -> None:
        """Note that a key is used now."""
        self._used[key_id] = self._clock.now()

    async def refresh(self) -> None:
        """Read all keys, and note in the store which were used, to a few minutes."""
        self._keys = tuple(await self._desk.all())
        known = {one.key.id: one.key.last_used_at for one in self._keys}
        news = {
            key_id: at
            for key_id, at in self._used.items()
            if key_id in known and ((last := known[key_id]) is None or at - last >= _COARSE)
        }
        self._used.clear()
        if news:
            await self._desk.used(news)

    async def run(self, looked: Callable[[], None]) -> None:
        """Read again and again until cancelled, telling each time; a store that does not answer changes nothing."""
        while True:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await self.refresh()
            except (WireError, HomeSentryError, OSError) as err:
                _LOGGER.warning("Could not read the keys of the API: %s", type(err).__name__)
            looked()
            # where there are none, none can be revoked
            await asyncio.sleep(_LOOK_S if self._keys else _WITHOUT_KEYS_S)
