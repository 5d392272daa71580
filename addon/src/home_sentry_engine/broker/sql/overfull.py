"""A full queue: which job has to go, one of the key that has the most jobs in it, and what becomes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
import json
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Row, func

from home_sentry_engine.broker.queue import Overflow, PutOutcome, PutResult, QueueLimits
from home_sentry_engine.domain.jobs import NewJob

from .dead import Cause, DeadLetters
from .tables import jobs

type Condition = sa.ColumnElement[bool]

_LINES: Final = (
    sa.select(jobs.c.key, func.count().label("held"))
    .group_by(jobs.c.key)
    .order_by(func.count().desc(), func.max(jobs.c.id).desc())
    .limit(1)
)
_OLDEST: Final = (jobs.c.priority, jobs.c.id)
_NEWEST: Final = (jobs.c.priority, jobs.c.turn.desc(), jobs.c.id.desc())


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfull:
    """Puts jobs into queues that are full; counts the jobs of a key in the index alone.

    ``insert`` stores a job in spite of the bound, ``remove`` takes one out by queue and id.
    """

    limits: QueueLimits
    dead: DeadLetters
    insert: Callable[[Connection, NewJob, datetime], PutResult]
    remove: Callable[[Connection, str, int], None]

    def put(self, conn: Connection, job: NewJob, now: datetime, idle: Callable[[], Condition | None]) -> PutResult:
        """Refuse a job, or let it take the place of another one.

        ``idle`` frees the leases that have run out and tells the rows that nobody has in hand, None if it cannot say;
        it is asked only where another job may have to go.
        """
        full = Cause(error=f"the queue {job.queue} holds {self.limits.limit} jobs", error_type="queue_full")
        leaving = self._leaving(conn, job, idle)
        if leaving is None:
            if self.limits.overflow is Overflow.DEAD_LETTER:
                self.dead.add_new(conn, job, now, full)
                return PutResult(outcome=PutOutcome.DEAD_LETTERED, reason=full.error)
            return PutResult(outcome=PutOutcome.REJECTED, reason=full.error)
        dropping = self.limits.overflow is Overflow.DROP_OLDEST
        if not dropping:
            self.dead.add_row(conn, leaving, now, full)
        self.remove(conn, job.queue, leaving.id)
        made, gone = self.insert(conn, job, now), json.loads(leaving.payload)
        return PutResult(
            outcome=made.outcome,
            job_id=made.job_id,
            reason=made.reason,
            dropped=gone if dropping else None,
            displaced=None if dropping else gone,
        )

    def _leaving(self, conn: Connection, job: NewJob, idle: Callable[[], Condition | None]) -> Row[Any] | None:
        key = self._fullest(conn, job)
        line = sa.and_(jobs.c.queue == job.queue, _keyed(key))
        dropping = self.limits.overflow is Overflow.DROP_OLDEST
        if key == job.key and not dropping:
            line = sa.and_(line, jobs.c.priority < job.priority)
            if conn.execute(sa.select(jobs.c.id).where(line).limit(1)).first() is None:
                return None
        free = idle()
        if free is None:
            return None
        if dropping:
            return _first(conn, sa.and_(line, free), _OLDEST) or _first(
                conn, sa.and_(jobs.c.queue == job.queue, free), _OLDEST
            )
        return _first(conn, sa.and_(line, free), _NEWEST)

    def _fullest(self, conn: Connection, job: NewJob) -> str | None:
        of_queue = jobs.c.queue == job.queue
        own = conn.execute(sa.select(func.count()).where(of_queue, _keyed(job.key))).scalar_one() + 1
        if own * 2 > self.limits.limit:
            return job.key
        row = conn.execute(_LINES.where(of_queue)).one()
        return job.key if own >= row.held else str(row.key) if row.key is not None else None


def _keyed(key: str | None) -> Condition:
    return jobs.c.key.is_(None) if key is None else jobs.c.key == key


def _first(conn: Connection, chosen: Condition, order: tuple[sa.ColumnElement[Any], ...]) -> Row[Any] | None:
    return conn.execute(sa.select(jobs).where(chosen).order_by(*order).limit(1)).one_or_none()
