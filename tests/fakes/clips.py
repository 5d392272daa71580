"""Clips that are there at once."""

from collections.abc import Awaitable, Callable, Container
from datetime import date
from pathlib import Path
from tempfile import mkdtemp

from home_sentry_engine.api.clip_ports import Clip
from home_sentry_engine.contract.errors import Conflict, NotFound

BODY = bytes(range(256)) * 8


class FakeClips:
    """``api.clip_ports.Clips``: events and cameras that exist have one, those in ``bare`` nothing to make it from."""

    def __init__(self, pause: Callable[[], Awaitable[None]], events: Container[str], cameras: Container[str]) -> None:
        self._pause = pause
        self._events = events
        self._cameras = cameras
        self.bare: set[str] = set()
        self.asked: list[tuple[object, ...]] = []
        self.folder: Path | None = None
        self.lost = False

    async def of_event(self, event_id: str, kind: str, before_s: float | None, after_s: float | None) -> Clip:
        self.asked.append((event_id, kind, before_s, after_s))
        return await self._clip(event_id in self._events, event_id, kind)

    async def of_day(self, camera_id: str, day: date | None) -> Clip:
        self.asked.append((camera_id, day))
        return await self._clip(camera_id in self._cameras, camera_id, "mp4")

    async def _clip(self, there: bool, one_id: str, kind: str) -> Clip:
        await self._pause()
        if not there:
            raise NotFound("there is no such thing")
        if one_id in self.bare:
            raise Conflict("nothing is kept")
        if self.folder is None:
            self.folder = Path(mkdtemp(prefix="home-sentry-clips-"))
        path = self.folder / f"clip.{kind}"
        if self.lost:
            path.unlink(missing_ok=True)
        elif not path.exists():
            path.write_bytes(BODY)
        return Clip(path=path, content_type="video/mp4" if kind == "mp4" else "image/gif")
