"""The one worker loop: claim, deadline, stage, then result and acknowledgement in one transaction."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
import logging
import traceback
from typing import Protocol

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError, Permanent, StageError, Transient, Unavailable
from home_sentry_engine.domain.jobs import Job
from home_sentry_engine.resilience.courtesy import Courtesy
from home_sentry_engine.telemetry.logs import log_context

from .lane import Lane
from .ports import Jobs, Store, Tx

_LOGGER = logging.getLogger(__name__)
_IDLE_WAIT_S = 5.0
_STORE_RETRY_S = 1.0
_BACKLOG_S = 0.5

type Commit = Callable[[Tx], None]


class Stage(Protocol):
    """One step of the pipeline: heavy work outside, rows inside the returned commit."""

    @property
    def queue(self) -> str:
        """Queue that the stage takes its jobs from."""
        ...

    async def __call__(self, job: Job) -> Commit:
        """Do the work; raises ``Transient``, ``Permanent`` or ``Unavailable``, never gives an empty result instead."""
        ...

    def abandoned(self, job: Job, error: StageError) -> Commit:
        """Say what is written together with the dead letter."""
        ...

    def stalled(self, job: Job, error: Unavailable) -> Commit:
        """Say what is written when the job has to wait for a dependency."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRules:
    """Limits of a worker: lease and deadline of a job, tries, back-off base, factor and cap in seconds.

    A job whose ``tries`` ended with its process gets one more, alone in its ``Lane``; one that ends the process then
    too is given up.
    """

    lease_s: float = 60.0
    deadline_s: float = 300.0
    tries: int = 3
    backoff_base_s: float = 1.0
    backoff_factor: float = 2.0
    backoff_cap_s: float = 30.0
    jitter: float = 0.25
    unavailable_retry_s: float = 2.0


@dataclass(slots=True, kw_only=True)
class WorkerCounts:
    """What a worker did since the start of the process."""

    processed: int = 0
    retried: int = 0
    buried: int = 0
    stalled: int = 0
    last_error: str | None = None
    last_processed_at: datetime | None = None
    running: set[str] = field(default_factory=set)


