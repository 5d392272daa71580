"""The API's zones and habits, over the repositories."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from home_sentry_engine.context.baseline import BaselineRules, Past, Slot, State, rules_of
from home_sentry_engine.contract import Baseline, Habit, Zone
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.storage.database import Connection, Database

from .tables import Tables

# a Wednesday and a Saturday stand for their kind of day
_WEEKDAY, _SATURDAY = 2, 5
_WEEK: Final = 7


class StoredPlaces:
    """``api.ports.Places``: a camera that does not exist is None."""

    def __init__(self, database: Database, tables: Tables, clock: Clock, zone: ZoneInfo) -> None:
        """Take the rows, the clock, and the time zone before Home Assistant names its own."""
        self._database = database
        self._tables = tables
        self._clock = clock
        self._zone = zone

    async def zones(self, camera_id: str) -> tuple[Zone, ...] | None:
        """Give a camera's zones."""
        return await self._database.read(self._for(camera_id, lambda conn: self._tables.zones.of(conn, camera_id)))

    async def set_zones(self, camera_id: str, zones: tuple[Zone, ...]) -> tuple[Zone, ...] | None:
        """Replace a camera's zones."""

        def work(conn: Connection) -> tuple[Zone, ...]:
            self._tables.zones.replace(conn, camera_id, zones)
            return self._tables.zones.of(conn, camera_id)

        return await self._database.write(self._for(camera_id, work))

    async def baseline(self, camera_id: str) -> Baseline | None:
        """Give what is usual at a camera, class by class and hour by hour."""
        return await self._database.read(self._for(camera_id, lambda conn: self._baseline(conn, camera_id)))

    async def reset_baseline(self, camera_id: str) -> Baseline | None:
        """Forget what is usual at a camera; whole days count from tomorrow on."""

        def work(conn: Connection) -> Baseline:
            self._tables.activity.reset(conn, camera_id, self._today(conn)[0])
            return self._baseline(conn, camera_id)

        return await self._database.write(self._for(camera_id, work))

    def _for[T](self, camera_id: str, work: Callable[[Connection], T]) -> Callable[[Connection], T | None]:
        def guarded(conn: Connection) -> T | None:
            return None if self._tables.cameras.get(conn, camera_id) is None else work(conn)

        return guarded

    def _today(self, conn: Connection) -> tuple[date, ZoneInfo]:
        zone = self._tables.home.zone(conn, self._zone)
        return self._clock.now().astimezone(zone).date(), zone

    def _baseline(self, conn: Connection, camera_id: str) -> Baseline:
        rules, (today, zone) = rules_of(self._tables.home.limits(conn)), self._today(conn)
        since = self._tables.activity.since(conn, camera_id)
        counts = self._tables.activity.all(conn, camera_id, first=today - timedelta(days=rules.window_days))
        habits = []
        for (label, hour), by_day in sorted(counts.items()):
            past = Past(counts=by_day, since=since)
            for day in (_WEEKDAY, _SATURDAY):
                slot = Slot(day=_coming(today, day), hour=hour)
                habits.append(_habit(label, slot, past.rates(slot, zone, rules, today=today), rules))
        return Baseline(
            camera_id=camera_id,
            since=since.isoformat() if since is not None else None,
            window_days=rules.window_days,
            min_days=rules.min_days,
            habits=tuple(habits),
        )


def _habit(label: str, slot: Slot, rates: Sequence[float], rules: BaselineRules) -> Habit:
    return Habit(
        label=label,
        weekend=slot.weekend,
        hour=slot.hour,
        days=len(rates),
        mean=sum(rates) / len(rates) if rates else 0.0,
        state=(State.READY if len(rates) >= rules.min_days else State.LEARNING).value,
    )


def _coming(today: date, weekday: int) -> date:
    return today + timedelta(days=(weekday - today.weekday()) % _WEEK)
