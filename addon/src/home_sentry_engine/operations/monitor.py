"""The one monitor: every probe runs now and then, all at once, and single mishaps do not count."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
import logging
from typing import Final, NoReturn

from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError

from .health import HealthBoard

_LOGGER = logging.getLogger(__name__)
_FAILURES: Final = 3
_SUCCESSES: Final = 2
_BAD: Final = frozenset({ComponentState.UNHEALTHY, ComponentState.FAILED})

type Check = Callable[[], Awaitable[Component | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A look at one component every ``interval_s``, within ``limit_s``; None has nothing to report.

    A ``damped`` probe has to fail three times in a row before its component is unhealthy, and to succeed twice in a
    row before it is healthy again; in between it is degraded.
    """

    id: str
    check: Check
    limit_s: float = 10.0
    interval_s: float = 15.0
    damped: bool = True


class Hysteresis:
    """Three failures in a row turn it down, two successes in a row turn it up again."""

    def __init__(self, failures: int = _FAILURES, successes: int = _SUCCESSES) -> None:
        """Start up."""
        self._needed = {False: failures, True: successes}
        self._run = 0
        self._last = True
        self.up = True

    def seen(self, *, ok: bool) -> bool:
        """Take one outcome; tells whether it is up."""
        self._run = self._run + 1 if ok is self._last else 1
        self._last = ok
        if ok is not self.up and self._run >= self._needed[ok]:
            self.up = ok
        return self.up


class HealthMonitor:
    """Runs each probe at its interval, more often while it fails, and at once when ``hurry`` is called."""

    def __init__(
        self,
        board: HealthBoard,
        clock: Clock,
        probes: Sequence[Probe],
        *,
        troubled_s: float = 3.0,
    ) -> None:
        """Take the board, the clock and the probes."""
        self._board = board
        self._clock = clock
        self._probes = tuple(probes)
        self._troubled_s = troubled_s
        self._memory = {probe.id: Hysteresis() for probe in probes}
        self._hurried = {probe.id: asyncio.Event() for probe in probes}

    def hurry(self, probe_id: str) -> None:
        """Look at one component as soon as possible; nothing happens where no probe has that id."""
        if probe_id in self._hurried:
            self._hurried[probe_id].set()

    async def run(self) -> None:
        """Look until cancelled; a slow probe does not hold up the others."""
        async with asyncio.TaskGroup() as group:
            for probe in self._probes:
                group.create_task(self._watch(probe), name=f"probe {probe.id}")

    async def round(self) -> bool:
        """Run all probes once, side by side; False if one of them failed or is not trusted again yet."""
        async with asyncio.TaskGroup() as group:
            looks = [group.create_task(self._one(probe)) for probe in self._probes]
        return all(look.result() for look in looks)

    async def _watch(self, probe: Probe) -> NoReturn:
        hurried = self._hurried[probe.id]
        while True:
            hurried.clear()
            fine = await self._one(probe)
            await self._pause(hurried, probe.interval_s if fine else self._troubled_s)

    async def _one(self, probe: Probe) -> bool:
        found = await self._found(probe)
        if found is None:
            return True
        ok = found.state not in _BAD
        memory = self._memory[probe.id]
        up = memory.seen(ok=ok)
        if not probe.damped or ok is up:
            self._board.report(found)
            return ok
        reason = found.reason if not ok else "it answers again and is watched"
        self._board.report(replace(found, state=ComponentState.DEGRADED, reason=reason))
        return False

    async def _found(self, probe: Probe) -> Component | None:
        try:
            async with asyncio.timeout(probe.limit_s):
                return await probe.check()
        except TimeoutError as err:
            reason = str(err) or f"it did not answer within {probe.limit_s:g} s"
        except HomeSentryError as err:
            reason = str(err)
        except Exception as err:
            _LOGGER.exception("A probe failed", extra={"component": probe.id})
            reason = f"{type(err).__name__}: {err}"[:300]
        return Component(id=probe.id, state=ComponentState.UNHEALTHY, reason=reason)

    async def _pause(self, hurried: asyncio.Event, seconds: float) -> None:
        naps = [asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(hurried.wait())]
        try:
            await asyncio.wait(naps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for nap in naps:
                nap.cancel()
            await asyncio.gather(*naps, return_exceptions=True)
