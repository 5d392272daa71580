"""Zones and habits for the API."""

from collections.abc import Awaitable, Callable, Container

from home_sentry_engine.contract import Baseline, Mask, MaskList, Zone


class FakePlaces:
    """``api.ports.Places`` in memory; nothing was ever learned."""

    def __init__(self, pause: Callable[[], Awaitable[None]], cameras: Container[str]) -> None:
        self._pause = pause
        self._cameras = cameras
        self.drawn: dict[str, tuple[Zone, ...]] = {}

    async def zones(self, camera_id: str) -> tuple[Zone, ...] | None:
        await self._pause()
        return self.drawn.get(camera_id, ()) if camera_id in self._cameras else None

    async def set_zones(self, camera_id: str, zones: tuple[Zone, ...]) -> tuple[Zone, ...] | None:
        await self._pause()
        if camera_id not in self._cameras:
            return None
        self.drawn[camera_id] = zones
        return zones

    async def baseline(self, camera_id: str) -> Baseline | None:
        await self._pause()
        if camera_id not in self._cameras:
            return None
        return Baseline(camera_id=camera_id, since=None, window_days=30, min_days=10, habits=())

    async def reset_baseline(self, camera_id: str) -> Baseline | None:
        return await self.baseline(camera_id)


class FakeMasks:
    """``api.ports.Masks`` of the fake engine."""

    def __init__(self, pause: Callable[[], Awaitable[None]], cameras: Container[str]) -> None:
        self._pause = pause
        self._cameras = cameras
        self.drawn: dict[str, tuple[Mask, ...]] = {}

    async def masks(self, camera_id: str) -> MaskList | None:
        await self._pause()
        if camera_id not in self._cameras:
            return None
        return MaskList(camera_id=camera_id, masks=self.drawn.get(camera_id, ()))

    async def set_masks(self, camera_id: str, masks: tuple[Mask, ...]) -> MaskList | None:
        if camera_id in self._cameras:
            self.drawn[camera_id] = masks
        return await self.masks(camera_id)
