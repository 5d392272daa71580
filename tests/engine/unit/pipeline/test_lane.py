"""A job that ends its process is put aside; those that were in hand with it come through."""

import asyncio
from collections import Counter
from contextlib import suppress

import pytest

from home_sentry_engine.broker.memory import MemoryQueue
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.jobs import DETECT, Job, NewJob
from home_sentry_engine.pipeline.lane import Lane
from home_sentry_engine.pipeline.worker import Worker, WorkerRules
from tests.fakes.clock import FakeClock

LEASE_S = 60.0


class Life:
    """One process over a queue that outlives it: nothing is written any more once it has died."""

    def __init__(self, queue: MemoryQueue, clock: FakeClock, poison: frozenset[str], workers: int) -> None:
        self.jobs, self.poison = queue, poison
        self.dead = asyncio.Event()
        self.done: list[str] = []
        self.buried: list[str] = []
        self.together: list[int] = []
        self.inside = 0
        lane = Lane()
        rules = WorkerRules(lease_s=LEASE_S)
        self.workers = [Worker(self, self, self, clock, lambda: 0.0).ruled(rules).sharing(lane) for _ in range(workers)]

    queue = DETECT

    async def __call__(self, job: Job):
        self.inside += 1
        self.together.append(self.inside)
        try:
            name = job.payload["name"]
            for _ in range(5):
                await asyncio.sleep(0)
            if name in self.poison:
                self.dead.set()
            # those beside it are cut off in the middle of their work
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return lambda _tx: self.done.append(name)
        finally:
            self.inside -= 1

    def abandoned(self, job: Job, error):
        assert error.code == "process_died"
        return lambda _tx: self.buried.append(job.payload["name"])

    def stalled(self, job: Job, error):
        raise AssertionError("nothing is lacking")

    def ack(self, job: Job) -> None:
        self.jobs.ack(None, job)

    def retry(self, job: Job, *, after_s: float, error: str, counted: bool = True) -> None:
        self.jobs.retry(None, job, after_s=after_s, error=error, counted=counted)

    def bury(self, job: Job, *, error: str, error_type: str, stack: str | None = None) -> None:
        self.jobs.bury(None, job, error=error, error_type=error_type, stack=stack)

    async def claim(self, queue: str, n: int, lease_s: float):
        if self.dead.is_set():
            raise HomeSentryError("the process is gone")
        return await self.jobs.claim(queue, n, lease_s)

    async def extend(self, job: Job, lease_s: float) -> bool:
        return await self.jobs.extend(job, lease_s)

    async def wait(self, queue: str, timeout_s: float) -> None:
        await asyncio.sleep(0)

    async def write(self, work):
        if self.dead.is_set():
            raise OSError("the process is gone")
        return work(_Tx(self))

    async def read(self, work):
        return work(_Tx(self))

    async def until(self, quiet: int) -> bool:
        """Live until death or until nothing has happened for ``quiet`` turns; True after a death."""
        running = [asyncio.create_task(worker.run()) for worker in self.workers]
        idle, seen = 0, -1
        while not self.dead.is_set() and idle < quiet:
            await asyncio.sleep(0)
            now = len(self.together) + len(self.done) + len(self.buried)
            idle, seen = (idle + 1 if now == seen and not self.inside else 0), now
        for task in running:
            task.cancel()
        for task in running:
            with suppress(asyncio.CancelledError):
                await task
        return self.dead.is_set()


class _Tx:
    def __init__(self, life: Life) -> None:
        self.jobs = life


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
@pytest.mark.parametrize("poison", [("p3",), ("p0", "p1"), ("p0", "p4", "p7")])
async def test_what_kills_the_process_is_put_aside_and_nothing_that_was_in_hand_with_it(workers, poison):
    clock = FakeClock()
    queue = MemoryQueue(clock)
    names = [f"p{number}" for number in range(8)]
    for name in names:
        queue.put(None, NewJob(queue=DETECT, payload={"name": name}), clock.now())
    outcome: Counter[str] = Counter()
    buried: list[str] = []
    for _ in range(4 * len(poison) + 1):
        life = Life(queue, clock, frozenset(poison), workers)
        died = await life.until(quiet=50)
        outcome.update(life.done)
        buried += life.buried
        if not died:
            break
        clock.tick(LEASE_S + 1)
    else:
        pytest.fail("the process dies for ever")
    assert sorted(buried) == sorted(poison)
    assert outcome == Counter(name for name in names if name not in poison)
    assert queue.dead(None, DETECT).items


async def test_a_suspect_runs_with_nothing_beside_it_and_the_others_go_on_afterwards():
    lane, order = Lane(), []
    leave = asyncio.Event()

    async def ordinary(name: str) -> None:
        async with lane.beside_others():
            order.append(f"{name} in")
            await leave.wait()
            order.append(f"{name} out")

    async def suspect(name: str) -> None:
        async with lane.alone():
            order.append(f"{name} alone")
            await asyncio.sleep(0)
            order.append(f"{name} done")

    tasks = [asyncio.create_task(work) for work in (ordinary("a"), suspect("s"), suspect("t"), ordinary("b"))]
    for _ in range(5):
        await asyncio.sleep(0)
    assert order == ["a in"]
    leave.set()
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    assert order[:3] == ["a in", "a out", "s alone"]
    assert order.index("t alone") == order.index("t done") - 1
    assert order.index("b out") == order.index("b in") + 1


async def test_who_gives_up_waiting_to_be_alone_lets_the_others_in_again():
    lane = Lane()
    async with lane.beside_others():

        async def suspect() -> None:
            async with lane.alone():
                raise AssertionError("is never alone")

        task = asyncio.create_task(suspect())
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        async with asyncio.timeout(60), lane.beside_others():
            pass
