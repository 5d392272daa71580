"""Dead letters in the database."""

from dataclasses import dataclass
from datetime import datetime
import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.broker.queue import (
    MAX_ERROR_CHARS,
    DeadLetter,
    DeadPage,
    UnknownDeadLetter,
    cut_stack,
    dead_cursor,
)
from home_sentry_engine.broker.tries import tries_from_text
from home_sentry_engine.domain.jobs import NewJob

from .micros import from_micros, to_micros
from .tables import dead_letters


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a job was given up: a sentence, a stable code, and where in the code it failed."""

    error: str
    error_type: str
    stack: str | None = None

    def values(self) -> dict[str, str | None]:
        """Give the columns, cut to what a dead letter may keep."""
        return {"error": self.error[:MAX_ERROR_CHARS], "error_type": self.error_type, "stack": cut_stack(self.stack)}


class DeadLetters:
    """The table of jobs that were given up, at most ``limit`` per queue; the oldest go first."""

    def __init__(self, limit: int) -> None:
        """Take the bound of each queue."""
        self._limit = limit

    def add_new(self, conn: Connection, job: NewJob, now: datetime, cause: Cause) -> int:
        """Store a job that never entered its queue."""
        at = to_micros(now)
        return self._add(
            conn,
            queue=job.queue,
            key=job.key,
            uniq=job.unique,
            priority=job.priority,
            payload=json.dumps(job.payload),
            job_id=None,
            enqueued_us=at,
            attempts=0,
            **cause.values(),
            first_failed_us=at,
            last_failed_us=at,
        )

    def add_row(self, conn: Connection, row: Row[Any], now: datetime, cause: Cause) -> int:
        """Store a row of the jobs."""
        at = to_micros(now)
        return self._add(
            conn,
            queue=row.queue,
            key=row.key,
            uniq=row.uniq,
            priority=row.priority,
            payload=row.payload,
            job_id=row.id,
            enqueued_us=row.enqueued_us,
            attempts=row.attempts,
            **cause.values(),
            first_failed_us=row.first_failed_us or at,
            last_failed_us=at,
            tries=row.tries,
        )

    def get(self, conn: Connection, letter_id: int) -> DeadLetter:
        """Give one; raises ``UnknownDeadLetter``."""
        row = conn.execute(sa.select(dead_letters).where(dead_letters.c.id == letter_id)).one_or_none()
        if row is None:
            raise UnknownDeadLetter(f"there is no dead letter {letter_id}")
        return _letter(row)

    def page(self, conn: Connection, queue: str | None, limit: int, cursor: str | None) -> DeadPage:
        """Give the newest first; raises ``InvalidDeadCursor``."""
        statement = sa.select(dead_letters).order_by(dead_letters.c.id.desc()).limit(limit + 1)
        before = dead_cursor(cursor)
        if before is not None:
            statement = statement.where(dead_letters.c.id < before)
        rows = conn.execute(statement.where(*_of(queue))).all()
        more = len(rows) > limit
        return DeadPage(
            items=tuple(_letter(row) for row in rows[:limit]), next_cursor=str(rows[limit - 1].id) if more else None
        )

    def oldest(self, conn: Connection, queue: str | None, limit: int) -> tuple[DeadLetter, ...]:
        """Give the oldest first."""
        rows = conn.execute(sa.select(dead_letters).where(*_of(queue)).order_by(dead_letters.c.id).limit(limit))
        return tuple(_letter(row) for row in rows)

    def remove(self, conn: Connection, letter_id: int) -> bool:
        """Delete one; False if there is none."""
        return conn.execute(dead_letters.delete().where(dead_letters.c.id == letter_id)).rowcount > 0

    def remove_all(self, conn: Connection, queue: str | None) -> int:
        """Delete those of one or all queues."""
        return conn.execute(dead_letters.delete().where(*_of(queue))).rowcount

    def remove_before(self, conn: Connection, before: datetime) -> int:
        """Delete those that failed last before a time."""
        return conn.execute(dead_letters.delete().where(dead_letters.c.last_failed_us < to_micros(before))).rowcount

    def _add(self, conn: Connection, **values: Any) -> int:
        statement = dead_letters.insert().values(values).returning(dead_letters.c.id)
        letter_id: int = conn.execute(statement).scalar_one()
        kept = sa.select(dead_letters.c.id).where(dead_letters.c.queue == values["queue"])
        oldest_excess = kept.order_by(dead_letters.c.id.desc()).offset(self._limit).limit(1).scalar_subquery()
        excess = sa.and_(dead_letters.c.queue == values["queue"], dead_letters.c.id <= oldest_excess)
        conn.execute(dead_letters.delete().where(excess))
        return letter_id


def _of(queue: str | None) -> list[sa.ColumnElement[bool]]:
    return [] if queue is None else [dead_letters.c.queue == queue]


def _letter(row: Row[Any]) -> DeadLetter:
    return DeadLetter(
        id=row.id,
        queue=row.queue,
        payload=json.loads(row.payload),
        key=row.key,
        unique=row.uniq,
        priority=row.priority,
        job_id=None if row.job_id is None else str(row.job_id),
        enqueued_at=from_micros(row.enqueued_us),
        attempts=row.attempts,
        error=row.error,
        error_type=row.error_type,
        first_failed_at=from_micros(row.first_failed_us),
        last_failed_at=from_micros(row.last_failed_us),
        stack=row.stack,
        tries=tries_from_text(row.tries),
    )
