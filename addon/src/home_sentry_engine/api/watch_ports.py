"""What the API asks of the engine about views, the home and learning cameras; ``app`` implements it."""

from typing import Protocol

from home_sentry_engine.contract import BaselineLimits, Camera, HomeReport, LearningReport, SceneBaseline, SceneChange


class Scenes(Protocol):
    """Changes of the cameras' views; None where there is no such camera or change."""

    async def changes(self, camera_id: str | None, limit: int) -> tuple[SceneChange, ...] | None:
        """Give the changes of one camera, or of all, the newest first."""
        ...

    async def acknowledge(self, change_id: int) -> SceneChange | None:
        """Note that a person knows of a change and announce it: what is seen now is the usual view from here on."""
        ...

    async def acknowledge_camera(self, camera_id: str) -> tuple[SceneChange, ...] | None:
        """Acknowledge every change of a camera that stands; gives those."""
        ...

    async def update(self, camera_id: str) -> SceneBaseline | None:
        """Make a camera's newest picture the usual view of its light; None where there is no camera or no picture.

        Raises ``StageError`` where the picture cannot be looked at, and ``ValueError`` where it shows nothing.
        """
        ...

    async def reset(self, camera_id: str | None) -> int | None:
        """Forget the usual views of a camera, or of all; gives how many there were."""
        ...


class Home(Protocol):
    """What Home Assistant says about the home."""

    async def report(self) -> HomeReport:
        """Give the newest report, an empty one before the first."""
        ...

    async def take(self, report: HomeReport) -> HomeReport:
        """Keep a report in the place of the former one."""
        ...


class Learning(Protocol):
    """The first days of cameras, and the limits by which habits are judged; None where there is no such camera."""

    async def learned(self, camera_id: str) -> LearningReport | None:
        """Give what a camera has learned so far and what that proposes."""
        ...

    async def finish(self, camera_id: str) -> Camera | None:
        """End a camera's learning time now and announce that."""
        ...

    async def limits(self) -> BaselineLimits:
        """Give how habits are judged."""
        ...

    async def set_limits(self, limits: BaselineLimits) -> BaselineLimits:
        """Judge habits by other limits from now on."""
        ...
