"""Views, the home and learning cameras for the API."""

from collections.abc import Awaitable, Callable, Container
from dataclasses import replace

from home_sentry_engine.contract import (
    BaselineLimits,
    Camera,
    HomeReport,
    LearningReport,
    LearningState,
    SceneBaseline,
    SceneChange,
    SceneChangeKind,
)
from tests.fakes.clock import START
from tests.fakes.records import camera


class FakeScenes:
    """``api.watch_ports.Scenes`` with one change that stands at the front door."""

    def __init__(self, pause: Callable[[], Awaitable[None]], cameras: Container[str]) -> None:
        self._pause = pause
        self._cameras = cameras
        self.known = {1: SceneChange(id=1, camera_id="front_door", kind=SceneChangeKind.VIEW_BLOCKED, at=START)}
        self.reset_of: list[str | None] = []
        self.dark = False

    async def changes(self, camera_id: str | None, limit: int) -> tuple[SceneChange, ...] | None:
        await self._pause()
        if camera_id is not None and camera_id not in self._cameras:
            return None
        return tuple(one for one in self.known.values() if camera_id in {None, one.camera_id})[:limit]

    async def acknowledge(self, change_id: int) -> SceneChange | None:
        await self._pause()
        if change_id not in self.known:
            return None
        self.known[change_id] = replace(self.known[change_id], acknowledged_at=START)
        return self.known[change_id]

    async def acknowledge_camera(self, camera_id: str) -> tuple[SceneChange, ...] | None:
        await self._pause()
        if camera_id not in self._cameras:
            return None
        standing = [one for one in self.known.values() if one.stands and one.camera_id == camera_id]
        return tuple([found for one in standing if (found := await self.acknowledge(one.id)) is not None])

    async def update(self, camera_id: str) -> SceneBaseline | None:
        await self._pause()
        if camera_id not in self._cameras:
            return None
        if self.dark:
            raise ValueError("the newest picture shows nothing")
        return SceneBaseline(camera_id=camera_id, light="day", media_id="m1", at=START)

    async def reset(self, camera_id: str | None) -> int | None:
        await self._pause()
        if camera_id is not None and camera_id not in self._cameras:
            return None
        self.reset_of.append(camera_id)
        return 2


class FakeHome:
    """``api.watch_ports.Home`` in memory."""

    def __init__(self, pause: Callable[[], Awaitable[None]]) -> None:
        self._pause = pause
        self.said = HomeReport()

    async def report(self) -> HomeReport:
        await self._pause()
        return self.said

    async def take(self, report: HomeReport) -> HomeReport:
        await self._pause()
        self.said = replace(report, received_at=START)
        return self.said


class FakeLearning:
    """``api.watch_ports.Learning`` of cameras that learn until someone ends that."""

    def __init__(self, pause: Callable[[], Awaitable[None]], cameras: Container[str]) -> None:
        self._pause = pause
        self._cameras = cameras
        self.judged_by = BaselineLimits()
        self.finished: set[str] = set()

    async def learned(self, camera_id: str) -> LearningReport | None:
        await self._pause()
        if camera_id not in self._cameras:
            return None
        state = LearningState.DONE if camera_id in self.finished else LearningState.LEARNING
        return LearningReport(camera_id=camera_id, state=state, since=START, until=START)

    async def finish(self, camera_id: str) -> Camera | None:
        await self._pause()
        if camera_id not in self._cameras:
            return None
        self.finished.add(camera_id)
        return replace(camera(camera_id), learning_until=START)

    async def limits(self) -> BaselineLimits:
        await self._pause()
        return self.judged_by

    async def set_limits(self, limits: BaselineLimits) -> BaselineLimits:
        await self._pause()
        self.judged_by = limits
        return limits
