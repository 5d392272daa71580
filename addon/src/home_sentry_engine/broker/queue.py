"""The whole contract of a queue: durable jobs, leases, retries, dead letters.

``C`` is the connection of the transaction that a call joins; a queue outside the database ignores it.

Order: among jobs that are due a higher ``priority`` goes first; within a priority the keys take turns, and of one key
the older job goes first. Of one ``key`` one job runs at a time. A job that waits for its retry keeps its place and
holds back those of its key that stand behind it; a job that was put with ``not_before`` takes its place when that time
comes.

Turns are numbered when jobs are put (start-time fair queueing): a job gets the turn after the last one of its key and
priority that is in the queue, and at least the one before the newest that was claimed of its priority. So a key that
floods stands in line with itself, and the first job of another one passes by. Jobs without a key are one line.

When a queue is full its bound hits the key that has the most jobs in it, the new job counted among them (of several
the one whose newest job is the youngest): of that key the least important job goes, of equals the newest one under
``Overflow.DEAD_LETTER`` and ``REJECT``, the oldest one under ``DROP_OLDEST``; a job that runs never goes. So a key that
floods a full queue is refused itself, and the job of another one takes the place of its last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
import json
from typing import Any, Protocol

from home_sentry_engine.contract import QueueDepth
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.jobs import Job, NewJob

from .tries import FailedTry

MAX_ERROR_CHARS = 4096
MAX_STACK_CHARS = 4096
MAX_BODY_CHARS = 2048


class QueueError(HomeSentryError):
    """Base of what goes wrong between a worker and its queue."""


class LeaseLost(QueueError, TimeoutError):
    """The lease ran out and somebody else holds the job or finished it; nothing of this try may be kept."""


class UnknownDeadLetter(QueueError, LookupError):
    """There is no dead letter with this id."""


class InvalidDeadCursor(QueueError, ValueError):
    """The cursor of a page of dead letters is malformed."""


def cut_stack(stack: str | None) -> str | None:
    """Give the end of a stack, where it failed, as long as a dead letter may keep it."""
    return None if stack is None else stack[-MAX_STACK_CHARS:]


def dead_cursor(cursor: str | None) -> int | None:
    """Read the cursor of a page of dead letters; raises ``InvalidDeadCursor``."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdecimal()) or int(cursor[:20]) >= 2**63:
        raise InvalidDeadCursor("the cursor is not valid")
    return int(cursor)


class Overflow(StrEnum):
    """What happens to a new job when its queue is full.

    An accepted job that makes room for another one becomes a dead letter; ``DROP_OLDEST`` alone forgets it.
    """

    DEAD_LETTER = "dlq"
    REJECT = "reject"
    DROP_OLDEST = "drop_oldest"


