"""What ties engines together: lasting names, one time, word of news."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from home_sentry_engine.app.links import Links, Names, node_of, open_links
from home_sentry_engine.app.shared_clock import SharedClock
from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.jobs import NewJob
from home_sentry_engine.resilience.supervise import Job
from home_sentry_engine.settings import load_settings
from home_sentry_engine.storage.database import Database, sqlite_url
from tests.fakes.clock import START, FakeClock
from tests.fakes.ports import silent_port


def test_an_engine_keeps_its_name_with_its_data_folder(tmp_path):
    names = iter(["attic", "cellar"])
    assert node_of(tmp_path, lambda: next(names)) == "attic"
    assert node_of(tmp_path, lambda: next(names)) == "attic"


async def test_the_shared_time_is_the_servers_however_wrong_the_own_clock_is():
    wrong = FakeClock(START - timedelta(days=1))
    clock = SharedClock(wrong)
    assert clock.steady() == START - timedelta(days=1)

    async def ask() -> datetime:
        return START

    await clock.align(ask)
    assert clock.steady() == START
    wrong.tick(5)
    assert clock.steady() == START + timedelta(seconds=5)
    assert clock.now() == START - timedelta(days=1) + timedelta(seconds=5)


async def test_the_quickest_answer_counts():
    own = FakeClock()
    answers = iter([(4.0, 7.0), (0.2, 3.0), (2.0, 9.0)])

    async def ask() -> datetime:
        took, ahead = next(answers)
        own.tick(took / 2)
        there = own.steady() + timedelta(seconds=ahead)
        own.tick(took / 2)
        return there

    clock = SharedClock(own)
    await clock.align(ask)
    assert clock.steady() == own.steady() + timedelta(seconds=3)


async def test_the_shared_time_never_goes_back():
    own = FakeClock()
    clock = SharedClock(own)
    ahead = [timedelta(seconds=10)]

    async def ask() -> datetime:
        return own.steady() + ahead[0]

    await clock.align(ask)
    before = clock.steady()
    ahead[0] = timedelta(seconds=4)
    await clock.align(ask)
    assert clock.steady() == before
    own.tick(6)
    assert clock.steady() == before
    own.tick(1)
    assert clock.steady() == before + timedelta(seconds=1)


async def test_a_database_that_is_a_file_has_no_time_of_its_own(tmp_path):
    async with Database(sqlite_url(tmp_path / "a.db"), FakeClock()) as database:
        clock = SharedClock(FakeClock())
        await clock.align(database.server_time)
        assert clock.steady() == START


async def test_the_servers_time_is_told(postgres_server):
    async with Database(await postgres_server.migrated(), SystemClock()) as database:
        earlier = datetime.now(UTC)
        there = await database.server_time()
        later = datetime.now(UTC)
    assert there is not None
    assert earlier - timedelta(seconds=5) < there < later + timedelta(seconds=5)


async def _run(job: Job) -> None:
    await job()


@asynccontextmanager
async def engine(tmp_path, name: str, database_url: str, redis_url: str | None, **more):
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    overrides = {"database_url": database_url, "redis_url": redis_url, **more}
    settings = load_settings(data=folder, overrides=overrides)
    clock = SharedClock(SystemClock())
    told: list[Component] = []
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(database_url, clock))
        names = Names(installation=database_url.rpartition("/")[2], node=name)
        links = await stack.enter_async_context(open_links(settings, database, clock, names, told.append))
        async with asyncio.TaskGroup() as group:
            jobs = [group.create_task(_run(job)) for job in links.jobs.values()]
            yield links, database, told
            for job in jobs:
                job.cancel()


def nudges(links: Links) -> asyncio.Event:
    news = asyncio.Event()
    links.follow(news.set)
    return news


async def test_engines_hear_of_each_others_news_and_jobs(tmp_path, postgres_server, redis_server):
    url = await postgres_server.migrated()
    async with (
        engine(tmp_path, "a", url, redis_server.url) as (one, database, told),
        engine(tmp_path, "b", url, redis_server.url) as (two, _, _),
    ):
        assert one.poll_s > 10
        assert [component.state for component in told] == [ComponentState.HEALTHY]
        news = nudges(two)
        async with asyncio.timeout(60):
            await news.wait()
            news.clear()
            one.announce()
            await news.wait()
            job = NewJob(queue="q", payload={"n": 1})
            waiting = asyncio.create_task(two.queue.wait("q", 600))
            await database.write(lambda conn: one.queue.put(conn, job, one.clock.steady()))
            await waiting
            (claimed,) = await two.queue.claim("q", 1, 60)
        assert claimed.payload == {"n": 1}


async def test_without_redis_an_engine_on_a_shared_database_looks_every_second(tmp_path, postgres_server):
    url = await postgres_server.migrated()
    async with engine(tmp_path, "a", url, None) as (links, _, told):
        news = nudges(links)
        links.announce()
        assert news.is_set()
        assert (links.poll_s, set(links.jobs), told) == (1.0, {"shared time"}, [])


@pytest.mark.parametrize(
    ("more", "hears"),
    [({"roles": "ingest"}, False), ({"roles": "ingest", "mqtt_url": "mqtt://127.0.0.1"}, True), ({}, True)],
)
async def test_who_tells_the_news_hears_those_of_others(tmp_path, postgres_server, redis_server, more, hears):
    url = await postgres_server.migrated()
    async with engine(tmp_path, "a", url, redis_server.url, **more) as (links, _, _):
        assert ("news from others" in links.jobs) is hears


async def test_an_engine_on_a_file_has_no_links(tmp_path):
    async with engine(tmp_path, "a", sqlite_url(tmp_path / "a.db"), None) as (links, _, _):
        assert links.jobs == {}


async def test_an_engine_starts_without_its_redis_and_says_so(tmp_path, postgres_server):
    url = await postgres_server.migrated()
    with silent_port() as port:
        redis_url = f"redis://127.0.0.1:{port}/0"
        async with engine(tmp_path, "a", url, redis_url) as (links, database, told):
            job = NewJob(queue="q", payload={"n": 1})
            result = await database.write(lambda conn: links.queue.put(conn, job, links.clock.steady()))
            assert result.job_id is not None
            assert await links.queue.claim("q", 1, 60) == ()
            assert told[-1].state is ComponentState.UNHEALTHY
            assert "Redis" in told[-1].reason


async def test_a_name_is_kept_only_with_its_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        node_of(tmp_path / "nowhere", lambda: "x")
