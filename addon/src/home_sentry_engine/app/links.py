"""What ties this engine to the others on the same database: the queue, a common time, and word of news.

One engine needs none of it and gets the queue in its own database. Several share a PostgreSQL database, and with
``redis_url`` they share the queue's dispatch and wake each other instead of looking every second.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
import logging
from pathlib import Path
from typing import Any, Final

from home_sentry_engine.broker.pubsub import Bus, SubscriberLagged
from home_sentry_engine.broker.queue import Queue
from home_sentry_engine.contract import Component, ComponentState, RedisLoad
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.identity import IdSource
from home_sentry_engine.resilience.supervise import Job
from home_sentry_engine.settings import Settings
from home_sentry_engine.storage.database import Connection, Database

from .parts import limits_of_queue, make_queue
from .shared_clock import SharedClock

_LOGGER = logging.getLogger(__name__)
_NODE_FILE: Final = "node_id"
_NEWS: Final = "news"
_RETRY_S: Final = 1.0
_POLL_S: Final = 1.0
_POLL_WITH_BUS_S: Final = 15.0

type Report = Callable[[Component], None]
type Nudge = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Who this engine is: one of the ``nodes`` of an ``installation``; both last."""

    installation: str
    node: str


def node_of(data: Path, ids: IdSource) -> str:
    """Give the lasting id of the engine that has this data folder; blocks for a moment."""
    file = data / _NODE_FILE
    try:
        kept = file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        kept = ""
    if not kept:
        kept = ids()
        file.write_text(kept, encoding="ascii")
    return kept


@dataclass(slots=True, kw_only=True)
class Links:
    """The open links; ``jobs`` have to run, ``announce`` is called on the event loop after a commit with news.

    ``poll_s`` is how often somebody who follows the news should look without being told.
    """

    queue: Queue[Connection]
    clock: Clock
    bus: Bus | None = None
    redis_load: Callable[[], Awaitable[RedisLoad]] | None = None
    jobs: dict[str, Job] = field(default_factory=dict)
    _nudge: Nudge = lambda: None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def poll_s(self) -> float:
        """Give the time between two looks."""
        return _POLL_S if self.bus is None else _POLL_WITH_BUS_S

    def follow(self, nudge: Nudge) -> None:
        """Call ``nudge`` whenever this or another engine has announced something."""
        self._nudge = nudge

    def announce(self) -> None:
        """Tell this engine at once and the others soon."""
        self._nudge()
        self._news.set()

    async def tell(self, bus: Bus) -> None:
        """Pass on that there are news until cancelled; who misses it looks by itself."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await bus.publish(_NEWS, b"")
            except ConnectionError as err:
                _LOGGER.debug("Other engines are not told of news: %s", err)
                await self.clock.sleep(_RETRY_S)

    async def hear(self, bus: Bus) -> None:
        """Listen to the news of other engines until cancelled; look every second while that is not possible."""
        while True:
            try:
                async with bus.subscribe(_NEWS) as messages:
                    self._nudge()
                    async for _ in messages:
                        self._nudge()
            except (ConnectionError, SubscriberLagged) as err:
                _LOGGER.debug("Other engines are not heard: %s", err)
                self._nudge()
                await self.clock.sleep(_RETRY_S)


@asynccontextmanager
async def open_links(
    settings: Settings, database: Database, clock: SharedClock, names: Names, report: Report
) -> AsyncIterator[Links]:
    """Open what the settings ask for and free what this engine had in hand when it died.

    A Redis that does not answer is reported as the component ``redis``; jobs wait for it.
    """
    await clock.align(database.server_time)
    address = settings.storage.redis_url
    if address is None:
        queue = make_queue(settings.storage, database, clock, names.node)
        await database.write(queue.recover)
        links = Links(queue=queue, clock=clock)
        if not settings.storage.is_local:
            links.jobs["shared time"] = partial(clock.keep, database.server_time)
        yield links
        return
    async with _over_redis(address, names) as (dispatch, bus):
        # the driver is an optional extra
        from home_sentry_engine.broker.redis.queue import RedisQueue  # noqa: PLC0415

        queue_over = RedisQueue(database, dispatch, bus, clock, limits_of_queue(settings.storage))
        report(_redis(None))
        await queue_over.watched(lambda problem: report(_redis(problem))).recover()
        links = Links(queue=queue_over, clock=clock, bus=bus, redis_load=bus.load)
        links.jobs |= {
            "shared time": partial(clock.keep, database.server_time),
            "redis": queue_over.run,
            "news to others": partial(links.tell, bus),
        }
        if "api" in settings.roles or settings.mqtt.url is not None:
            links.jobs["news from others"] = partial(links.hear, bus)
        yield links


@asynccontextmanager
async def _over_redis(address: str, names: Names) -> AsyncIterator[tuple[Any, Any]]:
    from home_sentry_engine.broker.redis.connection import connected  # noqa: PLC0415
    from home_sentry_engine.broker.redis.dispatch import Dispatch  # noqa: PLC0415
    from home_sentry_engine.broker.redis.pubsub import RedisBus  # noqa: PLC0415

    namespace = f"home-sentry:{names.installation}"
    async with connected(address) as client:
        yield Dispatch(client, namespace=namespace, consumer=names.node), RedisBus(client, namespace=namespace)


def _redis(problem: str | None) -> Component:
    if problem is None:
        return Component(id="redis", state=ComponentState.HEALTHY)
    fix = "start the Redis server, or correct redis_url"
    return Component(id="redis", state=ComponentState.UNHEALTHY, reason=problem, fix=fix)
