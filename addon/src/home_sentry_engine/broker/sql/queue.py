"""The default queue: jobs in the database of the data, so that rows, jobs and acknowledgements commit together."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
import json
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.broker.queue import (
    MAX_ERROR_CHARS,
    DeadPage,
    LeaseLost,
    PutOutcome,
    PutResult,
    QueueCounts,
    QueueLimits,
    Requeued,
)
from home_sentry_engine.broker.tally import Tally
from home_sentry_engine.broker.tries import FailedTry, followed_by, tries_from_text, tries_to_text
from home_sentry_engine.broker.wakeup import Wakeup
from home_sentry_engine.contract import QueueDepth
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.jobs import Job, NewJob

from .claims import Claims
from .dead import Cause, DeadLetters
from .micros import to_micros
from .overfull import Overfull
from .room import Room
from .statements import (
    COUNT,
    DEPTH,
    EXTEND,
    FINISH,
    FREE_EXPIRED,
    HELD,
    POSTPONE,
    PUT,
    PUT_WITHOUT_KEY,
    TRIES,
    TWIN,
)
from .tables import jobs


class Transactions(Protocol):
    """What the queue needs of the database."""

    async def write[T](self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a write transaction."""
        ...

    async def read[T](self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` on a snapshot."""
        ...

    def after_commit(self, connection: Connection, hook: Callable[[], None]) -> None:
        """Call ``hook`` on the event loop after the commit."""
        ...


class SqlQueue:
    """``Queue`` over the tables of ``broker.sql.tables``; times are the clock's steady time."""

    def __init__(self, database: Transactions, clock: Clock, *, owner: str, limits: QueueLimits | None = None) -> None:
        """Take the database, the clock, this engine's lasting id and the bounds of each queue."""
        self._database = database
        self._clock = clock
        self._owner = owner
        self._limits = limits or QueueLimits()
        self._room = Room(self._limits)
        self._dead = DeadLetters(self._limits.dead_limit)
        self._overfull = Overfull(limits=self._limits, dead=self._dead, insert=self._insert, remove=_remove)
        self._claims = Claims(database, clock, owner=owner)
        self._wakeup = Wakeup(clock)
        self._tally = Tally()

    def recover(self, conn: Connection) -> int:
        """Free what this engine leased before it died, and bring jobs from a clock that ran ahead back to now.

        Call once before the workers start; gives how many leases were freed.
        """
        now = to_micros(self._clock.steady())
        own = sa.and_(jobs.c.owner == self._owner, jobs.c.leased_until_us.is_not(None))
        freed = conn.execute(jobs.update().where(own).values(leased_until_us=None, owner=None)).rowcount
        ahead = jobs.c.updated_us - now
        conn.execute(
            jobs.update()
            .where(jobs.c.updated_us > now)
            .values(
                not_before_us=jobs.c.not_before_us - ahead,
                leased_until_us=jobs.c.leased_until_us - ahead,
                updated_us=now,
            )
        )
        return freed

    def put(self, conn: Connection, job: NewJob, now: datetime) -> PutResult:
        """Queue a job."""
        full = not self._room.take(conn, job.queue)
        result = self._overflow(conn, job, now) if full else self._insert(conn, job, now)
        self._tally.put_in(job.queue, result, partial(self._database.after_commit, conn))
        if result.outcome is PutOutcome.ACCEPTED:
            self._news(conn, job.queue)
        return result

    async def claim(self, queue: str, n: int, lease_s: float) -> tuple[Job, ...]:
        """Lease up to ``n`` due jobs, also those whose lease has run out."""
        self._wakeup.lower_flag(queue)
        claimed, expected = await self._claims.claim(queue, n, lease_s)
        self._tally.claimed(queue, claimed)
        if len(claimed) == n:
            self._wakeup.raise_flag(queue)
        if not claimed:
            self._wakeup.expect(queue, expected)
        return claimed

    def ack(self, conn: Connection, job: Job) -> None:
        """Finish a job; raises ``LeaseLost``."""
        if FINISH.count(conn, _lease(job)) == 0:
            raise _lost(job)
        self._news(conn, job.queue)

    def retry(self, conn: Connection, job: Job, *, after_s: float, error: str, counted: bool = True) -> None:
        """Give a job back for later; raises ``LeaseLost``."""
        now = self._clock.steady()
        values = {
            "until_us": to_micros(now + timedelta(seconds=after_s)),
            "now_us": to_micros(now),
            "uncounted": 0 if counted else 1,
            "in_error": error[:MAX_ERROR_CHARS],
            "failed_us": to_micros(now) if counted else None,
            "in_tries": None,
        }
        if counted:
            before = tries_from_text(conn.execute(TRIES, _lease(job)).scalar_one_or_none())
            failed = FailedTry(failed_at=now, after_s=after_s, error=error)
            values["in_tries"] = tries_to_text(followed_by(before, failed))
        if conn.execute(POSTPONE, _lease(job) | values).rowcount == 0:
            raise _lost(job)
        self._news(conn, job.queue)

    def bury(self, conn: Connection, job: Job, *, error: str, error_type: str, stack: str | None = None) -> None:
        """Move a job to the dead letters; raises ``LeaseLost``."""
        row = conn.execute(HELD, _lease(job)).one_or_none()
        if row is None:
            raise _lost(job)
        self._dead.add_row(conn, row, self._clock.steady(), Cause(error=error, error_type=error_type, stack=stack))
        FINISH.count(conn, _lease(job))
        self._news(conn, job.queue)

    async def extend(self, job: Job, lease_s: float) -> bool:
        """Lease the job for ``lease_s`` from now; False if the lease was lost."""
        now = self._clock.steady()
        values = _lease(job) | {"until_us": to_micros(now + timedelta(seconds=lease_s)), "now_us": to_micros(now)}
        return await self._database.write(lambda conn: conn.execute(EXTEND, values).rowcount > 0)

    async def wait(self, queue: str, timeout_s: float) -> None:
        """Return when a claim may find something, as far as this process knows, or after the time-out."""
        await self._wakeup.wait(queue, timeout_s)

    async def depth(self, queue: str) -> QueueDepth:
        """Count the jobs of a queue."""
        values = {"in_queue": queue, "now_us": to_micros(self._clock.steady())}
        row = await self._database.read(lambda conn: conn.execute(DEPTH, values).one())
        return QueueDepth(
            queue=queue,
            pending=row.total - row.running - row.delayed,
            processing=int(row.running),
            delayed=int(row.delayed),
            dead=row.dead,
        )

    def counts(self, queue: str) -> QueueCounts:
        """Tell what this process did with a queue."""
        return self._tally.of(queue)

    def dead(self, conn: Connection, queue: str | None, limit: int = 100, cursor: str | None = None) -> DeadPage:
        """List dead letters of one or all queues, newest first; raises ``InvalidDeadCursor``."""
        return self._dead.page(conn, queue, limit, cursor)

    def requeue(self, conn: Connection, letter_id: int) -> Requeued:
        """Put a dead letter into its queue again; raises ``UnknownDeadLetter``."""
        letter = self._dead.get(conn, letter_id)
        if conn.execute(COUNT, {"in_queue": letter.queue}).scalar_one() >= self._limits.limit:
            reason = f"the queue {letter.queue} holds {self._limits.limit} jobs"
            return Requeued(letter=letter, result=PutResult(outcome=PutOutcome.REJECTED, reason=reason))
        job = NewJob(
            queue=letter.queue, payload=letter.payload, key=letter.key, unique=letter.unique, priority=letter.priority
        )
        result = self.put(conn, job, self._clock.steady())
        self._dead.remove(conn, letter_id)
        return Requeued(letter=letter, result=result)

    def requeue_all(self, conn: Connection, queue: str | None, limit: int = 10_000) -> tuple[Requeued, ...]:
        """Put dead letters into their queues again, oldest first, until one does not fit."""
        done: list[Requeued] = []
        for letter in self._dead.oldest(conn, queue, limit):
            requeued = self.requeue(conn, letter.id)
            if requeued.result.outcome is PutOutcome.REJECTED:
                break
            done.append(requeued)
        return tuple(done)

    def drop(self, conn: Connection, letter_id: int) -> bool:
        """Delete a dead letter; False if there is none."""
        return self._dead.remove(conn, letter_id)

    def drop_all(self, conn: Connection, queue: str | None) -> int:
        """Delete the dead letters of one or all queues; gives how many."""
        return self._dead.remove_all(conn, queue)

    def prune_dead(self, conn: Connection, now: datetime) -> int:
        """Delete dead letters beyond their age; gives how many."""
        return self._dead.remove_before(conn, now - timedelta(seconds=self._limits.dead_age_s))

    def _insert(self, conn: Connection, job: NewJob, now: datetime) -> PutResult:
        at = to_micros(now)
        values = {
            "queue": job.queue,
            "key": job.key,
            "uniq": job.unique,
            "priority": job.priority,
            "payload": json.dumps(job.payload),
            "enqueued_us": at,
            "not_before_us": at if job.not_before is None else to_micros(job.not_before),
            "updated_us": at,
        }
        made = (PUT_WITHOUT_KEY if job.key is None else PUT).new_id(conn, values)
        if made is None:
            return self._twin(conn, job) or PutResult(outcome=PutOutcome.REJECTED, reason="the job was not stored")
        return PutResult(outcome=PutOutcome.ACCEPTED, job_id=str(made))

    def _twin(self, conn: Connection, job: NewJob) -> PutResult | None:
        if job.unique is None:
            return None
        twin = conn.execute(TWIN, {"in_queue": job.queue, "in_uniq": job.unique}).scalar_one_or_none()
        if twin is None:
            return None
        return PutResult(outcome=PutOutcome.DUPLICATE, job_id=str(twin), reason="queued already")

    def _overflow(self, conn: Connection, job: NewJob, now: datetime) -> PutResult:
        twin = self._twin(conn, job)
        if twin is not None:
            return twin

        def idle() -> sa.ColumnElement[bool]:
            FREE_EXPIRED.count(conn, {"in_queue": job.queue, "now_us": to_micros(now)})
            return jobs.c.leased_until_us.is_(None)

        return self._overfull.put(conn, job, now, idle)

    def _news(self, conn: Connection, queue: str) -> None:
        self._database.after_commit(conn, lambda: self._wakeup.raise_flag(queue))


def _lease(job: Job) -> dict[str, Any]:
    return {"job_id": int(job.id), "in_fence": job.fence}


def _remove(conn: Connection, _queue: str, job_id: int) -> None:
    conn.execute(jobs.delete().where(jobs.c.id == job_id))


def _lost(job: Job) -> LeaseLost:
    return LeaseLost(f"job {job.id} of {job.queue} is no longer held")
