"""The API's home: what Home Assistant said, kept with its time."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from home_sentry_engine.context.home import is_stale
from home_sentry_engine.contract import BaselineLimits, HomeReport, from_plain, to_plain
from home_sentry_engine.contract.errors import InvalidRequest
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.meta import Meta

_HOME: Final = "home_report"
_LIMITS: Final = "baseline_limits"
_SILENT: Final = "silent_together"
_WATCHED: Final = "cameras_watched"


class HomeRows:
    """The newest report, and the limits by which habits are judged."""

    def __init__(self) -> None:
        """Keep them among the small values."""
        self._meta = Meta()

    def report(self, conn: Connection) -> HomeReport | None:
        """Give the newest report; one that a later release wrote and this one cannot read is none."""
        return _read(HomeReport, self._meta.get(conn, _HOME))

    def keep(self, conn: Connection, report: HomeReport) -> None:
        """Keep a report in the place of the former one."""
        self._meta.set(conn, _HOME, to_plain(report))

    def zone(self, conn: Connection, otherwise: ZoneInfo) -> ZoneInfo:
        """Give the time zone of Home Assistant, another one before it said so."""
        report = self.report(conn)
        return ZoneInfo(report.time_zone) if report is not None and report.time_zone else otherwise

    def limits(self, conn: Connection) -> BaselineLimits:
        """Give the limits of habits."""
        return _read(BaselineLimits, self._meta.get(conn, _LIMITS)) or BaselineLimits()

    def set_limits(self, conn: Connection, limits: BaselineLimits) -> None:
        """Keep other limits."""
        self._meta.set(conn, _LIMITS, to_plain(limits))

    def silent(self, conn: Connection) -> tuple[tuple[str, ...], datetime | None]:
        """Give the cameras that fell quiet together, and since when they are."""
        plain = self._meta.get(conn, _SILENT) or {}
        since = plain.get("since")
        return tuple(plain.get("cameras", ())), datetime.fromisoformat(since) if since else None

    def set_silent(self, conn: Connection, camera_ids: tuple[str, ...], since: datetime | None) -> None:
        """Keep which cameras fell quiet together."""
        kept = {"cameras": list(camera_ids), "since": since.isoformat() if since is not None else None}
        self._meta.set(conn, _SILENT, kept)

    def watched(self, conn: Connection, now: datetime, *, lost_s: float) -> datetime | None:
        """Give since when the cameras are watched without a pause of ``lost_s``, None if there was one."""
        plain = self._meta.get(conn, _WATCHED)
        if plain is None or (now - datetime.fromisoformat(plain["at"])).total_seconds() > lost_s:
            return None
        return datetime.fromisoformat(plain["since"])

    def watch(self, conn: Connection, since: datetime, now: datetime) -> None:
        """Note that the cameras are still watched."""
        self._meta.set(conn, _WATCHED, {"since": since.isoformat(), "at": now.isoformat()})


async def _nobody() -> None:
    return


class StoredHome:
    """``api.watch_ports.Home`` over the database."""

    def __init__(
        self, database: Database, rows: HomeRows, clock: Clock, heard: Callable[[], Awaitable[None]] = _nobody
    ) -> None:
        """Take the rows, the clock, and who wants to know of every report once it is kept."""
        self._heard = heard
        self._database = database
        self._rows = rows
        self._clock = clock

    async def report(self) -> HomeReport:
        """Give the newest report, an empty one before the first."""
        known = await self._database.read(self._rows.report)
        if known is None:
            return HomeReport()
        return replace(known, stale=is_stale(known, self._clock.steady()))

    async def take(self, report: HomeReport) -> HomeReport:
        """Keep a report with its time."""
        kept = replace(report, received_at=self._clock.steady(), stale=False)
        await self._database.write(lambda conn: self._rows.keep(conn, kept))
        await self._heard()
        return kept


def _read[T](shape: type[T], plain: object) -> T | None:
    if plain is None:
        return None
    try:
        return from_plain(shape, plain)
    except InvalidRequest:
        return None
