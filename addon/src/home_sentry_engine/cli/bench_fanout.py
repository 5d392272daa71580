"""The API as the benchmark ``fanout`` wants it: listening, with a feed whose events the benchmark makes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
import itertools
import secrets
from typing import Any, Final

from home_sentry_engine.api.hub import Pace
from home_sentry_engine.api.limits import Limit, LimitClass, Limits
from home_sentry_engine.api.ports import Ports, Published, Readiness, Span
from home_sentry_engine.api.server import ApiServer, Surroundings
from home_sentry_engine.api.tokens import TokenKeys, hash_of
from home_sentry_engine.contract import MIN_SCHEMA, SCHEMA, VERSION, Info, Mode, Snapshot, Status
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.identity import random_id
from home_sentry_engine.settings import ApiSettings
from home_sentry_engine.storage.repositories.keys import StoredKey
from home_sentry_engine.telemetry.metrics import Registry

_QUIET_S: Final = 3600.0
_UNLIMITED: Final = Limits(classes={name: Limit(per_minute=1e9) for name in LimitClass}, failed_logins=10**9)


class MadeFeed:
    """``Feed`` and ``Health`` of the API's ports, of an engine that does nothing but announce."""

    def __init__(self) -> None:
        """Begin before the first event."""
        self._coming: asyncio.Queue[Published] = asyncio.Queue()
        self._kept: list[Published] = []
        self._taken = asyncio.Event()
        self._began = datetime.now(UTC)

    async def announce(self, body_bytes: int) -> int:
        """Announce an event and return when the hub asks for the next one; gives the size of the message."""
        seq = len(self._kept) + 1
        empty = b'{"type":"event_created","seq":%d,"event":{"summary":""}}' % seq
        body = empty[:-3] + b"x" * max(0, body_bytes - len(empty)) + empty[-3:]
        self._kept.append(Published(seq=seq, body=body, kind="event_created"))
        self._taken.clear()
        self._coming.put_nowait(self._kept[-1])
        await self._taken.wait()
        return len(body)

    async def snapshot(self) -> Snapshot:
        """Give an empty house."""
        info, status = await self.info(), await self.status()
        return Snapshot(cursor=len(self._kept), info=info, status=status, cameras=(), events=())

    async def span(self) -> Span:
        """Everything is kept."""
        return Span(first=1, last=len(self._kept))

    async def since(self, seq: int, limit: int) -> tuple[Published, ...]:
        """Give what came after ``seq``."""
        return tuple(self._kept[seq : seq + limit])

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[Published]]:
        """Receive what is announced from now on."""
        yield self._messages()

    async def _messages(self) -> AsyncIterator[Published]:
        while True:
            yield await self._coming.get()
            self._taken.set()

    async def info(self) -> Info:
        """Give a name."""
        return Info(
            instance_id="bench",
            name="Benchmark",
            version=VERSION,
            schema=SCHEMA,
            min_schema=MIN_SCHEMA,
            started_at=self._began,
        )

    async def status(self) -> Status:
        """Give a status that never changes."""
        return Status(mode=Mode.NORMAL, at=self._began, cameras_active=0, cameras_total=0)

    async def readiness(self) -> Readiness:
        """Always ready."""
        return Readiness(ready=True, mode=Mode.NORMAL)

    async def changed(self, timeout_s: float) -> bool:
        """Nothing changes."""
        await asyncio.sleep(timeout_s)
        return False


class Nobody:
    """Any other port: whatever is asked is never answered."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """Give a call that waits for ever."""

        async def wait(*_arguments: object, **_named: object) -> None:
            await asyncio.Event().wait()

        return wait


class NoKeys(Nobody):
    """``KeyDesk`` of an engine whose only key is the token."""

    async def all(self) -> tuple[StoredKey, ...]:
        """Give none."""
        return ()


class ServedFeed:
    """``operations.bench.fanout.Broadcaster`` over the API."""

    def __init__(self, server: ApiServer, feed: MadeFeed, token: str) -> None:
        """Take the running server."""
        self._server = server
        self._feed = feed
        self.token = token

    @property
    def port(self) -> int:
        """Port on 127.0.0.1."""
        return self._server.port

    async def broadcast(self, body_bytes: int) -> int:
        """Announce an event of about that size and return when it was handed to every client."""
        return await self._feed.announce(body_bytes)


@asynccontextmanager
async def served_feed() -> AsyncIterator[ServedFeed]:
    """Run the API on a free port; nothing behind its other routes is ever asked."""
    feed, token, numbers = MadeFeed(), secrets.token_urlsafe(48), itertools.count(1)
    others: dict[str, Any] = dict.fromkeys(Ports.__dataclass_fields__, Nobody())
    ports = Ports(**others | {"feed": feed, "health": feed, "api_keys": NoKeys()})
    surroundings = Surroundings(
        clock=SystemClock(),
        request_id=lambda: f"{next(numbers)}-{random_id()}",
        metrics=Registry(),
        limits=_UNLIMITED,
        pace=Pace(status_every_s=_QUIET_S, feed_checked_every_s=_QUIET_S),
    )
    keys = TokenKeys(current=hash_of(token))
    async with (
        ApiServer(ApiSettings(port=0), ports, lambda: keys, surroundings) as server,
        asyncio.TaskGroup() as group,
    ):
        # one that fails ends the measurement
        running = group.create_task(server.run())
        yield ServedFeed(server, feed, token)
        running.cancel()
