"""How channels do: a component of each, a breaker of each, and deliveries that nobody worked on."""

import asyncio
from collections.abc import Awaitable, Callable
import logging
from typing import Final

from home_sentry_engine.contract import Channel, Component, ComponentState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.operations.health import HealthBoard
from home_sentry_engine.resilience.breaker import Breaker, BreakerPolicy, Breakers
from home_sentry_engine.storage.database import Database
from home_sentry_engine.storage.repositories.channels import Channels

_LOGGER = logging.getLogger(__name__)
_EVERY_S: Final = 60.0
_POLICY: Final = BreakerPolicy(failures=3, open_s=60.0, half_open_calls=1, successes=1)
_FIX: Final = "See whether the target works, correct the channel where it changed, then send a test."


class ChannelHealth:
    """Shows each channel as the component ``notify:<channel id>``; what failed last is known after a restart too."""

    def __init__(self, database: Database, board: HealthBoard, breakers: Breakers, clock: Clock) -> None:
        """Take the rows and where components and breakers are shown."""
        self._database = database
        self._board = board
        self._shown_breakers = breakers
        self._clock = clock
        self._rows = Channels()
        self._breakers: dict[str, Breaker] = {}
        self._shown: set[str] = set()
        self._woken = asyncio.Event()

    def breaker_of(self, channel_id: str) -> Breaker:
        """Give the breaker of a channel: after three failures its target is left alone for a minute at a time."""
        if channel_id not in self._breakers:
            name = component_id(channel_id)
            self._breakers[channel_id] = Breaker(name, monotonic=self._clock.monotonic, policy=_POLICY)
            self._shown_breakers.add(name, lambda: self._breakers.get(channel_id))
        return self._breakers[channel_id]

    def changed(self) -> None:
        """Look soon."""
        self._woken.set()

    def edited(self, channel_id: str) -> None:
        """Begin anew with a channel that a person changed or tested."""
        breaker = self._breakers.get(channel_id)
        if breaker is not None:
            breaker.reset()
        self.changed()

    async def run(self, sweep: Callable[[], Awaitable[int]]) -> None:
        """Look at all channels now, every minute and when one changed; ``sweep`` closes what nobody worked on."""
        while True:
            self._woken.clear()
            try:
                if await sweep():
                    _LOGGER.warning("Some deliveries were closed because nobody sent them in time")
                await self.look()
            except HomeSentryError as err:
                _LOGGER.info("Channels cannot be looked at now: %s", err)
            await self._rest()

    async def look(self) -> None:
        """Report every channel; those that are gone are forgotten."""
        stored = await self._database.read(self._rows.all)
        known = {component_id(one.channel.id) for one in stored}
        for gone in self._shown - known:
            self._board.forget(gone)
        for one in stored:
            self._board.report(component_of(one.channel))
        self._shown = known
        for channel_id in self._breakers.keys() - {one.channel.id for one in stored}:
            del self._breakers[channel_id]
            self._shown_breakers.forget(component_id(channel_id))

    async def _rest(self) -> None:
        waking = asyncio.create_task(self._woken.wait(), name="changed channels")
        resting = asyncio.create_task(self._clock.sleep(_EVERY_S), name="next look at channels")
        try:
            await asyncio.wait((waking, resting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()
            resting.cancel()


def component_id(channel_id: str) -> str:
    """Name the component of a channel."""
    return f"notify:{channel_id}"


def component_of(channel: Channel) -> Component:
    """Tell how a channel does; one that fails names its target."""
    name = component_id(channel.id)
    details: dict[str, str | int | float | bool | None] = {"kind": channel.kind.value, "name": channel.name}
    if not channel.enabled:
        return Component(id=name, state=ComponentState.DISABLED, reason="switched off", details=details)
    if channel.missing:
        reason = f"the channel {channel.name} is not set up: it lacks {', '.join(channel.missing)}"
        fix = "Give what is missing, or switch the channel off."
        return Component(id=name, state=ComponentState.UNHEALTHY, reason=reason, fix=fix, details=details)
    if channel.failing_since is not None:
        reason = f"alerts do not reach {channel.name} ({channel.target}): {channel.failure}"
        return Component(id=name, state=ComponentState.UNHEALTHY, reason=reason, fix=_FIX, details=details)
    return Component(id=name, state=ComponentState.HEALTHY, details=details)
