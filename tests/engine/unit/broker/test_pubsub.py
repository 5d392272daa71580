"""News for whoever listens now."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from home_sentry_engine.broker.pubsub import Bus, LocalBus, SubscriberLagged
from home_sentry_engine.broker.redis.connection import RedisUnreachable, connected
from home_sentry_engine.broker.redis.pubsub import RedisBus
from tests.engine.servers import free_port


@pytest.fixture(params=["local", "redis"])
async def bus(request) -> AsyncIterator[Bus]:
    if request.param == "local":
        yield LocalBus()
        return
    server = request.getfixturevalue("redis_server")
    async with connected(server.url) as client:
        yield RedisBus(client, namespace=server.namespace())


async def take(messages, n: int) -> list[bytes]:
    async with asyncio.timeout(60):
        return [await anext(messages) for _ in range(n)]


async def test_every_subscriber_of_the_topic_hears_in_order(bus):
    async with bus.subscribe("a") as one, bus.subscribe("a") as two, bus.subscribe("b") as other:
        for text in (b"1", b"2", b"3"):
            await bus.publish("a", text)
        await bus.publish("b", b"x")
        assert await take(one, 3) == [b"1", b"2", b"3"]
        assert await take(two, 3) == [b"1", b"2", b"3"]
        assert await take(other, 1) == [b"x"]


async def test_nobody_hears_what_came_before_or_after(bus):
    await bus.publish("a", b"before")
    async with bus.subscribe("a") as messages:
        await bus.publish("a", b"now")
        assert await take(messages, 1) == [b"now"]
    await bus.publish("a", b"after")
    async with bus.subscribe("a") as messages:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await anext(messages)


async def test_a_slow_subscriber_is_told_and_delays_nobody():
    bus = LocalBus(capacity=2)
    async with bus.subscribe("a") as slow, bus.subscribe("a") as quick:
        heard = []
        for number in range(5):
            await bus.publish("a", bytes([number]))
            heard += await take(quick, 1)
        assert heard == [bytes([number]) for number in range(5)]
        assert await take(slow, 2) == [b"\x00", b"\x01"]
        with pytest.raises(SubscriberLagged):
            await anext(slow)
        await bus.publish("a", b"again")
        with pytest.raises(SubscriberLagged):
            await anext(slow)


async def test_a_subscriber_may_leave_while_it_waits(bus):

    async def listen() -> None:
        async with bus.subscribe("a") as messages:
            await anext(messages)

    task = asyncio.create_task(listen())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with bus.subscribe("a") as messages:
        await bus.publish("a", b"still works")
        assert await take(messages, 1) == [b"still works"]


async def test_the_bus_within_a_process_forgets_topics_without_listeners():
    bus = LocalBus()
    async with bus.subscribe("a"):
        assert bus._topics
    assert bus._topics == {}


async def test_two_namespaces_do_not_hear_each_other(redis_server):
    async with connected(redis_server.url) as client:
        one, two = (RedisBus(client, namespace=redis_server.namespace()) for _ in range(2))
        async with one.subscribe("a") as messages:
            await two.publish("a", b"theirs")
            await one.publish("a", b"ours")
            assert await take(messages, 1) == [b"ours"]


async def test_a_lost_connection_ends_the_subscription_for_good(redis_server):
    async with connected(redis_server.url) as client:
        bus = RedisBus(client, namespace=redis_server.namespace())
        async with bus.subscribe("a") as messages:
            await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            for _ in range(2):
                with pytest.raises(SubscriberLagged):
                    await take(messages, 1)


async def test_a_server_that_is_not_there_is_named():
    async with connected(f"redis://127.0.0.1:{free_port()}/0") as client:
        bus = RedisBus(client, namespace="nowhere")
        with pytest.raises(RedisUnreachable, match="Redis"):
            await bus.publish("a", b"x")
        with pytest.raises(RedisUnreachable, match="Redis"):
            async with bus.subscribe("a"):
                pass
