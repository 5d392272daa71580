"""Memory watchdog: a process that takes more than it may is drained and begun anew, and no work of it is lost."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
import logging
import os
from typing import Final

import psutil

from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.domain.clock import Clock

from .monitor import Probe

_LOGGER = logging.getLogger(__name__)
_EVERY_S: Final = 15.0
# a process that is too large so soon after its beginning would only be too large again
_YOUNG_S: Final = 600.0
_PART_OF_MACHINE: Final = 0.8
_GROWTH: Final = 1.5
_SLACK_BYTES: Final = 256 * 1024 * 1024
_FIX: Final = "raise 'memory_limit_mb', or let fewer models run here"

type Recycle = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A process and its limit; ``recycle`` lets it finish what it does and begin anew.

    ``pid`` gives None while it does not run. Without ``limit_bytes`` it may grow to half more, and 256 MB, than it took
    at most in its first ten minutes.
    """

    name: str
    pid: Callable[[], int | None]
    recycle: Recycle
    limit_bytes: int | None = None


def engine_limit_bytes(limit_mb: int, machine_bytes: int) -> int:
    """Give the engine's limit: the setting, or with 0 four fifths of what the machine or container has."""
    return limit_mb * 1024 * 1024 if limit_mb else int(machine_bytes * _PART_OF_MACHINE)


def resident_bytes(pid: int) -> int | None:
    """Give a process's resident memory, None once it is gone; blocks for a moment."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None


@dataclass(slots=True)
class _Life:
    pid: int
    since: float
    usual_bytes: int = 0
    over: bool = False


class MemoryWatch:
    """Looks at each process now and then; what is over its limit at two looks in a row is recycled."""

    def __init__(
        self, clock: Clock, watched: Sequence[Watched], read: Callable[[int], int | None] = resident_bytes
    ) -> None:
        """Take the processes, and how their memory is read (in a thread)."""
        self._clock = clock
        self._watched = tuple(watched)
        self._read = read
        self._lives: dict[str, _Life] = {}
        self.recycled = 0

    def probe(self) -> Probe:
        """Give the probe of the component ``memory``."""
        return Probe(id="memory", check=self.check, interval_s=_EVERY_S, damped=False)

    async def check(self) -> Component:
        """Look once at all processes, and recycle those that have to be."""
        troubles: list[str] = []
        details: dict[str, str | int | float | bool | None] = {"recycled": self.recycled}
        for one in self._watched:
            pid = one.pid()
            taken = await asyncio.to_thread(self._read, pid) if pid is not None else None
            if pid is None or taken is None:
                self._lives.pop(one.name, None)
                continue
            details[f"{one.name}_mb"] = taken // 2**20
            trouble = await self._judge(one, pid, taken)
            if trouble is not None:
                troubles.append(trouble)
        if not troubles:
            return Component(id="memory", state=ComponentState.HEALTHY, details=details)
        return Component(
            id="memory", state=ComponentState.DEGRADED, reason="; ".join(troubles), fix=_FIX, details=details
        )

    async def _judge(self, one: Watched, pid: int, taken: int) -> str | None:
        now = self._clock.monotonic()
        life = self._lives.get(one.name)
        if life is None or life.pid != pid:
            life = self._lives[one.name] = _Life(pid, now)
        young = now - life.since < _YOUNG_S
        if young:
            life.usual_bytes = max(life.usual_bytes, taken)
        limit = one.limit_bytes or int(life.usual_bytes * _GROWTH) + _SLACK_BYTES
        if taken <= limit:
            life.over = False
            return None
        again, life.over = life.over, True
        trouble = f"{one.name} takes {taken // 2**20} MB of {limit // 2**20} MB"
        if young or not again:
            return trouble
        _LOGGER.warning("Begun anew for its memory: %s", trouble, extra={"component": one.name})
        self.recycled += 1
        del self._lives[one.name]
        await one.recycle()
        return f"{trouble} and begins anew"


def own_pid() -> int:
    """Give the engine's own process."""
    return os.getpid()
