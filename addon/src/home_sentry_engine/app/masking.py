"""Masks on what lies there already: uploads in the camera folders, and the engine's own files from before.

Masks of some arm modes alone are burned into what comes while they hold; files from before they were drawn may come
from another mode: these keep what they show, and are covered on the way out.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
import logging
from pathlib import Path
from typing import Final

from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import Rejected
from home_sentry_engine.domain.files import Provenance
from home_sentry_engine.domain.filetypes import kind_of_name
from home_sentry_engine.ingest.source import CameraFolders, Stamp, source_key
from home_sentry_engine.media.frames import Frames
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.masks import Remasking, Unmasked

from .mask_state import MaskState
from .tables import Tables
from .veils import lasting_veil

_LOGGER = logging.getLogger(__name__)
_EVERY_S: Final = 2.0
_AGAIN_S: Final = 60.0
# whoever looked at a file before the masks were drawn has stored it by now
_SETTLED: Final = timedelta(seconds=3)
_PORTION: Final = 20
_BREATH_S: Final = 0.02

type Forget = Callable[[str], Awaitable[bool]]


class UploadMasking:
    """Puts masked content in the place of uploads; what a crash or a full disk left is found again by ``run``."""

    def __init__(
        self, folders: CameraFolders, frames: Frames, database: Database, tables: Tables, state: MaskState, clock: Clock
    ) -> None:
        """Take the camera folders, what burns masks in, the rows, and who hears of failures."""
        self._clock = clock
        self._folders = folders
        self._frames = frames
        self._database = database
        self._rows = tables.masks
        self._state = state

    async def replace(self, camera_id: str, path: Path, content: bytes) -> bool:
        """Replace one upload; False where it stays as it was."""
        try:
            await asyncio.to_thread(self._folders.replace, path, content)
        except FileNotFoundError:
            await self._database.write(lambda conn: self._rows.covered(conn, path))
            return False
        except OSError as err:
            _LOGGER.warning("An upload could not be replaced: %s", err.strerror, extra={"camera_id": camera_id})
            self._state.upload(camera_id, err.strerror or "it cannot be written")
            return False
        self._state.upload(camera_id, None)
        await self._database.write(lambda conn: self._rows.covered(conn, path))
        return True

    async def once(self, before: datetime) -> int:
        """Replace the uploads that were booked before a time and still lie there as they came; gives how many."""
        found = await self._database.read(self._rows.exposed)
        late = [one for one in found if one.at < before]
        return sum([await self._cover(one) for one in late])

    async def run(self) -> None:
        """Look for such uploads at the start and then every minute, until cancelled."""
        await self.once(self._clock.steady())
        while True:
            await self._clock.sleep(_AGAIN_S)
            await self.once(self._clock.steady() - timedelta(seconds=_AGAIN_S))

    async def _cover(self, one: Unmasked) -> bool:
        try:
            content = await asyncio.to_thread(self._content, one)
        except FileNotFoundError, Rejected:
            content = None
        except OSError as err:
            self._state.upload(one.camera_id, err.strerror or "it cannot be read")
            return False
        if content is None:
            await self._database.write(lambda conn: self._rows.covered(conn, one.path))
            return False
        return await self.replace(one.camera_id, one.path, content)

    def _content(self, one: Unmasked) -> bytes | None:
        """Give what has to lie in an upload's place, None where another file lies there or nothing has to be burned."""
        relative = str(one.path.relative_to(self._folders.root))
        if source_key(relative, Stamp.of(self._folders.look(relative))) != one.source_key:
            return None
        provenance = Provenance(seen_at=one.at, name=one.path.name, camera_id=one.camera_id)
        with self._folders.open(one.path) as file:
            if kind_of_name(relative) is MediaKind.VIDEO:
                return self._frames.inspect_video(file, provenance).content
            return self._frames.inspect_still(file.read(), provenance).content


class StoredMasking:
    """Masks a camera's stored files anew after its masks changed; goes on where it was after a restart."""

    def __init__(
        self, frames: Frames, forget: Forget, database: Database, tables: Tables, state: MaskState, clock: Clock
    ) -> None:
        """Take what burns masks in, what deletes the thumbnails of an id, the rows, and who hears how far it is."""
        self._frames = frames
        self._forget = forget
        self._database = database
        self._tables = tables
        self._state = state
        self._clock = clock

    async def run(self) -> None:
        """Work through all cameras whose masks changed, until cancelled."""
        while True:
            await self.once()
            await self._clock.sleep(_EVERY_S)

    async def once(self) -> None:
        """Work through the cameras whose masks changed a few seconds ago."""
        for job in await self._database.read(self._tables.masks.remaskings):
            if not timedelta() <= self._clock.now() - job.at < _SETTLED:
                await self._camera(job)

    async def _camera(self, job: Remasking) -> None:
        if not job.done:
            self._state.begun(job.camera_id)
        current: Remasking | None = job
        while current is not None and current.at == job.at:
            if not await self._portion(current):
                return
            await self._clock.sleep(_BREATH_S)
            jobs = await self._database.read(self._tables.masks.remaskings)
            current = next((one for one in jobs if one.camera_id == job.camera_id), None)

    async def _portion(self, job: Remasking) -> bool:
        masks = self._tables.masks
        ids = await self._database.read(lambda conn: masks.stored(conn, job, _PORTION))
        failed = 0
        for media_id in ids:
            failed += await self._file(job.camera_id, media_id)
        if not ids:
            for event_id in await self._database.read(lambda conn: masks.visits(conn, job.camera_id)):
                await self._forget(event_id)
        left = await self._database.write(lambda conn: self._noted(conn, job, ids))
        self._state.stored(job.camera_id, left, failed)
        return bool(ids)

    def _noted(self, conn: Connection, job: Remasking, ids: tuple[str, ...]) -> int:
        self._tables.masks.remasked(conn, job, ids)
        return self._tables.masks.left(conn, job.camera_id)

    async def _file(self, camera_id: str, media_id: str) -> int:
        stored = await self._database.read(lambda conn: self._tables.media.get(conn, media_id))
        found = await self._database.read(lambda conn: self._tables.masks.of(conn, camera_id))
        veil = lasting_veil(found) if found is not None else None
        if stored is None or veil is None:
            return 0
        await self._forget(media_id)
        try:
            failures = await self._frames.remask(stored.media, veil)
        except OSError as err:
            failures = (err.strerror or "it cannot be read or written",)
        for failure in failures:
            _LOGGER.warning("A stored file could not be masked: %s", failure, extra={"media_id": media_id})
        return len(failures)
