"""Summaries of hours, days and any time, over a real database with a household that lives."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from home_sentry_engine.app.attendance import Attendance
from home_sentry_engine.app.home import StoredHome
from home_sentry_engine.app.properties import StoredProperties, at_property
from home_sentry_engine.app.summaries import SummaryDesk, SummaryTerms
from home_sentry_engine.contract import (
    AnalysisReason,
    BlindReason,
    CameraStatus,
    HomeReport,
    Property,
    SummaryPeriod,
    SummarySource,
    SummaryUpdate,
    decode,
)
from home_sentry_engine.contract.errors import NotFound, Unprocessable
from home_sentry_engine.domain.errors import Permanent
from home_sentry_engine.language.backends.disabled import Disabled
from home_sentry_engine.language.summarist import Summarist
from home_sentry_engine.pipeline.relay import to_message
from home_sentry_engine.storage.query import EventQuery
from home_sentry_engine.storage.repositories.summaries import SummaryQuery
from home_sentry_engine.storage.repositories.watching import Ability
from tests.fakes.household import household

MINUTE, HOUR = 60.0, 3600.0


class Watch:
    """A household whose engine notes itself, and a desk that looks back."""

    def __init__(self, home) -> None:
        self.home = home
        self.able = set(Ability)
        self.notes = Attendance(home.database, home.tables.spells, home.clock, "node", lambda: self.able)
        terms = SummaryTerms(zone=ZoneInfo("UTC"), ids=lambda: f"s{home.clock.monotonic():g}", announced=lambda: None)
        writer = Summarist(Disabled(), home.clock, code="en")
        self.desk = SummaryDesk(home.database, home.tables, home.clock, writer, terms)

    def restart(self) -> None:
        self.notes = Attendance(self.home.database, self.home.tables.spells, self.home.clock, "node", lambda: self.able)

    async def live(self, seconds: float) -> None:
        for _ in range(round(seconds / 30)):
            self.home.clock.tick(30)
            await self.notes.note()

    async def deliver(self, camera: str, *shown) -> None:
        await self.home.deliver(*shown, camera=camera)
        await self.home.work()

    async def last(self, seconds: float, **where):
        now = self.home.clock.steady()
        return await self.desk.make(now - timedelta(seconds=seconds), now, where.get("property_id"))


@pytest.fixture
async def watch(tmp_path):
    async with household(tmp_path) as home:
        made = Watch(home)
        await made.notes.note()
        for camera in ("door", "gate"):
            await made.deliver(camera, ("person", 0.9))
        await made.live(HOUR)
        yield made


async def test_a_calm_hour_of_working_cameras_is_clear(watch):
    for camera in ("door", "gate"):
        await watch.deliver(camera, ("cat", 0.9))
    await watch.live(30 * MINUTE)
    made = await watch.last(40 * MINUTE)
    assert made.all_clear, made
    assert made.looked == 2
    assert (made.period, made.source, made.reason) == (SummaryPeriod.CUSTOM, SummarySource.RULES, AnalysisReason.GATED)
    assert made.text.startswith("All clear")
    assert await watch.desk.get(made.id) == made
    rows = await watch.home.database.read(lambda conn: watch.home.tables.outbox.since(conn, 0, 1000))
    told = [decode(SummaryUpdate, to_message(row)) for row in rows if row.kind == "summary_update"]
    assert [one.summary for one in told] == [made]


async def test_a_camera_that_delivered_nothing_is_named(watch):
    await watch.deliver("door", ("cat", 0.9))
    await watch.live(5 * MINUTE)
    made = await watch.last(10 * MINUTE)
    assert not made.all_clear
    assert made.silent == ("Gate",)
    assert "Nothing came from Gate." in made.text


async def test_an_hour_without_a_picture_is_not_calm(watch):
    await watch.live(HOUR)
    made = await watch.last(HOUR)
    assert not made.all_clear
    assert made.looked == 0
    assert "Nothing was analysed" in made.text


async def test_a_camera_that_was_offline_is_named_with_its_time(watch):
    def offline(conn):
        now = watch.home.clock.steady()
        watch.home.tables.cameras.set_status(conn, "gate", CameraStatus.OFFLINE, "nothing came for 20 min", at=now)

    await watch.home.database.write(offline)
    await watch.live(10 * MINUTE)
    for camera in ("door", "gate"):
        await watch.deliver(camera, ("cat", 0.9))
    await watch.live(5 * MINUTE)
    made = await watch.last(20 * MINUTE)
    (blind,) = made.blind
    assert (blind.camera_id, blind.reason, blind.detail) == ("gate", BlindReason.OFFLINE, "nothing came for 20 min")
    assert blind.until - blind.since == timedelta(minutes=10)
    assert not made.all_clear
    assert "Nobody watched Gate" in made.text


async def test_an_engine_that_was_away_is_named_for_all_cameras(watch):
    watch.home.clock.tick(20 * MINUTE)
    watch.restart()
    await watch.live(10 * MINUTE)
    for camera in ("door", "gate"):
        await watch.deliver(camera, ("cat", 0.9))
    made = await watch.last(40 * MINUTE)
    assert [(one.camera_id, one.reason) for one in made.blind] == [(None, BlindReason.NOT_RUNNING)]
    assert not made.all_clear
    assert "all cameras" in made.text


async def test_a_detector_that_was_away_is_named_and_what_nobody_looked_at(watch):
    watch.able = {Ability.RUN, Ability.TAKE}
    await watch.live(10 * MINUTE)
    watch.able = set(Ability)
    await watch.deliver("door", Permanent("the file is broken", code="corrupt"))
    await watch.deliver("gate", ("cat", 0.9))
    await watch.live(MINUTE)
    made = await watch.last(20 * MINUTE)
    assert (None, BlindReason.NOT_LOOKING) in [(one.camera_id, one.reason) for one in made.blind]
    assert [(one.camera_id, one.files) for one in made.unanalysed] == [("door", 1)]
    assert "not analysed: Door (1)" in made.text


async def test_hours_and_days_are_written_once_and_after_an_absence(watch):
    home = watch.home
    home.clock.tick(26 * HOUR)
    watch.restart()
    await watch.live(5 * MINUTE)
    written = await watch.desk.scheduled()
    page = await watch.desk.page(SummaryQuery(limit=100))
    periods = [one.period for one in page.items]
    assert written == len(page.items)
    assert (periods.count(SummaryPeriod.HOURLY), periods.count(SummaryPeriod.DAILY)) == (24, 1)
    assert await watch.desk.scheduled() == 0
    assert not any(one.all_clear for one in page.items)
    daily = next(one for one in page.items if one.period is SummaryPeriod.DAILY)
    assert any(one.reason is BlindReason.NOT_RUNNING for one in daily.blind)
    assert await home.database.read(lambda conn: home.tables.summaries.newest(conn, SummaryPeriod.DAILY)) == daily
    only = await watch.desk.page(SummaryQuery(period=SummaryPeriod.DAILY))
    assert only.items == (daily,)


async def test_the_day_is_that_of_home_assistant(watch):
    home = watch.home
    await StoredHome(home.database, home.tables.home, home.clock).take(HomeReport(time_zone="Asia/Tokyo"))
    # 13 o'clock at Greenwich is 22 o'clock in Tokyo
    await watch.live(2.1 * HOUR)
    await watch.desk.scheduled()
    days = (await watch.desk.page(SummaryQuery(period=SummaryPeriod.DAILY))).items
    assert [one.since.astimezone(ZoneInfo("Asia/Tokyo")).hour for one in days] == [0]


async def test_a_property_has_its_own_events_cameras_and_summary(watch):
    home, stored = watch.home, StoredProperties(watch.home.database, watch.home.tables)
    with pytest.raises(Unprocessable):
        await stored.put(Property(id="cabin", name="Cabin", camera_ids=("moon",)))
    await stored.put(Property(id="cabin", name="Cabin", camera_ids=("gate", "door")))
    await stored.put(Property(id="house", name="House", camera_ids=("door",)))
    assert [(one.id, one.camera_ids) for one in await stored.all()] == [("cabin", ("gate",)), ("house", ("door",))]

    def events(property_id):
        def work(conn):
            query = at_property(conn, home.tables, EventQuery(property_id=property_id))
            return {event.camera_id for event in home.tables.events.page(conn, query).items}

        return home.database.read(work)

    assert (await events("cabin"), await events("house")) == ({"gate"}, {"door"})
    with pytest.raises(NotFound):
        await events("moon")
    made = await watch.last(2 * HOUR, property_id="cabin")
    assert made.property_id == "cabin"
    assert sum(made.by_level.values()) == 1
    assert await stored.remove("cabin")
    assert not await stored.remove("cabin")
    with pytest.raises(NotFound):
        await watch.last(HOUR, property_id="cabin")


async def test_times_that_cannot_be_summarised_are_refused(watch):
    now = watch.home.clock.steady()
    with pytest.raises(Unprocessable):
        await watch.desk.make(now, now - timedelta(hours=1), None)
    with pytest.raises(Unprocessable):
        await watch.desk.make(now + timedelta(hours=1), now + timedelta(hours=2), None)
    with pytest.raises(Unprocessable, match="31 days"):
        await watch.desk.make(now - timedelta(days=40), now, None)


async def test_an_impaired_view_does_not_fill_the_history(watch):
    home = watch.home

    def flutter(conn):
        rows, now = home.tables.cameras, home.clock.steady()
        rows.seen(conn, "gate", media_id=None, at=now)
        rows.set_status(conn, "gate", CameraStatus.DEGRADED, "the picture is dark", at=now)

    for _ in range(20):
        home.clock.tick(10)
        await home.database.write(flutter)
    now = home.clock.steady()
    states = await home.database.read(lambda conn: home.tables.states.between(conn, now - timedelta(hours=3), now))
    assert [one.status for one in states if one.camera_id == "gate"][-1] is CameraStatus.DEGRADED
    assert len([one for one in states if one.camera_id == "gate"]) <= 4
