"""Publish and subscribe: news for whoever listens now; what must not be missed is read again from the outbox."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from home_sentry_engine.domain.errors import HomeSentryError


class SubscriberLagged(HomeSentryError, BufferError):
    """The subscriber was too slow and missed messages; it has to catch up by other means and subscribe again."""


class Bus(Protocol):
    """Topics with any number of publishers and subscribers."""

    async def publish(self, topic: str, message: bytes) -> None:
        """Hand a message to the subscribers of now; never waits for a slow one."""
        ...

    def subscribe(self, topic: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Listen to a topic while the context lasts; the iterator raises ``SubscriberLagged`` after a gap."""
        ...


class _Subscription:
    def __init__(self, capacity: int) -> None:
        self._messages: asyncio.Queue[bytes] = asyncio.Queue(capacity)
        self._lagged = False

    def offer(self, message: bytes) -> None:
        if self._lagged:
            return
        try:
            self._messages.put_nowait(message)
        except asyncio.QueueFull:
            self._lagged = True

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._lagged and self._messages.empty():
            raise SubscriberLagged("more messages came than this subscriber took")
        return await self._messages.get()


class LocalBus:
    """``Bus`` within one process, for one event loop; each subscriber may lag ``capacity`` messages behind."""

    def __init__(self, capacity: int = 1000) -> None:
        """Take how many messages wait for one subscriber at most."""
        self._capacity = capacity
        self._topics: dict[str, set[_Subscription]] = {}

    async def publish(self, topic: str, message: bytes) -> None:
        """Hand a message to the subscribers of now."""
        for subscription in tuple(self._topics.get(topic, ())):
            subscription.offer(message)

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Listen to a topic while the context lasts."""
        subscription = _Subscription(self._capacity)
        self._topics.setdefault(topic, set()).add(subscription)
        try:
            yield subscription
        finally:
            listeners = self._topics[topic]
            listeners.discard(subscription)
            if not listeners:
                del self._topics[topic]
