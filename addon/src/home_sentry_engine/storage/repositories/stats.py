"""Events counted."""

from collections import Counter
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.contract import EventStats
from home_sentry_engine.storage.query import EventQuery, time_range
from home_sentry_engine.storage.schema import event_objects, events

from .events import event_filters

# no time zone begins its day within a quarter of an hour of UTC
_SLICE_S: Final = 900
_MICROS: Final = 1_000_000


class EventCounts:
    """Sums over the events that fit a query."""

    def of(self, conn: Connection, query: EventQuery, zone: tzinfo) -> EventStats:
        """Count by level, camera, kind of object and day in a time zone."""
        conditions = [events.c.deleted_at.is_(None), *event_filters(query), *time_range(query, events.c.started_at)]

        def counted(*columns: sa.ColumnElement[Any]) -> list[Any]:
            statement = sa.select(*columns, sa.func.count().label("n")).where(*conditions).group_by(*columns)
            return list(conn.execute(statement))

        head = conn.execute(
            sa.select(
                sa.func.count().label("total"),
                sa.func.count().filter(events.c.reviewed).label("reviewed"),
                sa.func.avg(events.c.risk_score).label("mean"),
            ).where(*conditions)
        ).one()
        by_object = conn.execute(
            sa.select(event_objects.c.label, sa.func.count().label("n"))
            .join(events, events.c.id == event_objects.c.event_id)
            .where(*conditions)
            .group_by(event_objects.c.label)
        )
        days: Counter[str] = Counter()
        for row in counted(_slice(conn)):
            began = datetime.fromtimestamp(int(row[0]) * _SLICE_S, UTC).astimezone(zone)
            days[began.date().isoformat()] += row.n
        return EventStats(
            total=head.total,
            reviewed=head.reviewed,
            by_level={row.risk_level: row.n for row in counted(events.c.risk_level)},
            by_camera={row.camera_id: row.n for row in counted(events.c.camera_id)},
            by_day=dict(sorted(days.items())),
            by_object={row.label: row.n for row in by_object},
            mean_score=round(float(head.mean), 2) if head.mean is not None else None,
        )


def _slice(conn: Connection) -> sa.ColumnElement[Any]:
    """Give the number of the quarter of an hour in which an event began."""
    if conn.dialect.name == "postgresql":
        return sa.func.floor(sa.func.extract("epoch", events.c.started_at) / sa.literal_column(str(_SLICE_S)))
    micros = sa.type_coerce(events.c.started_at, sa.BigInteger)
    return micros.op("/")(sa.literal_column(str(_SLICE_S * _MICROS)))
