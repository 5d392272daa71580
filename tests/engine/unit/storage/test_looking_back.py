"""Rows of looking back in both databases: states of cameras, spells, files, summaries, exports, properties."""

from dataclasses import replace
from typing import Any

import pytest

from home_sentry_engine.contract import (
    CameraStatus,
    Export,
    ExportFilters,
    ExportKind,
    ExportState,
    MediaState,
    Property,
    RiskLevel,
    Summary,
    SummaryPeriod,
    SummarySource,
)
from home_sentry_engine.domain.messages import Refusal
from home_sentry_engine.storage.query import EventQuery
from home_sentry_engine.storage.repositories.cameras import Cameras
from home_sentry_engine.storage.repositories.events import Events
from home_sentry_engine.storage.repositories.exports import Exports
from home_sentry_engine.storage.repositories.media import MediaFiles
from home_sentry_engine.storage.repositories.properties import Properties
from home_sentry_engine.storage.repositories.summaries import Summaries, SummaryQuery
from home_sentry_engine.storage.repositories.watching import (
    Ability,
    CameraState,
    CameraStates,
    Deliveries,
    Files,
    Spells,
)
from tests.engine.unit.storage.samples import at, event, media, with_camera

STATES, SPELLS, DELIVERIES, SUMMARIES = CameraStates(), Spells(), Deliveries(), Summaries()
EXPORTS, PROPERTIES, CAMERAS, EVENTS, MEDIA = Exports(), Properties(), Cameras(), Events(), MediaFiles()


@pytest.fixture
async def filled(database):
    def work(conn):
        for name in ("yard", "door"):
            with_camera(conn, name)

    await database.write(work)
    return database


def summary(name: str, since: float, period: SummaryPeriod = SummaryPeriod.DAILY, **fields: Any) -> Summary:
    values: dict[str, Any] = {
        "id": name,
        "period": period,
        "since": at(since),
        "until": at(since + 10),
        "made_at": at(since + 20),
        "text": "All clear.",
        "language": "en",
        "source": SummarySource.RULES,
        "all_clear": True,
        "looked": 3,
    }
    return Summary(**values | fields)


def export(name: str, created: float = 0, **fields: Any) -> Export:
    values: dict[str, Any] = {
        "id": name,
        "kind": ExportKind.ZIP,
        "state": ExportState.QUEUED,
        "filters": ExportFilters(since=at(1), level=RiskLevel.HIGH),
        "created_at": at(created),
        "expires_at": at(created + 100),
    }
    return Export(**values | fields)


async def test_a_camera_s_state_at_a_time_is_the_newest_before_it(filled):
    def work(conn):
        for second, status in ((10, CameraStatus.ONLINE), (20, CameraStatus.OFFLINE), (40, CameraStatus.ONLINE)):
            CAMERAS.set_status(conn, "yard", status, at=at(second))

    def between(since, until):
        def read(conn):
            found = STATES.between(conn, at(since), at(until))
            return [(one.status, one.at) for one in found if one.camera_id == "yard"]

        return filled.read(read)

    await filled.write(work)
    assert await between(25, 30) == [(CameraStatus.OFFLINE, at(20))]
    assert await between(15, 50) == [
        (CameraStatus.ONLINE, at(10)),
        (CameraStatus.OFFLINE, at(20)),
        (CameraStatus.ONLINE, at(40)),
    ]
    assert await filled.write(lambda conn: STATES.prune(conn, at(30))) >= 1
    assert await between(25, 50) == [(CameraStatus.OFFLINE, at(20)), (CameraStatus.ONLINE, at(40))]


async def test_moments_in_which_an_impaired_camera_seemed_well_are_undone(filled):
    def flutter(conn):
        for second, status, reason in (
            (1, CameraStatus.DEGRADED, "dark"),
            (2, CameraStatus.ONLINE, None),
            (3, CameraStatus.DEGRADED, "dark"),
            (4, CameraStatus.ONLINE, None),
            (900, CameraStatus.DEGRADED, "dark"),
        ):
            STATES.note(conn, CameraState(camera_id="yard", status=status, reason=reason, at=at(second)))

    await filled.write(flutter)
    found = await filled.read(lambda conn: STATES.between(conn, at(0.5), at(1000)))
    assert [(one.status, one.at) for one in found if one.camera_id == "yard" and one.at > at(0)] == [
        (CameraStatus.DEGRADED, at(1)),
        (CameraStatus.ONLINE, at(4)),
        (CameraStatus.DEGRADED, at(900)),
    ]


async def test_a_spell_lasts_until_there_was_a_pause(database):
    def work(conn):
        for second, since in ((0, None), (30, -30), (60, 0), (200, 140), (230, None)):
            wanted = None if since is None else at(since)
            SPELLS.extend(conn, "node", Ability.LOOK, at(second), since=wanted)

    await database.write(work)
    found = await database.read(lambda conn: SPELLS.between(conn, at(-100), at(1000)))
    assert [(one.began_at, one.until_at) for one in found] == [
        (at(0), at(60)), (at(200), at(200)), (at(230), at(230)),
    ]  # fmt: skip
    assert await database.read(SPELLS.first) == at(0)
    assert await database.write(lambda conn: SPELLS.prune(conn, at(100))) == 1
    assert [one.began_at for one in await database.read(lambda conn: SPELLS.between(conn, at(199), at(230)))] == [
        at(200)
    ]


