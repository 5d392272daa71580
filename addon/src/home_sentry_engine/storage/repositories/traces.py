"""Traces: looks at persons, vehicles and animals with their vectors, until they expire."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
import logging

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.domain.household import Trace
from home_sentry_engine.storage.context_schema import traces
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.vectors import Vector, from_half, to_half

_LOGGER = logging.getLogger(__name__)


class TraceRows:
    """What was seen, with its vector, until it expires."""

    def add(self, conn: Connection, trace: Trace, vector: Vector) -> Trace:
        """Store a look (its ``id`` is not used) and give it with its id; a look at the same detection is replaced."""
        same = {
            "event_id": trace.event_id,
            "at": trace.at,
            "expires_at": trace.expires_at,
            "attributes": dict(trace.attributes),
            "vector": to_half(vector),
        }
        values = {
            "camera_id": trace.camera_id,
            "model_id": trace.model_id,
            "kind": trace.kind,
            "detection_id": trace.detection_id,
            "entity_id": trace.entity_id,
        }
        statement = insert_into(conn, traces).values(**values, **same)
        kept = statement.on_conflict_do_update(index_elements=["detection_id", "model_id"], set_=same)
        row = conn.execute(kept.returning(traces.c.id, traces.c.entity_id)).one()
        return replace(trace, id=int(row.id), entity_id=row.entity_id)

    def living(self, conn: Connection, now: datetime, *, after: int = 0) -> list[tuple[Trace, Vector]]:
        """Give what has not expired and has a higher id, the oldest first."""
        chosen = sa.select(traces).where(traces.c.expires_at > now, traces.c.id > after)
        found = []
        for row in conn.execute(chosen.order_by(traces.c.id)):
            try:
                found.append((_trace(row), from_half(row.vector)))
            except ValueError:
                _LOGGER.warning("A remembered look is damaged and left out", extra={"detection_id": row.detection_id})
        return found

    def of_ids(self, conn: Connection, ids: Sequence[int]) -> dict[int, Trace]:
        """Give those of these looks that are still there."""
        rows = conn.execute(sa.select(traces).where(traces.c.id.in_(list(ids)))).all() if ids else []
        return {row.id: _trace(row) for row in rows}

    def of_detections(self, conn: Connection, ids: Iterable[int]) -> dict[int, list[tuple[Trace, Vector]]]:
        """Give the looks at detections, by detection."""
        chosen = list(ids)
        found: dict[int, list[tuple[Trace, Vector]]] = {}
        for row in conn.execute(sa.select(traces).where(traces.c.detection_id.in_(chosen))) if chosen else ():
            found.setdefault(row.detection_id, []).append((_trace(row), from_half(row.vector)))
        return found

    def assign(self, conn: Connection, ids: Iterable[int], entity_id: str | None) -> None:
        """Say whose looks these are."""
        conn.execute(traces.update().where(traces.c.id.in_(list(ids))).values(entity_id=entity_id))

    def erase_entity(self, conn: Connection, entity_id: str) -> int:
        """Delete the looks at an entity; gives how many."""
        return conn.execute(traces.delete().where(traces.c.entity_id == entity_id)).rowcount

    def erase_all(self, conn: Connection) -> int:
        """Delete every look; gives how many."""
        return conn.execute(traces.delete()).rowcount

    def expire(self, conn: Connection, now: datetime) -> tuple[int, ...]:
        """Delete what has expired; gives the ids."""
        gone = conn.execute(traces.delete().where(traces.c.expires_at <= now).returning(traces.c.id))
        return tuple(gone.scalars())


def _trace(row: Row[tuple[object, ...]]) -> Trace:
    return Trace(
        id=row.id,
        model_id=row.model_id,
        kind=row.kind,
        camera_id=row.camera_id,
        at=row.at,
        expires_at=row.expires_at,
        detection_id=row.detection_id,
        event_id=row.event_id,
        entity_id=row.entity_id,
        attributes=row.attributes,
    )
