"""A job that is switched: whatever happens at the same moment, a cancellation of the caller ends it."""

import asyncio

import pytest

from home_sentry_engine.broker.wakeup import Wakeup
from home_sentry_engine.resilience.switched import SwitchedJob
from tests.fakes.clock import FakeClock


class Slow:
    """A job that takes a few turns of the loop to end."""

    def __init__(self) -> None:
        self.starts = self.ends = 0

    async def run(self) -> None:
        self.starts += 1
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(3):
                await asyncio.sleep(0)
            self.ends += 1


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancellation_during_a_restart_is_not_lost(turns):
    slow = Slow()
    job = SwitchedJob("slow", slow.run, clock=FakeClock(), report=lambda _: None)
    task = asyncio.create_task(job.run())
    for _ in range(4):
        await asyncio.sleep(0)
    job.restart()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(60):
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert slow.starts == slow.ends


@pytest.mark.parametrize("turns", range(8))
async def test_a_cancellation_at_the_moment_of_news_is_not_lost(turns):
    wakeup = Wakeup(FakeClock())
    rounds = 0

    async def work() -> None:
        nonlocal rounds
        while True:
            await wakeup.wait("detect", 5.0)
            wakeup.lower_flag("detect")
            rounds += 1

    task = asyncio.create_task(work())
    for _ in range(3):
        await asyncio.sleep(0)
    wakeup.raise_flag("detect")
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(60):
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
