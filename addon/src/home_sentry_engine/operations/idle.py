"""When the machine has time to spare: its graphics card, or without one its processor, was nearly idle for a while."""

from collections.abc import Awaitable, Callable
from typing import Final

from home_sentry_engine.contract import Performance
from home_sentry_engine.domain.clock import Clock

MOST_PERCENT: Final = 20.0
IDLE_S: Final = 5.0
POLL_S: Final = 5.0


class IdleWatch:
    """Waits for spare time; ``reason`` tells what it waits for, None while there is time."""

    def __init__(self, load: Callable[[], Awaitable[Performance]], busy: Callable[[], bool], clock: Clock) -> None:
        """Take the load of the machine, and whether there is real work at this moment."""
        self._load = load
        self._busy = busy
        self._clock = clock
        self.reason: str | None = None

    async def wait(self) -> None:
        """Return after the machine was idle, and nobody worked, for five seconds."""
        since: float | None = None
        while True:
            self.reason = self._trouble(await self._load())
            now = self._clock.monotonic()
            if self.reason is not None:
                since = None
            elif since is None:
                since = now
                self.reason = "the machine was busy a moment ago"
            elif now - since >= IDLE_S:
                self.reason = None
                return
            else:
                self.reason = "the machine was busy a moment ago"
            await self._clock.sleep(POLL_S)

    def _trouble(self, load: Performance) -> str | None:
        if self._busy():
            return "pictures or events are worked on"
        cards = [card.utilization_percent for card in load.gpu.items]
        known = [percent for percent in cards if percent is not None]
        if known:
            return f"the graphics card is {max(known):.0f} % busy" if max(known) > MOST_PERCENT else None
        percent = load.host.cpu_percent
        if percent is None:
            return "the load of the machine is not known"
        return f"the processor is {percent:.0f} % busy" if percent > MOST_PERCENT else None
