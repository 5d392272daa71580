"""Detections: stored once, read back as they were found."""

from dataclasses import replace
from datetime import timedelta

import pytest

from home_sentry_engine import contract
from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.messages import Sighting
from home_sentry_engine.storage.query import DetectionQuery
from home_sentry_engine.storage.repositories.detections import Detections
from tests.engine.unit.storage import samples
from tests.engine.unit.storage.samples import at, detection, frame

ROWS = Detections()


@pytest.fixture
async def filled(database):
    await database.write(lambda conn: samples.with_media(conn, "m1", "m2"))
    return database


async def add(database, *frames, media_id="m1", seconds=5, batch_id="b1", event_id="e1"):
    return await database.write(
        lambda conn: ROWS.add(
            conn,
            media_id=media_id,
            camera_id="yard",
            event_id=event_id,
            batch_id=batch_id,
            at=at(seconds),
            frames=frames,
        )
    )


async def test_a_second_delivery_gives_the_ids_of_the_first(filled):
    frames = (
        frame(detection("person"), detection("dog"), offset_s=0.0),
        frame(offset_s=4.0),
        frame(detection("car"), offset_s=8.0),
    )
    first = await add(filled, *frames)
    assert [len(ids) for ids in first] == [2, 0, 1]
    assert await add(filled, *frames) == first
    assert await filled.read(lambda conn: len(ROWS.of_media(conn, "m1"))) == 3


async def test_what_persons_carry_is_read_back(filled):
    holder = replace(detection("person"), carried=(("backpack", 0.75), ("suitcase", 0.5)))
    await add(filled, frame(holder, detection("person", x=90)))
    (seen,) = await filled.read(lambda conn: ROWS.sightings_of_event(conn, "e1", best=10))
    assert [one.carried for one in seen.detections] == [holder.carried, ()]


async def test_ids_stay_in_the_order_of_the_detections(filled):
    (ids,) = await add(filled, frame(*(detection("dog", x=n) for n in range(50))))
    stored = await filled.read(lambda conn: ROWS.of_media(conn, "m1"))
    assert [one.id for one in stored] == list(ids)
    assert [one.box.x for one in stored] == list(range(50))


async def test_finding_nothing_is_remembered(filled):
    assert not await filled.read(lambda conn: ROWS.exists(conn, "m1", "rtdetr"))
    assert await add(filled, frame(dropped=(("confidence", 2), ("size", 1)))) == ((),)
    assert await filled.read(lambda conn: ROWS.exists(conn, "m1", "rtdetr"))
    assert not await filled.read(lambda conn: ROWS.exists(conn, "m1", "deim"))
    assert not await filled.read(lambda conn: ROWS.exists(conn, "m2", "rtdetr"))


async def test_two_models_may_look_at_the_same_file(filled):
    (first,) = await add(filled, frame(detection("dog")))
    (second,) = await add(filled, frame(detection("cat"), model_id="deim"))
    assert set(first).isdisjoint(second)
    assert (await add(filled, frame(detection("dog")), frame(detection("cat"), model_id="deim"))) == (first, second)


async def test_a_sighting_comes_back_as_it_was(filled):
    found = (detection("person", 0.91), detection("dog", 0.55, x=100))
    (ids,) = await add(filled, frame(*found))
    await add(filled, frame(detection("car"), offset_s=4.5), media_id="m2", seconds=3)
    later, first = (
        Sighting(
            media_id="m1",
            camera_id="yard",
            at=at(5),
            detections=found,
            detection_ids=ids,
            image_width=1920,
            image_height=1080,
            looked=1,
        ),
        Sighting(
            media_id="m2",
            camera_id="yard",
            at=at(3),
            detections=(detection("car"),),
            detection_ids=(ids[-1] + 1,),
            image_width=1920,
            image_height=1080,
            offset_s=4.5,
            looked=1,
        ),
    )
    assert await filled.read(lambda conn: ROWS.sightings_of_event(conn, "e1", best=50)) == (first, later)
    assert await filled.read(lambda conn: ROWS.sightings_of_event(conn, "none", best=50)) == ()


async def test_the_sightings_of_a_visit_span_its_batches_and_keep_the_surest(filled):
    await add(filled, frame(detection("person", 0.9), detection("dog", 0.6)), batch_id="b1")
    await add(filled, frame(detection("car", 0.8)), batch_id="b2", media_id="m2", seconds=8)

    async def labels(best):
        seen = await filled.read(lambda conn: ROWS.sightings_of_event(conn, "e1", best=best))
        return [[found.label for found in sighting.detections] for sighting in seen]

    assert await labels(50) == [["person", "dog"], ["car"]]
    assert await labels(2) == [["person"], ["car"]]
    assert await labels(1) == [["person"]]


