"""Zones, habits, resting things, views, traces and the household, in every kind of database."""

from dataclasses import replace
from datetime import date, time, timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from home_sentry_engine.contract import Zone, ZoneAnchor, ZoneType
from home_sentry_engine.domain.household import Member, Role, Sample, Schedule, Trace, Trust, Vehicle
from home_sentry_engine.domain.resting import Resting
from home_sentry_engine.storage.context_schema import traces as trace_table
from home_sentry_engine.storage.repositories.activity import Activity
from home_sentry_engine.storage.repositories.cameras import Cameras
from home_sentry_engine.storage.repositories.detections import Detections
from home_sentry_engine.storage.repositories.household import Household
from home_sentry_engine.storage.repositories.resting import RestingRows
from home_sentry_engine.storage.repositories.rhythm import Gap, Rhythm
from home_sentry_engine.storage.repositories.scenes import NewChange, SceneMemory, Scenes, UsualView
from home_sentry_engine.storage.repositories.traces import TraceRows
from home_sentry_engine.storage.repositories.zones import Zones
from home_sentry_engine.storage.vectors import from_half, to_half
from tests.engine.unit.storage.samples import at, detection, frame, with_camera, with_media

PORCH = Zone(
    id="porch",
    name="Porch",
    type=ZoneType.ENTRY_POINT,
    points=((0.1, 0.2), (0.5, 0.2), (0.3, 0.9)),
    priority=7,
    anchor=ZoneAnchor.OVERLAP,
    private=False,
    inside=True,
    loitering_s=12.5,
    inertia=4,
    required_for=("person", "dog"),
    line=((0.0, 0.5), (1.0, 0.5)),
)
STREET = Zone(
    id="street", name="Street", type=ZoneType.IGNORE, points=((0.0, 0.0), (1.0, 0.0), (1.0, 0.1)), priority=50
)
DAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
async def cameras(database):
    def work(conn):
        with_camera(conn, "yard")
        with_camera(conn, "gate")

    await database.write(work)


async def test_zones_are_replaced_as_a_whole_and_come_back_as_they_were(database):
    def work(conn):
        rows = Zones()
        rows.replace(conn, "yard", [PORCH, STREET])
        rows.replace(conn, "gate", [PORCH])
        first = rows.of(conn, "yard")
        rows.replace(conn, "yard", [replace(PORCH, enabled=False)])
        return first, rows.of(conn, "yard"), rows.of(conn, "gate")

    first, second, gate = await database.write(work)
    assert first == (STREET, PORCH)
    assert second == (replace(PORCH, enabled=False),)
    assert gate == (PORCH,)


async def test_activity_counts_by_day_hour_and_class(database):
    rows = Activity()

    def work(conn):
        rows.watch(conn, "yard", DAY)
        rows.watch(conn, "yard", DAY + timedelta(days=5))
        for _ in range(3):
            rows.add(conn, "yard", ["*", "person"], day=DAY, hour=8)
        rows.add(conn, "yard", ["dog"], day=DAY + timedelta(days=1), hour=8)
        rows.add(conn, "yard", ["person"], day=DAY, hour=9)
        rows.add(conn, "gate", ["person"], day=DAY, hour=8)
        return rows.counts(conn, "yard", ["person", "dog", "cat", "*"], hour=8, first=DAY), rows.since(conn, "yard")

    counts, since = await database.write(work)
    assert counts == {"person": {DAY: 3}, "dog": {DAY + timedelta(days=1): 1}, "cat": {}, "*": {DAY: 3}}
    assert since == DAY + timedelta(days=1)

    def later(conn):
        assert rows.counts(conn, "yard", ["person"], hour=8, first=DAY + timedelta(days=1)) == {"person": {}}
        assert rows.trim(conn, DAY + timedelta(days=1)) == 4
        rows.reset(conn, "yard", DAY + timedelta(days=9))
        return rows.all(conn, "yard", first=DAY), rows.since(conn, "yard"), rows.since(conn, "gate")

    assert await database.write(later) == ({}, DAY + timedelta(days=10), None)


