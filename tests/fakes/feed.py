"""What the API tells its clients, kept in a list."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from home_sentry_engine.api.ports import Published, Span
from home_sentry_engine.contract import Camera, Event, Info, Sequenced, Snapshot, Status, encode


class Home(Protocol):
    """What a snapshot shows."""

    cameras: dict[str, Camera]
    events: dict[str, Event]
    info_now: Info
    status_now: Status


class FakeFeed:
    """An outbox in a list."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._queues: list[asyncio.Queue[Published | None]] = []
        self.rows: list[Published] = []
        self.first = 1
        self.reads = 0

    @property
    def last(self) -> int:
        return self.rows[-1].seq if self.rows else self.first - 1

    def publish(self, message: Sequenced) -> Published:
        about = getattr(message, "event", None) or getattr(message, "camera", None)
        published = Published(
            seq=message.seq,
            body=encode(message),
            kind=message.type,
            camera_id=getattr(about, "camera_id", None) or getattr(about, "id", None),
            grave=getattr(about, "risk_level", None) in {"high", "critical"},
        )
        self.rows.append(published)
        for queue in self._queues:
            queue.put_nowait(published)
        return published

    def prune(self, keep: int) -> None:
        last = self.last
        self.rows = self.rows[-keep:] if keep else []
        self.first = self.rows[0].seq if self.rows else last + 1

    def break_off(self) -> None:
        for queue in self._queues:
            queue.put_nowait(None)

    async def snapshot(self) -> Snapshot:
        cursor = self.last
        events = tuple(self._home.events.values())[-1:]
        await asyncio.sleep(0)
        return Snapshot(
            cursor=cursor,
            info=self._home.info_now,
            status=self._home.status_now,
            cameras=tuple(self._home.cameras.values()),
            events=events,
        )

    async def span(self) -> Span:
        await asyncio.sleep(0)
        return Span(first=self.first, last=self.last)

    async def since(self, seq: int, limit: int) -> tuple[Published, ...]:
        self.reads += 1
        await asyncio.sleep(0)
        return tuple(row for row in self.rows if row.seq > seq)[:limit]

    @asynccontextmanager
    async def subscribe(self) -> AsyncGenerator[AsyncIterator[Published]]:
        queue: asyncio.Queue[Published | None] = asyncio.Queue()
        self._queues.append(queue)

        async def follow() -> AsyncGenerator[Published]:
            while (item := await queue.get()) is not None:
                yield item

        messages = follow()
        try:
            yield messages
        finally:
            self._queues.remove(queue)
            await messages.aclose()
