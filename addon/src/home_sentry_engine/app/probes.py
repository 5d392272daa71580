"""What the monitor looks at: the database by a write and a read, the disk, the detector by a real look."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.operations.disk import DiskGuard
from home_sentry_engine.operations.monitor import Probe
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.errors import StorageFull, StorageUnreachable
from home_sentry_engine.storage.repositories.meta import Meta
from home_sentry_engine.vision.detector import Detector
from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.tasks.pictures import RgbFrame

from .health import detector_component

_SEEING: Final = frozenset({ComponentState.HEALTHY, ComponentState.DEGRADED})
_QUIET_S: Final = 120.0
_LOOK_S: Final = 40.0
_DISK_S: Final = 5.0


class DatabaseProbe:
    """Writes and reads one row; a full disk is told to the guard."""

    def __init__(
        self, database: Database, guard: DiskGuard, clock: Clock, found: Callable[[], Component], node: str
    ) -> None:
        """Take the database, how it was found at the start, and this engine's name, which other engines may join."""
        self._database = database
        self._guard = guard
        self._clock = clock
        self._found = found
        self._key = f"probed_at:{node}"

    def probe(self) -> Probe:
        """Give the probe."""
        return Probe(id="database", check=self._check)

    async def _check(self) -> Component:
        said = self._clock.now().isoformat()
        began = self._clock.monotonic()

        def write(conn: Connection) -> None:
            Meta().set(conn, self._key, said)

        try:
            await self._database.write(write)
        except StorageFull:
            await asyncio.to_thread(self._guard.hit_full)
            raise
        except StorageUnreachable as err:
            fix = "start the database server, or correct database_url"
            return Component(id="database", state=ComponentState.UNHEALTHY, reason=str(err), fix=fix)
        read = await self._database.read(lambda conn: Meta().get(conn, self._key))
        found = self._found()
        if read != said:
            return Component(
                id="database", state=ComponentState.UNHEALTHY, reason="it does not give back what was written"
            )
        details: dict[str, str | int | float | bool | None] = {
            "backend": self._database.url.get_backend_name(),
            "size_bytes": await self._database.size_bytes(),
            "answer_ms": round((self._clock.monotonic() - began) * 1000, 1),
        }
        return Component(id="database", state=found.state, reason=found.reason, fix=found.fix, details=details)


def disk_probe(guard: DiskGuard) -> Probe:
    """Give the probe of the disk, which has limits of its own against flapping."""
    return Probe(id="disk", check=lambda: asyncio.to_thread(guard.check), interval_s=_DISK_S, damped=False)


class DetectorProbe:
    """Lets the detector look at a drawn picture when it had nothing to look at for two minutes."""

    def __init__(self, detector: Detector, clock: Clock) -> None:
        """Take the detector."""
        self._detector = detector
        self._clock = clock
        self._frame = RgbFrame.of(draw_canary())
        self._looked = 0
        self._looked_at = -_QUIET_S

    def probe(self) -> Probe:
        """Give the probe; the detector counts its failures itself."""
        return Probe(id="detector", check=self._check, limit_s=_LOOK_S, damped=False)

    async def _check(self) -> Component:
        status = self._detector.describe()
        now = self._clock.monotonic()
        if status.looked != self._looked:
            self._looked, self._looked_at = status.looked, now
        if status.state in _SEEING and (not status.warm or now - self._looked_at >= _QUIET_S):
            # a failure is counted by the detector, which tells it below
            with suppress(StageError):
                await self._detector.detect([self._frame])
                self._looked_at = self._clock.monotonic()
            self._looked = self._detector.describe().looked
        return detector_component(self._detector.describe())
