"""News for whoever listens now."""

import asyncio

import pytest

from home_sentry_engine.broker.pubsub import LocalBus, SubscriberLagged


async def take(messages, n: int) -> list[bytes]:
    async with asyncio.timeout(5):
        return [await anext(messages) for _ in range(n)]


async def test_every_subscriber_of_the_topic_hears_in_order():
    bus = LocalBus()
    async with bus.subscribe("a") as one, bus.subscribe("a") as two, bus.subscribe("b") as other:
        for text in (b"1", b"2", b"3"):
            await bus.publish("a", text)
        await bus.publish("b", b"x")
        assert await take(one, 3) == [b"1", b"2", b"3"]
        assert await take(two, 3) == [b"1", b"2", b"3"]
        assert await take(other, 1) == [b"x"]


async def test_nobody_hears_what_came_before_or_after():
    bus = LocalBus()
    await bus.publish("a", b"before")
    async with bus.subscribe("a") as messages:
        await bus.publish("a", b"now")
        assert await take(messages, 1) == [b"now"]
    await bus.publish("a", b"after")
    async with bus.subscribe("a") as messages:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await anext(messages)
    assert bus._topics == {}


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


async def test_a_subscriber_may_leave_while_it_waits():
    bus = LocalBus()

    async def listen() -> None:
        async with bus.subscribe("a") as messages:
            await anext(messages)

    task = asyncio.create_task(listen())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bus._topics == {}
