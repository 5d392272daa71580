"""What the pipeline needs to know of places, habits and views."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from home_sentry_engine.context.crosscamera import Elsewhere
from home_sentry_engine.contract import BaselineLimits, HomeReport, SceneChange, Zone
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.domain.resting import Resting, ViewNews


class Views(Protocol):
    """Compares pictures with what their cameras usually show."""

    async def look(self, media: Media, picture: Any) -> ViewNews:
        """Take one picture of a camera; pictures of one camera come one after the other."""
        ...


class PlaceRows(Protocol):
    """What is known of places and habits, inside one transaction."""

    def zones(self, camera_id: str) -> tuple[Zone, ...]:
        """Give a camera's zones."""
        ...

    def resting(self, camera_id: str) -> tuple[Resting, ...]:
        """Give what rests before a camera."""
        ...

    def rest(self, camera_id: str, things: Sequence[Resting]) -> None:
        """Replace what rests before a camera."""
        ...

    def watch(self, camera_id: str, day: date) -> None:
        """Note that a camera was watched on this day."""
        ...

    def count(self, camera_id: str, labels: Sequence[str], *, day: date, hour: int) -> None:
        """Count one appearance of each class in an hour of a day."""
        ...

    def since(self, camera_id: str) -> date | None:
        """Give the first whole day on which a camera was watched."""
        ...

    def counts(
        self, camera_id: str, labels: Sequence[str], *, hour: int, first: date
    ) -> Mapping[str, Mapping[date, int]]:
        """Give the appearances in an hour by class and day."""
        ...

    def note_view(self, media: Media, news: ViewNews) -> tuple[SceneChange, ...]:
        """Store what a picture says about its camera's view; gives the changes that began or ended with it."""
        ...

    def anomaly(self, camera_id: str) -> float | None:
        """Give how strange the newest picture of a camera was to an image model, None while nobody can say."""
        ...

    def view_changes(self, camera_id: str, *, since: datetime) -> tuple[str, ...]:
        """Give the kinds of changes since then, and of those that stand, that nobody acknowledged, newest first."""
        ...

    def home(self) -> HomeReport | None:
        """Give what Home Assistant said last about the home."""
        ...

    def zone(self, otherwise: ZoneInfo) -> ZoneInfo:
        """Give the home's time zone, another one before Home Assistant said so."""
        ...

    def limits(self) -> BaselineLimits:
        """Give how habits are judged."""
        ...

    def elsewhere(self, camera_id: str, *, since: datetime, until: datetime, most: int) -> tuple[Elsewhere, ...]:
        """Give what other cameras saw between two times."""
        ...
