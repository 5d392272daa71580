"""What the API asks of the engine to change: cameras, the token, and what events sum up to; ``app`` implements it."""

from typing import Protocol

from home_sentry_engine.contract import Camera, CameraDeleted, EventStats, TokenRotated
from home_sentry_engine.storage.query import EventQuery


class CameraRegistry(Protocol):
    """Cameras as a person wants them; every change is announced."""

    async def create(self, name: str, camera_id: str | None, confidence: float | None) -> Camera:
        """Make a camera without a folder, for uploads; raises ``Conflict`` or ``Unprocessable``."""
        ...

    async def patch(self, camera_id: str, changes: dict[str, str | float | None]) -> Camera:
        """Change ``name`` or ``confidence``; raises ``NotFound``."""
        ...

    async def delete(self, camera_id: str) -> CameraDeleted:
        """Delete a camera with its events, detections, media and files; raises ``NotFound``."""
        ...

    async def stats(self, query: EventQuery) -> EventStats:
        """Count the events that fit."""
        ...


class TokenKeeper(Protocol):
    """The token of this installation."""

    async def rotate(self) -> TokenRotated:
        """Replace it; the one before works for ten more minutes."""
        ...
