"""Who comes seldom goes first: what floods begins nothing new meanwhile, for a moment at most."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

from home_sentry_engine.domain.clock import Clock

_QUIET_S: Final = 0.3
_MOMENT_S: Final = 0.25
_LONGEST_S: Final = 1.0
_REMEMBERED: Final = 1000


class Courtesy:
    """Shared by the steps of one process that work on the same processor; used from one event loop.

    A step of somebody quiet says that it is ``passing``; others ``give_way`` before they begin. Nobody waits longer
    than 0.25 s for that, and nobody passes for longer than 1 s: what takes long has to share.
    """

    def __init__(self, clock: Clock) -> None:
        """Take the clock that tells who was quiet."""
        self._clock = clock
        self._came: dict[str, float] = {}
        self._passing: set[object] = set()
        self._free = asyncio.Event()

    def came(self, name: str) -> bool:
        """Note that somebody came; True if that was the first time within 0.3 s."""
        now = self._clock.monotonic()
        before = self._came.pop(name, None)
        self._came[name] = now
        if len(self._came) > _REMEMBERED:
            del self._came[next(iter(self._came))]
        return before is None or now - before >= _QUIET_S

    @asynccontextmanager
    async def turn(self, *, passes: bool) -> AsyncIterator[None]:
        """Pass during the block, or begin it after those who pass."""
        if passes:
            with self.passing():
                yield
        else:
            await self.give_way()
            yield

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Let others give way during the block."""
        mark = object()
        self._passing.add(mark)
        self._free.clear()
        end = asyncio.get_running_loop().call_later(_LONGEST_S, self._passed, mark)
        try:
            yield
        finally:
            end.cancel()
            self._passed(mark)

    async def give_way(self) -> None:
        """Wait while somebody passes."""
        if self._passing:
            with suppress(TimeoutError):
                async with asyncio.timeout(_MOMENT_S):
                    await self._free.wait()

    def _passed(self, mark: object) -> None:
        self._passing.discard(mark)
        if not self._passing:
            self._free.set()
