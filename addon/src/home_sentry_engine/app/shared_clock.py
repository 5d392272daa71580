"""One steady time for all engines of a household: that of the database server which they share."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
import logging
from typing import Final

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError

_LOGGER = logging.getLogger(__name__)
_EVERY_S: Final = 60.0
_LOOKS: Final = 3
_TELL: Final = timedelta(seconds=5)

type AskTime = Callable[[], Awaitable[datetime | None]]


class SharedClock:
    """``Clock`` whose steady time follows another machine's once ``align`` has asked for it; it never goes back.

    Leases and deadlines in a shared database mean the same moment to every engine then, however wrong its own clock is.
    """

    def __init__(self, own: Clock) -> None:
        """Take this machine's clock, which it equals until it is aligned."""
        self._own = own
        self._offset = timedelta()
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """Give this machine's wall-clock time."""
        return self._own.now()

    def steady(self) -> datetime:
        """Give the shared time."""
        if not self._offset:
            return self._own.steady()
        self._last = max(self._last, self._own.steady() + self._offset)
        return self._last

    def monotonic(self) -> float:
        """Give this machine's monotonic seconds."""
        return self._own.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on this machine's clock."""
        await self._own.sleep(seconds)

    async def align(self, ask: AskTime) -> None:
        """Take over the time of ``ask``, from the quickest of a few answers; None changes nothing."""
        best: tuple[timedelta, timedelta] | None = None
        for _ in range(_LOOKS):
            before = self._own.steady()
            there = await ask()
            took = self._own.steady() - before
            if there is None:
                return
            if best is None or took < best[0]:
                best = took, there - (before + took / 2)
        if best is not None:
            if abs(best[1] - self._offset) > _TELL:
                _LOGGER.warning("This machine's clock differs from the database server's by %s", best[1])
            self._offset = best[1]

    async def keep(self, ask: AskTime) -> None:
        """Align every minute until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                await self.align(ask)
            except HomeSentryError as err:
                _LOGGER.info("The time of the database server is not known now: %s", err)