async def test_files_are_counted_by_when_they_were_taken(filled):
    def work(conn):
        for name, taken, received, looked in (
            ("m1", 10, 11, True),
            ("m2", 20, 500, True),
            ("m3", 30, 31, False),
            ("m4", 90, 91, True),
        ):
            file = replace(media(name), captured_at=at(taken), received_at=at(received))
            MEDIA.insert(conn, file, source_key=None, origin="test")
            if looked:
                MEDIA.mark_detected(conn, name)
        MEDIA.reject(conn, Refusal(camera_id="yard", reason="corrupt", detail="x", at=at(40)))
        return DELIVERIES.between(conn, at(0), at(60), ("yard", "door"))

    assert await filled.write(work) == {"yard": Files(looked=2, missed=2)}
    stored = await filled.read(lambda conn: MEDIA.get(conn, "m3"))
    assert stored.state is MediaState.QUEUED


async def test_summaries_are_kept_once_and_paged(database):
    def work(conn):
        assert SUMMARIES.keep(conn, summary("d1", 0))
        assert not SUMMARIES.keep(conn, summary("d1", 0, text="another"))
        SUMMARIES.keep(conn, summary("d2", 50, property_id="cabin"))
        SUMMARIES.keep(conn, summary("h1", 60, SummaryPeriod.HOURLY))

    await database.write(work)
    assert await database.read(lambda conn: SUMMARIES.get(conn, "d1")) == summary("d1", 0)
    assert (await database.read(lambda conn: SUMMARIES.newest(conn, SummaryPeriod.DAILY))).id == "d2"
    first = await database.read(lambda conn: SUMMARIES.page(conn, SummaryQuery(limit=2, with_total=True)))
    assert ([one.id for one in first.items], first.total) == (["h1", "d2"], 3)
    query = SummaryQuery(limit=2, cursor=first.next_cursor)
    assert [one.id for one in (await database.read(lambda conn: SUMMARIES.page(conn, query))).items] == ["d1"]
    for narrowed, ids in (
        (SummaryQuery(property_id="cabin"), ["d2"]),
        (SummaryQuery(period=SummaryPeriod.HOURLY), ["h1"]),
        (SummaryQuery(until=at(50)), ["d1"]),
    ):
        page = await database.read(lambda conn, query=narrowed: SUMMARIES.page(conn, query))
        assert [one.id for one in page.items] == ids
    assert await database.write(lambda conn: SUMMARIES.prune(conn, at(75))) == 2


async def test_exports_wait_in_order_for_the_engine_that_took_them(database):
    def work(conn):
        for name, created, node in (("x2", 2, "one"), ("x1", 1, "one"), ("x3", 0, "other")):
            EXPORTS.add(conn, export(name, created), node)

    await database.write(work)
    first = await database.read(lambda conn: EXPORTS.next(conn, "one"))
    assert first == export("x1", 1)
    done = replace(first, state=ExportState.READY, size_bytes=5, sha256="ab", events=1, pictures=0, finished_at=at(9))
    assert await database.write(lambda conn: EXPORTS.save(conn, done))
    assert await database.read(lambda conn: EXPORTS.get(conn, "x1")) == done
    assert (await database.read(lambda conn: EXPORTS.next(conn, "one"))).id == "x2"
    assert await database.read(EXPORTS.open) == 2
    assert [one.id for one in await database.read(EXPORTS.all)] == ["x2", "x1", "x3"]
    assert await database.read(lambda conn: EXPORTS.known(conn, "one")) == {"x1", "x2"}
    assert await database.read(lambda conn: EXPORTS.node(conn, "x3")) == "other"
    assert await database.write(lambda conn: EXPORTS.prune(conn, at(101))) == 2
    assert await database.write(lambda conn: EXPORTS.remove(conn, "x2"))
    assert not await database.write(lambda conn: EXPORTS.save(conn, export("x2")))


async def test_a_camera_belongs_to_one_property(filled):
    def work(conn):
        PROPERTIES.put(conn, Property(id="home", name="Home", camera_ids=("yard", "door")))
        PROPERTIES.put(conn, Property(id="cabin", name="Cabin", camera_ids=("yard",)))
        PROPERTIES.put(conn, Property(id="cabin", name="The cabin", camera_ids=("yard",)))
        EVENTS.insert(conn, event("e1", camera_id="yard"))
        EVENTS.insert(conn, event("e2", camera_id="door"))

    await filled.write(work)
    assert [(one.name, one.camera_ids) for one in await filled.read(PROPERTIES.all)] == [
        ("Home", ("door",)), ("The cabin", ("yard",)),
    ]  # fmt: skip
    within = await filled.read(lambda conn: EVENTS.page(conn, EventQuery(within=("yard",))))
    assert [one.event_id for one in within.items] == ["e1"]
    assert await filled.write(lambda conn: PROPERTIES.remove(conn, "cabin"))
    assert await filled.read(lambda conn: PROPERTIES.get(conn, "cabin")) is None
