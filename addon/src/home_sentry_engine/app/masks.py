"""Privacy masks: known to whoever decodes a picture, told by the API."""

from collections.abc import Callable
from typing import Final

from home_sentry_engine.contract import HomeReport, Mask, MaskList
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.media.mask import Veil
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.masks import CameraMasks

from .tables import Tables
from .veils import veil_of, widest_veil

_EVERY_S: Final = 2.0


class MaskBook:
    """``api.ports.Masks`` and ``media.mask.Veils``: what is drawn holds at once here, within seconds everywhere.

    ``read`` has to run before anything is decoded. Masks of some arm modes alone hold for what comes or is shown while
    the home is in one of them, and while its mode is not known.
    """

    def __init__(self, database: Database, tables: Tables, clock: Clock, changed: Callable[[str], None]) -> None:
        """Take the rows, the clock, and who forgets what it kept of a camera when its masks change."""
        self._database = database
        self._tables = tables
        self._clock = clock
        self._changed = changed
        self._veils: dict[str, Veil] = {}
        self._widest: dict[str, Veil] = {}

    def veil_of(self, camera_id: str) -> Veil | None:
        """Give what covers a camera's pictures."""
        return self._veils.get(camera_id)

    def widest_of(self, camera_id: str) -> Veil | None:
        """Give what covers a camera's pictures in one arm mode or another: what stays seen in all of them is left."""
        return self._widest.get(camera_id)

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
        """Learn the masks of all cameras that hold now."""
        stored, home = await self._database.read(self._stored)
        now = self._clock.steady()
        holding = {camera_id: veil_of(found, home, now) for camera_id, found in stored.items()}
        fresh = {camera_id: veil for camera_id, veil in holding.items() if veil is not None}
        self._widest = {camera_id: widest_veil(found) for camera_id, found in stored.items()}
        before, self._veils = self._veils, fresh
        for camera_id in before.keys() | fresh.keys():
            if before.get(camera_id) != fresh.get(camera_id):
                self._changed(camera_id)

    async def run(self) -> None:
        """Hear of masks that another engine was told, and of arm modes that are not known any more, until cancelled."""
        while True:
            await self._clock.sleep(_EVERY_S)
            await self.read()

    def _stored(self, conn: Connection) -> tuple[dict[str, CameraMasks], HomeReport | None]:
        return self._tables.masks.all(conn), self._tables.home.report(conn)

    def _listed(self, conn: Connection, camera_id: str) -> MaskList | None:
        if self._tables.cameras.get(conn, camera_id) is None:
            return None
        found = self._tables.masks.of(conn, camera_id)
        if found is None:
            return MaskList(camera_id=camera_id, masks=())
        left = self._tables.masks.left(conn, camera_id)
        return MaskList(camera_id=camera_id, masks=found.masks, changed_at=found.changed_at, to_remask=left)
