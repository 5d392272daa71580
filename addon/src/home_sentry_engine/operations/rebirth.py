"""How the whole engine begins anew: by itself, as a service of its container, or as an app of Home Assistant."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
import logging
from pathlib import Path
from typing import Final, NoReturn, Protocol

from home_sentry_engine.contract import Component, ComponentState, RestartStrategy
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import StageError, Transient

_LOGGER = logging.getLogger(__name__)
COMPONENT: Final = "engine"
S6_PROGRAM: Final = Path("/command/s6-svc")
S6_SERVICE: Final = Path("/run/service/home-sentry")
S6_ASKED: Final = Path("/run/home-sentry/restart")
_PROGRAM_LIMIT_S: Final = 10.0
# so that the answer to who asked, and the record of the restart, are on their way
_PAUSE_S: Final = 1.0


class Way(Protocol):
    """One way to begin anew."""

    @property
    def strategy(self) -> RestartStrategy:
        """Name the way."""
        ...

    async def go(self) -> None:
        """Have the engine ended and started; raises ``StageError`` where nobody does it."""
        ...


@dataclass(frozen=True, slots=True)
class ByItself:
    """The same program in the same process, once all work is given back; ``leave`` makes the engine return."""

    leave: Callable[[], Awaitable[None]]
    strategy: RestartStrategy = RestartStrategy.ANEW

    async def go(self) -> None:
        """Leave."""
        await self.leave()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerService:
    """A service below s6; its ``finish`` script lets the container live if the file ``asked`` is there."""

    program: Path = S6_PROGRAM
    service: Path = S6_SERVICE
    asked: Path = S6_ASKED
    strategy: RestartStrategy = RestartStrategy.SERVICE

    @property
    def there(self) -> bool:
        """Tell whether this engine runs as that service."""
        return self.program.is_file() and self.service.exists() and self.asked.parent.is_dir()

    async def go(self) -> None:
        """Ask s6 for a restart; raises ``Transient`` where it does not take the command."""
        try:
            await asyncio.to_thread(self.asked.touch)
            process = await asyncio.create_subprocess_exec(
                self.program,
                "-r",
                self.service,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as err:
            raise Transient(f"s6 cannot be asked: {err.strerror}", code="s6") from err
        try:
            async with asyncio.timeout(_PROGRAM_LIMIT_S):
                _, said = await process.communicate()
        except TimeoutError as err:
            with suppress(ProcessLookupError):
                process.kill()
            await self._withdraw()
            raise Transient(f"s6 gave no answer within {_PROGRAM_LIMIT_S:g} s", code="s6") from err
        if process.returncode:
            await self._withdraw()
            word = said.decode(errors="replace").strip()[:200]
            raise Transient(f"s6 refused with {process.returncode}: {word}", code="s6")

    async def _withdraw(self) -> None:
        with suppress(OSError):
            await asyncio.to_thread(self.asked.unlink, missing_ok=True)


class Rebirth:
    """Begins the engine anew when it is asked to; ``run`` waits for that until cancelled.

    Where nobody does it, the component ``engine`` is degraded and says why, until the next try.
    """

    def __init__(self, way: Way, clock: Clock, *, patience_s: float = 60.0) -> None:
        """``patience_s`` is how long the end may take after somebody promised it."""
        self.way = way
        self._clock = clock
        self._patience_s = patience_s
        self._asked = asyncio.Event()
        self._problem: str | None = None

    def ask(self) -> None:
        """Begin anew a moment later."""
        self._asked.set()

    async def run(self) -> NoReturn:
        """Wait to be asked."""
        while True:
            await self._asked.wait()
            await self._clock.sleep(_PAUSE_S)
            self._asked.clear()
            self._problem = None
            _LOGGER.warning("The engine begins anew, as somebody asked (%s)", self.way.strategy)
            try:
                await self.way.go()
            except StageError as err:
                _LOGGER.warning("The engine was not begun anew: %s", err.reason)
                self._problem = err.reason
                continue
            await self._clock.sleep(self._patience_s)
            self._problem = f"nobody ended it within {self._patience_s:g} s"

    def describe(self) -> Component:
        """Tell how the last try went."""
        details: dict[str, str | int | float | bool | None] = {"strategy": self.way.strategy.value}
        if self._problem is None:
            return Component(id=COMPONENT, state=ComponentState.HEALTHY, details=details)
        return Component(
            id=COMPONENT,
            state=ComponentState.DEGRADED,
            reason=f"it could not begin anew: {self._problem}",
            fix="restart its app or container by hand",
            details=details,
        )
