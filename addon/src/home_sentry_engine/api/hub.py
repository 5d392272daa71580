"""One broadcast for everybody: each message is encoded once and handed to each client, the slow ones excepted."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
import logging
from typing import Final, Literal, Protocol

from home_sentry_engine.contract import PerformanceUpdate, SystemStatus, WireError, encode
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.telemetry.metrics import Registry

from .frames import text_frame
from .notices import Notices
from .ports import Ports, Published, Span
from .tape import Tape

_LOGGER = logging.getLogger(__name__)
_SLICE: Final = 250
_TAPE_BYTES: Final = 32 * 1024 * 1024
_PAGE: Final = 200


class Gap(HomeSentryError, LookupError):
    """The messages that a client misses are not kept any more."""


type DropReason = Literal["slow", "shutdown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How far a client may fall behind, how often status and load are told, and the feed is looked after."""

    most_messages_behind: int = 1000
    most_bytes_behind: int = 1024 * 1024
    status_every_s: float = 5.0
    status_pause_s: float = 0.5
    performance_every_s: float = 5.0
    feed_checked_every_s: float = 30.0


class Client(Protocol):
    """A connected peer, as the hub sees it."""

    @property
    def cursor(self) -> int:
        """Number of the last message that went to it."""
        ...

    @property
    def replaying(self) -> bool:
        """It has not reached the newest message for the first time yet."""
        ...

    def push(self, message: Published, frame: bytes) -> bool:
        """Take the newest message, which is the next one for this client, with the WebSocket frame that carries it.

        False when there is no room or earlier ones are missing: the client then reads by itself with ``Hub.after``.
        """
        ...

    def tell(self, kind: str, body: bytes) -> None:
        """Take a message without a number, if it wants that kind."""
        ...

    def wake(self) -> None:
        """Hear that there is more to read."""
        ...

    def fall_behind(self) -> None:
        """Read by itself from now on, until it is up to date again."""
        ...

    def drop(self, reason: DropReason) -> None:
        """Leave, being told why."""
        ...


