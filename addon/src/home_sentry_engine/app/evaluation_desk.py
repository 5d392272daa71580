"""The API's figures about verdicts, over the rows; weeks that are over are kept before their events go."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from home_sentry_engine.api.evaluation_ports import Span
from home_sentry_engine.contract import (
    BatchAudit,
    Calibration,
    EvaluationStats,
    EventAudit,
    Leaderboard,
)
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.operations import calibration as figures
from home_sentry_engine.operations.evaluation import leaderboard_of, stats_of
from home_sentry_engine.pipeline.trials import Trials
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.query import Page
from home_sentry_engine.storage.repositories.calibrations import Calibrations
from home_sentry_engine.storage.repositories.evaluations import AuditedQuery

from .tables import Tables

_MOST: Final = 20_000
_KEEP_S: Final = 6 * 3600.0


class EvaluationDesk:
    """``api.evaluation_ports.Evaluations`` over the repositories; ``standing`` tells what the background does."""

    def __init__(self, database: Database, tables: Tables, trials: Trials, clock: Clock, zone: ZoneInfo) -> None:
        """Take the rows, what judges stored events again, the clock, and the time zone before the home names its."""
        self._database = database
        self._tables = tables
        self._trials = trials
        self._clock = clock
        self._zone = zone
        self._rows = Calibrations()
        self.standing: Callable[[], str] = lambda: "off: no language model judges on this engine"

    async def record(self, event_id: str) -> EventAudit | None:
        """Give the record of an event."""
        return await self._database.read(lambda conn: self._tables.evaluations.get(conn, event_id))

    async def page(self, query: AuditedQuery) -> Page[EventAudit]:
        """Give records, the newest first."""
        return await self._database.read(lambda conn: self._tables.evaluations.page(conn, query))

    async def stats(self, span: Span) -> EvaluationStats:
        """Sum up the records of some days."""
        return stats_of(await self._records(span), days=span.days, camera_id=span.camera_id)

    async def leaderboard(self, span: Span) -> Leaderboard:
        """Rank sources by what leaving them out changed."""
        return leaderboard_of(await self._records(span), days=span.days, camera_id=span.camera_id)

    async def audit(self, span: Span, limit: int) -> BatchAudit:
        """Make missing records from stored evidence, and put verdicts to the front of the evaluation."""
        since = self._clock.steady() - timedelta(days=span.days)
        rows = self._tables.evaluations
        missing = await self._database.read(lambda conn: rows.without(conn, since, span.camera_id, limit))
        recorded = 0
        for event_id in missing:
            try:
                made = await self._trials.record(event_id)
            except StageError:
                # nothing is left of what was seen: there is no record to make
                continue
            if made is not None:
                await self._database.write(partial(rows.save, audit=made))
                recorded += 1
        waiting = await self._database.write(lambda conn: rows.want(conn, since, span.camera_id, limit))
        return BatchAudit(looked_at=len(missing), recorded=recorded, waiting=waiting, background=self.standing())

    async def calibration(self, span: Span) -> Calibration:
        """Compare scores with what people said, over whole weeks that end with this one."""
        return await self._database.read(lambda conn: self._calibration(conn, span))

    async def run(self) -> None:
        """Keep the weeks that are over, four times a day, until cancelled."""
        while True:
            await self.keep_weeks()
            await self._clock.sleep(_KEEP_S)

    async def keep_weeks(self) -> None:
        """Keep the weeks that are over, of the house and of each camera."""
        await self._database.write(self._keep)

    async def _records(self, span: Span) -> tuple[EventAudit, ...]:
        since = self._clock.steady() - timedelta(days=span.days)
        return await self._database.read(
            lambda conn: self._tables.evaluations.since(conn, since, span.camera_id, _MOST)
        )

    def _calibration(self, conn: Connection, span: Span) -> Calibration:
        zone = self._tables.home.zone(conn, self._zone)
        now, weeks = self._clock.steady(), span.days // 7
        first = figures.monday_of(now, zone) - timedelta(days=7 * (weeks - 1))
        since = figures.start_of(first, zone)
        judged = self._rows.judged(conn, since, span.camera_id)
        drift = figures.merged(figures.weeks_of(judged, zone), self._rows.weeks(conn, first, span.camera_id))
        alerts, per_day = figures.alerts_by_day(
            self._rows.alerts(conn, since, span.camera_id), zone, first=first, last=now.astimezone(zone).date()
        )
        return Calibration(
            weeks=weeks,
            camera_id=span.camera_id,
            events=len(judged),
            labelled=sum(bool(one.labels) for one in judged),
            reliability=figures.reliability_of(judged),
            levels=figures.precision_of(judged),
            drift=drift,
            alerts=alerts,
            alerts_per_day=per_day,
        )

    def _keep(self, conn: Connection) -> None:
        zone = self._tables.home.zone(conn, self._zone)
        this = figures.monday_of(self._clock.steady(), zone)
        since = figures.start_of(this - timedelta(days=7 * 5), zone)
        judged = self._rows.judged(conn, since, None)
        for camera_id in (None, *sorted({one.camera_id for one in judged})):
            own = [one for one in judged if camera_id is None or one.camera_id == camera_id]
            for week in figures.weeks_of(own, zone):
                if week.week < this:
                    self._rows.keep(conn, week, camera_id)