class PutOutcome(StrEnum):
    """What became of a put."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    DEAD_LETTERED = "dead_lettered"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLimits:
    """Bounds of each queue; from ``warn_share`` of ``limit`` on the log warns of back-pressure."""

    limit: int = 10_000
    overflow: Overflow = Overflow.DEAD_LETTER
    warn_share: float = 0.8
    dead_limit: int = 10_000
    dead_age_s: float = 30 * 24 * 3600.0

    @property
    def warn_at(self) -> int:
        """Jobs from which on the log warns."""
        return max(1, int(self.limit * self.warn_share))


@dataclass(frozen=True, slots=True, kw_only=True)
class PutResult:
    """Outcome of a put with its reason; ``job_id`` is the job's, the first one's if duplicate, None without one.

    ``dropped`` is the payload of the job that had to go under ``Overflow.DROP_OLDEST``, ``displaced`` that of the job
    which became a dead letter in favour of this one.
    """

    outcome: PutOutcome
    job_id: str | None = None
    reason: str | None = None
    dropped: Mapping[str, Any] | None = None
    displaced: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A job that was given up; ``job_id`` is None for one that never entered its queue.

    ``tries`` are those that failed before the last one, which ``error`` tells; those that a death cut off left no trace
    but in ``attempts``.
    """

    id: int
    queue: str
    payload: dict[str, Any]
    key: str | None
    unique: str | None
    priority: int
    job_id: str | None
    enqueued_at: datetime
    attempts: int
    error: str
    error_type: str
    first_failed_at: datetime
    last_failed_at: datetime
    stack: str | None = None
    tries: tuple[FailedTry, ...] = ()

    def shown_body(self) -> str:
        """Give the job as JSON text for people, with ``…`` at the end where it is cut; the job itself stays whole."""
        text = json.dumps(self.payload, ensure_ascii=False)
        return text if len(text) <= MAX_BODY_CHARS else f"{text[: MAX_BODY_CHARS - 1]}…"

    def shown_payload(self) -> dict[str, Any]:
        """Give the same as values; empty where the text is cut."""
        return self.payload if len(json.dumps(self.payload, ensure_ascii=False)) <= MAX_BODY_CHARS else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadPage:
    """Some dead letters, newest first."""

    items: tuple[DeadLetter, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requeued:
    """A dead letter and what became of it; only an accepted or duplicate one has left the dead letters."""

    letter: DeadLetter
    result: PutResult


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """What this process did with one queue since its start; ``dropped`` went to make room for newer jobs.

    ``dead_lettered`` counts what a full queue gave up, also displaced jobs.
    """

    accepted: int = 0
    duplicate: int = 0
    dead_lettered: int = 0
    rejected: int = 0
    dropped: int = 0
    claimed: int = 0
    redelivered: int = 0


class Queue[C = Any](Protocol):
    """Jobs of every kind; synchronous calls join the caller's transaction, asynchronous ones are their own."""

    def put(self, conn: C, job: NewJob, now: datetime) -> PutResult:
        """Queue a job; a full queue follows its ``Overflow`` and says so in the result."""
        ...

    async def claim(self, queue: str, n: int, lease_s: float) -> tuple[Job, ...]:
        """Lease up to ``n`` due jobs, also those whose lease has run out."""
        ...

    def ack(self, conn: C, job: Job) -> None:
        """Finish a job; raises ``LeaseLost``."""
        ...

    def retry(self, conn: C, job: Job, *, after_s: float, error: str, counted: bool = True) -> None:
        """Give a job back for later; ``counted=False`` takes the try back. Raises ``LeaseLost``."""
        ...

    def bury(self, conn: C, job: Job, *, error: str, error_type: str, stack: str | None = None) -> None:
        """Move a job to the dead letters, with the places in the code where it failed; raises ``LeaseLost``."""
        ...

    async def extend(self, job: Job, lease_s: float) -> bool:
        """Lease the job for ``lease_s`` from now; False if the lease was lost."""
        ...

    async def wait(self, queue: str, timeout_s: float) -> None:
        """Return when a claim may find something, as far as this process knows, or after the time-out."""
        ...

    async def depth(self, queue: str) -> QueueDepth:
        """Count the jobs of a queue."""
        ...

    def counts(self, queue: str) -> QueueCounts:
        """Tell what this process did with a queue."""
        ...

    def dead(self, conn: C, queue: str | None, limit: int = 100, cursor: str | None = None) -> DeadPage:
        """List dead letters of one or all queues, newest first; raises ``InvalidDeadCursor``."""
        ...

    def requeue(self, conn: C, letter_id: int) -> Requeued:
        """Put a dead letter into its queue again; raises ``UnknownDeadLetter``."""
        ...

    def requeue_all(self, conn: C, queue: str | None, limit: int = 10_000) -> tuple[Requeued, ...]:
        """Put dead letters into their queues again, oldest first, until one does not fit."""
        ...

    def drop(self, conn: C, letter_id: int) -> bool:
        """Delete a dead letter; False if there is none."""
        ...

    def drop_all(self, conn: C, queue: str | None) -> int:
        """Delete the dead letters of one or all queues; gives how many."""
        ...

    def prune_dead(self, conn: C, now: datetime) -> int:
        """Delete dead letters beyond their age; gives how many."""
        ...
