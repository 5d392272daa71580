"""Tells an MQTT broker what the engine's clients are told, each message at least once after its commit."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
import logging
from typing import Final

from home_sentry_engine.contract import Component, ComponentState, WireError, decode_server
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.resilience.backoff import Backoff

from .discovery import Discovery
from .ports import Bookmark, BrokerUnavailable, Connect, Feed, Health, Link, News
from .posts import Topics, availability
from .standing import Standing

_LOGGER = logging.getLogger(__name__)
_PAGE: Final = 100
_KEEP_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is told where: no ``discovery`` for those who know the topics; of what was missed ``most_missed`` at most.

    Status and bookmark are looked after every ``tend_s``.
    """

    topics: Topics
    discovery: Discovery | None
    most_missed: int = 10_000
    tend_s: float = 2.0
    backoff: Backoff = field(default_factory=lambda: Backoff(base_s=1.0, cap_s=60.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where news come from, and where is kept how far they went."""

    feed: Feed
    health: Health
    bookmark: Bookmark


class Publisher:
    """The component ``mqtt``: connects, tells how things are, catches up on what was missed, then follows the news."""

    def __init__(
        self, connect: Connect, sources: Sources, terms: Terms, clock: Clock, report: Callable[[Component], None]
    ) -> None:
        """Take the way to the broker; ``report`` hears how it goes."""
        self._connect = connect
        self._sources = sources
        self._terms = terms
        self._clock = clock
        self._report = report
        self._told: int | None = None
        self._kept: int | None = None
        self._failures = 0

    async def run(self) -> None:
        """Publish until cancelled; a broker that is away is tried again, less and less often."""
        self._failures = 0
        self._report(Component(id="mqtt", state=ComponentState.STARTING))
        while True:
            why: Exception = BrokerUnavailable("the MQTT broker was lost")
            try:
                # before the first connection: what happens while the broker is away counts from here on
                told = await self._begin()
                async with self._connect() as link:
                    await self._serve(link, told)
            except* (HomeSentryError, WireError, OSError) as group:
                why = _first(group)
            self._failures += 1
            self._trouble(why)
            await self._clock.sleep(self._terms.backoff.delay_s(self._failures))

    async def _begin(self) -> int:
        if self._told is None:
            self._told = self._kept = await self._sources.bookmark.read()
        if self._told is None:
            self._told = (await self._sources.feed.snapshot()).cursor
            await self._keep()
        return self._told

    async def _serve(self, link: Link, told: int) -> None:
        terms, feed = self._terms, self._sources.feed
        async with feed.subscribe() as news:
            snapshot = await feed.snapshot()
            self._told = self._bounded(told, snapshot.cursor)
            standing = Standing(terms.topics, terms.discovery, snapshot)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(link.lost(), name="mqtt link")
                    await link.send([availability(terms.topics, online=True), *standing.opening()])
                    await self._catch_up(link, standing, snapshot.cursor)
                    self._failures = 0
                    self._report(Component(id="mqtt", state=ComponentState.HEALTHY))
                    group.create_task(self._tend(link, standing), name="mqtt status")
                    async for message in news:
                        await self._tell(link, standing, [message])
            finally:
                await self._keep()

    def _bounded(self, told: int, newest: int) -> int:
        """Give where to go on: not beyond the end, which a restored copy moves back, nor too far behind it."""
        missed = newest - told
        if missed <= self._terms.most_missed:
            return min(told, newest)
        _LOGGER.warning("The MQTT broker was away for too long: %d messages are left out", missed)
        return newest - self._terms.most_missed

    async def _catch_up(self, link: Link, standing: Standing, newest: int) -> None:
        told = self._told or 0
        while told < newest:
            page = await self._sources.feed.since(told, _PAGE)
            missed = [one for one in page if one.seq <= newest]
            if not missed:
                return
            await self._tell(link, standing, missed)
            told = missed[-1].seq

    async def _tell(self, link: Link, standing: Standing, messages: Sequence[News]) -> None:
        told = self._told or 0
        posts = [post for one in messages if one.seq > told for post in standing.posts(one.seq, _read(one))]
        if posts:
            await link.send(posts)
        self._told = max(told, messages[-1].seq)

    async def _tend(self, link: Link, standing: Standing) -> None:
        while True:
            await self._clock.sleep(self._terms.tend_s)
            if posts := standing.status(await self._sources.health.status()):
                await link.send(posts)
            await self._keep()

    async def _keep(self) -> None:
        told = self._told
        if told is not None and told != self._kept:
            try:
                async with asyncio.timeout(_KEEP_S):
                    await self._sources.bookmark.write(told)
            except (HomeSentryError, WireError, OSError) as err:
                # what follows is told again then
                _LOGGER.warning("How far the MQTT broker was told could not be kept: %s", err)
            else:
                self._kept = told

    def _trouble(self, why: Exception) -> None:
        fix = why.fix if isinstance(why, BrokerUnavailable) else None
        if self._failures == 1:
            _LOGGER.warning("MQTT: %s", why)
        self._report(Component(id="mqtt", state=ComponentState.DEGRADED, reason=str(why), fix=fix))


def _read(message: News) -> object:
    try:
        return decode_server(message.body)
    except WireError:
        _LOGGER.exception("Left out message %d", message.seq)
        return None


def _first(group: ExceptionGroup[Exception]) -> Exception:
    one: Exception = group
    while isinstance(one, ExceptionGroup):
        one = one.exceptions[0]
    return one