class Hub:
    """Receives the feed and the status, keeps the tape, and serves clients that follow it."""

    def __init__(self, ports: Ports, metrics: Registry, *, replay_messages: int, pace: Pace) -> None:
        """Take the ports; ``replay_messages`` is the length of the tape."""
        self._feed = ports.feed
        self._health = ports.health
        self._load = ports.load
        self._models = ports.models
        self._notices = Notices()
        self._pace = pace
        self._replay_messages = replay_messages
        self._clients: set[Client] = set()
        self._listened = asyncio.Event()
        self._ready = asyncio.Event()
        self._tape = Tape(0, most_messages=replay_messages, most_bytes=_TAPE_BYTES)
        self._status: bytes | None = None
        self._connected = metrics.gauge("websocket_clients", "Clients that follow the feed")
        self._dropped = metrics.counter("websocket_dropped_total", "Clients that were dropped", ("reason",))
        self._sent = metrics.counter("websocket_broadcasts_total", "Messages that were broadcast")

    @property
    def status(self) -> bytes | None:
        """The newest encoded ``SystemStatus``; a new one is a new object."""
        return self._status

    async def run(self) -> None:
        """Follow feed and status until cancelled; a failure of the feed ends it, for the caller to start it again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_feed(), name="api feed")
            group.create_task(self._follow_status(), name="api status")
            group.create_task(self._follow_load(), name="api load")
            group.create_task(self._watch_feed(), name="api feed watch")
            group.create_task(self._follow_models(), name="api models")

    async def join(self, client: Client) -> None:
        """Serve a client from now on; it reads itself up to date first. Waits until the feed is there."""
        await self._ready.wait()
        self._clients.add(client)
        self._connected.set(len(self._clients))
        self._listened.set()

    def leave(self, client: Client) -> None:
        """Serve a client no longer."""
        self._clients.discard(client)
        self._connected.set(len(self._clients))
        if not self._clients:
            self._listened.clear()

    def drop_all(self, reason: DropReason) -> None:
        """Tell every client to leave."""
        for client in tuple(self._clients):
            client.drop(reason)

    async def span(self) -> Span:
        """Tell what can be replayed."""
        return await self._feed.span()

    async def after(self, seq: int) -> tuple[Published, ...]:
        """Give the next messages after ``seq``, from the tape or else from the database; none at the end.

        Raises ``Gap`` when some of them are kept nowhere.
        """
        on_tape = self._tape.after(seq, _PAGE)
        if on_tape is not None:
            return on_tape
        messages = await self._feed.since(seq, _PAGE)
        if (await self._feed.span()).first > seq + 1:
            raise Gap(f"messages after {seq} are gone")
        return messages

    def is_current(self, seq: int) -> bool:
        """Tell whether nothing newer than ``seq`` was broadcast."""
        return seq >= self._tape.last

    async def _follow_feed(self) -> None:
        try:
            await self._follow()
        except Exception as err:
            self._tell_all(self._notices.feed_broken(f"the news ended: {type(err).__name__}"))
            raise

    async def _follow(self) -> None:
        async with self._feed.subscribe() as messages:
            start = (await self._feed.span()).last
            self._tape = Tape(start, most_messages=self._replay_messages, most_bytes=_TAPE_BYTES)
            self._ready.set()
            self._tell_all(self._notices.feed_works())
            # what was announced while nobody followed the feed is in the store alone
            for client in self._clients:
                client.fall_behind()
            async for message in messages:
                if self._tape.add(message):
                    await self._broadcast(message)
        raise ConnectionError("the feed ended")

    async def _broadcast(self, message: Published) -> None:
        self._sent.add()
        frame = text_frame(message.body)
        for count, client in enumerate(tuple(self._clients), start=1):
            if not client.push(message, frame):
                self._urge(client)
            if count % _SLICE == 0:
                await asyncio.sleep(0)

    def _urge(self, client: Client) -> None:
        messages, size = self._tape.behind(client.cursor)
        too_far = messages > self._pace.most_messages_behind or size > self._pace.most_bytes_behind
        if too_far and not client.replaying:
            self._dropped.add(reason="slow")
            self.leave(client)
            client.drop("slow")
        else:
            client.wake()

    async def _follow_status(self) -> None:
        while True:
            await self._listened.wait()
            try:
                status = await self._health.status()
                self._status = encode(SystemStatus(status=status))
                self._tell_all(self._notices.of_parts(status.components))
            except (WireError, HomeSentryError, OSError) as err:
                _LOGGER.warning("Could not tell the status: %s", type(err).__name__)
            self._wake(tuple(self._clients))
            await asyncio.sleep(self._pace.status_pause_s)
            await self._health.changed(self._pace.status_every_s - self._pace.status_pause_s)

    async def _follow_load(self) -> None:
        while True:
            await self._listened.wait()
            try:
                load = await self._load.now()
            except (WireError, HomeSentryError, OSError) as err:
                _LOGGER.warning("Could not tell the load: %s", type(err).__name__)
            else:
                self._tell_all([("performance_update", encode(PerformanceUpdate(performance=load)))])
                self._tell_all(self._notices.of_alerts(load.alerts))
            await asyncio.sleep(self._pace.performance_every_s)

    async def _follow_models(self) -> None:
        while True:
            news = await self._models.news()
            self._tell_all(("model_progress", encode(one)) for one in news)

    async def _watch_feed(self) -> None:
        """See to it that what is in the store really comes through; raises ``ConnectionError`` when it does not."""
        waiting: int | None = None
        while True:
            await asyncio.sleep(self._pace.feed_checked_every_s)
            try:
                last = (await self._feed.span()).last
            except (WireError, HomeSentryError, OSError) as err:
                self._tell_all(self._notices.feed_broken(f"the store does not answer: {type(err).__name__}"))
                continue
            if waiting is not None and self._tape.last < waiting:
                self._tell_all(self._notices.feed_broken("news do not come through"))
                raise ConnectionError("the feed stands still")
            self._tell_all(self._notices.feed_works())
            waiting = last if last > self._tape.last else None

    def _tell_all(self, notices: Iterable[tuple[str, bytes]]) -> None:
        for kind, body in notices:
            for client in tuple(self._clients):
                client.tell(kind, body)

    def _wake(self, clients: Iterable[Client]) -> None:
        for client in clients:
            client.wake()
