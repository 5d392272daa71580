"""Several engines on one PostgreSQL and one Redis: the work is shared, and each of them may die."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack, suppress
import itertools
import signal

import asyncpg
import psutil
import pytest

from tests.engine.faults.house import LEASE_S, House, Listener
from tests.engine.faults.invariants import sha256
from tests.engine.faults.programs import WITHOUT_MODELS, deliver, different
from tests.engine.servers import PostgresServer, RedisServer, free_port, running_postgres, server_folder

CAMERAS = ("yard", "door", "garage", "drive")
AHEAD = 40


@pytest.fixture
async def house(tmp_path, model_mirror, postgres_server, redis_server) -> House:
    return House(tmp_path, model_mirror, await postgres_server.empty(), redis_server.url)


class Cameras:
    """Deliver pictures one after the other until told to stop or none is left, not too far ahead of the engines."""

    def __init__(self, house: House, pictures: Iterable[bytes]) -> None:
        self.house, self.pictures = house, pictures
        self.delivered: Counter[tuple[str, str]] = Counter()
        self.enough = asyncio.Event()
        self._seen = 0

    async def run(self, pause_s: float) -> None:
        for number, picture in enumerate(self.pictures):
            while not self.enough.is_set() and self.delivered.total() - await self._looked_at() > AHEAD:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
            if self.enough.is_set():
                return
            camera = CAMERAS[number % len(CAMERAS)]
            await asyncio.to_thread(deliver, self.house.cameras / camera, f"{number}.jpg", picture)
            self.delivered[camera, sha256(picture)] += 1
            await asyncio.sleep(pause_s)

    async def _looked_at(self) -> int:
        # the database may be away: then nobody is ahead of anybody
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            self._seen = await self.house.looked_at()
        return self._seen


def start(*engines) -> None:
    for served in engines:
        served.start(until_ready="api" in served._environment["HOME_SENTRY_ROLES"])


async def shown_by(front) -> dict[str, str]:
    """Give the states of what other engines do, as the engine with the API tells them."""
    components = (await asyncio.to_thread(front.status))["components"]
    return {one["id"]: one["state"] for one in components if one["id"] in {"detector", "assess_workers", "redis"}}


@pytest.mark.timeout(3000)
async def test_three_engines_share_a_household_and_each_may_be_killed(house, person, rounds):
    turns = rounds(2, 12)
    cameras = Cameras(house, (different(person, number) for number in itertools.count()))
    with ExitStack() as stack:
        front = stack.enter_context(house.engine("front", "ingest", "api"))
        eyes = stack.enter_context(house.engine("eyes", "detect"))
        mind = stack.enter_context(house.engine("mind", "assess"))
        await asyncio.to_thread(start, front, eyes, mind)
        listener = Listener(front)
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(listener.run())
            await listener.ready.wait()
            feeding = group.create_task(cameras.run(pause_s=0.25))
            for turn in range(turns):
                for victim in (eyes, mind, front):
                    await house.moved_on()
                    # who listens is there again, so that each death of the front is a break
                    await listener.ready.wait()
                    await asyncio.sleep(0.1 * turn)
                    await asyncio.to_thread(victim.kill)
                    await asyncio.sleep(0.5)
                    await asyncio.to_thread(start, victim)
            await house.moved_on()
            cameras.enough.set()
            await feeding
            count = cameras.delivered.total()
            # a visit of a killed engine is judged again, and each judgement looks closer
            await house.settled(count, within_s=rounds(120, 900))
            await listener.heard(house)
            listening.cancel()
        async with asyncio.timeout(300):
            while set((await shown_by(front)).values()) != {"healthy"}:  # noqa: ASYNC110 - another process knows
                await asyncio.sleep(0.5)
        stops = [await asyncio.to_thread(served.stop) for served in (front, eyes, mind)]
    events = await house.check(cameras.delivered)
    assert listener.breaks >= turns
    assert events >= len(CAMERAS)
    print(
        f"\n  {count} pictures, {3 * turns} kills, {events} events, each announced once; "
        f"{listener.breaks} breaks of the listener, slowest stop {max(stops):.1f} s"
    )


@pytest.mark.timeout(600)
async def test_another_engine_takes_over_what_a_dead_one_had_in_hand(house, person):
    cameras = Cameras(house, (different(person, number) for number in itertools.count()))
    with ExitStack() as stack:
        front = stack.enter_context(house.engine("front", "ingest", "api", "assess", **WITHOUT_MODELS))
        first = stack.enter_context(house.engine("first", "detect", **WITHOUT_MODELS))
        second = stack.enter_context(house.engine("second", "detect", **WITHOUT_MODELS))
        await asyncio.to_thread(start, front, first)
        async with asyncio.TaskGroup() as group:
            feeding = group.create_task(cameras.run(pause_s=0))
            await house.moved_on()
            # more waits than it can have done by the time at which it stands still: it has some in hand
            await house.at_least("SELECT count(*) FROM media WHERE state = 'queued'", AHEAD // 2)
            first.process.send_signal(signal.SIGSTOP)
            cameras.enough.set()
            await feeding
        left = cameras.delivered.total() - await house.looked_at()
        await asyncio.to_thread(start, second)
        await asyncio.to_thread(first.kill)
        await house.settled(cameras.delivered.total(), within_s=LEASE_S + 200)
        await asyncio.to_thread(front.stop)
        await asyncio.to_thread(second.stop)
    assert left > 0
    await house.check(cameras.delivered)


@pytest.mark.timeout(600)
async def test_redis_and_postgresql_may_be_killed_and_come_back(tmp_path, model_mirror, person):
    port = free_port()
    with server_folder("postgres") as kept, server_folder("redis") as keys, ExitStack() as stack:
        dispatch, database = RedisServer(keys), ExitStack()
        stack.enter_context(database)
        rows = database.enter_context(running_postgres(kept, port))
        memory = stack.enter_context(dispatch.running())
        house = House(tmp_path, model_mirror, await PostgresServer(port).empty(), dispatch.url)
        cameras = Cameras(house, (different(person, number) for number in itertools.count()))
        front = stack.enter_context(house.engine("front", "ingest", "api", **WITHOUT_MODELS))
        back = stack.enter_context(house.engine("back", "detect", "assess", **WITHOUT_MODELS))
        await asyncio.to_thread(start, front, back)
        listener = Listener(front)
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(listener.run())
            await listener.ready.wait()
            feeding = group.create_task(cameras.run(pause_s=0.2))
            await house.moved_on()
            memory.kill()
            await asyncio.to_thread(memory.wait)
            await asyncio.sleep(2)
            stack.enter_context(dispatch.running())
            await house.moved_on()
            # its processes hold its memory, which the next one must find free
            workers = psutil.Process(rows.pid).children(recursive=True)
            rows.kill()
            await asyncio.to_thread(rows.wait)
            await asyncio.to_thread(psutil.wait_procs, workers, 60)
            await asyncio.to_thread(database.close)
            await asyncio.sleep(2)
            await asyncio.to_thread(lambda: stack.enter_context(running_postgres(kept, port)))
            await house.moved_on()
            cameras.enough.set()
            await feeding
            await house.settled(cameras.delivered.total())
            await listener.heard(house)
            listening.cancel()
        for served in (front, back):
            await asyncio.to_thread(served.stop)
        events = await house.check(cameras.delivered)
    print(f"\n  {cameras.delivered.total()} pictures, {events} events, both servers killed once")
