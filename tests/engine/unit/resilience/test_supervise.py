"""Supervised jobs on a clock that the test moves."""

import asyncio

import pytest

from home_sentry_engine.domain.errors import Outage
from home_sentry_engine.resilience.supervise import JobChange, JobState, RestartPolicy, supervise
from tests.fakes.clock import FakeClock


class Job:
    """Crashes ``crashes`` times, then waits for ever or returns."""

    def __init__(self, crashes, *, returns=False):
        self.runs = 0
        self._crashes = crashes
        self._returns = returns

    async def __call__(self):
        self.runs += 1
        if self.runs <= self._crashes:
            raise RuntimeError(f"crash {self.runs}")
        if not self._returns:
            await asyncio.Event().wait()


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def start():
    tasks = []

    def starter(job, clock, policy=None):
        changes: list[JobChange] = []
        tasks.append(asyncio.create_task(supervise("job", job, clock=clock, report=changes.append, policy=policy)))
        return tasks[-1], changes

    yield starter
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_crash_is_reported_and_the_job_runs_again_after_the_pause(start):
    clock, job = FakeClock(), Job(1)
    _, changes = start(job, clock)
    await settle()
    assert job.runs == 1
    await clock.advance(0.9)
    assert job.runs == 1
    await clock.advance(0.2)
    assert job.runs == 2
    assert [change.state for change in changes] == [
        JobState.RUNNING,
        JobState.CRASHED,
        JobState.RESTARTING,
        JobState.RUNNING,
    ]
    assert changes[1].reason == "RuntimeError: crash 1"
    assert changes[-1].restarts == 1


async def test_five_restarts_in_five_minutes_then_a_long_rest(start):
    clock, job = FakeClock(), Job(1000)
    _, changes = start(job, clock)
    await settle()
    await clock.advance(200)
    assert job.runs == 6
    assert changes[-1].state is JobState.FAILED
    await clock.advance(600)
    assert job.runs == 6
    await clock.advance(300)
    assert job.runs > 6


async def test_rare_crashes_never_use_up_the_restarts(start):
    clock, runs = FakeClock(), []

    async def crash_every_ten_minutes():
        runs.append(clock.monotonic())
        await clock.sleep(600)
        raise RuntimeError("again")

    _, changes = start(crash_every_ten_minutes, clock)
    await settle()
    await clock.advance(600 * 20)
    assert len(runs) >= 19
    assert JobState.FAILED not in {change.state for change in changes}


async def test_without_a_rest_the_supervision_ends(start):
    clock = FakeClock()
    task, changes = start(Job(1000), clock, RestartPolicy(rest_s=None))
    await settle()
    await clock.advance(200)
    await asyncio.wait_for(task, 60)
    assert [change.state for change in changes][-2:] == [JobState.FAILED, JobState.STOPPED]


async def test_a_job_that_returns_is_stopped(start):
    task, changes = start(Job(0, returns=True), FakeClock())
    await asyncio.wait_for(task, 60)
    assert [change.state for change in changes] == [JobState.RUNNING, JobState.STOPPED]


@pytest.mark.parametrize("crashes", [0, 1])
async def test_cancellation_passes_through_running_or_pausing(start, crashes):
    task, changes = start(Job(crashes), FakeClock())
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert changes[-1].state is JobState.STOPPED


async def test_a_crash_does_not_reach_the_siblings(start):
    clock, quiet = FakeClock(), Job(0)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(supervise("job", job, clock=clock, report=lambda _: None)) for job in (Job(3), quiet)
        ]
        await settle()
        await clock.advance(60)
        assert quiet.runs == 1
        for task in tasks:
            task.cancel()


class Away(Outage, ConnectionError):
    """The server is away."""


def needing(server):
    async def job():
        await asyncio.sleep(0)
        if server["away"]:
            raise ExceptionGroup("two at once", [Away("the server is away"), Away("the server is away")])
        await asyncio.Event().wait()

    return job


async def test_an_outage_of_any_length_is_waited_for_and_uses_up_no_restarts(start, caplog):
    clock, server = FakeClock(), {"away": True}
    _, changes = start(needing(server), clock)
    await settle()
    await clock.advance(3600)
    assert JobState.FAILED not in {change.state for change in changes}
    assert {change.reason for change in changes if change.state is JobState.CRASHED} == {"the server is away"}
    assert all(change.waits for change in changes[1:])
    told = [(record.levelname, record.exc_info) for record in caplog.records]
    assert told == [("WARNING", None)]
    server["away"] = False
    await clock.advance(15)
    assert changes[-1].state is JobState.RUNNING


async def test_what_crashes_beside_an_outage_is_a_crash(start):
    async def job():
        await asyncio.sleep(0)
        raise ExceptionGroup("both", [Away("the server is away"), ValueError("a mistake")])

    _, changes = start(job, FakeClock())
    await settle()
    assert (changes[1].reason, changes[1].waits) == ("ValueError: a mistake", False)
