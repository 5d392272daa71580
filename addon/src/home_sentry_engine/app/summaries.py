"""Summaries: of each hour and day by themselves, of any other time when somebody asks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import logging
from typing import Final
from zoneinfo import ZoneInfo

from home_sentry_engine.contract import (
    Camera,
    Event,
    RiskLevel,
    Summary,
    SummaryPeriod,
    SummarySource,
    Unanalysed,
    encode,
)
from home_sentry_engine.contract.errors import NotFound, Unprocessable
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.identity import IdSource
from home_sentry_engine.language.report import Facts, GraveEvent
from home_sentry_engine.language.summarist import Summarist
from home_sentry_engine.operations.summary_times import Due, due_at
from home_sentry_engine.operations.watched import Span, blind_periods
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.query import MAX_LIMIT, EventQuery, Page
from home_sentry_engine.storage.repositories.stats import EventCounts
from home_sentry_engine.storage.repositories.summaries import SummaryQuery
from home_sentry_engine.storage.repositories.watching import Files

from .tables import Tables

_LOGGER = logging.getLogger(__name__)
_LONGEST: Final = timedelta(days=31)
_LOOK_S: Final = 30.0
_GRAVE: Final = (RiskLevel.CRITICAL, RiskLevel.HIGH)
_UNKNOWN: Final = Files()


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryTerms:
    """The home's time zone before Home Assistant names its own, new ids, who hears of announcements."""

    zone: ZoneInfo
    ids: IdSource
    announced: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    facts: Facts
    by_level: dict[str, int]


class SummaryDesk:
    """``api.summary_ports.Summaries`` over the repositories and what writes."""

    def __init__(
        self, database: Database, tables: Tables, clock: Clock, summarist: Summarist, terms: SummaryTerms
    ) -> None:
        """Take the rows, the clock, what writes, and the terms."""
        self._database = database
        self._tables = tables
        self._clock = clock
        self._summarist = summarist
        self._terms = terms

    async def page(self, query: SummaryQuery) -> Page[Summary]:
        """Give a page of summaries, the newest first."""
        return await self._database.read(lambda conn: self._tables.summaries.page(conn, query))

    async def get(self, summary_id: str) -> Summary | None:
        """Give one."""
        return await self._database.read(lambda conn: self._tables.summaries.get(conn, summary_id))

    async def make(self, since: datetime, until: datetime, property_id: str | None) -> Summary:
        """Write about any time, up to now; raises ``Unprocessable`` for none or more than 31 days, ``NotFound``."""
        until = min(until, self._clock.steady())
        if until <= since:
            raise Unprocessable("'until' has to be after 'since', and 'since' not in the future")
        if until - since > _LONGEST:
            raise Unprocessable("a summary may be about 31 days at most")
        due = Due(period=SummaryPeriod.CUSTOM, span=Span(since, until))
        return await self._made(due, self._terms.ids(), property_id)

    async def scheduled(self) -> int:
        """Write about each hour and day that is over and has no summary yet; gives how many."""

        def work(conn: Connection) -> list[Due]:
            first_at = self._tables.spells.first(conn)
            if first_at is None:
                return []
            due = due_at(self._clock.steady(), self._tables.home.zone(conn, self._terms.zone), first_at)
            return [one for one in due if self._tables.summaries.get(conn, one.id) is None]

        missing = await self._database.read(work)
        for due in missing:
            await self._made(due, due.id, None)
        return len(missing)

    async def _made(self, due: Due, summary_id: str, property_id: str | None) -> Summary:
        looked = await self._database.read(lambda conn: self._look(conn, due.span, property_id))
        facts = looked.facts
        written = await self._summarist.write(facts)
        summary = Summary(
            id=summary_id,
            period=due.period,
            since=due.span.since,
            until=due.span.until,
            made_at=self._clock.steady(),
            text=written.text,
            language=written.language,
            source=SummarySource.LLM if written.failure is None else SummarySource.RULES,
            reason=None if written.failure is None else written.failure.reason,
            detail=None if written.failure is None else written.failure.detail,
            model_id=written.model_id,
            all_clear=facts.all_clear,
            looked=facts.looked,
            by_level=looked.by_level,
            event_ids=tuple(event.event_id for event in facts.grave),
            blind=facts.blind,
            unanalysed=facts.unanalysed,
            silent=facts.silent,
            property_id=property_id,
        )
        await self._database.write(lambda conn: self._keep(conn, summary))
        return summary

    def _keep(self, conn: Connection, summary: Summary) -> None:
        if self._tables.summaries.keep(conn, summary):
            now, body = self._clock.steady(), encode(summary)
            self._tables.outbox.add(conn, kind="summary_update", camera_id=None, body=body, now=now)
            self._database.after_commit(conn, self._terms.announced)

    def _look(self, conn: Connection, span: Span, property_id: str | None) -> _Looked:
        zone = self._tables.home.zone(conn, self._terms.zone)
        cameras = [one for one in self._cameras(conn, property_id) if one.created_at < span.until]
        ids = tuple(one.id for one in cameras)
        query = EventQuery(
            since=span.since, until=span.until, within=ids if property_id is not None else None, limit=MAX_LIMIT
        )
        counts = EventCounts().of(conn, query, zone)
        files = self._tables.deliveries.between(conn, span.since, span.until, ids)
        states = self._tables.states.between(conn, span.since, span.until)
        facts = Facts(
            since=span.since,
            until=span.until,
            zone=zone,
            events=counts.total,
            grave=self._grave(conn, query),
            looked=sum(one.looked for one in files.values()),
            cameras=len(cameras),
            blind=blind_periods(span, cameras, self._tables.spells.between(conn, span.since, span.until), states),
            unanalysed=tuple(
                Unanalysed(camera_id=one.id, camera_name=one.name, files=missed)
                for one in cameras
                if (missed := files.get(one.id, _UNKNOWN).missed)
            ),
            silent=tuple(one.name for one in cameras if not files.get(one.id, _UNKNOWN).looked),
        )
        return _Looked(facts=facts, by_level=counts.by_level)

    def _cameras(self, conn: Connection, property_id: str | None) -> tuple[Camera, ...]:
        cameras = self._tables.cameras.all(conn)
        if property_id is None:
            return cameras
        wanted = self._tables.properties.get(conn, property_id)
        if wanted is None:
            raise NotFound("there is no such property")
        return tuple(one for one in cameras if one.id in wanted.camera_ids)

    def _grave(self, conn: Connection, query: EventQuery) -> tuple[GraveEvent, ...]:
        found: list[Event] = []
        for level in _GRAVE:
            found += self._tables.events.page(conn, replace(query, level=level)).items
        found.sort(key=lambda event: (-event.risk_score, event.started_at))
        return tuple(map(_grave_event, found))


class SummaryClock:
    """Writes the summaries of hours and days when they are over, and those that an absence left out."""

    def __init__(self, desk: SummaryDesk, clock: Clock) -> None:
        """Take what writes, and the clock."""
        self._desk = desk
        self._clock = clock

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._clock.sleep(_LOOK_S)
            try:
                await self._desk.scheduled()
            except HomeSentryError as err:
                _LOGGER.warning("No summary was written, it is tried again: %s", err)


def _grave_event(event: Event) -> GraveEvent:
    return GraveEvent(
        event_id=event.event_id,
        at=event.started_at,
        camera_name=event.camera_name,
        level=event.risk_level,
        score=event.risk_score,
        summary=event.summary,
        objects=event.object_types,
    )
