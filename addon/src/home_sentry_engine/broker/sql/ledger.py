"""Jobs on record for a queue that hands them out elsewhere: the row says that a job exists, not who has it.

A row lives from the put to the end of its job. ``fence`` counts the deliveries that are over, so the holder of the
present one has ``fence + 1``; whoever comes with another number has lost the job.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
import json
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.broker.queue import (
    MAX_ERROR_CHARS,
    LeaseLost,
    PutOutcome,
    PutResult,
    QueueLimits,
    Requeued,
)
from home_sentry_engine.broker.tries import FailedTry, followed_by, tries_from_text, tries_to_text
from home_sentry_engine.domain.jobs import Job, NewJob

from .dead import Cause, DeadLetters
from .micros import to_micros
from .overfull import Overfull
from .prepared import Prepared
from .room import Room
from .statements import PUT_ON_RECORD
from .tables import dead_letters, jobs

__all__ = ["Change", "Connection", "Held", "Holders", "JobLedger", "JobRow"]

_CHUNK: Final = 500
_NAMES: Final = ("id", "queue", "key", "priority", "payload", "enqueued_us", "not_before_us", "attempts", "fence")
_FIELDS: Final = tuple(jobs.c[name] for name in _NAMES)
_FINISH: Final = Prepared(
    lambda _: sa.delete(jobs).where(
        jobs.c.id == sa.bindparam("job_id", type_=sa.BigInteger),
        jobs.c.fence == sa.bindparam("in_fence", type_=sa.Integer),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """A job as it is to be handed out next; times in microseconds since 1970 UTC, ``payload`` is JSON."""

    id: int
    queue: str
    key: str | None
    priority: int
    payload: str
    enqueued_us: int
    not_before_us: int
    attempts: int
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A delivery that somebody has, or had: the row's ``fence`` at the time."""

    id: int
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """Who has what in a queue at one moment: ids of running jobs, and deliveries whose lease has run out."""

    running: frozenset[int]
    expired: tuple[Held, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a transaction did to the jobs of a queue: rows that wait as they are now, ids that are no more."""

    queue: str
    placed: tuple[JobRow, ...] = ()
    gone: tuple[int, ...] = ()


class JobLedger:
    """The rows of the jobs; ``changed`` hears within the transaction of what it does, for use after the commit."""

    def __init__(self, limits: QueueLimits, changed: Callable[[Connection, Change], None]) -> None:
        """Take the bounds of each queue and who hears of changes."""
        self._limits = limits
        self._changed = changed
        self._room = Room(limits)
        self.dead = DeadLetters(limits.dead_limit)
        self._overfull = Overfull(limits=limits, dead=self.dead, insert=self._insert, remove=self._remove)

    def put(self, conn: Connection, job: NewJob, now: datetime, holders: Callable[[], Holders | None]) -> PutResult:
        """Store a job; ``holders`` is asked only where another one may have to go, None refuses the new one."""
        if self._room.take(conn, job.queue):
            return self._insert(conn, job, now)
        twin = self._twin(conn, job)
        if twin is not None:
            return twin

        def idle() -> sa.ColumnElement[bool] | None:
            holding = holders()
            if holding is None:
                return None
            self.free(conn, job.queue, holding.expired)
            return jobs.c.id.not_in(holding.running)

        return self._overfull.put(conn, job, now, idle)

    def finish(self, conn: Connection, job: Job) -> None:
        """Delete a job; raises ``LeaseLost``."""
        if _FINISH.count(conn, {"job_id": int(job.id), "in_fence": job.fence - 1}) == 0:
            raise _lost(job)
        self._changed(conn, Change(queue=job.queue, gone=(int(job.id),)))

    def postpone(self, conn: Connection, job: Job, *, now: datetime, after_s: float, failure: str | None) -> None:
        """Give a job back for later, with a counted ``failure`` or none; raises ``LeaseLost``."""
        failed: dict[str, Any] = {}
        if failure is not None:
            before = tries_from_text(conn.execute(sa.select(jobs.c.tries).where(_held(job))).scalar_one_or_none())
            failed = _failure(before, FailedTry(failed_at=now, after_s=after_s, error=failure))
        row = conn.execute(
            jobs.update()
            .where(_held(job))
            .values(
                fence=jobs.c.fence + 1,
                attempts=jobs.c.attempts + (0 if failure is None else 1),
                not_before_us=to_micros(now + timedelta(seconds=after_s)),
                updated_us=to_micros(now),
                **failed,
            )
            .returning(*_FIELDS)
        ).one_or_none()
        if row is None:
            raise _lost(job)
        self._changed(conn, Change(queue=job.queue, placed=(_row(row),)))

    def bury(self, conn: Connection, job: Job, cause: Cause, *, now: datetime) -> None:
        """Move a job to the dead letters; raises ``LeaseLost``."""
        counted = jobs.update().where(_held(job)).values(attempts=jobs.c.attempts + 1).returning(jobs)
        row = conn.execute(counted).one_or_none()
        if row is None:
            raise _lost(job)
        self.dead.add_row(conn, row, now, cause)
        self.finish(conn, job)

    def free(self, conn: Connection, queue: str, held: Iterable[Held]) -> None:
        """End deliveries whose holder is gone: from now on nobody can finish them, and their jobs wait again."""
        placed, gone = [], []
        for one in held:
            mine = sa.and_(jobs.c.id == one.id, jobs.c.fence == one.fence)
            ended = jobs.update().where(mine).values(fence=jobs.c.fence + 1, attempts=jobs.c.attempts + 1)
            row = conn.execute(ended.returning(*_FIELDS)).one_or_none()
            row = row or conn.execute(sa.select(*_FIELDS).where(jobs.c.id == one.id)).one_or_none()
            if row is None:
                gone.append(one.id)
            else:
                placed.append(_row(row))
        self._changed(conn, Change(queue=queue, placed=tuple(placed), gone=tuple(gone)))

    def requeue(self, conn: Connection, letter_id: int, now: datetime) -> Requeued:
        """Make a job of a dead letter again; raises ``UnknownDeadLetter``."""
        letter = self.dead.get(conn, letter_id)
        if not self._room.take(conn, letter.queue):
            reason = f"the queue {letter.queue} holds {self._limits.limit} jobs"
            return Requeued(letter=letter, result=PutResult(outcome=PutOutcome.REJECTED, reason=reason))
        job = NewJob(
            queue=letter.queue, payload=letter.payload, key=letter.key, unique=letter.unique, priority=letter.priority
        )
        result = self._insert(conn, job, now)
        self.dead.remove(conn, letter_id)
        return Requeued(letter=letter, result=result)

    def counted(self, conn: Connection, queue: str) -> tuple[int, int]:
        """Count the jobs and the dead letters of a queue."""
        dead = sa.select(sa.func.count()).select_from(dead_letters).where(dead_letters.c.queue == queue)
        both = sa.select(sa.func.count(), dead.scalar_subquery()).select_from(jobs).where(jobs.c.queue == queue)
        row = conn.execute(both).one()
        return int(row[0]), int(row[1])

    def queues(self, conn: Connection) -> frozenset[str]:
        """Name the queues that hold jobs."""
        return frozenset(conn.execute(sa.select(jobs.c.queue).distinct()).scalars())

    def fences(self, conn: Connection, queue: str) -> dict[int, int]:
        """Give the fence of every job of a queue by id."""
        rows = conn.execute(sa.select(jobs.c.id, jobs.c.fence).where(jobs.c.queue == queue))
        return {row.id: row.fence for row in rows}

    def rows(self, conn: Connection, ids: Sequence[int]) -> tuple[JobRow, ...]:
        """Give those of the jobs that exist, in the order of their puts."""
        found: list[JobRow] = []
        for start in range(0, len(ids), _CHUNK):
            chosen = jobs.c.id.in_(ids[start : start + _CHUNK])
            found += map(_row, conn.execute(sa.select(*_FIELDS).where(chosen).order_by(jobs.c.id)))
        return tuple(found)

    def _insert(self, conn: Connection, job: NewJob, now: datetime) -> PutResult:
        at = to_micros(now)
        values: dict[str, Any] = {
            "queue": job.queue,
            "key": job.key,
            "priority": job.priority,
            "payload": json.dumps(job.payload),
            "enqueued_us": at,
            "not_before_us": at if job.not_before is None else to_micros(job.not_before),
        }
        made = PUT_ON_RECORD.new_id(conn, values | {"uniq": job.unique, "updated_us": at})
        if made is None:
            return self._twin(conn, job) or PutResult(outcome=PutOutcome.REJECTED, reason="the job was not stored")
        row = JobRow(id=made, attempts=0, fence=0, **values)
        self._changed(conn, Change(queue=job.queue, placed=(row,)))
        return PutResult(outcome=PutOutcome.ACCEPTED, job_id=str(row.id))

    def _twin(self, conn: Connection, job: NewJob) -> PutResult | None:
        if job.unique is None:
            return None
        same = sa.and_(jobs.c.queue == job.queue, jobs.c.uniq == job.unique)
        twin = conn.execute(sa.select(jobs.c.id).where(same)).scalar_one_or_none()
        if twin is None:
            return None
        return PutResult(outcome=PutOutcome.DUPLICATE, job_id=str(twin), reason="queued already")

    def _remove(self, conn: Connection, queue: str, job_id: int) -> None:
        conn.execute(jobs.delete().where(jobs.c.id == job_id))
        self._changed(conn, Change(queue=queue, gone=(job_id,)))


def _held(job: Job) -> sa.ColumnElement[bool]:
    return sa.and_(jobs.c.id == int(job.id), jobs.c.fence == job.fence - 1)


def _lost(job: Job) -> LeaseLost:
    return LeaseLost(f"job {job.id} of {job.queue} is no longer held")


def _failure(before: tuple[FailedTry, ...], failed: FailedTry) -> dict[str, Any]:
    at = to_micros(failed.failed_at)
    return {
        "error": failed.error[:MAX_ERROR_CHARS],
        "tries": tries_to_text(followed_by(before, failed)),
        "first_failed_us": sa.func.coalesce(jobs.c.first_failed_us, at),
        "last_failed_us": at,
    }


def _row(row: Row[Any]) -> JobRow:
    return JobRow(**dict(zip(_NAMES, row, strict=True)))