async def test_resting_things_come_back_as_they_were(database):
    thing = Resting(label="car", place=(0.1, 0.2, 0.25, 0.3), first_at=at(0), last_at=at(700))
    missed = replace(thing, label="truck", missed=3, missed_at=at(800))
    held = replace(thing, label="bus", patches=(("day", bytes(range(256))), ("infrared", b"\0" * 256)), held_at=at(900))

    def work(conn):
        RestingRows().replace(conn, "gate", [missed])
        RestingRows().replace(conn, "yard", [thing, missed, held])
        return RestingRows().of(conn, "yard")

    assert await database.write(work) == (thing, missed, held)
    await database.write(lambda conn: RestingRows().replace(conn, "yard", []))
    assert await database.read(lambda conn: RestingRows().of(conn, "yard")) == ()
    assert await database.read(lambda conn: RestingRows().of(conn, "gate")) == (missed,)


async def test_views_and_their_changes(database):
    rows = Scenes()
    day = UsualView(camera_id="yard", light="day", picture=b"png", state={"learned": 3}, at=at(0))

    def work(conn):
        rows.save(conn, day)
        rows.save(conn, replace(day, light="infrared"))
        rows.save(conn, replace(day, picture=b"new", state={"learned": 4}))
        old = rows.add_change(conn, NewChange(camera_id="yard", kind="unknown", at=at(-9000)))
        rows.end(conn, "yard", at(-8000))
        standing = rows.add_change(conn, NewChange(camera_id="yard", kind="view_blocked", at=at(-5000), media_id="m1"))
        rows.add_change(conn, NewChange(camera_id="gate", kind="angle_changed", at=at(0)))
        return rows.of(conn, "yard"), rows.recent(conn, "yard", at(-600)), old, standing

    views, recent, old, standing = await database.write(work)
    assert [(view.light, view.picture) for view in views] == [("day", b"new"), ("infrared", b"png")]
    assert [(one.id, one.kind, one.media_id) for one in recent] == [(standing, "view_blocked", "m1")]

    def acknowledge(conn):
        known = rows.acknowledge(conn, standing, at(1))
        assert known is not None
        assert known.acknowledged_at == at(1)
        assert rows.acknowledge(conn, 10**6, at(1)) is None
        assert rows.reset(conn, "yard") == 2
        return rows.recent(conn, "yard", at(-600))

    assert await database.write(acknowledge) == ()
    assert old != standing


async def test_traces_keep_their_vectors_in_two_bytes_a_number_until_they_expire(database):
    rows = TraceRows()
    random = np.random.default_rng(1)
    vector = random.normal(size=512).astype(np.float32) * 1e6
    short = Trace(id=0, model_id="m", kind="person", camera_id="yard", at=at(0), expires_at=at(60), detection_id=7)
    long = replace(short, kind="vehicle", expires_at=at(600), detection_id=None)

    def work(conn):
        return rows.add(conn, short, vector), rows.add(conn, long, vector)

    first, second = await database.write(work)
    ((kept, found),) = await database.read(lambda conn: rows.living(conn, at(60)))
    assert kept == second
    cosine = float(found @ vector / np.linalg.norm(found) / np.linalg.norm(vector))
    assert cosine == pytest.approx(1.0, abs=1e-5)
    size = await database.read(lambda conn: len(conn.execute(sa.select(trace_table.c.vector)).scalars().first()))
    assert size == 1024
    assert await database.write(lambda conn: rows.expire(conn, at(60))) == (first.id,)


async def test_the_household_comes_back_as_it_was(database):
    rows = Household()
    nights = Schedule(days=frozenset({0, 4}), begins=time(22, 15), ends=time(6))
    ann = Member(id="ann", name="Ann", trust=Trust.PARTIAL, schedule=nights)
    car = Vehicle(id="car", name="Our car", plate="B-HS 1", role=Role.FAMILY)
    look = Sample(owner_id="ann", model_id="m", vector=np.array([0.0, 3.0, 4.0], np.float32), negative=True)

    def work(conn):
        rows.save(conn, replace(ann, name="Annie"))
        rows.save(conn, ann)
        rows.save(conn, car)
        rows.enrol(conn, look, at=at(0), detection_id=3)
        return rows.members(conn), rows.vehicles(conn), rows.samples(conn, at(0))

    members, vehicles, (sample,) = await database.write(work)
    assert (members, vehicles) == ((ann,), (car,))
    assert sample.vector == pytest.approx([0.0, 0.6, 0.8], abs=1e-3)
    assert (sample.owner_id, sample.negative) == ("ann", True)
    assert await database.write(lambda conn: rows.remove(conn, "ann"))
    assert await database.read(lambda conn: rows.samples(conn, at(0))) == ()
    assert not await database.write(lambda conn: rows.remove(conn, "ann"))


