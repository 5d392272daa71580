"""The API's learning weeks and limits of habits, over the repositories."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from home_sentry_engine.alerting.evaluation import ALARMING
from home_sentry_engine.context.baseline import ANYTHING
from home_sentry_engine.context.geometry import Point
from home_sentry_engine.context.learning import busy_and_quiet, proposed_confidence, proposed_zones
from home_sentry_engine.contract import (
    BaselineLimits,
    Camera,
    Detection,
    Event,
    HeldBack,
    LearningReport,
    LearningState,
    ObjectGroup,
    encode,
)
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.query import MAX_LIMIT, EventQuery, MediaQuery

from .tables import Tables

_WEEK: Final = timedelta(days=7)
_SAMPLED_MOST: Final = 5000


class StoredLearning:
    """``api.watch_ports.Learning``; ``announced`` is called after a change is committed."""

    def __init__(
        self, database: Database, tables: Tables, clock: Clock, zone: ZoneInfo, announced: Callable[[], None]
    ) -> None:
        """Take the rows, the clock, the time zone before Home Assistant names its own, and who hears of changes."""
        self._database = database
        self._tables = tables
        self._clock = clock
        self._zone = zone
        self._announced = announced

    async def learned(self, camera_id: str) -> LearningReport | None:
        """Give what a camera has learned so far and what that proposes."""

        def work(conn: Connection) -> LearningReport | None:
            camera = self._tables.cameras.get(conn, camera_id)
            return None if camera is None else self._report(conn, camera)

        return await self._database.read(work)

    async def finish(self, camera_id: str) -> Camera | None:
        """End a camera's learning time now; one that has ended stays as it was."""

        def work(conn: Connection) -> Camera | None:
            camera, now = self._tables.cameras.get(conn, camera_id), self._clock.steady()
            if camera is None or camera.learning_until is None or camera.learning_until <= now:
                return camera
            changed = self._tables.cameras.learn_until(conn, camera_id, now)
            body = encode(changed)
            self._tables.outbox.add(conn, kind="camera_changed", camera_id=camera_id, body=body, now=now)
            self._database.after_commit(conn, self._announced)
            return changed

        return await self._database.write(work)

    async def limits(self) -> BaselineLimits:
        """Give how habits are judged."""
        return await self._database.read(self._tables.home.limits)

    async def set_limits(self, limits: BaselineLimits) -> BaselineLimits:
        """Judge habits by other limits from now on."""
        await self._database.write(lambda conn: self._tables.home.set_limits(conn, limits))
        return limits

    def _report(self, conn: Connection, camera: Camera) -> LearningReport:
        tables, now = self._tables, self._clock.steady()
        until = camera.learning_until
        end = min(until or camera.created_at + _WEEK, now)
        span: dict[str, Any] = {"camera_id": camera.id, "since": camera.created_at, "until": end}
        week = camera.id, camera.created_at, end
        seen = tables.detections.sampled(conn, *week, most=_SAMPLED_MOST)
        media = tables.media.page(conn, MediaQuery(**span, limit=1, with_total=True))
        events = tables.events.page(conn, EventQuery(**span, limit=1, with_total=True))
        busy, quiet = busy_and_quiet(self._by_hour(conn, camera, end))
        return LearningReport(
            camera_id=camera.id,
            state=LearningState.LEARNING if until is not None and now < until else LearningState.DONE,
            since=camera.created_at,
            until=until,
            pictures=media.total or 0,
            events=events.total or 0,
            would_alert=tuple(_held_back(event) for event in self._alarming(conn, span)),
            zones=proposed_zones(_places(seen)),
            busy_hours=busy,
            quiet_hours=quiet,
            confidence=proposed_confidence(tables.detections.best_of_visits(conn, *week, most=_SAMPLED_MOST)),
        )

    def _alarming(self, conn: Connection, span: dict[str, Any]) -> list[Event]:
        found: list[Event] = []
        for level in ALARMING:
            found.extend(self._tables.events.page(conn, EventQuery(**span, level=level, limit=MAX_LIMIT)).items)
        return sorted(found, key=lambda event: event.started_at, reverse=True)

    def _by_hour(self, conn: Connection, camera: Camera, end: datetime) -> dict[int, int]:
        zone = self._tables.home.zone(conn, self._zone)
        first, last = camera.created_at.astimezone(zone).date(), end.astimezone(zone).date()
        counts = self._tables.activity.all(conn, camera.id, first=first)
        return {
            hour: sum(count for day, count in by_day.items() if day <= last)
            for (label, hour), by_day in counts.items()
            if label == ANYTHING
        }


def _held_back(event: Event) -> HeldBack:
    return HeldBack(
        event_id=event.event_id,
        started_at=event.started_at,
        level=event.risk_level,
        score=event.risk_score,
        summary=event.summary,
    )


def _places(seen: tuple[Detection, ...]) -> dict[ObjectGroup, list[Point]]:
    places: dict[ObjectGroup, list[Point]] = {}
    for one in seen:
        box = Box(x=one.box.x, y=one.box.y, width=one.box.width, height=one.box.height)
        places.setdefault(one.group, []).append(box.bottom_centre((one.image_width, one.image_height)))
    return places
