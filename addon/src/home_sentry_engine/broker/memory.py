"""The queue in memory: for tests and for a look at files that keeps nothing. Loses everything with the process."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import itertools
from typing import Any

from home_sentry_engine.contract import QueueDepth
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.jobs import Job, NewJob

from .queue import (
    MAX_ERROR_CHARS,
    DeadLetter,
    DeadPage,
    LeaseLost,
    Overflow,
    PutOutcome,
    PutResult,
    QueueCounts,
    QueueLimits,
    Requeued,
    UnknownDeadLetter,
    cut_stack,
    dead_cursor,
)
from .tally import Tally
from .tries import FailedTry, followed_by
from .wakeup import Wakeup


@dataclass(slots=True, kw_only=True)
class _Entry:
    id: int
    turn: int
    new: NewJob
    enqueued_at: datetime
    not_before: datetime
    leased_until: datetime | None = None
    attempts: int = 0
    fence: int = 0
    first_failed_at: datetime | None = None
    tries: tuple[FailedTry, ...] = ()

    @property
    def place(self) -> tuple[int, int, int]:
        return (-self.new.priority, self.turn, self.id)


class MemoryQueue:
    """``Queue`` whose calls take effect at once and ignore the connection."""

    def __init__(self, clock: Clock, limits: QueueLimits | None = None) -> None:
        """Take the clock of leases and the bounds of each queue."""
        self._clock = clock
        self._limits = limits or QueueLimits()
        self._ids = itertools.count(1)
        self._dead_ids = itertools.count(1)
        self._entries: dict[int, _Entry] = {}
        self._dead: dict[int, DeadLetter] = {}
        self._turns: dict[tuple[str, int], int] = {}
        self._wakeup = Wakeup(clock)
        self._tally = Tally()

    def put(self, conn: object, job: NewJob, now: datetime) -> PutResult:  # noqa: ARG002 the protocol's connection
        """Queue a job."""
        result = self._put(job, now)
        self._tally.put(job.queue, result)
        return result

    def _put(self, job: NewJob, now: datetime) -> PutResult:
        for entry in self._of(job.queue):
            if job.unique is not None and entry.new.unique == job.unique:
                return PutResult(outcome=PutOutcome.DUPLICATE, job_id=str(entry.id), reason="queued already")
        if sum(1 for _ in self._of(job.queue)) < self._limits.limit:
            return PutResult(outcome=PutOutcome.ACCEPTED, job_id=self._insert(job, now))
        reason = f"the queue {job.queue} holds {self._limits.limit} jobs"
        leaving = self._leaving(job, now)
        if leaving is not None:
            payload = self._entries.pop(leaving.id).new.payload
            if self._limits.overflow is Overflow.DROP_OLDEST:
                return PutResult(outcome=PutOutcome.ACCEPTED, job_id=self._insert(job, now), dropped=payload)
            self._add_dead(self._letter_of(leaving, now, error=reason, error_type="queue_full"))
            return PutResult(outcome=PutOutcome.ACCEPTED, job_id=self._insert(job, now), displaced=payload)
        if self._limits.overflow is Overflow.DEAD_LETTER:
            self._add_dead(self._letter(job, now, error=reason, error_type="queue_full"))
            return PutResult(outcome=PutOutcome.DEAD_LETTERED, reason=reason)
        return PutResult(outcome=PutOutcome.REJECTED, reason=reason)

    def _insert(self, job: NewJob, now: datetime) -> str:
        number, turn = next(self._ids), self._turn_of(job)
        self._entries[number] = _Entry(id=number, turn=turn, new=job, enqueued_at=now, not_before=job.not_before or now)
        self._wakeup.raise_flag(job.queue)
        return str(number)

    def _leaving(self, job: NewJob, now: datetime) -> _Entry | None:
        dropping = self._limits.overflow is Overflow.DROP_OLDEST
        key = self._fullest(job)
        line = [entry for entry in self._of(job.queue) if entry.new.key == key]
        if not dropping and key == job.key and all(entry.new.priority >= job.priority for entry in line):
            return None
        self._free_expired(job.queue, now)
        idle = [entry for entry in line if not self._running(entry, now)]
        if dropping:
            idle = idle or [entry for entry in self._of(job.queue) if not self._running(entry, now)]
            return min(idle, key=lambda entry: (entry.new.priority, entry.id), default=None)
        if key == job.key:
            idle = [entry for entry in idle if entry.new.priority < job.priority]
        return min(idle, key=lambda entry: (entry.new.priority, -entry.id), default=None)

    def _fullest(self, job: NewJob) -> str | None:
        lines: dict[str | None, list[int]] = {}
        for entry in self._of(job.queue):
            lines.setdefault(entry.new.key, []).append(entry.id)
        key = max(lines, key=lambda key: (len(lines[key]), max(lines[key])))
        return job.key if len(lines.get(job.key, ())) + 1 >= len(lines[key]) else key

    async def claim(self, queue: str, n: int, lease_s: float) -> tuple[Job, ...]:
        """Lease up to ``n`` due jobs."""
        self._wakeup.lower_flag(queue)
        now = self._clock.steady()
        self._free_expired(queue, now)
        claimed: list[Job] = []
        for entry in sorted(self._of(queue), key=lambda entry: entry.place):
            if len(claimed) < n and self._is_next(entry, now):
                entry.leased_until = now + timedelta(seconds=lease_s)
                entry.attempts += 1
                entry.fence += 1
                served = self._turns.get((queue, entry.new.priority), 0)
                self._turns[queue, entry.new.priority] = max(served, entry.turn - 1)
                claimed.append(_job(entry, entry.leased_until))
        if len(claimed) == n:
            self._wakeup.raise_flag(queue)
        self._tally.claimed(queue, claimed)
        ready = [at for entry in self._of(queue) for at in (entry.leased_until, entry.not_before) if at and at > now]
        self._wakeup.expect(queue, min(ready, default=None))
        return tuple(claimed)

    def ack(self, conn: object, job: Job) -> None:  # noqa: ARG002
        """Finish a job."""
        self._held(job)
        del self._entries[int(job.id)]
        self._wakeup.raise_flag(job.queue)

    def retry(self, conn: object, job: Job, *, after_s: float, error: str, counted: bool = True) -> None:  # noqa: ARG002
        """Give a job back for later."""
        entry, now = self._held(job), self._clock.steady()
        entry.leased_until = None
        entry.not_before = now + timedelta(seconds=after_s)
        if counted:
            entry.first_failed_at = entry.first_failed_at or now
            entry.tries = followed_by(entry.tries, FailedTry(failed_at=now, after_s=after_s, error=error))
        else:
            entry.attempts -= 1
        self._wakeup.raise_flag(job.queue)

    def bury(
        self,
        conn: object,  # noqa: ARG002
        job: Job,
        *,
        error: str,
        error_type: str,
        stack: str | None = None,
    ) -> None:
        """Move a job to the dead letters."""
        entry, now = self._held(job), self._clock.steady()
        letter = self._letter_of(entry, now, error=error, error_type=error_type)
        self._add_dead(replace(letter, stack=cut_stack(stack)))
        del self._entries[entry.id]
        self._wakeup.raise_flag(job.queue)

    async def extend(self, job: Job, lease_s: float) -> bool:
        """Lease the job for longer."""
        try:
            entry = self._held(job)
        except LeaseLost:
            return False
        entry.leased_until = self._clock.steady() + timedelta(seconds=lease_s)
        return True

    async def wait(self, queue: str, timeout_s: float) -> None:
        """Return when a claim may find something."""
        await self._wakeup.wait(queue, timeout_s)

    async def depth(self, queue: str) -> QueueDepth:
        """Count the jobs of a queue."""
        now = self._clock.steady()
        running = sum(self._running(entry, now) for entry in self._of(queue))
        delayed = sum(entry.not_before > now and not self._running(entry, now) for entry in self._of(queue))
        return QueueDepth(
            queue=queue,
            pending=sum(1 for _ in self._of(queue)) - running - delayed,
            processing=running,
            delayed=delayed,
            dead=sum(letter.queue == queue for letter in self._dead.values()),
        )

    def counts(self, queue: str) -> QueueCounts:
        """Tell what happened to a queue."""
        return self._tally.of(queue)

    def dead(self, conn: object, queue: str | None, limit: int = 100, cursor: str | None = None) -> DeadPage:  # noqa: ARG002
        """List dead letters, newest first."""
        before = dead_cursor(cursor)
        chosen = [letter for letter in self._letters(queue) if before is None or letter.id < before][::-1]
        more = len(chosen) > limit
        return DeadPage(items=tuple(chosen[:limit]), next_cursor=str(chosen[limit - 1].id) if more else None)

    def requeue(self, conn: object, letter_id: int) -> Requeued:
        """Put a dead letter into its queue again."""
        letter = self._dead.get(letter_id)
        if letter is None:
            raise UnknownDeadLetter(f"there is no dead letter {letter_id}")
        now = self._clock.steady()
        job = NewJob(
            queue=letter.queue,
            payload=letter.payload,
            key=letter.key,
            unique=letter.unique,
            priority=letter.priority,
        )
        if sum(1 for _ in self._of(letter.queue)) >= self._limits.limit:
            result = PutResult(outcome=PutOutcome.REJECTED, reason=f"the queue {letter.queue} is full")
        else:
            result = self.put(conn, job, now)
            del self._dead[letter_id]
        return Requeued(letter=letter, result=result)

    def requeue_all(self, conn: object, queue: str | None, limit: int = 10_000) -> tuple[Requeued, ...]:
        """Put dead letters into their queues again."""
        done: list[Requeued] = []
        for letter in self._letters(queue)[:limit]:
            requeued = self.requeue(conn, letter.id)
            if requeued.result.outcome is PutOutcome.REJECTED:
                break
            done.append(requeued)
        return tuple(done)

    def drop(self, conn: object, letter_id: int) -> bool:  # noqa: ARG002
        """Delete a dead letter."""
        return self._dead.pop(letter_id, None) is not None

    def drop_all(self, conn: object, queue: str | None) -> int:
        """Delete the dead letters of one or all queues."""
        return sum(self.drop(conn, letter.id) for letter in self._letters(queue))

    def prune_dead(self, conn: object, now: datetime) -> int:
        """Delete dead letters beyond their age."""
        old = now - timedelta(seconds=self._limits.dead_age_s)
        return sum(self.drop(conn, letter.id) for letter in self._letters(None) if letter.last_failed_at < old)

    def _of(self, queue: str) -> Iterator[_Entry]:
        return (entry for entry in self._entries.values() if entry.new.queue == queue)

    def _turn_of(self, job: NewJob) -> int:
        line = (job.key, job.priority)
        last = [entry.turn for entry in self._of(job.queue) if (entry.new.key, entry.new.priority) == line]
        return max([self._turns.get((job.queue, job.priority), 0), *(turn + 1 for turn in last)])

    def _letters(self, queue: str | None) -> list[DeadLetter]:
        return [letter for letter in self._dead.values() if queue is None or letter.queue == queue]

    def _running(self, entry: _Entry, now: datetime) -> bool:
        return entry.leased_until is not None and entry.leased_until > now

    def _free_expired(self, queue: str, now: datetime) -> None:
        for entry in self._of(queue):
            if entry.leased_until is not None and not self._running(entry, now):
                entry.leased_until = None

    def _is_next(self, entry: _Entry, now: datetime) -> bool:
        if self._running(entry, now) or entry.not_before > now:
            return False
        if entry.new.key is None:
            return True
        siblings = [other for other in self._of(entry.new.queue) if other.new.key == entry.new.key]
        placed = [other.place for other in siblings if other.fence > 0 or other.not_before <= now]
        return entry.place == min(placed) and not any(self._running(other, now) for other in siblings)

    def _held(self, job: Job) -> _Entry:
        entry = self._entries.get(int(job.id))
        if entry is None or entry.fence != job.fence or entry.leased_until is None:
            raise LeaseLost(f"job {job.id} of {job.queue} is no longer held")
        return entry

    def _letter(self, job: NewJob, now: datetime, *, error: str, error_type: str) -> DeadLetter:
        return DeadLetter(
            id=next(self._dead_ids),
            queue=job.queue,
            payload=dict(job.payload),
            key=job.key,
            unique=job.unique,
            priority=job.priority,
            job_id=None,
            enqueued_at=now,
            attempts=0,
            error=error[:MAX_ERROR_CHARS],
            error_type=error_type,
            first_failed_at=now,
            last_failed_at=now,
        )

    def _letter_of(self, entry: _Entry, now: datetime, *, error: str, error_type: str) -> DeadLetter:
        return replace(
            self._letter(entry.new, now, error=error, error_type=error_type),
            job_id=str(entry.id),
            enqueued_at=entry.enqueued_at,
            attempts=entry.attempts,
            first_failed_at=entry.first_failed_at or now,
            tries=entry.tries,
        )

    def _add_dead(self, letter: DeadLetter) -> None:
        self._dead[letter.id] = letter
        for old in self._letters(letter.queue)[: -self._limits.dead_limit]:
            del self._dead[old.id]


def _job(entry: _Entry, leased_until: datetime) -> Job:
    payload: dict[str, Any] = dict(entry.new.payload)
    return Job(
        id=str(entry.id),
        queue=entry.new.queue,
        payload=payload,
        key=entry.new.key,
        priority=entry.new.priority,
        attempt=entry.attempts,
        enqueued_at=entry.enqueued_at,
        leased_until=leased_until,
        fence=entry.fence,
    )
