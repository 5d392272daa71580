"""The publisher over a broker that comes and goes: everything at least once, in order, and how that is reported."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
import json
import logging

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from home_sentry_engine.api.ports import Published
from home_sentry_engine.broker.mqtt.discovery import Discovery
from home_sentry_engine.broker.mqtt.ports import BrokerRefused, BrokerUnavailable
from home_sentry_engine.broker.mqtt.posts import Post, Topics
from home_sentry_engine.broker.mqtt.publisher import Publisher, Sources, Terms
from home_sentry_engine.contract import Component, ComponentState, EventCreated, Snapshot, Status
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.resilience.backoff import Backoff
from tests.fakes.api import FakeEngine
from tests.fakes.clock import FakeClock
from tests.fakes.records import event

TOPICS = Topics("home_sentry")
NEWS = TOPICS.event("front_door")


@dataclass
class FakeBroker:
    """What it took; ``breaks`` tells for each event in turn whether the connection breaks before or after it."""

    taken: list[Post] = field(default_factory=list)
    breaks: Iterator[str] = field(default_factory=lambda: iter(()))
    up: bool = True
    calls: int = 0
    refusal: Exception | None = None

    def __post_init__(self) -> None:
        self._broken: asyncio.Future[BrokerUnavailable] | None = None

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[FakeBroker]:
        self.calls += 1
        await asyncio.sleep(0)
        if self.refusal is not None:
            raise self.refusal
        if not self.up:
            raise BrokerUnavailable("away")
        self._broken = asyncio.get_running_loop().create_future()
        yield self

    async def send(self, posts: Sequence[Post]) -> None:
        for post in posts:
            await asyncio.sleep(0)
            if not self.up:
                raise BrokerUnavailable("away")
            fate = next(self.breaks, "") if post.topic == NEWS else ""
            if fate != "before":
                self.taken.append(post)
            if fate:
                raise BrokerUnavailable("broke")

    async def lost(self) -> None:
        assert self._broken is not None
        raise await self._broken

    def crash(self) -> None:
        self.up = False
        assert self._broken is not None
        self._broken.set_result(BrokerUnavailable("crashed"))

    def seqs(self) -> list[int]:
        return [json.loads(post.payload)["seq"] for post in self.taken if post.topic == NEWS]


@dataclass
class FakeBookmark:
    kept: int | None = None
    broken: bool = False

    async def read(self) -> int | None:
        await asyncio.sleep(0)
        return self.kept

    async def write(self, seq: int) -> None:
        await asyncio.sleep(0)
        if self.broken:
            raise HomeSentryError("the disk is full")
        self.kept = seq


class House:
    """A publisher between an outbox and a broker."""

    def __init__(self, **terms) -> None:
        self.engine = FakeEngine()
        self.clock = FakeClock()
        self.broker = FakeBroker()
        self.bookmark = FakeBookmark()
        self.reports: list[Component] = []
        self.terms = Terms(topics=TOPICS, discovery=None, **terms)
        self.seq = 0

    async def status(self) -> Status:
        await asyncio.sleep(0)
        return self.engine.status_now

    def happens(self, count: int = 1) -> None:
        for _ in range(count):
            self.seq += 1
            self.engine.feed.publish(EventCreated(seq=self.seq, event=event(f"n{self.seq}")))

    def publisher(self) -> Publisher:
        sources = Sources(feed=self.engine.feed, health=self, bookmark=self.bookmark)
        return Publisher(self.broker.connect, sources, self.terms, self.clock, self.reports.append)

    @asynccontextmanager
    async def publishing(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.publisher().run())
        await self.clock.advance(0)
        try:
            yield
            assert not task.done() or task.result() is None
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def settle(self, condition=lambda: False, *, step_s: float = 70, steps: int = 60) -> None:
        for _ in range(steps):
            if condition():
                return
            await self.clock.advance(step_s)

    @property
    def state(self) -> tuple[ComponentState, str | None]:
        return self.reports[-1].state, self.reports[-1].reason


@pytest.fixture
def house() -> House:
    return House()


async def test_it_says_how_things_are_and_then_what_happens(house):
    async with house.publishing():
        await house.settle(lambda: house.state[0] is ComponentState.HEALTHY)
        assert house.broker.taken[0] == Post(topic=TOPICS.availability, payload=b"online", retained=True)
        assert not house.broker.seqs()
        house.happens(3)
        await house.settle(lambda: len(house.broker.seqs()) == 3)
    assert house.broker.seqs() == [1, 2, 3]
    assert house.bookmark.kept == 3


async def test_what_happened_before_the_first_start_is_not_told(house):
    house.happens(5)
    async with house.publishing():
        await house.settle(lambda: house.state[0] is ComponentState.HEALTHY)
        house.happens()
        await house.settle(house.broker.seqs)
    assert house.broker.seqs() == [6]


async def test_what_happens_while_the_broker_is_away_is_told_when_it_is_back(house, caplog):
    house.broker.up = False
    async with house.publishing():
        house.happens(250)
        await house.settle(steps=4)
        assert house.state == (ComponentState.DEGRADED, "away")
        assert house.reports[-1].fix
        assert house.engine.feed._queues == []
        house.broker.up = True
        await house.settle(lambda: len(house.broker.seqs()) == 250)
        assert house.state == (ComponentState.HEALTHY, None)
    assert house.broker.seqs() == list(range(1, 251))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


async def test_a_broker_that_crashes_loses_nothing(house):
    async with house.publishing():
        await house.settle(lambda: house.state[0] is ComponentState.HEALTHY)
        house.happens(2)
        await house.settle(lambda: len(house.broker.seqs()) == 2)
        house.broker.crash()
        await house.clock.advance(0)
        assert house.state == (ComponentState.DEGRADED, "crashed")
        house.happens(2)
        house.broker.up = True
        await house.settle(lambda: len(house.broker.seqs()) == 4)
    assert house.broker.seqs() == [1, 2, 3, 4]


async def test_an_engine_that_starts_again_goes_on_where_it_was(house):
    async with house.publishing():
        await house.settle(lambda: house.state[0] is ComponentState.HEALTHY)
        house.happens(2)
        await house.settle(lambda: len(house.broker.seqs()) == 2)
    house.happens(2)
    async with house.publishing():
        await house.settle(lambda: len(house.broker.seqs()) == 4)
    assert house.broker.seqs() == [1, 2, 3, 4]


@settings(max_examples=40, deadline=None)
@given(
    breaks=st.lists(st.sampled_from(("", "before", "after")), max_size=40),
    bursts=st.lists(st.integers(min_value=0, max_value=5), min_size=1, max_size=8),
    restart=st.booleans(),
)
async def test_every_message_is_told_in_order_however_often_the_connection_breaks(breaks, bursts, restart):
    house = House()
    house.broker.breaks = iter(breaks)
    for half in (bursts[: len(bursts) // 2], bursts[len(bursts) // 2 :]) if restart else (bursts,):
        async with house.publishing():
            # the first one begins at the end of the outbox
            await house.settle(lambda: house.bookmark.kept is not None)
            for burst in half:
                house.happens(burst)
                await house.clock.advance(3)
            await house.settle(lambda: house.seq in {0, *house.broker.seqs()})
    first = list(dict.fromkeys(house.broker.seqs()))
    assert first == list(range(1, house.seq + 1))


async def test_it_tries_less_and_less_often_and_begins_anew_after_a_success(house):
    house.terms = replace(house.terms, backoff=Backoff(base_s=1, cap_s=60, jitter=0))
    house.broker.up = False
    async with house.publishing():
        assert house.broker.calls == 1
        await house.settle(step_s=1, steps=60)
        assert house.broker.calls == 6
        await house.settle(step_s=60, steps=10)
        assert house.broker.calls <= 18
        house.broker.up = True
        await house.settle(lambda: house.state[0] is ComponentState.HEALTHY)
        house.broker.crash()
        before = house.broker.calls
        await house.settle(step_s=1, steps=2)
        assert house.broker.calls > before


async def test_a_refusal_is_told_with_its_own_way_out(house):
    house.broker.refusal = BrokerRefused("not this one")
    async with house.publishing():
        await house.clock.advance(1)
    assert house.state == (ComponentState.DEGRADED, "not this one")
    assert "mqtt_password" in house.reports[-1].fix


async def test_who_was_away_for_too_long_hears_the_newest(house, caplog):
    house.terms = replace(house.terms, most_missed=10)
    house.bookmark.kept = 0
    house.happens(50)
    async with house.publishing():
        await house.settle(lambda: 50 in house.broker.seqs())
    assert house.broker.seqs() == list(range(41, 51))
    assert "left out" in caplog.text


async def test_a_restored_copy_of_the_database_begins_at_its_end(house):
    house.bookmark.kept = 900
    house.happens(3)
    async with house.publishing():
        await house.settle(lambda: house.state[0] is ComponentState.HEALTHY)
        house.happens()
        await house.settle(house.broker.seqs)
    assert house.broker.seqs() == [4]
    assert house.bookmark.kept == 4


async def test_what_retention_deleted_is_passed_over(house):
    house.bookmark.kept = 0
    house.happens(20)
    house.engine.feed.prune(keep=5)
    async with house.publishing():
        await house.settle(lambda: 20 in house.broker.seqs())
    assert house.broker.seqs() == [16, 17, 18, 19, 20]


async def test_a_message_that_cannot_be_read_holds_up_nothing(house):
    async with house.publishing():
        await house.settle(lambda: house.state[0] is ComponentState.HEALTHY)
        house.happens()
        house.seq += 1
        odd = Published(seq=house.seq, body=b"{", kind="event_created", camera_id=None, grave=False)
        house.engine.feed.rows.append(odd)
        for queue in house.engine.feed._queues:
            queue.put_nowait(odd)
        house.happens()
        await house.settle(lambda: 3 in house.broker.seqs())
    assert house.broker.seqs() == [1, 3]


async def test_a_bookmark_that_cannot_be_kept_stops_nothing(house, caplog):
    house.bookmark.kept = 0
    house.bookmark.broken = True
    async with house.publishing():
        house.happens(2)
        await house.settle(lambda: len(house.broker.seqs()) == 2)
        await house.settle(steps=3, step_s=2)
        assert house.state[0] is ComponentState.HEALTHY
        assert "the disk is full" in caplog.text
        house.bookmark.broken = False
        await house.settle(lambda: house.bookmark.kept == 2, step_s=2)
    assert house.bookmark.kept == 2


async def test_the_status_follows_and_a_database_that_is_away_is_a_reason(house, monkeypatch):
    async with house.publishing():
        await house.settle(lambda: house.state[0] is ComponentState.HEALTHY)
        house.engine.status_now = replace(house.engine.status_now, missing=("language",))
        await house.settle(steps=2, step_s=2)
        told = [json.loads(post.payload) for post in house.broker.taken if post.topic == TOPICS.status]
        assert [one["missing"] for one in told] == [[], ["language"]]

        async def away() -> Snapshot:
            raise HomeSentryError("no database")

        monkeypatch.setattr(house.engine.feed, "snapshot", away)
        house.broker.crash()
        house.broker.up = True
        await house.settle(lambda: house.state[1] == "no database", step_s=1)
        assert house.state == (ComponentState.DEGRADED, "no database")


async def test_discovery_is_told_before_any_state(house):
    house.terms = replace(house.terms, discovery=Discovery(TOPICS, instance_id="abc", name="Home"))
    async with house.publishing():
        await house.settle(lambda: house.state[0] is ComponentState.HEALTHY)
    topics = [post.topic for post in house.broker.taken]
    assert topics[1:3] == [
        "homeassistant/device/home_sentry_abc/config",
        "homeassistant/device/home_sentry_abc_front_door/config",
    ]
