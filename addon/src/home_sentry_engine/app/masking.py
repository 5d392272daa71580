"""Masks on uploads: what lies in the camera folders is replaced by what wears them, at once or later."""

import asyncio
from datetime import datetime, timedelta
import logging
from pathlib import Path
from typing import Final

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import Rejected
from home_sentry_engine.ingest.source import CameraFolders, Stamp, source_key
from home_sentry_engine.media.mask import Veil
from home_sentry_engine.media.remask import Burner
from home_sentry_engine.storage.database import Database
from home_sentry_engine.storage.repositories.masks import Unmasked

from .mask_state import MaskState
from .tables import Tables
from .veils import widest_veil

_LOGGER = logging.getLogger(__name__)
_AGAIN_S: Final = 60.0
_PORTION: Final = 50


class UploadMasking:
    """Puts masked content in the place of uploads; what a crash or a full disk left is found again by ``run``."""

    def __init__(
        self, folders: CameraFolders, burner: Burner, database: Database, tables: Tables, state: MaskState, clock: Clock
    ) -> None:
        """Take the camera folders, what burns masks in, the rows, and who hears of failures."""
        self._clock = clock
        self._folders = folders
        self._burner = burner
        self._database = database
        self._rows = tables.masks
        self._state = state

    async def replace(self, camera_id: str, path: Path, content: bytes) -> bool:
        """Replace one upload; False where it stays as it was."""
        try:
            await asyncio.to_thread(self._folders.replace, path, content)
        except FileNotFoundError:
            await self._covered(path)
            return False
        except OSError as err:
            self._failed(camera_id, err, "it cannot be written")
            return False
        self._state.upload(camera_id, None)
        await self._covered(path)
        return True

    async def once(self, before: datetime) -> int:
        """Replace the uploads that were booked before a time and still lie there as they came; gives how many.

        A camera whose folder refuses one of them is asked for another one the next time.
        """
        replaced, refusing = 0, set[str]()
        while found := await self._exposed(before, tuple(refusing)):
            for one in found:
                if one.camera_id in refusing:
                    continue
                done = await self._cover(one)
                if done is None:
                    refusing.add(one.camera_id)
                    await self._postpone(one.path)
                replaced += bool(done)
        self._state.uploads_of(await self._database.read(self._rows.exposed_cameras))
        return replaced

    async def run(self) -> None:
        """Look for such uploads at the start and then every minute, until cancelled."""
        await self.once(self._clock.steady())
        while True:
            await self._clock.sleep(_AGAIN_S)
            await self.once(self._clock.steady() - timedelta(seconds=_AGAIN_S))

    async def _cover(self, one: Unmasked) -> bool | None:
        """Tell whether an upload was replaced, None where it should have been and could not."""
        found = await self._database.read(lambda conn: self._rows.of(conn, one.camera_id))
        # which masks held when it came is not known any more
        veil = widest_veil(found) if found is not None else None
        try:
            content = await self._burner.run(lambda: self._content(one, veil)) if veil is not None else None
        except FileNotFoundError, Rejected:
            content = None
        except OSError as err:
            self._failed(one.camera_id, err, "it cannot be read")
            return None
        if content is None:
            await self._covered(one.path)
            return False
        return await self.replace(one.camera_id, one.path, content) or None

    def _content(self, one: Unmasked, veil: Veil) -> bytes | None:
        """Give what has to lie in an upload's place, None where another file lies there or it wears the masks."""
        relative = str(one.path.relative_to(self._folders.root))
        if source_key(relative, Stamp.of(self._folders.look(relative))) != one.source_key:
            return None
        with self._folders.open(one.path) as file:
            return self._burner.burned(file, veil)

    async def _exposed(self, before: datetime, refusing: tuple[str, ...]) -> tuple[Unmasked, ...]:
        return await self._database.read(lambda conn: self._rows.exposed(conn, before, _PORTION, without=refusing))

    async def _postpone(self, path: Path) -> None:
        await self._database.write(lambda conn: self._rows.postpone(conn, path, self._clock.steady()))

    async def _covered(self, path: Path) -> None:
        await self._database.write(lambda conn: self._rows.covered(conn, path))

    def _failed(self, camera_id: str, err: OSError, otherwise: str) -> None:
        _LOGGER.warning("An upload could not be replaced: %s", err.strerror, extra={"camera_id": camera_id})
        self._state.upload(camera_id, err.strerror or otherwise)