class Worker:
    """Runs one stage over its queue until cancelled; a cancelled job goes back to the queue uncounted.

    ``finished`` hears of each job that was done and committed, with the seconds that it took.
    """

    def __init__(self, stage: Stage, jobs: Jobs, store: Store, clock: Clock, random: Callable[[], float]) -> None:
        """Take the stage and its surroundings; ``random`` gives 0..1 for the jitter of the back-off."""
        self._stage = stage
        self._jobs = jobs
        self._store = store
        self._clock = clock
        self._random = random
        self.rules = WorkerRules()
        self.counts = WorkerCounts()
        self.finished: Callable[[Job, float], None] = lambda _job, _seconds: None
        self._lane = Lane()
        self._courtesy = Courtesy(clock)

    def sharing(self, lane: Lane) -> Worker:
        """Work in the lane of the process's other workers and give the worker."""
        self._lane = lane
        return self

    def courteous(self, courtesy: Courtesy) -> Worker:
        """Let jobs that have just come pass those that waited in line, and give the worker."""
        self._courtesy = courtesy
        return self

    def ruled(self, rules: WorkerRules) -> Worker:
        """Set the limits and give the worker."""
        self.rules = rules
        return self

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            if not await self.step():
                await self._jobs.wait(self._stage.queue, _IDLE_WAIT_S)

    async def step(self) -> bool:
        """Take and finish one job; False when there was none, or when the queue cannot be asked now."""
        async with self._lane.beside_others():
            job = await self._claimed()
            suspect = job is not None and job.attempt == self.rules.tries + 1
            if job is not None and suspect:
                # given back while others run: they may end the process, which would be held against it
                await self._commit(job, _uncounted(job, "waits to run alone"))
            elif job is not None:
                await self._finish(job)
        if not suspect:
            return job is not None
        async with self._lane.alone():
            job = await self._claimed()
            if job is not None:
                extra = {"job_id": job.id, "attempt": job.attempt}
                _LOGGER.warning("A %s job runs alone: its tries ended with their process", job.queue, extra=extra)
                await self._finish(job)
        return True

    async def _claimed(self) -> Job | None:
        try:
            claimed = await self._jobs.claim(self._stage.queue, 1, self.rules.lease_s)
        except HomeSentryError as err:
            self.counts.last_error = str(err)
            _LOGGER.warning("The %s queue cannot be asked: %s", self._stage.queue, err)
            await self._clock.sleep(_STORE_RETRY_S)
            return None
        return claimed[0] if claimed else None

    async def _finish(self, job: Job) -> None:
        with log_context(**_ids_of(job)):
            await self._work(job)

    async def _work(self, job: Job) -> None:
        self.counts.running.add(job.id)
        fresh = (self._clock.steady() - job.enqueued_at).total_seconds() < _BACKLOG_S
        heartbeat = asyncio.create_task(self._heartbeat(job), name=f"lease of {job.id}")
        try:
            async with self._courtesy.turn(passes=fresh):
                await self._done(job)
        except asyncio.CancelledError:
            with suppress(Exception):
                await asyncio.shield(self._give_back(job))
            raise
        finally:
            heartbeat.cancel()
            self.counts.running.discard(job.id)

    async def _done(self, job: Job) -> None:
        began, done = self._clock.monotonic(), self.counts.processed
        commit = await self._outcome(job)
        if await self._commit(job, commit) and self.counts.processed > done:
            took_s = self._clock.monotonic() - began
            _LOGGER.info("%s done", job.queue, extra={"attempt": job.attempt, "duration_ms": took_s * 1000})
            self.counts.last_processed_at = self._clock.now()
            self.finished(job, took_s)

    async def _outcome(self, job: Job) -> Commit:
        if job.attempt > self.rules.tries + 1:
            reason = f"{job.attempt - 1} tries never came to an end, the last one with nothing beside it"
            died = Permanent(reason, code="process_died")
            return self._failed(job, died)
        try:
            async with asyncio.timeout(self.rules.deadline_s):
                commit = await self._stage(job)
        except TimeoutError:
            late = Transient(f"{job.queue} took longer than {self.rules.deadline_s:g} s", code="deadline")
            return self._failed(job, late)
        except StageError as err:
            return self._failed(job, err)
        except Exception as err:
            _LOGGER.exception("The %s stage failed", job.queue, extra={"job_id": job.id})
            return self._failed(job, _unexpected(job, err))

        def done(tx: Tx) -> None:
            commit(tx)
            tx.jobs.ack(job)

        self.counts.processed += 1
        return done

    def _failed(self, job: Job, error: StageError) -> Commit:
        self.counts.last_error = error.reason
        extra = {"job_id": job.id, "code": error.code, "attempt": job.attempt}
        if isinstance(error, Unavailable):
            self.counts.stalled += 1
            _LOGGER.info("%s waits: %s", job.queue, error.reason, extra=extra)
            waiting = self._stage.stalled(job, error)
            after_s = error.retry_after_s or self.rules.unavailable_retry_s

            def wait(tx: Tx) -> None:
                waiting(tx)
                tx.jobs.retry(job, after_s=after_s, error=error.reason, counted=False)

            return wait
        if isinstance(error, Permanent) or job.attempt >= self.rules.tries:
            self.counts.buried += 1
            _LOGGER.warning("%s gave up a job: %s", job.queue, error.reason, extra=extra)
            abandoned = self._stage.abandoned(job, error)

            def bury(tx: Tx) -> None:
                abandoned(tx)
                tx.jobs.bury(job, error=error.reason, error_type=error.code, stack=error.stack)

            return bury
        self.counts.retried += 1
        delay = error.retry_after_s if isinstance(error, Transient) else None
        after = delay if delay is not None else self._backoff(job.attempt)
        _LOGGER.info("%s tries again in %.1f s: %s", job.queue, after, error.reason, extra=extra)
        return lambda tx: tx.jobs.retry(job, after_s=after, error=error.reason)

    async def _commit(self, job: Job, commit: Commit) -> bool:
        try:
            await self._store.write(commit)
        except StageError as err:
            await self._store.write(self._failed(job, err))
        except Exception:
            # The lease runs out and another try redoes the whole step: sinks are idempotent.
            _LOGGER.exception("The result of a %s job could not be stored", job.queue, extra={"job_id": job.id})
            await self._clock.sleep(_STORE_RETRY_S)
        else:
            return True
        return False

    async def _give_back(self, job: Job) -> None:
        await self._store.write(_uncounted(job, "engine stopped"))

    async def _heartbeat(self, job: Job) -> None:
        while True:
            await self._clock.sleep(self.rules.lease_s / 3)
            try:
                held = await self._jobs.extend(job, self.rules.lease_s)
            except HomeSentryError as err:
                # the next beat tries again; should the lease run out meanwhile, the result is refused
                _LOGGER.warning("A lease could not be prolonged: %s", err, extra={"job_id": job.id})
                continue
            if not held:
                _LOGGER.warning("Lost the lease of a %s job", job.queue, extra={"job_id": job.id})
                return

    def _backoff(self, attempt: int) -> float:
        rules = self.rules
        plain = min(rules.backoff_cap_s, rules.backoff_base_s * rules.backoff_factor ** (attempt - 1))
        return plain * (1 + rules.jitter * self._random())


def _uncounted(job: Job, reason: str) -> Commit:
    return lambda tx: tx.jobs.retry(job, after_s=0.0, error=reason, counted=False)


def _unexpected(job: Job, err: Exception) -> Transient:
    name = type(err).__name__
    failure = Transient(f"unexpected {name} in {job.queue}", code="unexpected")
    # places only: what the error says may be somebody's words
    failure.stack = "".join(traceback.format_tb(err.__traceback__)) + name
    return failure


def _ids_of(job: Job) -> dict[str, str | None]:
    named = {name: job.payload.get(name) for name in ("media_id", "event_id", "batch_id")}
    ids = {name: value if isinstance(value, str) else None for name, value in named.items()}
    return {"queue": job.queue, "job_id": job.id, "camera_id": job.payload.get("camera_id", job.key), **ids}
