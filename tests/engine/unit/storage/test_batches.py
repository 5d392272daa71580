"""The crash-safe rows of the batcher."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from home_sentry_engine.contract import BatchReason
from home_sentry_engine.domain.batch import ClosedBatch
from home_sentry_engine.storage.errors import UnknownRow
from home_sentry_engine.storage.repositories.batches import Batches
from home_sentry_engine.storage.repositories.events import Events
from tests.engine.unit.storage import samples
from tests.engine.unit.storage.samples import at, batch

ROWS = Batches()


@pytest.fixture
async def filled(database):
    def work(conn):
        samples.with_camera(conn)
        samples.with_camera(conn, "door")

    await database.write(work)
    return database


async def save(database, one, deadline=30):
    await database.write(lambda conn: ROWS.save_open(conn, one, deadline=at(deadline)))


async def close(database, batch_id="b1", seconds=40, reason=BatchReason.IDLE):
    return await database.write(lambda conn: ROWS.close(conn, batch_id, reason=reason, at=at(seconds)))


async def test_an_open_batch_grows_in_place(filled):
    await save(filled, batch())
    grown = batch(last_at=at(10), detections=4, evidence_version=3)
    await save(filled, grown, 40)
    assert await filled.read(lambda conn: ROWS.open_for(conn, "yard")) == grown
    assert await filled.read(lambda conn: ROWS.open_for(conn, "door")) is None
    assert await filled.read(lambda conn: ROWS.get(conn, "b1")) == (grown, 0)
    assert await filled.read(ROWS.all_open) == (grown,)
    assert await filled.read(lambda conn: ROWS.evidence_version(conn, "b1")) == 3


async def test_a_camera_has_one_open_batch(filled):
    await save(filled, batch())
    with pytest.raises(IntegrityError):
        await save(filled, batch("b2"))
    await close(filled)
    await save(filled, batch("b2"))
    await save(filled, batch("b3", camera_id="door"))


async def test_a_closed_batch_is_told_with_its_reason(filled):
    await save(filled, batch(last_at=at(10)))
    assert await close(filled)
    assert not await close(filled, reason=BatchReason.FORCED)
    closed = ClosedBatch(
        batch_id="b1",
        event_id="e1",
        camera_id="yard",
        opened_at=at(0),
        last_at=at(10),
        closed_at=at(40),
        reason=BatchReason.IDLE,
    )
    assert await filled.read(lambda conn: ROWS.last_closed(conn, "yard")) == closed
    assert await filled.read(lambda conn: ROWS.get(conn, "b1")) == (closed, 0)
    assert await filled.read(lambda conn: ROWS.open_for(conn, "yard")) is None
    with pytest.raises(UnknownRow):
        await close(filled, "none")
    assert await filled.read(lambda conn: ROWS.get(conn, "none")) is None


async def test_the_newest_closed_batch_wins(filled):
    for number, seconds in ((1, 40), (2, 90), (3, 60)):
        await save(filled, batch(f"b{number}"))
        await close(filled, f"b{number}", seconds)
    newest = await filled.read(lambda conn: ROWS.last_closed(conn, "yard"))
    assert newest.batch_id == "b2"
    assert await filled.read(lambda conn: ROWS.last_closed(conn, "door")) is None


async def test_the_batch_that_a_late_file_belongs_to(filled):
    await save(filled, batch("b1", opened_at=at(0), last_at=at(20)))
    await close(filled, "b1", 50)
    await save(filled, batch("b2", opened_at=at(60), last_at=at(70)))
    await close(filled, "b2", 100)

    async def containing(captured, since=0, camera_id="yard"):
        found = await filled.read(
            lambda conn: ROWS.last_containing(conn, camera_id, at(captured), at(since), idle=timedelta(seconds=30))
        )
        return found.batch_id if found else None

    assert [await containing(second) for second in (-1, 0, 50, 55, 60, 100, 101)] == [
        None,
        "b1",
        "b1",
        None,
        "b2",
        "b2",
        None,
    ]
    assert await containing(10, since=51) is None
    assert await containing(10, camera_id="door") is None


async def test_a_batch_of_hours_ago_that_is_closed_today_does_not_span_the_hours_between(filled):
    await save(filled, batch("b1", opened_at=at(0), last_at=at(20)))
    await close(filled, "b1", 7200)

    async def holds(captured):
        found = await filled.read(
            lambda conn: ROWS.last_containing(conn, "yard", at(captured), at(0), idle=timedelta(seconds=30))
        )
        return found is not None

    assert [await holds(second) for second in (10, 50, 51, 3600, 7200)] == [True, True, False, False, False]


async def test_due_batches_come_by_their_deadline(filled):
    await save(filled, batch("b1"), 30)
    await save(filled, batch("b2", camera_id="door"), 20)
    assert await filled.read(ROWS.next_deadline) == at(20)

    async def due(seconds, limit=100):
        return [one.batch_id for one in await filled.read(lambda conn: ROWS.due(conn, at(seconds), limit))]

    assert [await due(second) for second in (19, 20, 30)] == [[], ["b2"], ["b2", "b1"]]
    assert await due(30, 1) == ["b2"]
    await close(filled, "b2")
    assert await due(30) == ["b1"]
    await close(filled, "b1")
    assert await filled.read(ROWS.next_deadline) is None


async def test_assessed_evidence_only_grows(filled):
    await save(filled, batch(evidence_version=5))

    async def assessed(version):
        await filled.write(lambda conn: ROWS.mark_assessed(conn, "b1", version))
        return (await filled.read(lambda conn: ROWS.get(conn, "b1")))[1]

    assert [await assessed(version) for version in (2, 4, 3)] == [2, 4, 4]


async def test_a_late_file_adds_evidence_to_a_closed_batch(filled):
    await save(filled, batch(detections=3, evidence_version=2))
    await close(filled)
    assert await filled.write(lambda conn: ROWS.grow_closed(conn, "b1", detections=2)) == 3
    assert await filled.read(lambda conn: ROWS.evidence_version(conn, "b1")) == 3
    with pytest.raises(UnknownRow):
        await filled.write(lambda conn: ROWS.grow_closed(conn, "none", detections=2))


async def test_visits_whose_batches_are_all_closed_and_quiet_are_to_end(filled):
    def work(conn):
        for event_id in ("e1", "e2", "e3", "e4", "e5"):
            Events().insert(conn, samples.event(event_id, ended_at=at(99) if event_id == "e4" else None))

    await filled.write(work)
    for batch_id, event_id, last in (("b1", "e1", 10), ("b2", "e1", 30), ("b3", "e2", 50), ("b4", "e4", 10)):
        await save(filled, batch(batch_id, event_id=event_id, last_at=at(last)))
        await close(filled, batch_id, 60)
    await save(filled, batch("b5", event_id="e3", last_at=at(10)))

    async def ending(seconds):
        return await filled.read(lambda conn: ROWS.closed_unended(conn, at(seconds)))

    assert [await ending(second) for second in (29, 30, 49, 50)] == [(), ("e1",), ("e1",), ("e1", "e2")]
    assert await filled.read(lambda conn: ROWS.of_event(conn, "e1")) == (("b1", True, at(10)), ("b2", True, at(30)))
    await save(filled, replace(batch("b6", camera_id="door"), event_id="e1"))
    assert await ending(50) == ("e2",)
