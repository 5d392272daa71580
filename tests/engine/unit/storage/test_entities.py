"""Entities, recognitions, facts and plates, in every kind of database."""

from dataclasses import replace

import numpy as np
import pytest

from home_sentry_engine.domain.household import (
    Appearance,
    Entity,
    EntityTrust,
    HouseholdFact,
    Member,
    PlateRead,
    Sample,
    SampleSource,
    Trace,
)
from home_sentry_engine.storage.errors import InvalidCursor
from home_sentry_engine.storage.query import PageQuery
from home_sentry_engine.storage.repositories.entities import AppearanceQuery, Entities, EntityQuery, Recognitions
from home_sentry_engine.storage.repositories.household import Household
from home_sentry_engine.storage.repositories.notes import FactRows, PlateReads
from home_sentry_engine.storage.repositories.traces import TraceRows
from tests.engine.unit.storage.samples import at, with_camera

WHO = Entity(id="who", kind="person", first_at=at(0), last_at=at(0), last_camera_id="yard", model_id="m")
ENTITIES = Entities()


@pytest.fixture(autouse=True)
async def cameras(database):
    def work(conn):
        with_camera(conn, "yard")
        with_camera(conn, "gate")

    await database.write(work)


def visit(event: str, seconds: float, camera: str = "yard", **fields) -> Appearance:
    return Appearance(entity_id="who", camera_id=camera, event_id=event, at=at(seconds), **fields)


async def test_a_visit_counts_once_and_the_newest_says_where(database):
    def work(conn):
        ENTITIES.make(conn, WHO)
        for event, seconds, camera in (("e1", 10, "yard"), ("e2", 50, "gate"), ("e2", 55, "gate"), ("e0", 5, "yard")):
            ENTITIES.appear(conn, visit(event, seconds, camera, similarity=0.8))
        return ENTITIES.get(conn, "who")

    found = await database.write(work)
    assert (found.count, found.last_camera_id, found.last_at, found.first_at) == (3, "gate", at(50), at(0))
    page = await database.read(lambda conn: ENTITIES.visits(conn, AppearanceQuery(entity_id="who", limit=2)))
    assert [one.event_id for one in page.items] == ["e2", "e1"]
    rest = AppearanceQuery(entity_id="who", limit=2, cursor=page.next_cursor)
    assert [one.event_id for one in (await database.read(lambda conn: ENTITIES.visits(conn, rest))).items] == ["e0"]
    with pytest.raises(InvalidCursor):
        await database.read(lambda conn: ENTITIES.page(conn, EntityQuery(cursor=page.next_cursor)))


async def test_entities_are_paged_by_kind_camera_trust_and_time(database):
    def work(conn):
        for number in range(5):
            kind = "person" if number % 2 else "vehicle"
            ENTITIES.make(conn, replace(WHO, id=f"w{number}", kind=kind, last_at=at(number)))
        ENTITIES.appear(conn, replace(visit("e", 3, "gate"), entity_id="w3"))
        ENTITIES.change(conn, "w1", trust=EntityTrust.UNTRUSTED, name="Him", expires_at=at(0))

    await database.write(work)

    async def ids(**filters):
        page = await database.read(lambda conn: ENTITIES.page(conn, EntityQuery(with_total=True, **filters)))
        assert page.total == len(page.items)
        return [one.id for one in page.items]

    assert await ids() == ["w4", "w3", "w2", "w1", "w0"]
    assert await ids(kind="person") == ["w3", "w1"]
    assert await ids(camera_id="gate") == ["w3"]
    assert await ids(trust="untrusted") == ["w1"]
    assert await ids(since=at(3)) == ["w4", "w3"]


async def test_what_an_entity_looks_like_is_a_mean_that_expires_unless_somebody_told_it_apart(database):
    first, second = np.eye(4, dtype=np.float32)[:2]

    def work(conn):
        for name in ("who", "friend"):
            ENTITIES.make(conn, replace(WHO, id=name))
            ENTITIES.appear(conn, replace(visit("e1", 1), entity_id=name))
            ENTITIES.blend(conn, name, "m", first, expires_at=at(100))
            ENTITIES.blend(conn, name, "m", second, expires_at=at(100))
        ENTITIES.change(conn, "friend", trust=EntityTrust.TRUSTED, name=None, expires_at=at(100))

    await database.write(work)
    known = dict(await database.read(lambda conn: ENTITIES.vectors(conn, "person", "m", at(50))))
    assert known["who"] == pytest.approx([2**-0.5, 2**-0.5, 0, 0], abs=1e-3)
    assert await database.read(lambda conn: ENTITIES.vectors(conn, "person", "other", at(50))) == []
    assert await database.write(lambda conn: ENTITIES.expire_vectors(conn, at(100))) == 1
    left = await database.read(lambda conn: ENTITIES.vectors(conn, "person", "m", at(10_000)))
    assert [name for name, _ in left] == ["friend"]
    assert await database.write(lambda conn: ENTITIES.prune(conn, at(1000))) == 3
    assert await database.read(lambda conn: ENTITIES.get(conn, "who")) is None


