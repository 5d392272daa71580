"""Cameras, replies and tokens for tests of the API."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from home_sentry_engine.contract import Camera, CameraDeleted, EventStats, TokenRotated
from home_sentry_engine.contract.errors import Conflict, NotFound
from home_sentry_engine.storage.query import EventQuery
from home_sentry_engine.storage.repositories.replies import KeptReply
from tests.fakes.clock import START
from tests.fakes.records import camera

type Pause = Callable[[], Awaitable[None]]

# a camera that stays whatever is done to it, so that every route can be tried in any order
STICKY = "front_door"


class FakeRegistry:
    def __init__(self, pause: Pause, cameras: dict[str, Camera]) -> None:
        self._pause = pause
        self._cameras = cameras
        self.made: list[str] = []
        self.queries: list[EventQuery] = []

    async def create(self, name: str, camera_id: str | None, confidence: float | None) -> Camera:
        del confidence
        await self._pause()
        chosen = camera_id or name.lower()
        if chosen in self._cameras:
            raise Conflict("there is one already")
        self.made.append(chosen)
        self._cameras[chosen] = replace(camera(), id=chosen, name=name)
        return self._cameras[chosen]

    async def patch(self, camera_id: str, changes: dict[str, str | float | None]) -> Camera:
        await self._pause()
        found = self._existing(camera_id)
        self._cameras[camera_id] = replace(found, name=str(changes.get("name") or found.name))
        return self._cameras[camera_id]

    async def delete(self, camera_id: str) -> CameraDeleted:
        await self._pause()
        self._existing(camera_id)
        if camera_id != STICKY:
            del self._cameras[camera_id]
        return CameraDeleted(camera_id=camera_id, events=1, media=2)

    async def stats(self, query: EventQuery) -> EventStats:
        await self._pause()
        self.queries.append(query)
        return EventStats(total=3, reviewed=1, by_level={"low": 3}, mean_score=12.5)

    def _existing(self, camera_id: str) -> Camera:
        found = self._cameras.get(camera_id)
        if found is None:
            raise NotFound("there is no such camera")
        return found


class FakeReplies:
    def __init__(self, pause: Pause) -> None:
        self._pause = pause
        self.kept: dict[str, KeptReply] = {}

    async def claim(self, key: str, fingerprint: str) -> KeptReply | None:
        await self._pause()
        known = self.kept.get(key)
        if known is None:
            self.kept[key] = KeptReply(fingerprint=fingerprint, status=None, body=None)
        return known

    async def keep(self, key: str, *, status: int, body: bytes) -> None:
        self.kept[key] = replace(self.kept[key], status=status, body=body)

    async def release(self, key: str) -> None:
        self.kept.pop(key, None)


class FakeKeys:
    def __init__(self) -> None:
        self.rotations = 0

    async def rotate(self) -> TokenRotated:
        self.rotations += 1
        return TokenRotated(token=f"new-{self.rotations}", previous_until=START + timedelta(minutes=10))
