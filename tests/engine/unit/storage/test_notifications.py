"""Channels and deliveries, in both kinds of database."""

from dataclasses import replace
from typing import Any

import pytest

from home_sentry_engine.contract import AlertSchedule, Channel, ChannelFilters, Delivery, RiskLevel
from home_sentry_engine.contract.notifications import (
    ChannelKind,
    DeliveryGate,
    DeliveryReason,
    DeliveryState,
    GateResult,
)
from home_sentry_engine.storage.query import PageQuery
from home_sentry_engine.storage.repositories.channels import Channels, StoredChannel
from home_sentry_engine.storage.repositories.deliveries import Deliveries, DeliveryQuery
from home_sentry_engine.storage.repositories.events import Events
from home_sentry_engine.storage.schema import events
from tests.engine.unit.storage.samples import at, event, with_media

CHANNELS, DELIVERIES, EVENTS = Channels(), Deliveries(), Events()
PHONE = StoredChannel(
    channel=Channel(
        id="c1",
        kind=ChannelKind.EMAIL,
        name="Phone",
        target="a…@example.org by mail.example.org:587",
        filters=ChannelFilters(quiet_hours=(AlertSchedule(days=(0,), start="22:00", end="06:00"),), per_hour=3),
        missing=("password",),
        signed=True,
        created_at=at(0),
        updated_at=at(1),
    ),
    node="n1",
    settings={"host": "mail.example.org", "recipients": ["ann@example.org"]},
)
WAITING = Delivery(
    id="d1",
    channel_id="c1",
    alert_id="a1",
    event_id="e1",
    camera_id="yard",
    level=RiskLevel.HIGH,
    state=DeliveryState.PENDING,
    reason=DeliveryReason.WAITING,
    gates=(GateResult(gate=DeliveryGate.RATE, passed=False, reason=DeliveryReason.RATE_CAPPED),),
    created_at=at(0),
)
DONE: dict[str, Any] = {"state": DeliveryState.DELIVERED, "reason": DeliveryReason.DELIVERED}
LOST: dict[str, Any] = {"state": DeliveryState.FAILED, "reason": DeliveryReason.UNREACHABLE}
HELD: dict[str, Any] = {"state": DeliveryState.SKIPPED, "reason": DeliveryReason.QUIET_HOURS}


@pytest.fixture
async def told(database):
    def work(conn):
        with_media(conn, "m1")
        for event_id in ("e1", "e2"):
            EVENTS.insert(conn, event(event_id))
        for channel_id in ("c1", "c2"):
            CHANNELS.save(conn, replace(PHONE, channel=replace(PHONE.channel, id=channel_id)))

    await database.write(work)
    return database


async def test_a_channel_comes_back_as_it_was_and_its_health_outlives_a_change(database):
    await database.write(lambda conn: CHANNELS.save(conn, PHONE))
    assert await database.read(lambda conn: CHANNELS.get(conn, "c1")) == PHONE
    await database.write(lambda conn: CHANNELS.failed(conn, "c1", at(10), "refused"))
    await database.write(lambda conn: CHANNELS.failed(conn, "c1", at(20), "throttled"))
    renamed = replace(PHONE, channel=replace(PHONE.channel, name="Other", created_at=at(99)), settings={})
    await database.write(lambda conn: CHANNELS.save(conn, renamed))
    (kept,) = await database.read(CHANNELS.all)
    assert (kept.channel.name, kept.settings, kept.channel.created_at) == ("Other", {}, at(0))
    assert (kept.channel.failing_since, kept.channel.failure) == (at(10), "throttled")
    await database.write(lambda conn: CHANNELS.worked(conn, "c1", at(30)))
    kept = await database.read(lambda conn: CHANNELS.get(conn, "c1"))
    assert (kept.channel.failing_since, kept.channel.failure, kept.channel.delivered_at) == (None, None, at(30))
    assert await database.write(lambda conn: CHANNELS.remove(conn, "c1"))
    assert not await database.write(lambda conn: CHANNELS.remove(conn, "c1"))


async def test_a_level_of_an_event_is_told_once_in_a_channel(told):
    def add(one):
        return told.write(lambda conn: DELIVERIES.add(conn, one))

    assert await add(WAITING)
    assert not await add(replace(WAITING, id="again", alert_id="other rule"))
    assert not await add(replace(WAITING, id="the same alert", event_id="e2"))
    assert await add(replace(WAITING, id="held", alert_id="a2", **HELD))
    assert await add(replace(WAITING, id="higher", alert_id="a3", level=RiskLevel.CRITICAL))
    assert await add(replace(WAITING, id="elsewhere", channel_id="c2"))
    assert await told.read(lambda conn: DELIVERIES.told(conn, "e1", "c1")) is RiskLevel.CRITICAL
    assert await told.read(lambda conn: DELIVERIES.told(conn, "e2", "c1")) is None
    assert await told.read(lambda conn: DELIVERIES.get(conn, "d1")) == WAITING


