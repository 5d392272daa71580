"""Masks on the engine's own files from before they were drawn.

Masks of some arm modes alone are burned into what comes while they hold; files from before they were drawn may come
from another mode: these keep what they show, and are covered on the way out.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
import errno
import logging
from typing import Final

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.media.mask import Veil
from home_sentry_engine.media.remask import Burner
from home_sentry_engine.storage.database import Database
from home_sentry_engine.storage.repositories.masks import Remasking

from .mask_state import MaskState
from .tables import Tables
from .veils import lasting_veil

_LOGGER = logging.getLogger(__name__)
_EVERY_S: Final = 2.0
# whoever looked at a file before the masks were drawn has stored it by now
_SETTLED: Final = timedelta(seconds=3)
_PORTION: Final = 20
_BREATH_S: Final = 0.02
# no other file can be written either
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_FULL_REST_S: Final = 60.0
_FAILED_REST_S: Final = 600.0

type Forget = Callable[[str], Awaitable[bool]]


@dataclass(slots=True, kw_only=True)
class _Pass:
    """One way through a camera's files: how many failed now and in the pass ``before``, and what comes of it."""

    at: datetime
    failed: int = 0
    before: int = 0
    again: bool = False
    stopped: str | None = None
    rest_until: float = 0.0


class StoredMasking:
    """Masks a camera's stored files anew after its masks changed; goes on where it was after a restart.

    Where the disk is full or read-only it waits; files that could not be read or written are tried again later.
    """

    def __init__(
        self, burner: Burner, forget: Forget, database: Database, tables: Tables, state: MaskState, clock: Clock
    ) -> None:
        """Take what burns masks in, what deletes the thumbnails of an id, the rows, and who hears how far it is."""
        self._burner = burner
        self._forget = forget
        self._database = database
        self._tables = tables
        self._state = state
        self._clock = clock
        self._passes: dict[str, _Pass] = {}

    async def run(self) -> None:
        """Work through all cameras whose masks changed, until cancelled."""
        while True:
            await self.once()
            await self._clock.sleep(_EVERY_S)

    async def once(self) -> None:
        """Work through the cameras whose masks changed a few seconds ago."""
        jobs = await self._database.read(self._tables.masks.remaskings)
        masked = await self._database.read(self._tables.masks.all)
        self._state.only(masked.keys())
        self._passes = {job.camera_id: self._pass(job) for job in jobs}
        for job in jobs:
            resting = self._clock.monotonic() < self._passes[job.camera_id].rest_until
            if not resting and abs(self._clock.now() - job.at) >= _SETTLED:
                await self._camera(job)

    def _pass(self, job: Remasking) -> _Pass:
        known = self._passes.get(job.camera_id)
        return known if known is not None and known.at == job.at else _Pass(at=job.at)

    async def _camera(self, job: Remasking) -> None:
        walk, current = self._passes[job.camera_id], job
        walk.stopped = None
        while await self._portion(current, walk):
            await self._clock.sleep(_BREATH_S)
            jobs = await self._database.read(self._tables.masks.remaskings)
            later = next((one for one in jobs if one.camera_id == job.camera_id and one.at == job.at), None)
            if later is None:
                return
            current = later

    async def _portion(self, job: Remasking, walk: _Pass) -> bool:
        """Work through the next files; False where the camera is done, was deleted, or has to wait."""
        masks = self._tables.masks
        found = await self._database.read(lambda conn: masks.of(conn, job.camera_id))
        veil = lasting_veil(found) if found is not None else None
        reached = await self._files(job, veil, walk) if veil is not None else []
        if reached:
            await self._database.write(lambda conn: masks.remasked(conn, job, reached))
        elif walk.stopped is None:
            await self._end(job, walk)
        left = await self._database.read(lambda conn: masks.left(conn, job.camera_id))
        self._state.stored(job.camera_id, left, max(walk.failed, walk.before), stopped=walk.stopped)
        return bool(reached) and walk.stopped is None

    async def _files(self, job: Remasking, veil: Veil, walk: _Pass) -> list[str]:
        reached: list[str] = []
        for media_id in await self._database.read(lambda conn: self._tables.masks.stored(conn, job, _PORTION)):
            await self._file(media_id, veil, walk)
            if walk.stopped is not None:
                break
            reached.append(media_id)
        return reached

    async def _file(self, media_id: str, veil: Veil, walk: _Pass) -> None:
        stored = await self._database.read(lambda conn: self._tables.media.get(conn, media_id))
        if stored is None:
            return
        try:
            await self._forget(media_id)
            failures = await self._burner.remask(stored.media, veil)
        except OSError as err:
            failures = (err.strerror or "it cannot be read or written",)
            if err.errno in _FULL:
                walk.stopped, walk.rest_until = failures[0], self._clock.monotonic() + _FULL_REST_S
                return
            walk.again = True
        for failure in failures:
            _LOGGER.warning("A stored file could not be masked: %s", failure, extra={"media_id": media_id})
        walk.failed += len(failures)

    async def _end(self, job: Remasking, walk: _Pass) -> None:
        masks = self._tables.masks
        for event_id in await self._database.read(lambda conn: masks.visits(conn, job.camera_id)):
            await self._forget(event_id)
        walk.before = 0
        if not walk.again:
            await self._database.write(lambda conn: masks.remasked(conn, job, ()))
            return
        await self._database.write(lambda conn: masks.again(conn, job))
        rest_until = self._clock.monotonic() + _FAILED_REST_S
        self._passes[job.camera_id] = _Pass(at=job.at, before=walk.failed, rest_until=rest_until)