async def test_many_sure_ones_do_not_hide_another_label(filled):
    await add(filled, frame(*(detection("person", 0.9) for _ in range(12)), detection("car", 0.5)))
    (seen,) = await filled.read(lambda conn: ROWS.sightings_of_event(conn, "e1", best=6, shared=True))
    assert [found.label for found in seen.detections] == [*["person"] * 5, "car"]


async def test_stored_detections_can_join_a_visit_later(filled):
    (ids,) = await add(filled, frame(detection("dog")), event_id=None, batch_id=None)
    await filled.write(lambda conn: ROWS.assign(conn, ids, event_id="e9", batch_id="b9"))
    (found,) = await filled.read(lambda conn: ROWS.of_event(conn, "e9"))
    assert found.id == ids[0]


async def test_the_wire_record_is_complete(filled):
    ((only,),) = await add(filled, frame(detection("dog", 0.75), offset_s=1.25))
    expected = contract.Detection(
        id=only,
        media_id="m1",
        camera_id="yard",
        event_id="e1",
        label="dog",
        group=ObjectGroup.ANIMAL,
        confidence=0.75,
        box=contract.Box(x=10, y=20, width=30, height=40),
        image_width=1920,
        image_height=1080,
        detected_at=at(5),
        offset_s=1.25,
        model_id="rtdetr",
    )
    assert await filled.read(lambda conn: ROWS.get(conn, only)) == expected
    assert await filled.read(lambda conn: ROWS.of_event(conn, "e1")) == (expected,)
    assert await filled.read(lambda conn: ROWS.get(conn, only + 1)) is None


async def test_pages_are_filtered(filled):
    await add(filled, frame(detection("dog", 0.6), detection("person", 0.9)), seconds=1)
    await add(filled, frame(detection("dog", 0.8)), media_id="m2", seconds=2, event_id="e2")

    async def found(**filters):
        page = await filled.read(lambda conn: ROWS.page(conn, DetectionQuery(**filters)))
        return [(one.label, one.confidence) for one in page.items]

    assert await found() == [("dog", 0.8), ("person", 0.9), ("dog", 0.6)]
    assert await found(label="dog") == [("dog", 0.8), ("dog", 0.6)]
    assert await found(min_confidence=0.8) == [("dog", 0.8), ("person", 0.9)]
    assert await found(event_id="e2") == [("dog", 0.8)]
    assert await found(media_id="m1", label="person") == [("person", 0.9)]
    assert await found(camera_id="door") == []
    assert await found(since=at(2)) == [("dog", 0.8)]
    assert await found(until=at(2)) == [("person", 0.9), ("dog", 0.6)]


async def test_a_sample_is_spread_evenly_over_a_time(filled):
    for number in range(25):
        found = detection("person", 0.5 + number / 100), detection("dog", 0.4)
        one = frame(*found, model_id=f"eyes-{number}")
        await add(filled, one, seconds=number, event_id=f"v{number:02}")
    whole = await filled.read(lambda conn: ROWS.page(conn, DetectionQuery(limit=100)))
    held = {one.detected_at for one in whole.items}
    assert len(held) == 25

    async def sampled(since, until, most):
        rows = await filled.read(lambda conn: ROWS.sampled(conn, "yard", since, until, most=most))
        best = await filled.read(lambda conn: ROWS.best_of_visits(conn, "yard", since, until, most=most))
        return [one.detected_at for one in rows], sorted(best)

    first, last = min(held), max(held)
    times, best = await sampled(first, last + timedelta(seconds=1), 1000)
    assert (len(times), len(best)) == (len(whole.items), len({one.event_id for one in whole.items}))
    times, best = await sampled(first, last + timedelta(seconds=1), 10)
    assert len(times) <= 10
    assert times[0] == first
    assert times[-1] >= first + (last - first) * 0.8
    assert 0 < len(best) <= 10
    assert min(best) >= 0.5
    assert await sampled(last + timedelta(seconds=1), last + timedelta(hours=1), 10) == ([], [])
    assert await filled.read(lambda conn: ROWS.sampled(conn, "door", first, last, most=10)) == ()
