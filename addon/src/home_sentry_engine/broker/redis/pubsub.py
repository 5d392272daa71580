"""Publish and subscribe between engines over Redis."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from home_sentry_engine.broker.pubsub import SubscriberLagged
from home_sentry_engine.contract import RedisLoad

from .connection import RedisUnreachable, reaching

WAKE: Final = "wake"
_SUBSCRIBE_S: Final = 5.0
_LISTEN_S: Final = 20.0


class _Subscription:
    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub
        self._lost = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._lost:
            try:
                with reaching():
                    # between messages it asks whether the server is still there
                    found = await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=_LISTEN_S)
            except RedisUnreachable:
                self._lost = True
            else:
                if found is not None:
                    return bytes(found["data"])
        raise SubscriberLagged("the connection to Redis was lost, and perhaps messages with it")


class RedisBus:
    """``Bus`` for all engines of one ``namespace``; a server that drops a slow subscriber ends its iterator.

    ``publish`` and entering a subscription raise ``RedisUnreachable``.
    """

    def __init__(self, client: Redis, *, namespace: str) -> None:
        """Take the connection and the prefix of the channels."""
        self._client = client
        self._namespace = namespace

    async def publish(self, topic: str, message: bytes) -> None:
        """Hand a message to the subscribers of now."""
        with reaching():
            await self._client.publish(self._channel(topic), message)

    async def load(self) -> RedisLoad:
        """Ask the server how much it holds; raises ``RedisUnreachable``."""
        with reaching():
            memory = await self._client.info("memory")
            clients = await self._client.info("clients")
        return RedisLoad(used_bytes=int(memory["used_memory"]), clients=int(clients["connected_clients"]))

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Listen to a topic while the context lasts."""
        pubsub = self._client.pubsub()
        try:
            with reaching():
                await pubsub.subscribe(self._channel(topic))
                confirmed = await pubsub.get_message(timeout=_SUBSCRIBE_S)
            if confirmed is None:
                raise RedisUnreachable("Redis did not confirm a subscription")
            yield _Subscription(pubsub)
        finally:
            with suppress(RedisError, OSError):
                await pubsub.aclose()  # type: ignore[no-untyped-call]

    def _channel(self, topic: str) -> str:
        return f"{self._namespace}:{topic}"
