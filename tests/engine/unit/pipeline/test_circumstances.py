"""Zones, habits, parked cars and other cameras, through the whole pipeline."""

from dataclasses import replace
from datetime import timedelta

import pytest

from home_sentry_engine.contract import AnalysisState, Zone, ZoneType
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection, FrameDetections
from home_sentry_engine.domain.messages import Absent
from home_sentry_engine.storage.repositories.scenes import NewChange
from tests.fakes.clock import FakeClock
from tests.fakes.household import household

PERSON, CAR = ("person", 0.8), ("car", 0.8)
# the first object of a picture stands at (0.125, 0.333), the second at (0.1875, 0.333) of 640x480
FIRST = ((0.0, 0.0), (0.15, 0.0), (0.15, 1.0), (0.0, 1.0))
SECOND = ((0.15, 0.0), (0.25, 0.0), (0.25, 1.0), (0.15, 1.0))


@pytest.fixture
async def home(tmp_path):
    async with household(tmp_path) as made:
        yield made


def zone(name: str, points=FIRST, kind: ZoneType = ZoneType.ENTRY_POINT, **fields) -> Zone:
    return replace(Zone(id=name.lower(), name=name, type=kind, points=points), **fields)


async def draw(home, *zones: Zone, camera: str = "door") -> None:
    home.mind.answer = 40
    if await home.database.read(lambda conn: home.tables.cameras.get(conn, camera)) is None:
        await home.deliver(camera=camera)
        await home.work()
    await home.database.write(lambda conn: home.tables.zones.replace(conn, camera, zones))


def dropped(home, media_id: str):
    def work(conn):
        return conn.exec_driver_sql(f"SELECT dropped FROM inspections WHERE media_id = '{media_id}'").scalar_one()

    return home.database.read(work)


async def test_a_person_on_the_porch_scores_more_and_says_where(home):
    await draw(home, zone("Porch", loitering_s=30.0))
    for _ in range(4):
        await home.deliver(PERSON)
        await home.work(assess=False)
        home.clock.tick(15)
    (event,) = await home.events()
    by_id = {factor.id: factor for factor in event.factors}
    assert by_id["private_zone"].evidence == ("zone:Porch",)
    assert by_id["loitering"].text == "longer than allowed in Porch"
    assert event.analysis_state is AnalysisState.PROVISIONAL


async def test_without_zones_nothing_is_said_about_places(home):
    home.mind.answer = 40
    await home.deliver(PERSON)
    await home.pass_time(40)
    (scene,) = home.mind.asked
    assert scene.legs["zones"] == Absent(reason="no zones are drawn for this camera")
    assert scene.legs["baseline"]["state"] == "learning"
    assert scene.legs["household"] == Absent(reason="nobody is enrolled")
    (event,) = await home.events()
    assert not {"private_zone", "public_zone", "baseline", "stranger"} & {factor.id for factor in event.factors}


async def test_an_ignored_place_opens_no_event_and_is_accounted_for(home):
    await draw(home, zone("Street", kind=ZoneType.IGNORE))
    media_id = await home.deliver(PERSON)
    await home.work()
    assert await home.events() == []
    assert "ignore_zone" in str(await dropped(home, media_id))
    account = await home.database.read(home.tables.media.accounting)
    assert (account.stored, account.queued, account.quarantined) == (2, 0, 0)


async def test_only_what_stands_in_a_required_place_makes_a_visit(home):
    await draw(home, zone("Door", points=SECOND, required_for=("person",)))
    await home.deliver(PERSON)
    await home.deliver(CAR)
    await home.deliver(CAR, PERSON)
    await home.work()
    (event,) = await home.events()
    assert event.detection_count == 3


@pytest.mark.parametrize(("inside", "events"), [(1, 0), (2, 0), (3, 1)])
async def test_a_clip_opens_a_visit_only_after_the_inertia_of_a_required_place(home, monkeypatch, inside, events):
    await draw(home, zone("Door", points=SECOND, required_for=("person",)))
    places = [100 if number < inside else 60 for number in range(5)]

    async def film(frames, *, confidence):
        return tuple(
            FrameDetections(
                detections=(Detection(label="person", confidence=0.8, box=Box(x=x - 30, y=40, width=60, height=120)),),
                image_width=640,
                image_height=480,
                model_id=home.eyes.model_id,
                inference_ms=1.0,
                offset_s=number / 2,
            )
            for number, x in enumerate(places)
        )

    monkeypatch.setattr(home.eyes, "detect", film)
    await home.deliver(PERSON)
    await home.work()
    assert len(await home.events()) == events