async def test_a_look_at_the_same_detection_is_replaced_and_keeps_its_entity(database):
    rows = TraceRows()
    look = Trace(
        id=0, model_id="m", kind="person", camera_id="yard", at=at(0), expires_at=at(60), detection_id=7,
        event_id="e", attributes={"label": "person"},
    )  # fmt: skip

    def work(conn):
        one = rows.add(conn, look, np.eye(4, dtype=np.float32)[0])
        rows.assign(conn, [one.id], "who")
        again = rows.add(conn, replace(look, expires_at=at(90)), np.eye(4, dtype=np.float32)[1])
        return one, again, rows.living(conn, at(70)), rows.of_detections(conn, [7, 8])

    one, again, ((kept, vector),), by_detection = await database.write(work)
    assert (one.id, again.entity_id) == (again.id, "who")
    assert (kept.attributes, kept.event_id) == ({"label": "person"}, "e")
    assert vector.tolist() == [0, 1, 0, 0]
    assert [len(found) for found in by_detection.values()] == [1]
    assert await database.write(lambda conn: rows.erase_entity(conn, "who")) == 1


async def test_recognitions_are_the_newest_and_can_be_forgotten(database):
    rows = Recognitions()

    def work(conn):
        rows.note(conn, "e", {"household": {}}, at(0))
        rows.note(conn, "e", {"household": {"persons": [1]}}, at(5))
        return rows.of(conn, "e"), rows.prune(conn, at(5)), rows.forget(conn), rows.of(conn, "e")

    assert await database.write(work) == ({"household": {"persons": [1]}}, 0, 1, None)


async def test_facts_hold_until_they_expire(database):
    rows = FactRows()
    guests = HouseholdFact(id="g", kind="guest_mode", text="guests", points=-8, expires_at=at(100), begins_at=at(10))

    def work(conn):
        rows.save(conn, replace(guests, points=-2))
        rows.save(conn, guests)
        return rows.all(conn, at(99)), rows.all(conn, at(100)), rows.expire(conn, at(100)), rows.remove(conn, "g")

    assert await database.write(work) == ((guests,), (), 1, False)


async def test_a_plate_is_kept_once_for_each_visit(database):
    rows = PlateReads()
    read = PlateRead(camera_id="yard", plate="BHS1", at=at(0), expires_at=at(100), confidence=0.5, event_id="e")

    def work(conn):
        rows.add(conn, read)
        rows.add(conn, replace(read, confidence=0.9, owner_id="car"))
        rows.add(conn, replace(read, event_id="f", camera_id="gate", at=at(9)))
        page = rows.page(conn, PageQuery(limit=1, with_total=True))
        yard = rows.page(conn, PageQuery(camera_id="yard"))
        return page, yard, rows.expire(conn, at(100))

    page, yard, expired = await database.write(work)
    assert (page.items[0].event_id, page.total, expired) == ("f", 2, 2)
    assert [(one.confidence, one.owner_id) for one in yard.items] == [(0.9, "car")]


async def test_faces_expire_and_go_apart_from_looks(database):
    rows = Household()
    face = Sample(
        owner_id="ann", model_id="f", vector=np.eye(4, dtype=np.float32)[0], source=SampleSource.FACE, expires_at=at(50)
    )

    def work(conn):
        rows.save(conn, Member(id="ann", name="Ann", ha_person="person.ann"))
        rows.enrol(conn, face, at=at(0))
        rows.enrol(conn, replace(face, expires_at=at(90)), at=at(0))
        rows.enrol(conn, replace(face, source=SampleSource.APPEARANCE, expires_at=None), at=at(0))
        counts = [len(rows.samples(conn, at(now))) for now in (0, 50, 90)]
        return counts, rows.expire(conn, at(50)), rows.erase_samples(conn, source=SampleSource.FACE), rows.members(conn)

    counts, expired, erased, (member,) = await database.write(work)
    assert (counts, expired, erased, member.ha_person) == ([3, 2, 1], 1, 1, "person.ann")