async def test_what_is_settled_stays_settled(told):
    await told.write(lambda conn: DELIVERIES.add(conn, WAITING))
    tried = replace(WAITING, attempts=1, tried_at=at(5), next_try_at=at(10), detail="refused")
    assert await told.write(lambda conn: DELIVERIES.settle(conn, tried))
    done = replace(tried, attempts=2, tried_at=at(10), next_try_at=None, delivered_at=at(11), detail=None, **DONE)
    assert await told.write(lambda conn: DELIVERIES.settle(conn, done))
    assert not await told.write(lambda conn: DELIVERIES.settle(conn, replace(done, **LOST)))
    assert await told.read(lambda conn: DELIVERIES.get(conn, "d1")) == done


async def test_recent_ones_count_at_their_level_or_above(told):
    def work(conn):
        DELIVERIES.add(conn, WAITING)
        DELIVERIES.add(conn, replace(WAITING, id="d2", alert_id="a2", event_id="e2", level=RiskLevel.CRITICAL))
        DELIVERIES.add(conn, replace(WAITING, id="d3", alert_id="a3", event_id="e2", **LOST))
        DELIVERIES.add(conn, replace(WAITING, id="d4", alert_id="a4", channel_id="c2", camera_id="gate"))

    await told.write(work)

    async def count(level, since=-1.0, camera="yard"):
        return await told.read(lambda conn: DELIVERIES.recent(conn, "c1", camera, level, at(since)))

    assert (await count(RiskLevel.HIGH), await count(RiskLevel.CRITICAL), await count(RiskLevel.LOW)) == (2, 1, 2)
    assert (await count(RiskLevel.HIGH, since=0.0), await count(RiskLevel.HIGH, camera="gate")) == (0, 0)


async def test_pages_counts_and_whether_all_got_through(told):
    def work(conn):
        DELIVERIES.add(conn, replace(WAITING, attempts=1, **DONE))
        DELIVERIES.add(conn, replace(WAITING, id="d2", channel_id="c2", created_at=at(1), attempts=3, **LOST))
        DELIVERIES.add(conn, replace(WAITING, id="d3", alert_id="a3", event_id="e2", created_at=at(2), **HELD))
        DELIVERIES.add(conn, replace(WAITING, id="d4", alert_id="a4", event_id="e2", created_at=at(3), **DONE))
        tested = replace(WAITING, id="t", alert_id=None, event_id=None, camera_id=None, test=True, created_at=at(4))
        DELIVERIES.add(conn, replace(tested, **DONE))

    await told.write(work)

    async def ids(**filters):
        page = await told.read(lambda conn: DELIVERIES.page(conn, DeliveryQuery(**filters)))
        return [one.id for one in page.items]

    assert await ids() == ["t", "d4", "d3", "d2", "d1"]
    assert await ids(event_id="e1", state=DeliveryState.FAILED) == ["d2"]
    assert await ids(alert_id="a4") == ["d4"]
    assert await ids(within=("gate",)) == []
    first = await told.read(lambda conn: DELIVERIES.page(conn, DeliveryQuery(limit=2, with_total=True)))
    assert (first.total, [one.id for one in first.items]) == (5, ["t", "d4"])
    assert await ids(limit=2, cursor=first.next_cursor) == ["d3", "d2"]

    async def whole(**filters):
        return await told.read(lambda conn: DELIVERIES.all_successful(conn, DeliveryQuery(**filters)))

    assert (await whole(event_id="e1"), await whole(event_id="e2"), await whole(alert_id="a3")) == (False, True, None)
    stats = await told.read(lambda conn: DELIVERIES.stats(conn, PageQuery()))
    assert [(one.channel_id, one.delivered, one.failed, one.skipped, one.attempts) for one in stats.channels] == [
        ("c1", 2, 0, 1, 1),
        ("c2", 0, 1, 0, 3),
    ]
    assert stats.by_reason == {"delivered": 2, "unreachable": 1, "quiet_hours": 1}
    assert (stats.alerts, stats.all_successful) == (2, 1)


async def test_what_is_left_and_what_goes(told):
    await told.write(lambda conn: DELIVERIES.add(conn, WAITING))
    assert await told.read(lambda conn: DELIVERIES.left(conn, at(0))) == ()
    assert await told.read(lambda conn: DELIVERIES.left(conn, at(1))) == (WAITING,)
    await told.write(lambda conn: conn.execute(events.delete().where(events.c.id == "e1")))
    assert await told.read(lambda conn: DELIVERIES.get(conn, "d1")) is None
    other = replace(WAITING, event_id="e2")
    await told.write(lambda conn: DELIVERIES.add(conn, other))
    assert await told.write(lambda conn: DELIVERIES.prune(conn, at(0))) == 0
    assert await told.write(lambda conn: DELIVERIES.prune(conn, at(1))) == 1
    await told.write(lambda conn: DELIVERIES.add(conn, other))
    await told.write(lambda conn: CHANNELS.remove(conn, "c1"))
    assert await told.read(lambda conn: DELIVERIES.get(conn, "d1")) is None
