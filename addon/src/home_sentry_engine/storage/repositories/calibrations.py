"""What people said of scores: the events with their labels, reasons to alarm by day, and weeks that are over."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.contract import (
    AlertDecision,
    CalibrationWeek,
    FeedbackKind,
    RiskLevel,
    from_plain,
    to_plain,
)
from home_sentry_engine.storage.alerts_schema import alert_evaluations
from home_sentry_engine.storage.evaluation_schema import calibrations
from home_sentry_engine.storage.operations_schema import feedback
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.schema import events

VERDICTS = (FeedbackKind.CORRECT, FeedbackKind.FALSE_POSITIVE, FeedbackKind.MISSED, FeedbackKind.WRONG_SEVERITY)
_HOUSE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An event with what was said of its verdict, newest last."""

    event_id: str
    camera_id: str
    started_at: datetime
    score: int
    level: RiskLevel
    labels: tuple[FeedbackKind, ...] = ()


class Calibrations:
    """Reads over events and feedback; weeks are kept when they are over."""

    def judged(self, conn: Connection, since: datetime, camera_id: str | None) -> tuple[Judged, ...]:
        """Give the events from a time on, without those in the trash."""
        where = [events.c.started_at >= since, events.c.deleted_at.is_(None)]
        if camera_id is not None:
            where.append(events.c.camera_id == camera_id)
        said = sa.select(feedback.c.event_id, feedback.c.kind).join(events, events.c.id == feedback.c.event_id)
        labels: defaultdict[str, list[FeedbackKind]] = defaultdict(list)
        for row in conn.execute(said.where(*where, feedback.c.kind.in_(VERDICTS)).order_by(feedback.c.at)):
            labels[row.event_id].append(FeedbackKind(row.kind))
        columns = (events.c.id, events.c.camera_id, events.c.started_at, events.c.risk_score, events.c.risk_level)
        return tuple(
            Judged(
                event_id=row.id,
                camera_id=row.camera_id,
                started_at=row.started_at,
                score=row.risk_score,
                level=RiskLevel(row.risk_level),
                labels=tuple(labels.get(row.id, ())),
            )
            for row in conn.execute(sa.select(*columns).where(*where))
        )

    def labelled(self, conn: Connection, limit: int) -> tuple[Judged, ...]:
        """Give the events about which somebody said something last."""
        newest = sa.func.max(feedback.c.at).label("said_at")
        chosen = sa.select(feedback.c.event_id, newest).where(feedback.c.kind.in_(VERDICTS))
        recent = chosen.group_by(feedback.c.event_id).subquery()
        rows = conn.execute(
            sa.select(events.c.id, events.c.started_at)
            .join(recent, recent.c.event_id == events.c.id)
            .where(events.c.deleted_at.is_(None))
            .order_by(recent.c.said_at.desc())
            .limit(limit)
        ).all()
        if not rows:
            return ()
        order = {row.id: place for place, row in enumerate(rows)}
        every = self.judged(conn, min(row.started_at for row in rows), None)
        return tuple(sorted((one for one in every if one.event_id in order), key=lambda one: order[one.event_id]))

    def alerts(self, conn: Connection, since: datetime, camera_id: str | None) -> tuple[datetime, ...]:
        """Give for each event from a time on that was a reason to alarm somebody when it first was."""
        first = sa.func.min(alert_evaluations.c.at).label("at")
        chosen = sa.select(first).join(events, events.c.id == alert_evaluations.c.event_id)
        chosen = chosen.where(alert_evaluations.c.decision == AlertDecision.DUE)
        if camera_id is not None:
            chosen = chosen.where(events.c.camera_id == camera_id)
        grouped = chosen.group_by(alert_evaluations.c.event_id).having(first >= since)
        return tuple(row.at for row in conn.execute(grouped))

    def keep(self, conn: Connection, week: CalibrationWeek, camera_id: str | None) -> None:
        """Keep a week that is over; one that counted more events stays."""
        known = self._week(conn, week.week, camera_id)
        if known is not None and known.events >= week.events:
            return
        values = {"document": to_plain(week)}
        statement = insert_into(conn, calibrations).values(week=week.week, camera_id=camera_id or _HOUSE, **values)
        conn.execute(statement.on_conflict_do_update(index_elements=["week", "camera_id"], set_=values))

    def weeks(self, conn: Connection, since: date, camera_id: str | None) -> tuple[CalibrationWeek, ...]:
        """Give the weeks that were kept, the oldest first."""
        chosen = sa.select(calibrations.c.document).where(
            calibrations.c.camera_id == (camera_id or _HOUSE), calibrations.c.week >= since
        )
        rows = conn.execute(chosen.order_by(calibrations.c.week)).scalars()
        return tuple(from_plain(CalibrationWeek, plain) for plain in rows)

    def prune(self, conn: Connection, before: date) -> int:
        """Delete weeks from before a day; gives how many."""
        return conn.execute(calibrations.delete().where(calibrations.c.week < before)).rowcount

    def _week(self, conn: Connection, week: date, camera_id: str | None) -> CalibrationWeek | None:
        where = sa.and_(calibrations.c.week == week, calibrations.c.camera_id == (camera_id or _HOUSE))
        plain = conn.execute(sa.select(calibrations.c.document).where(where)).scalar_one_or_none()
        return None if plain is None else from_plain(CalibrationWeek, plain)