async def test_other_cameras_are_asked_for_a_span_of_time(database):
    def work(conn):
        for number, (camera, seconds) in enumerate([("yard", 0), ("gate", 10), ("gate", 400), ("gate", -20)]):
            with_media(conn, f"m{number}", camera_id=camera)
            Detections().add(
                conn, media_id=f"m{number}", camera_id=camera, event_id=None, batch_id=None, at=at(seconds),
                frames=[frame(detection("dog"))],
            )  # fmt: skip
        return Detections().elsewhere(conn, "yard", since=at(-300), until=at(300), most=10)

    assert await database.write(work) == [("Gate", "dog", at(10)), ("Gate", "dog", at(-20))]


def test_half_precision_is_little_endian():
    assert to_half(np.array([1.0, 0.0], np.float32)) == b"\x00\x3c\x00\x00"
    assert from_half(b"\x00\x3c\x00\x00").tolist() == [1.0, 0.0]


async def test_silences_are_kept_by_hour_and_forgotten(database):
    rows = Rhythm()
    gaps = [Gap(began_at=at(n * 100), hour=n % 2, seconds=60.0 + n) for n in range(4)]

    def work(conn):
        rows.add(conn, "yard", gaps)
        rows.add(conn, "yard", gaps[:1])
        rows.add(conn, "gate", gaps[:1])
        return rows.of(conn, "yard")

    assert await database.write(work) == {0: [60.0, 62.0], 1: [61.0, 63.0]}
    assert await database.write(lambda conn: rows.trim(conn, at(150))) == 3
    assert await database.read(lambda conn: rows.of(conn, "yard")) == {0: [62.0], 1: [63.0]}


async def test_what_a_model_saw_is_kept_per_light_until_the_view_is_reset(database):
    rows = Scenes()
    day = SceneMemory(camera_id="yard", light="day", model_id="m", learned=3, vector=b"abcd", spread=0.5, at=at(0))

    def work(conn):
        for one in (day, replace(day, light="infrared"), replace(day, learned=4), replace(day, camera_id="gate")):
            rows.remember(conn, one)
        return rows.memories(conn, "yard")

    kept = await database.write(work)
    assert {(one.light, one.learned) for one in kept} == {("day", 4), ("infrared", 3)}
    before = await database.read(lambda conn: rows.epoch(conn, "yard"))
    await database.write(lambda conn: rows.reset(conn, None))
    assert await database.read(lambda conn: rows.memories(conn, "gate")) == ()
    assert await database.read(lambda conn: rows.epoch(conn, "yard")) == before + 1


async def test_a_camera_shows_the_gravest_change_that_stands(database):
    cameras, rows = Cameras(learning=timedelta(days=7)), Scenes()

    def work(conn):
        made, _ = cameras.ensure(conn, camera_id="new", name="New", folder="New", now=at(0))
        blocked = rows.add_change(conn, NewChange(camera_id="new", kind="view_blocked", at=at(1)))
        rows.add_change(conn, NewChange(camera_id="new", kind="unknown", at=at(2)))
        seen = cameras.seen(conn, "new", media_id=None, at=at(3))
        rows.acknowledge(conn, blocked, at(4))
        settled = cameras.settle(conn, "new", at(4))
        ended = rows.end(conn, "new", at(5))
        return made, seen, settled, ended, cameras.get(conn, "new")

    made, seen, settled, ended, after = await database.write(work)
    assert made.learning_until == at(7 * 86_400)
    assert (seen.scene_change.kind.value, seen.status.value) == ("view_blocked", "degraded")
    assert (seen.previous_status.value, seen.status_since) == ("unknown", at(3))
    assert (settled.scene_change.kind.value, settled.status.value) == ("unknown", "online")
    assert len(ended) == 2
    assert after.scene_change is None
