"""What the API asks of the engine for clips; ``app`` implements it."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A made clip: a file that is complete and does not change."""

    path: Path
    content_type: str


class Clips(Protocol):
    """Clips by id, made when they are asked for; each call may take minutes.

    Raises ``NotFound`` for what does not exist, ``Conflict`` where there is nothing to make a clip from, or a
    ``StageError`` with the reason.
    """

    async def of_event(self, event_id: str, kind: str, before_s: float | None, after_s: float | None) -> Clip:
        """Give an event as ``mp4`` or ``gif`` with seconds before and after it; None leaves them to the settings."""
        ...

    async def of_day(self, camera_id: str, day: date | None) -> Clip:
        """Give the time-lapse of a camera's day at home, None is today."""
        ...
