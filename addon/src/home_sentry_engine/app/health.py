"""What the engine says about itself, from what its parts report."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
import logging
from typing import NamedTuple, Protocol

from home_sentry_engine.api.capabilities import CAPABILITIES
from home_sentry_engine.api.ports import Readiness
from home_sentry_engine.contract import (
    MIN_SCHEMA,
    SCHEMA,
    VERSION,
    Accounting,
    Camera,
    CameraStatus,
    Component,
    ComponentState,
    GpuSummary,
    Health,
    Info,
    Mode,
    Status,
)
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.risk import Bands
from home_sentry_engine.operations.certificate import Certificate
from home_sentry_engine.operations.health import HealthBoard, features_of, mode_of
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.vision.detector import DetectorStatus

from .alert_facts import rules_of
from .shared_look import SharedLook
from .tables import Tables

_LOGGER = logging.getLogger(__name__)
_PATIENCE_S = 5.0
_HEALTH = {
    Mode.NORMAL: Health.HEALTHY,
    Mode.DEGRADED: Health.DEGRADED,
    Mode.MINIMAL: Health.UNHEALTHY,
    Mode.OFFLINE: Health.UNHEALTHY,
    Mode.UNKNOWN: Health.UNKNOWN,
}


class Guarded(Protocol):
    """What guards the way to the API."""

    @property
    def certificate(self) -> Certificate | None:
        """The certificate that is shown, None for plain HTTP."""
        ...

    @property
    def insecure(self) -> bool:
        """Others can listen in."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this engine is; ``guarded`` where it has an API. It does not change while it runs."""

    instance_id: str
    name: str
    started_at: datetime
    bands: Bands
    demo: bool
    guarded: Guarded | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What looks and what judges at this moment; ``language`` gives None while there is none.

    ``looks_here`` is False where other engines detect.
    """

    detector: Callable[[], DetectorStatus]
    language: Callable[[], str | None]
    looks_here: bool = True
    gpu: Callable[[], GpuSummary] = GpuSummary


class _Counts(NamedTuple):
    cameras: tuple[Camera, ...]
    accounting: Accounting
    rejections: dict[str, int]
    broken_rules: dict[str, str]
    silent: tuple[tuple[str, ...], datetime | None]


class EngineHealth:
    """``api.ports.Health`` over the board, the rows and the parts' own descriptions."""

    def __init__(
        self,
        *,
        identity: Identity,
        board: HealthBoard,
        database: Database,
        tables: Tables,
        models: Models,
        clock: Clock,
    ) -> None:
        """Take the sources."""
        self._identity = identity
        self._board = board
        self._database = database
        self._tables = tables
        self._detector = models.detector
        self._language = models.language
        self._clock = clock
        self._looks = models.looks_here
        self._gpu = models.gpu
        self._changed = asyncio.Event()
        self._shared = SharedLook(self._look)
        board.subscribe(lambda _component: self._changed.set())

    async def info(self) -> Info:
        """Give identity and abilities."""
        seen, guarded = self._detector(), self._identity.guarded
        certificate = guarded.certificate if guarded is not None else None
        return Info(
            instance_id=self._identity.instance_id,
            name=self._identity.name,
            version=VERSION,
            schema=SCHEMA,
            min_schema=MIN_SCHEMA,
            started_at=self._identity.started_at,
            detector=seen.model_id,
            provider=seen.provider,
            provider_reason=seen.provider_reason,
            llm=self._language(),
            capabilities=CAPABILITIES,
            risk_bands=(self._identity.bands.medium, self._identity.bands.high, self._identity.bands.critical),
            demo=self._identity.demo,
            tls_fingerprint=certificate.fingerprint if certificate is not None else None,
            tls_next_fingerprint=certificate.next_fingerprint if certificate is not None else None,
            insecure=guarded is not None and guarded.insecure,
        )

    async def status(self) -> Status:
        """Give the state of every component, queue and count; what its source does not tell is None."""
        return await self._shared()

    async def readiness(self) -> Readiness:
        """Tell whether pictures that come now would be looked at: a real look of the last five minutes proves it."""
        mode, _causes = mode_of(self._board.components())
        seen = self._detector()
        looks = seen.warm and seen.state in {ComponentState.HEALTHY, ComponentState.DEGRADED}
        return Readiness(ready=(looks or not self._looks) and mode is not Mode.OFFLINE, mode=mode)

    def look_again(self) -> None:
        """Let those who wait for a change look at the status; call it on the event loop."""
        self._changed.set()

    async def changed(self, timeout_s: float) -> bool:
        """Wait until a component changes its state (True) or the time is over (False)."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    async def _look(self) -> Status:
        components = self._board.components()
        mode, causes = mode_of(components)
        features, missing = features_of(components)
        queues = await _known(self._tables.queues.depths())
        counts = await _known(self._database.read(self._counts))
        silent, silent_since = counts.silent if counts is not None else ((), None)
        cameras = counts.cameras if counts is not None else None
        return Status(
            mode=mode,
            mode_causes=causes,
            features=features,
            missing=missing,
            components=components,
            queues=queues or (),
            accounting=counts.accounting if counts is not None else None,
            cameras_active=_online(cameras) if cameras is not None else None,
            cameras_total=len(cameras) if cameras is not None else None,
            detector_ms=self._detector().inference_ms,
            rejections=counts.rejections if counts is not None else {},
            silent_together=silent,
            silent_since=silent_since,
            at=self._clock.now(),
            health=_HEALTH[mode],
            pending=sum(queue.pending for queue in queues) if queues is not None else None,
            processing=sum(queue.processing for queue in queues) if queues is not None else None,
            gpu=self._gpu(),
            broken_rules=counts.broken_rules if counts is not None else {},
        )

    def _counts(self, conn: Connection) -> _Counts:
        media = self._tables.media
        rules = rules_of(conn, self._tables)
        broken = {rule.name: rule.broken for rule in rules if rule.enabled and rule.broken is not None}
        return _Counts(
            cameras=self._tables.cameras.all(conn),
            accounting=media.accounting(conn),
            rejections=media.rejections(conn),
            broken_rules=broken,
            silent=self._tables.home.silent(conn),
        )


async def _known[T](answer: Awaitable[T]) -> T | None:
    """Give an answer, None where its source does not answer in time."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await answer
    except (HomeSentryError, OSError) as err:
        _LOGGER.debug("A figure of the status is not known: %s", err)
        return None


def _online(cameras: tuple[Camera, ...]) -> int:
    return sum(camera.status is CameraStatus.ONLINE for camera in cameras)


def detector_component(status: DetectorStatus) -> Component:
    """Report the detector as a component."""
    return Component(
        id="detector",
        state=status.state,
        reason=status.reason,
        fix=status.fix,
        details={
            "model": status.model_id,
            "name": status.name,
            "provider": status.provider,
            "provider_reason": status.provider_reason,
            "licence": status.licence,
            "origin": status.origin,
            "basic": status.basic,
            "inference_ms": status.inference_ms,
        },
    )
