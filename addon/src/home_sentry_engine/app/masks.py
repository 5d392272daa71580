"""Privacy masks: known to whoever decodes a picture, told by the API, burned into uploads."""

from collections.abc import Callable
import logging
from pathlib import Path
import threading
from typing import Final

from home_sentry_engine.contract import Component, ComponentState, Mask, MaskList
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.ingest.source import CameraFolders
from home_sentry_engine.media.mask import Veil
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.masks import CameraMasks

from .transactions import Tables

_LOGGER = logging.getLogger(__name__)
_EVERY_S: Final = 2.0

type Report = Callable[[Component], None]


class MaskBook:
    """``api.ports.Masks`` and ``media.mask.Veils``: what is drawn holds at once here, within seconds everywhere.

    ``read`` has to run before anything is decoded.
    """

    def __init__(self, database: Database, tables: Tables, clock: Clock, changed: Callable[[str], None]) -> None:
        """Take the rows, the clock, and who forgets what it kept of a camera when its masks change."""
        self._database = database
        self._tables = tables
        self._clock = clock
        self._changed = changed
        self._veils: dict[str, Veil] = {}

    def veil_of(self, camera_id: str) -> Veil | None:
        """Give what covers a camera's pictures."""
        return self._veils.get(camera_id)

    async def masks(self, camera_id: str) -> MaskList | None:
        """Give a camera's masks, None where there is no such camera."""
        return await self._database.read(lambda conn: self._listed(conn, camera_id))

    async def set_masks(self, camera_id: str, masks: tuple[Mask, ...]) -> MaskList | None:
        """Replace a camera's masks by checked ones, None where there is no such camera."""

        def work(conn: Connection) -> MaskList | None:
            if self._tables.cameras.get(conn, camera_id) is not None:
                self._tables.masks.replace(conn, camera_id, masks, self._clock.now())
                # the usual views were learned from pictures without these masks
                self._tables.scenes.reset(conn, camera_id)
            return self._listed(conn, camera_id)

        listed = await self._database.write(work)
        await self.read()
        return listed

    async def read(self) -> None:
        """Learn the masks of all cameras."""
        stored = await self._database.read(self._tables.masks.all)
        fresh = {camera_id: _veil(found) for camera_id, found in stored.items()}
        before, self._veils = self._veils, fresh
        for camera_id in before.keys() | fresh.keys():
            if before.get(camera_id) != fresh.get(camera_id):
                self._changed(camera_id)

    async def run(self) -> None:
        """Hear of masks that another engine was told, until cancelled."""
        while True:
            await self._clock.sleep(_EVERY_S)
            await self.read()

    def _listed(self, conn: Connection, camera_id: str) -> MaskList | None:
        if self._tables.cameras.get(conn, camera_id) is None:
            return None
        found = self._tables.masks.all(conn).get(camera_id)
        if found is None:
            return MaskList(camera_id=camera_id, masks=())
        return MaskList(camera_id=camera_id, masks=found.masks, changed_at=found.changed_at)


class Replacing:
    """Puts masked content in the place of uploads and tells, as the component ``masks``, where it cannot."""

    def __init__(self, folders: CameraFolders, report: Report) -> None:
        """Take the camera folders and who hears of the component."""
        self._folders = folders
        self._report = report
        self._failed: dict[str, str] = {}
        self._lock = threading.Lock()

    def __call__(self, camera_id: str, path: Path, content: bytes) -> bool:
        """Replace one upload; blocks. False where it stays as it was."""
        try:
            self._folders.replace(path, content)
        except OSError as err:
            _LOGGER.warning("An upload could not be replaced: %s", err.strerror, extra={"camera_id": camera_id})
            self._note(camera_id, err.strerror or "it cannot be written")
            return False
        self._note(camera_id, None)
        return True

    def _note(self, camera_id: str, problem: str | None) -> None:
        with self._lock:
            if self._failed.get(camera_id) == problem:
                return
            self._failed.pop(camera_id, None)
            if problem is not None:
                self._failed[camera_id] = problem
            self._report(_component(self._failed))


def _veil(found: CameraMasks) -> Veil:
    return Veil(shapes=tuple(mask.points for mask in found.masks), changed_at=found.changed_at)


def _component(failed: dict[str, str]) -> Component:
    if not failed:
        return Component(id="masks", state=ComponentState.HEALTHY)
    cameras = ", ".join(f"{camera_id} ({problem})" for camera_id, problem in sorted(failed.items()))
    return Component(
        id="masks",
        state=ComponentState.DEGRADED,
        reason=f"uploads without masks stay in the folders of: {cameras}; they are neither looked at nor shown",
        fix="let Home Sentry write to the camera folder, or delete the uploads there",
    )