async def test_a_parked_car_makes_one_event(home):
    for _ in range(40):
        await home.deliver(CAR)
        await home.pass_time(120, step=10)
    events = await home.events()
    assert 1 <= len(events) <= 6
    first_at = events[0].started_at
    assert all(event.started_at - first_at <= timedelta(minutes=10) for event in events)
    await home.deliver(CAR, PERSON)
    await home.pass_time(60)
    (*_, last) = await home.events()
    assert last.object_types == ("person",)


async def test_habits_are_learned_and_an_unusual_hour_is_told(tmp_path):
    async with household(tmp_path, clock=FakeClock()) as home:
        home.mind.answer = 40
        for _ in range(14):
            await home.deliver(PERSON)
            await home.pass_time(40, step=20)
            home.clock.tick(24 * 3600 - 40)
        usual = (await home.events())[-1]
        home.clock.tick(7 * 3600)
        for _ in range(2):
            await home.deliver(PERSON)
            await home.pass_time(60, step=20)
        unusual = (await home.events())[-1]
    factors = [{factor.id: factor for factor in event.factors} for event in (usual, unusual)]
    assert factors[0]["baseline"].points < 0
    assert factors[1]["baseline"].points > 0
    assert factors[1]["baseline"].text.endswith("unusual for this camera and hour")


async def test_one_visit_counts_once_however_many_pictures_it_has(home):
    for _ in range(20):
        await home.deliver(PERSON)
        await home.work(assess=False)
    slots = await home.database.read(
        lambda conn: home.tables.activity.all(conn, "door", first=(home.clock.now() - timedelta(days=2)).date())
    )
    assert {key: list(days.values()) for key, days in slots.items()} == {("*", 12): [1], ("person", 12): [1]}


async def test_the_assessment_knows_of_the_other_cameras(home):
    home.mind.answer = 40
    await home.deliver(PERSON, camera="gate")
    await home.work(assess=False)
    home.clock.tick(20)
    await home.deliver(PERSON, camera="door")
    await home.pass_time(60)
    by_camera = {scene.batch.camera_id: scene for scene in home.mind.asked}
    (seen,) = by_camera["door"].legs["cross_camera"]
    assert (seen["camera"], seen["label"], seen["count"], seen["seconds"]) == ("Gate", "person", 1, -20.0)


async def test_one_person_in_five_pictures_is_one_subject(home):
    home.mind.answer = 40
    for _ in range(5):
        await home.deliver(PERSON)
        await home.work(assess=False)
        home.clock.tick(4)
    await home.pass_time(60)
    (scene,) = home.mind.asked
    assert [(one["label"], one["looks"]) for one in scene.legs["subjects"]] == [("person", 5)]


async def test_what_a_person_knows_of_is_no_evidence(home):
    await draw(home)
    now = home.clock.now()

    def known(conn):
        home.tables.scenes.acknowledge(
            conn, home.tables.scenes.add_change(conn, NewChange(camera_id="door", kind="angle_changed", at=now)), now
        )

    await home.database.write(known)
    await home.deliver(PERSON)
    await home.pass_time(60)
    (event,) = await home.events()
    assert not any(factor.id == "tamper" for factor in event.factors)


async def test_a_blocked_view_is_evidence_for_ten_minutes(home):
    await draw(home)
    now = home.clock.now()

    def blocked(conn):
        home.tables.scenes.add_change(conn, NewChange(camera_id="door", kind="view_blocked", at=now))
        home.tables.scenes.end(conn, "door", now)

    await home.database.write(blocked)
    await home.deliver(PERSON)
    await home.pass_time(60)
    home.clock.tick(1200)
    await home.deliver(PERSON)
    await home.pass_time(60)
    first, second = await home.events()
    assert [any(factor.id == "tamper" for factor in event.factors) for event in (first, second)] == [True, False]
