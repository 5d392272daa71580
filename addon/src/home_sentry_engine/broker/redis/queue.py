"""The queue of several engines: the database says which jobs exist, Redis says who works on them.

A put, an acknowledgement, a retry or a burial is a row of ``jobs`` in the caller's transaction, together with the rows
that it is about; that is what cannot be lost, and where uniqueness, bounds and dead letters are decided. Claims, leases
and heartbeats live in Redis alone and cost the database nothing. What was committed is carried to Redis right after
the commit, in order. It may be carried late, twice or not at all:

* A job that Redis does not know is found by comparing both sides: at the start, after every failure, now and then.
* A job whose end Redis did not hear of is delivered once more at most; its worker then finds it gone (``LeaseLost``).
* The end of a lease is written to the row (``fence``) before the job is given to the next worker. From then on the
  first worker's result cannot be committed, whatever Redis has lost or heard twice.

So Redis may be restarted, emptied or out of reach: work stands still and then goes on, nothing is lost or done twice.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
import logging
from typing import Any, Final

from home_sentry_engine.broker.pubsub import Bus, SubscriberLagged
from home_sentry_engine.broker.queue import DeadPage, PutOutcome, PutResult, QueueCounts, QueueLimits, Requeued
from home_sentry_engine.broker.sql.dead import Cause
from home_sentry_engine.broker.sql.ledger import Change, Connection, Holders, JobLedger
from home_sentry_engine.broker.sql.queue import Transactions
from home_sentry_engine.broker.tally import Tally
from home_sentry_engine.broker.wakeup import Wakeup
from home_sentry_engine.contract import QueueDepth
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.jobs import Job, NewJob

from .connection import RedisUnreachable
from .courier import Courier
from .dispatch import Dispatch
from .pubsub import WAKE

_LOGGER = logging.getLogger(__name__)
_COMPARE_S: Final = 15.0
_RETRY_S: Final = 1.0
_LOOKS: Final = 3

type State = Callable[[str | None], None]


class RedisQueue:
    """``Queue`` over the record of jobs in PostgreSQL and the dispatch in Redis; times are the clock's steady time."""

    def __init__(
        self, database: Transactions, dispatch: Dispatch, bus: Bus, clock: Clock, limits: QueueLimits | None = None
    ) -> None:
        """Take the record's database, the dispatch, the bus of the same namespace and the bounds of each queue."""
        self._database = database
        self._dispatch = dispatch
        self._bus = bus
        self._clock = clock
        self._limits = limits or QueueLimits()
        self._ledger = JobLedger(self._limits, self._changed)
        self._courier = Courier(database, self._ledger, dispatch, clock)
        self._wakeup = Wakeup(clock)
        self._tally = Tally()
        self._problem: str | None = None
        self._state: State = lambda _problem: None

    def watched(self, state: State) -> RedisQueue:
        """Tell ``state`` why Redis does not answer, and None when it does again; gives the queue."""
        self._state = state
        return self

    async def recover(self) -> int:
        """End what this engine had in hand when it died; gives how many deliveries that were.

        Call once before the workers start. Where Redis does not answer, the leases run out instead.
        """
        ended = 0
        try:
            for queue in await self._dispatch.queues():
                held = await self._dispatch.in_hand(queue)
                await self._database.write(lambda conn, queue=queue, held=held: self._ledger.free(conn, queue, held))  # type: ignore[misc]
                ended += len(held)
            await self._courier.flush()
        except RedisUnreachable as err:
            self._tell(str(err))
        return ended

    async def run(self) -> None:
        """Carry changes and listen for those of other engines until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._carry_forever(), name="redis courier")
            group.create_task(self._listen_forever(), name="redis wake-ups")

    def put(self, conn: Connection, job: NewJob, now: datetime) -> PutResult:
        """Queue a job; where another one has to make room and Redis cannot say what runs, the new one is refused."""
        result = self._ledger.put(conn, job, now, lambda: self._holders(conn, job.queue))
        self._tally.put_in(job.queue, result, partial(self._database.after_commit, conn))
        return result

    async def claim(self, queue: str, n: int, lease_s: float) -> tuple[Job, ...]:
        """Lease up to ``n`` due jobs, also those whose lease has run out; none while Redis does not answer."""
        self._wakeup.lower_flag(queue)
        try:
            claimed, coming = await self._claim(queue, n, lease_s)
        except RedisUnreachable as err:
            self._tell(str(err))
            return ()
        self._tell(None)
        self._tally.claimed(queue, claimed)
        if len(claimed) == n:
            self._wakeup.raise_flag(queue)
        if not claimed:
            self._wakeup.expect(queue, coming)
        return claimed

    def ack(self, conn: Connection, job: Job) -> None:
        """Finish a job; raises ``LeaseLost``."""
        self._ledger.finish(conn, job)

    def retry(self, conn: Connection, job: Job, *, after_s: float, error: str, counted: bool = True) -> None:
        """Give a job back for later; raises ``LeaseLost``."""
        failure = error if counted else None
        self._ledger.postpone(conn, job, now=self._clock.steady(), after_s=after_s, failure=failure)

    def bury(self, conn: Connection, job: Job, *, error: str, error_type: str, stack: str | None = None) -> None:
        """Move a job to the dead letters; raises ``LeaseLost``."""
        cause = Cause(error=error, error_type=error_type, stack=stack)
        self._ledger.bury(conn, job, cause, now=self._clock.steady())

    async def extend(self, job: Job, lease_s: float) -> bool:
        """Lease the job for ``lease_s`` from now; False if the lease was lost, True while Redis does not answer."""
        try:
            await self._courier.flush()
            return await self._dispatch.extend(job, self._clock.steady() + timedelta(seconds=lease_s))
        except RedisUnreachable as err:
            self._tell(str(err))
            return True

    async def wait(self, queue: str, timeout_s: float) -> None:
        """Return when a claim may find something, as far as this process heard, or after the time-out."""
        await self._wakeup.wait(queue, timeout_s)

    async def depth(self, queue: str) -> QueueDepth:
        """Count the jobs of a queue; while Redis does not answer, all of them as waiting."""
        running = later = 0
        try:
            await self._courier.flush()
            holders, later = await self._dispatch.holders(queue, self._clock.steady())
            running = len(holders.running)
        except RedisUnreachable as err:
            self._tell(str(err))
        total, dead = await self._database.read(lambda conn: self._ledger.counted(conn, queue))
        pending = max(0, total - running - later)
        return QueueDepth(queue=queue, pending=pending, processing=running, delayed=later, dead=dead)

    def counts(self, queue: str) -> QueueCounts:
        """Tell what this process did with a queue."""
        return self._tally.of(queue)

    def dead(self, conn: Connection, queue: str | None, limit: int = 100, cursor: str | None = None) -> DeadPage:
        """List dead letters of one or all queues, newest first; raises ``InvalidDeadCursor``."""
        return self._ledger.dead.page(conn, queue, limit, cursor)

    def requeue(self, conn: Connection, letter_id: int) -> Requeued:
        """Put a dead letter into its queue again; raises ``UnknownDeadLetter``."""
        return self._ledger.requeue(conn, letter_id, self._clock.steady())

    def requeue_all(self, conn: Connection, queue: str | None, limit: int = 10_000) -> tuple[Requeued, ...]:
        """Put dead letters into their queues again, oldest first, until one does not fit."""
        done: list[Requeued] = []
        for letter in self._ledger.dead.oldest(conn, queue, limit):
            requeued = self.requeue(conn, letter.id)
            if requeued.result.outcome is PutOutcome.REJECTED:
                break
            done.append(requeued)
        return tuple(done)

    def drop(self, conn: Connection, letter_id: int) -> bool:
        """Delete a dead letter; False if there is none."""
        return self._ledger.dead.remove(conn, letter_id)

    def drop_all(self, conn: Connection, queue: str | None) -> int:
        """Delete the dead letters of one or all queues; gives how many."""
        return self._ledger.dead.remove_all(conn, queue)

    def prune_dead(self, conn: Connection, now: datetime) -> int:
        """Delete dead letters beyond their age; gives how many."""
        return self._ledger.dead.remove_before(conn, now - timedelta(seconds=self._limits.dead_age_s))

    def _changed(self, conn: Connection, change: Change) -> None:
        def committed() -> None:
            self._courier.add(change)
            self._wakeup.raise_flag(change.queue)

        self._database.after_commit(conn, committed)

    async def _claim(self, queue: str, n: int, lease_s: float) -> tuple[tuple[Job, ...], datetime | None]:
        for _ in range(_LOOKS):
            await self._courier.flush()
            now = self._clock.steady()
            found = await self._dispatch.claim(queue, n, now, now + timedelta(seconds=lease_s))
            if found.broken:
                self._courier.doubt()
            if not found.expired:
                return found.jobs, found.coming
            await self._database.write(lambda conn, ended=found.expired: self._ledger.free(conn, queue, ended))  # type: ignore[misc]
        return (), now

    def _holders(self, conn: Connection, queue: str) -> Holders | None:
        async def ask(_driver: Any) -> Holders | None:
            try:
                await self._courier.flush()
                return (await self._dispatch.holders(queue, self._clock.steady()))[0]
            except RedisUnreachable as err:
                self._tell(str(err))
                return None

        raw: Any = conn.connection.dbapi_connection
        holders: Holders | None = raw.run_async(ask)
        return holders

    async def _carry_forever(self) -> None:
        compared = self._clock.monotonic()
        while True:
            try:
                await self._courier.flush()
                if self._clock.monotonic() - compared >= _COMPARE_S:
                    await self._courier.settle()
                    compared = self._clock.monotonic()
                self._tell(None)
            except RedisUnreachable as err:
                self._tell(str(err))
                await self._clock.sleep(_RETRY_S)
            except HomeSentryError as err:
                _LOGGER.warning("Changes of the queues wait: %s", err)
                await self._clock.sleep(_RETRY_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(_COMPARE_S):
                    await self._courier.news.wait()

    async def _listen_forever(self) -> None:
        while True:
            try:
                async with self._bus.subscribe(WAKE) as messages:
                    self._wakeup.raise_all()
                    await self._heed(messages)
            except (RedisUnreachable, SubscriberLagged) as err:
                _LOGGER.debug("No wake-ups from other engines: %s", err)
                await self._clock.sleep(_RETRY_S)

    async def _heed(self, messages: AsyncIterator[bytes]) -> None:
        async for queue in messages:
            self._wakeup.raise_flag(queue.decode())

    def _tell(self, problem: str | None) -> None:
        if (problem is None) == (self._problem is None):
            return
        self._problem = problem
        if problem is None:
            _LOGGER.info("Redis answers again")
            self._courier.doubt()
            self._wakeup.raise_all()
        else:
            _LOGGER.warning("Jobs wait: %s", problem)
        self._state(problem)
