"""What becomes of calls beyond every budget."""

import asyncio
from contextlib import AsyncExitStack
import time

import aiohttp
import pytest

from home_sentry_engine.api import server as api_server
from home_sentry_engine.api import slowing
from home_sentry_engine.api.limits import Limit, LimitClass, Limits
from tests.fakes.api import FakeEngine, serving, speaking
from tests.fakes.patience import until

# the budget of the class and what is borne with after it
FAST = 1 + 100
LIMITS = Limits(classes={name: Limit(per_minute=1) for name in LimitClass})


@pytest.fixture
async def server():
    async with serving(FakeEngine(), limits=LIMITS) as server:
        yield server


async def call(client: aiohttp.ClientSession, address: str = "127.0.0.1") -> aiohttp.ClientResponse:
    async with client.get("/api/v1/info", headers={"X-Forwarded-For": address}) as answer:
        await answer.read()
        return answer


async def exhaust(client: aiohttp.ClientSession) -> None:
    statuses = [(await call(client)).status for _ in range(FAST)]
    assert statuses == [200] + [429] * (FAST - 1)


async def until_held(server, count: int) -> None:
    await until(lambda: server._slowing._held == count)


async def test_refusals_to_one_address_leave_one_after_the_other(server, monkeypatch):
    monkeypatch.setattr(slowing, "_APART_S", 0.2)
    async with speaking(server) as client:
        await exhaust(client)
        ended: list[float] = []

        async def note() -> None:
            assert (await call(client)).status == 429
            ended.append(time.monotonic())

        async with asyncio.timeout(60):
            began = time.monotonic()
            await asyncio.gather(*(note() for _ in range(4)))
        assert ended[0] - began >= 0.25
        assert ended[-1] - began >= 0.25 + 3 * 0.2


async def test_who_asks_with_many_connections_waits_no_longer_than_five_seconds(server, monkeypatch):
    monkeypatch.setattr(slowing, "_APART_S", 3.0)
    async with speaking(server) as client:
        await exhaust(client)
        server_side = server._slowing
        due = [server_side._delay_s("127.0.0.1") for _ in range(20)]
    assert min(due) >= 0.2
    assert 3.0 <= max(due) <= 5.0


async def test_another_address_is_answered_meanwhile(server, monkeypatch):
    monkeypatch.setattr(slowing, "_SHORTEST_S", 600.0)
    monkeypatch.setattr(slowing, "_LONGEST_S", 600.0)
    async with speaking(server) as client:
        await exhaust(client)
        held = asyncio.create_task(call(client))
        await until_held(server, 1)
        async with asyncio.timeout(60):
            assert (await call(client, "192.0.2.7")).status == 200
            assert (await call(client, "192.0.2.7")).status == 429
        held.cancel()
        await asyncio.gather(held, return_exceptions=True)


async def test_a_refusal_is_not_held_for_a_peer_that_has_gone(server, monkeypatch):
    monkeypatch.setattr(slowing, "_SHORTEST_S", 600.0)
    monkeypatch.setattr(slowing, "_LONGEST_S", 600.0)
    async with speaking(server) as client:
        await exhaust(client)
        held = [asyncio.create_task(call(client)) for _ in range(5)]
        await until_held(server, 5)
        for one in held:
            one.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        await until_held(server, 0)


async def test_a_stop_does_not_wait_for_refusals_that_are_held(monkeypatch):
    monkeypatch.setattr(slowing, "_SHORTEST_S", 600.0)
    monkeypatch.setattr(slowing, "_LONGEST_S", 600.0)
    monkeypatch.setattr(api_server, "_SHUTDOWN_S", 600.0)
    async with asyncio.timeout(60), AsyncExitStack() as clients:
        async with serving(FakeEngine(), limits=LIMITS) as server:
            client = await clients.enter_async_context(speaking(server))
            await exhaust(client)
            held = asyncio.create_task(call(client))
            await until_held(server, 1)
        assert server._slowing._held == 0
        await asyncio.gather(held, return_exceptions=True)


async def test_beyond_what_can_be_held_the_answer_comes_at_once_and_ends_the_connection(server, monkeypatch):
    monkeypatch.setattr(slowing, "_SHORTEST_S", 600.0)
    monkeypatch.setattr(slowing, "_LONGEST_S", 600.0)
    monkeypatch.setattr(slowing, "_MOST_HELD", 2)
    async with speaking(server) as client:
        await exhaust(client)
        held = [asyncio.create_task(call(client)) for _ in range(2)]
        await until_held(server, 2)
        async with asyncio.timeout(60):
            answer = await call(client)
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["Connection"] == "close"
        for one in held:
            one.cancel()
        await asyncio.gather(*held, return_exceptions=True)
