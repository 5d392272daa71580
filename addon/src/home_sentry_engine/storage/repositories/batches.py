"""Batches: the crash-safe rows of the batcher."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import BatchReason
from home_sentry_engine.domain.batch import ClosedBatch, OpenBatch
from home_sentry_engine.storage.errors import UnknownRow
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.schema import batches, events


class Batches:
    """At most one open batch per camera."""

    def open_for(self, conn: Connection, camera_id: str) -> OpenBatch | None:
        """Give the camera's open batch."""
        chosen = sa.and_(batches.c.camera_id == camera_id, batches.c.closed_at.is_(None))
        row = conn.execute(sa.select(batches).where(chosen)).one_or_none()
        return None if row is None else _open(row)

    def last_closed(self, conn: Connection, camera_id: str) -> ClosedBatch | None:
        """Give the camera's newest closed batch."""
        chosen = sa.and_(batches.c.camera_id == camera_id, batches.c.closed_at.is_not(None))
        newest = sa.select(batches).where(chosen).order_by(batches.c.closed_at.desc(), batches.c.id.desc()).limit(1)
        row = conn.execute(newest).one_or_none()
        return None if row is None else _closed(row)

    def last_containing(
        self, conn: Connection, camera_id: str, captured_at: datetime, since: datetime, *, idle: timedelta
    ) -> ClosedBatch | None:
        """Give the newest batch closed at or after ``since`` whose time holds ``captured_at``.

        Its time ends when it is closed, and ``idle`` after its last sighting: one of hours ago may be closed today.
        """
        newest = (
            sa.select(batches)
            .where(
                batches.c.camera_id == camera_id,
                batches.c.closed_at >= since,
                batches.c.opened_at <= captured_at,
                batches.c.closed_at >= captured_at,
                batches.c.last_at >= captured_at - idle,
            )
            .order_by(batches.c.closed_at.desc(), batches.c.id.desc())
            .limit(1)
        )
        row = conn.execute(newest).one_or_none()
        return None if row is None else _closed(row)

    def save_open(self, conn: Connection, batch: OpenBatch, *, deadline: datetime) -> None:
        """Insert or update an open batch."""
        changing = {
            "last_at": batch.last_at,
            "deadline": deadline,
            "detections": batch.detections,
            "evidence_version": batch.evidence_version,
        }
        statement = insert_into(conn, batches).values(
            id=batch.batch_id,
            event_id=batch.event_id,
            camera_id=batch.camera_id,
            opened_at=batch.opened_at,
            **changing,
        )
        conn.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changing))

    def save_closed(self, conn: Connection, batch: OpenBatch, *, reason: BatchReason, at: datetime) -> None:
        """Insert a batch that is closed already, which may stand beside the camera's open one."""
        conn.execute(
            batches.insert().values(
                id=batch.batch_id,
                event_id=batch.event_id,
                camera_id=batch.camera_id,
                opened_at=batch.opened_at,
                last_at=batch.last_at,
                deadline=batch.last_at,
                detections=batch.detections,
                evidence_version=batch.evidence_version,
                closed_at=at,
                reason=reason,
            )
        )

    def recover(self, conn: Connection, now: datetime) -> int:
        """Bring batches of a clock that ran ahead back to now, so that they close and their visits end.

        Call once before the timers start; gives how many there were.
        """
        going_on = sa.select(events.c.id).where(events.c.ended_at.is_(None))
        ahead = sa.and_(
            batches.c.last_at > now, sa.or_(batches.c.closed_at.is_(None), batches.c.event_id.in_(going_on))
        )
        columns = (batches.c.opened_at, batches.c.last_at, batches.c.deadline, batches.c.closed_at)
        earlier = {
            column.name: sa.case((column > now, sa.literal(now, column.type)), else_=column) for column in columns
        }
        return conn.execute(batches.update().where(ahead).values(earlier)).rowcount

    def close(self, conn: Connection, batch_id: str, *, reason: BatchReason, at: datetime) -> bool:
        """Close a batch; False if it was closed already. Raises ``UnknownRow``."""
        chosen = sa.and_(batches.c.id == batch_id, batches.c.closed_at.is_(None))
        if conn.execute(batches.update().where(chosen).values(closed_at=at, reason=reason)).rowcount:
            return True
        self._require(conn, batch_id)
        return False

    def grow_closed(self, conn: Connection, batch_id: str, *, detections: int) -> int:
        """Add detections of a late file to a closed batch; gives its new evidence version. Raises ``UnknownRow``."""
        grown = (
            batches.update()
            .where(batches.c.id == batch_id)
            .values(detections=batches.c.detections + detections, evidence_version=batches.c.evidence_version + 1)
            .returning(batches.c.evidence_version)
        )
        version: int | None = conn.execute(grown).scalar_one_or_none()
        if version is None:
            raise UnknownRow(f"there is no batch {batch_id!r}")
        return version

    def due(self, conn: Connection, now: datetime, limit: int = 100) -> tuple[OpenBatch, ...]:
        """Give open batches whose deadline has come, earliest first."""
        chosen = sa.and_(batches.c.closed_at.is_(None), batches.c.deadline <= now)
        rows = conn.execute(sa.select(batches).where(chosen).order_by(batches.c.deadline).limit(limit))
        return tuple(_open(row) for row in rows)

    def all_open(self, conn: Connection) -> tuple[OpenBatch, ...]:
        """Give every open batch, earliest deadline first."""
        rows = conn.execute(sa.select(batches).where(batches.c.closed_at.is_(None)).order_by(batches.c.deadline))
        return tuple(_open(row) for row in rows)

    def next_deadline(self, conn: Connection) -> datetime | None:
        """Give the earliest deadline of the open batches."""
        earliest = (
            sa.select(batches.c.deadline).where(batches.c.closed_at.is_(None)).order_by(batches.c.deadline).limit(1)
        )
        found: datetime | None = conn.execute(earliest).scalar_one_or_none()
        return found

    def get(self, conn: Connection, batch_id: str) -> tuple[OpenBatch | ClosedBatch, int] | None:
        """Give a batch and the evidence version that was assessed last (0: never)."""
        row = conn.execute(sa.select(batches).where(batches.c.id == batch_id)).one_or_none()
        if row is None:
            return None
        return (_open(row) if row.closed_at is None else _closed(row)), row.assessed_version

    def evidence_version(self, conn: Connection, batch_id: str) -> int:
        """Give the current evidence version; raises ``UnknownRow``."""
        version: int = self._require(conn, batch_id).evidence_version
        return version

    def of_event(self, conn: Connection, event_id: str) -> tuple[tuple[str, bool, datetime], ...]:
        """Give (batch id, closed, last sighting) of each batch of a visit, in the order of time."""
        chosen = sa.select(batches).where(batches.c.event_id == event_id).order_by(batches.c.opened_at, batches.c.id)
        return tuple((row.id, row.closed_at is not None, row.last_at) for row in conn.execute(chosen))

    def mark_assessed(self, conn: Connection, batch_id: str, version: int) -> None:
        """Note that this evidence version was assessed; an older one changes nothing."""
        older = sa.and_(batches.c.id == batch_id, batches.c.assessed_version < version)
        conn.execute(batches.update().where(older).values(assessed_version=version))

    def closed_unended(self, conn: Connection, before: datetime) -> tuple[str, ...]:
        """Give events that go on with all their batches closed and no sighting after ``before``."""
        per_event = (
            sa.select(events.c.id)
            .join(batches, batches.c.event_id == events.c.id)
            .where(events.c.ended_at.is_(None))
            .group_by(events.c.id)
            .having(sa.func.count() == sa.func.count(batches.c.closed_at), sa.func.max(batches.c.last_at) <= before)
            .order_by(events.c.id)
        )
        return tuple(conn.execute(per_event).scalars())

    def _require(self, conn: Connection, batch_id: str) -> Row[Any]:
        row = conn.execute(sa.select(batches).where(batches.c.id == batch_id)).one_or_none()
        if row is None:
            raise UnknownRow(f"there is no batch {batch_id!r}")
        return row


def _open(row: Row[Any]) -> OpenBatch:
    return OpenBatch(
        batch_id=row.id,
        event_id=row.event_id,
        camera_id=row.camera_id,
        opened_at=row.opened_at,
        last_at=row.last_at,
        detections=row.detections,
        evidence_version=row.evidence_version,
    )


def _closed(row: Row[Any]) -> ClosedBatch:
    return ClosedBatch(
        batch_id=row.id,
        event_id=row.event_id,
        camera_id=row.camera_id,
        opened_at=row.opened_at,
        last_at=row.last_at,
        closed_at=row.closed_at,
        reason=BatchReason(row.reason),
    )
