"""The worker loop: what each outcome of a stage does to its job."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
import io
import json
import logging
from typing import Any

import pytest

from home_sentry_engine.domain.errors import Permanent, StageError, Transient, Unavailable
from home_sentry_engine.domain.jobs import Job
from home_sentry_engine.pipeline.worker import Worker, WorkerRules
from home_sentry_engine.resilience.courtesy import Courtesy
from home_sentry_engine.telemetry.logs import JsonFormatter
from home_sentry_engine.telemetry.redaction import Redactor
from tests.fakes.clock import START, FakeClock
from tests.fakes.patience import turns


class Jobs:
    """A queue of prepared jobs that records what became of them."""

    def __init__(self, *attempts: int) -> None:
        self.waiting = [
            Job(id=f"j{n}", queue="detect", key="door", attempt=attempt, enqueued_at=START, leased_until=START)
            for n, attempt in enumerate(attempts)
        ]
        self.extended = 0
        self.waits = 0

    async def claim(self, queue: str, n: int, lease_s: float) -> list[Job]:
        taken, self.waiting = self.waiting[:n], self.waiting[n:]
        return taken

    async def extend(self, job: Job, lease_s: float) -> bool:
        self.extended += 1
        return True

    async def wait(self, queue: str, timeout_s: float) -> None:
        self.waits += 1
        await asyncio.Event().wait()


class Store:
    """Runs works at once on a transaction that writes into one list; ``broken`` makes the next write fail."""

    def __init__(self) -> None:
        self.log: list[tuple[Any, ...]] = []
        self.broken: Exception | None = None
        self.stacks: list[str | None] = []

    @property
    def jobs(self) -> Store:
        return self

    def ack(self, job: Job) -> None:
        self.log.append(("ack", job.id))

    def retry(self, job: Job, *, after_s: float, error: str, counted: bool = True) -> None:
        self.log.append(("retry", job.id, round(after_s, 3), counted, error))

    def bury(self, job: Job, *, error: str, error_type: str, stack: str | None = None) -> None:
        self.log.append(("bury", job.id, error_type, error))
        self.stacks.append(stack)

    async def write(self, work: Callable[[Any], Any]) -> Any:
        if self.broken is not None:
            broken, self.broken = self.broken, None
            raise broken
        return work(self)

    async def read(self, work: Callable[[Any], Any]) -> Any:
        return work(self)


class Stage:
    """A stage whose outcome the test chooses."""

    queue = "detect"

    def __init__(self, outcome: Callable[[], Any]) -> None:
        self.outcome = outcome

    async def __call__(self, job: Job):
        result = self.outcome()
        if asyncio.iscoroutine(result):
            await result
        return lambda tx: tx.log.append(("stored", job.id))

    def abandoned(self, job: Job, error: StageError):
        return lambda tx: tx.log.append(("abandoned", job.id))

    def stalled(self, job: Job, error: Unavailable):
        return lambda tx: tx.log.append(("stalled", job.id))


def failing(error: Exception):
    def outcome():
        raise error

    return outcome


def worker_of(outcome, *attempts: int, rules: WorkerRules | None = None):
    store, jobs, clock = Store(), Jobs(*(attempts or (1,))), FakeClock()
    worker = Worker(Stage(outcome), jobs, store, clock, lambda: 1.0).ruled(rules or WorkerRules())
    return worker, store, jobs, clock


async def test_result_and_acknowledgement_are_one_transaction():
    worker, store, _, _ = worker_of(lambda: None)
    assert await worker.step()
    assert store.log == [("stored", "j0"), ("ack", "j0")]
    assert not await worker.step()
    assert worker.counts.processed == 1


@pytest.mark.parametrize(("attempt", "delay"), [(1, 1.25), (2, 2.5)])
async def test_a_transient_failure_is_tried_again_with_growing_delay(attempt, delay):
    worker, store, _, _ = worker_of(failing(Transient("busy")), attempt)
    await worker.step()
    assert store.log == [("retry", "j0", delay, True, "busy")]


async def test_a_wished_delay_wins():
    worker, store, _, _ = worker_of(failing(Transient("busy", retry_after_s=7)))
    await worker.step()
    assert store.log == [("retry", "j0", 7, True, "busy")]


async def test_the_last_try_becomes_a_dead_letter_with_what_the_stage_writes():
    worker, store, _, _ = worker_of(failing(Transient("busy", code="gpu")), 3)
    await worker.step()
    assert store.log == [("abandoned", "j0"), ("bury", "j0", "gpu", "busy")]


async def test_a_job_that_ended_its_process_on_every_try_and_alone_is_not_run_again():
    worker, store, _, _ = worker_of(failing(AssertionError("must not run")), 5)
    await worker.step()
    reason = "4 tries never came to an end, the last one with nothing beside it"
    assert store.log == [("abandoned", "j0"), ("bury", "j0", "process_died", reason)]


async def test_a_job_whose_tries_ended_with_their_process_has_one_more():
    worker, store, jobs, _ = worker_of(lambda: None, 4)
    jobs.waiting *= 2
    assert await worker.step()
    waits = ("retry", "j0", 0.0, False, "waits to run alone")
    assert store.log == [waits, ("stored", "j0"), ("ack", "j0")]


async def test_a_permanent_failure_is_not_tried_again():
    worker, store, _, _ = worker_of(failing(Permanent("not a picture", code="corrupt")), 1)
    await worker.step()
    assert store.log == [("abandoned", "j0"), ("bury", "j0", "corrupt", "not a picture")]


async def test_waiting_for_a_dependency_costs_no_try_however_often():
    worker, store, _, _ = worker_of(failing(Unavailable("no detector")), 3)
    await worker.step()
    assert store.log == [("stalled", "j0"), ("retry", "j0", 2.0, False, "no detector")]


async def test_an_unexpected_exception_is_a_try_and_names_no_internals():
    worker, store, _, _ = worker_of(failing(KeyError("/secret/path")))
    await worker.step()
    assert store.log[0][:2] == ("retry", "j0")
    assert "secret" not in store.log[0][-1]


async def test_what_is_given_up_for_an_unexpected_exception_keeps_where_it_was_raised():
    worker, store, _, _ = worker_of(failing(KeyError("/secret/path")), 3)
    await worker.step()
    assert store.log[-1] == ("bury", "j0", "unexpected", "unexpected KeyError in detect")
    (stack,) = store.stacks
    assert stack is not None
    assert "test_worker.py" in stack
    assert stack.endswith("KeyError")
    assert "/secret/path" not in stack


async def test_a_stage_that_hangs_is_cut_at_its_deadline():
    worker, store, _, _ = worker_of(lambda: asyncio.Event().wait(), rules=WorkerRules(deadline_s=0.01))
    await worker.step()
    assert store.log[0][:2] == ("retry", "j0")
    assert "longer than" in store.log[0][-1]


async def test_a_cancelled_job_goes_back_uncounted():
    worker, store, _, _ = worker_of(lambda: asyncio.Event().wait())
    task = asyncio.create_task(worker.run())
    await turns()
    assert worker.counts.running == {"j0"}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert store.log == [("retry", "j0", 0.0, False, "engine stopped")]
    assert not worker.counts.running


async def test_the_lease_is_prolonged_while_the_stage_works():
    release = asyncio.Event()
    worker, store, jobs, clock = worker_of(release.wait, rules=WorkerRules(lease_s=30))
    task = asyncio.create_task(worker.step())
    await turns()
    await clock.advance(35)
    assert jobs.extended == 3
    release.set()
    await task
    assert store.log[-1] == ("ack", "j0")


async def test_a_store_that_fails_leaves_the_job_leased_and_the_worker_alive():
    worker, store, _, clock = worker_of(lambda: None, 1, 1)
    store.broken = RuntimeError("disk")
    task = asyncio.create_task(worker.step())
    await turns()
    await clock.advance(1)
    await task
    assert store.log == []
    await worker.step()
    assert store.log == [("stored", "j1"), ("ack", "j1")]


async def test_a_stage_error_raised_inside_the_commit_is_an_outcome_too():
    worker, store, _, _ = worker_of(lambda: None)
    store.broken = Permanent("the camera was removed", code="camera_gone")
    await worker.step()
    assert store.log == [("abandoned", "j0"), ("bury", "j0", "camera_gone", "the camera was removed")]


async def test_an_idle_worker_waits_for_news():
    worker, _, jobs, clock = worker_of(lambda: None, 1)
    task = asyncio.create_task(worker.run())
    await turns()
    await clock.advance(timedelta(seconds=1).total_seconds())
    assert jobs.waits == 1
    task.cancel()


async def test_what_is_logged_about_a_job_names_its_picture_and_how_long_it_took():
    stream, logger = io.StringIO(), logging.getLogger("home_sentry_engine")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(Redactor()))

    def look() -> None:
        clock.tick(0.25)
        logging.getLogger("home_sentry_engine.elsewhere").info("looked")

    worker, _, jobs, clock = worker_of(look)
    jobs.waiting = [replace(jobs.waiting[0], payload={"media_id": "m1", "event_id": 7})]
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        await worker.step()
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    looked, done = map(json.loads, stream.getvalue().splitlines())
    ids = {"queue": "detect", "job_id": "j0", "camera_id": "door", "media_id": "m1"}
    assert looked.items() > {"message": "looked", **ids}.items()
    assert done.items() > {"message": "detect done", "attempt": 1, "duration_ms": 250, **ids}.items()
    assert "event_id" not in done


async def test_a_job_that_has_just_come_passes_those_that_waited_in_line():
    clock, began, held = FakeClock(), list[str](), asyncio.Event()
    courtesy = Courtesy(clock)

    def worker(name: str, *, waited_s: float) -> Worker:
        async def work() -> None:
            began.append(name)
            if name == "fresh":
                await held.wait()

        jobs = Jobs(1)
        jobs.waiting = [replace(jobs.waiting[0], id=name, enqueued_at=clock.steady() - timedelta(seconds=waited_s))]
        return Worker(Stage(work), jobs, Store(), clock, lambda: 1.0).courteous(courtesy)

    first = asyncio.create_task(worker("fresh", waited_s=0.1).step())
    await turns()
    backlog = asyncio.create_task(worker("old", waited_s=60.0).step())
    other = asyncio.create_task(worker("also fresh", waited_s=0.0).step())
    await turns()
    assert began == ["fresh", "also fresh"]
    held.set()
    await asyncio.gather(first, backlog, other)
    assert began == ["fresh", "also fresh", "old"]
