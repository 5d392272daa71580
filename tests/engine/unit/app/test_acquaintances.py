"""Entities and the household over a real database: lists, erasure, enrolment with its opt-in, forgetting."""

from dataclasses import replace
from datetime import timedelta
import logging

import numpy as np
import pytest
import sqlalchemy as sa

from home_sentry_engine.api.household_ports import Enrolment, FactDraft, OwnerDraft
from home_sentry_engine.app.enrolment import Enroller, Sight
from home_sentry_engine.app.entities import StoredEntities
from home_sentry_engine.app.expiry import expiries
from home_sentry_engine.app.household import Means, StoredHousehold
from home_sentry_engine.app.recognising import Comparers
from home_sentry_engine.contract import Schedule
from home_sentry_engine.contract.errors import Forbidden, NotFound, Unprocessable
from home_sentry_engine.domain.embedded import Embedded
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.domain.household import EntityTrust, PlateRead, Role, Trust
from home_sentry_engine.domain.identity import random_id
from home_sentry_engine.domain.messages import Absent
from home_sentry_engine.settings import IdentitySettings
from home_sentry_engine.storage.errors import StorageBusy
from home_sentry_engine.storage.query import PageQuery
from home_sentry_engine.storage.repositories.entities import AppearanceQuery, EntityQuery
from tests.fakes.household import Eyes, household

PERSON, CAR, DOG, CHAIR = ("person", 0.8), ("car", 0.8), ("dog", 0.8), ("chair", 0.8)
EVERYBODY = OwnerDraft(id=None, name="Ann", role=Role.RESIDENT, trust=Trust.FULL)


def towards(angle: float, dimension: int = 8) -> np.ndarray:
    vector = np.zeros(dimension, np.float32)
    vector[0], vector[1] = np.cos(angle), np.sin(angle)
    return vector


class Looks(Eyes):
    """Every subject looks as the test says, by its kind; each detection is a picture of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.angles: dict[str, float | Exception] = {}
        self.face_angles: list[float] = []
        self.model = "m1"

    async def whole(self, media, offset_s):
        return np.zeros((480, 640, 3), np.uint8)

    async def embed(self, kind, looks) -> Embedded:
        angle = self.angles.get(kind, 0.0)
        if isinstance(angle, Exception):
            raise angle
        return Embedded(model_id=self.model, vector=towards(angle), same_above=0.9)

    async def faces(self, looks) -> tuple[Embedded, ...]:
        return tuple(Embedded(model_id="face", vector=towards(angle), same_above=0.4) for angle in self.face_angles)


class House:
    """The pipeline's household with what the API does."""

    def __init__(self, home, looks: Looks, settings: IdentitySettings) -> None:
        self.home, self.looks, self.settings = home, looks, settings
        sight = Sight(pictures=looks, appearances=looks, faces=looks)
        self.desk = self.with_settings(settings, sight)
        memory = home.pipeline.memory
        self.entities = StoredEntities(home.database, home.tables, memory, home.clock, settings)

    def with_settings(self, settings: IdentitySettings, sight: Sight) -> StoredHousehold:
        home = self.home
        enroller = Enroller(home.database, home.tables, sight, home.clock, settings)
        means = Means(clock=home.clock, ids=random_id, settings=settings, enroller=enroller)
        return StoredHousehold(home.database, home.tables, means)

    async def visit(self, *shown, camera: str = "door", pictures: int = 1):
        for _ in range(pictures):
            await self.home.deliver(*shown, camera=camera)
            await self.home.work(assess=False)
            self.home.clock.tick(2)
        await self.home.pass_time(90, step=15)
        return (await self.home.events())[-1]

    async def detection(self, label: str) -> int:
        row = sa.text("SELECT id FROM detections WHERE label = :label ORDER BY id DESC").bindparams(label=label)
        return await self.home.database.read(lambda conn: conn.execute(row).scalars().first())

    def scene(self, name: str):
        return self.home.mind.asked[-1].legs[name]


@pytest.fixture
async def house(tmp_path):
    looks = Looks()
    senses = {"pictures": looks, "comparers": Comparers(appearances=looks, faces=looks)}
    async with household(tmp_path, eyes=looks, senses=senses, faces=True) as home:
        home.mind.answer = 40
        yield House(home, looks, IdentitySettings(faces=True))


async def test_who_comes_again_is_an_entity_with_its_visits(house):
    for camera in ("door", "gate", "door"):
        await house.visit(PERSON, camera=camera)
    page = await house.entities.page(EntityQuery())
    (found,) = page.items
    assert (found.kind, found.count, found.last_camera_id, found.trust) == ("person", 3, "door", "unknown")
    visits = await house.entities.appearances(AppearanceQuery(entity_id=found.id))
    assert [(one.camera_id, one.finding) for one in visits.items] == [
        ("door", "probable same subject"),
        ("gate", "probable same subject"),
        ("door", "first seen"),
    ]
    assert all(one.thumbnail == f"/api/v1/detections/{one.detection_id}/thumbnail.jpg" for one in visits.items)
    by_camera = [len((await house.entities.page(EntityQuery(camera_id=name))).items) for name in ("gate", "yard")]
    assert by_camera == [1, 0]
    assert (await house.entities.page(EntityQuery(kind="vehicle"))).items == ()
    assert (await house.entities.page(EntityQuery(since=found.last_seen_at + timedelta(seconds=1)))).items == ()
    assert await house.entities.appearances(AppearanceQuery(entity_id="nobody")) is None


async def test_an_assessment_that_is_repeated_counts_no_visit_twice(house):
    await house.visit(PERSON)
    await house.home.deliver(PERSON, camera="gate")
    await house.home.work()
    for _ in range(3):
        await house.home.deliver(PERSON, camera="gate")
        await house.home.pass_time(10, step=5)
    await house.home.pass_time(90, step=15)
    (found,) = (await house.entities.page(EntityQuery())).items
    assert found.count == 2


async def test_who_is_erased_is_not_known_any_more(house):
    await house.visit(PERSON)
    await house.visit(PERSON, camera="gate")
    (found,) = (await house.entities.page(EntityQuery())).items
    assert await house.entities.erase(found.id) == 1
    event = await house.visit(PERSON, camera="yard")
    assert event.identities == ()
    assert await house.entities.one(found.id) is None
    await house.entities.erase(None)
    left = await house.home.database.read(lambda conn: house.home.tables.traces.living(conn, house.home.clock.now()))
    assert left == []


async def test_vectors_of_another_model_are_never_compared(house):
    await house.visit(PERSON)
    house.looks.model = "m2"
    event = await house.visit(PERSON, camera="gate")
    assert event.identities == ()
    assert house.scene("identity")["subjects"][0]["finding"] == "no match"


async def test_what_cannot_be_compared_is_told_apart_from_no_match(house):
    house.looks.angles["person"] = Unavailable("its file is not here")
    event = await house.visit(PERSON, CAR)
    found = await house.entities.recognition(event.event_id)
    findings = {one["kind"]: one["finding"] for one in found.identity["subjects"]}
    assert findings == {"person": "unavailable", "vehicle": "no match"}
    house.looks.angles["vehicle"] = Unavailable("its file is not here")
    event = await house.visit(PERSON, CAR, camera="gate")
    found = await house.entities.recognition(event.event_id)
    assert found.unavailable["identity"] == "its file is not here"
    assert house.scene("identity") == Absent(reason="its file is not here")
    assert await house.entities.recognition("nothing") is None


async def test_two_people_in_one_picture_are_never_one_entity(house):
    await house.visit(PERSON)
    event = await house.visit(PERSON, PERSON, camera="gate")
    entities = [one.entity_id for one in event.identities]
    assert len(entities) == 2
    assert sum(one is not None for one in entities) == 1


async def test_unreadable_vectors_are_unavailable_with_the_reason(house, monkeypatch):
    await house.visit(PERSON)
    await house.visit(PERSON, camera="gate")

    def refuse(*_args, **_more):
        raise StorageBusy("the database is held by another process")

    monkeypatch.setattr(house.home.tables.traces, "living", refuse)
    with pytest.raises(Unavailable, match="the remembered looks cannot be read: the database is held"):
        await house.entities.page(EntityQuery())
    event = await house.visit(PERSON, camera="yard")
    assert event.identities == ()
    assert "cannot be read" in house.scene("identity").reason


async def enrolled(house, **draft) -> str:
    member = await house.desk.save_member(replace(EVERYBODY, **draft))
    assert member is not None
    await house.visit(PERSON)
    await house.desk.enrol(Enrolment(owner_id=member.id, detection_id=await house.detection("person")))
    return member.id


async def test_a_resident_is_known_until_erased(house):
    owner = await enrolled(house)
    event = await house.visit(PERSON, camera="gate")
    assert (event.ceiling, [one.name for one in event.identities if one.name]) == (29, ["Ann"])
    assert await house.desk.remove(owner)
    event = await house.visit(PERSON, camera="yard")
    assert event.ceiling == 100
    assert await house.desk.samples(owner) is None


async def test_a_resident_stays_known_while_the_visit_goes_on_but_not_with_somebody_else(house):
    await enrolled(house)
    await house.home.deliver(("person", 0.95), camera="gate")
    await house.home.work()
    house.home.clock.tick(5)
    await house.home.deliver(PERSON, camera="gate")
    await house.home.work(assess=False)
    (event,) = [one for one in await house.home.events() if one.camera_id == "gate"]
    assert event.ceiling == 29
    await house.home.deliver(PERSON, PERSON, camera="gate")
    await house.home.work(assess=False)
    (event,) = [one for one in await house.home.events() if one.camera_id == "gate"]
    assert event.ceiling == 100


async def test_not_ann(house):
    owner = await enrolled(house)
    house.looks.angles["person"] = 0.2
    await house.visit(PERSON, camera="gate")
    wish = Enrolment(owner_id=owner, detection_id=await house.detection("person"), negative=True)
    await house.desk.enrol(wish)
    event = await house.visit(PERSON, camera="yard")
    assert event.ceiling == 100
    assert "stranger" in {factor.id for factor in event.factors}
    samples = await house.desk.samples(owner)
    assert [one.negative for one in samples] == [False, True]
    assert await house.desk.erase_samples(owner, samples[1].id) == 1
    assert await house.desk.erase_samples(owner, samples[1].id) is None
    assert (await house.visit(PERSON, camera="back")).ceiling == 29


async def test_samples_of_another_model_ask_for_enrolling_again(house):
    await enrolled(house)
    house.looks.model = "m2"
    event = await house.visit(PERSON, camera="gate")
    assert house.scene("household")["persons"][0]["outcome"] == "unavailable_reenroll"
    assert event.ceiling == 100
    assert "stranger" not in {factor.id for factor in event.factors}


async def test_outside_the_schedule_nobody_is_let_off(house):
    never_now = Schedule(days=(0, 1, 2, 3, 4, 5, 6), begins="00:00", ends="00:01")
    await enrolled(house, schedule=never_now)
    event = await house.visit(PERSON, camera="gate")
    assert (event.ceiling, event.identities[0].finding) == (100, "outside_schedule")
    (member,) = (await house.desk.view()).members
    assert (member.schedule, member.appearances) == (never_now, 1)


async def test_enrolling_asks_for_the_right_detection(house):
    ann, car = (
        await house.desk.save_member(EVERYBODY),
        await house.desk.save_vehicle(replace(EVERYBODY, name="Car", plate="B-HS 1")),
    )
    await house.visit(PERSON, CAR)
    person, vehicle = await house.detection("person"), await house.detection("car")
    for owner, detection, error in (
        ("nobody", person, NotFound),
        (ann.id, 99_999, NotFound),
        (ann.id, vehicle, Unprocessable),
        (car.id, person, Unprocessable),
    ):
        with pytest.raises(error):
            await house.desk.enrol(Enrolment(owner_id=owner, detection_id=detection))
    assert (await house.desk.enrol(Enrolment(owner_id=car.id, detection_id=vehicle))).source == "appearance"
    assert await house.desk.save_member(replace(EVERYBODY, id=car.id)) is None


async def test_a_face_needs_the_opt_in_consent_and_exactly_one_face(house):
    ann = await house.desk.save_member(EVERYBODY)
    await house.visit(PERSON)
    wish = Enrolment(owner_id=ann.id, detection_id=await house.detection("person"), face=True, consent=True)
    off = house.with_settings(IdentitySettings(), Sight(pictures=house.looks, faces=house.looks))
    with pytest.raises(Forbidden, match="setting 'faces' is off"):
        await off.enrol(wish)
    with pytest.raises(Forbidden, match="consent"):
        await house.desk.enrol(replace(wish, consent=False))
    with pytest.raises(Unprocessable, match="exactly one face"):
        await house.desk.enrol(wish)
    house.looks.face_angles = [0.0]
    made = await house.desk.enrol(wish)
    assert (made.source, made.expires_at) == ("face", house.home.clock.now() + timedelta(days=30))
    assert (await house.desk.view()).members[0].faces == 1
    told = (await house.desk.view()).consent
    for word in (
        "numbers",
        "no copy of the picture",
        "database of this engine",
        "30 days",
        "backup",
        "erasing the sample",
    ):
        assert word in told
    assert await house.desk.erase_faces() == 1
    assert (await house.desk.view()).members[0].faces == 0


@pytest.mark.parametrize(
    ("faces", "outcome", "named"),
    [
        ([0.1, 0.2], "too_few", False),
        ([0.1, 0.2, 0.1], "match", True),
        ([0.1, 0.2, 0.1, 3.0, 3.0], "match", True),
        ([0.1, 0.2, 3.0, 3.0], "unknown", False),
        ([3.0, 3.0, 3.0], "unknown", False),
    ],
)
async def test_a_face_gives_a_name_only_when_enough_agree(house, faces, outcome, named):
    ann = await house.desk.save_member(EVERYBODY)
    await house.visit(PERSON)
    house.looks.face_angles = [0.0]
    await house.desk.enrol(
        Enrolment(owner_id=ann.id, detection_id=await house.detection("person"), face=True, consent=True)
    )
    house.looks.face_angles, house.looks.angles["person"] = faces, 1.5
    event = await house.visit(PERSON, camera="gate")
    assert house.scene("known_faces")[0]["outcome"] == outcome
    assert [one.by for one in event.identities if one.name == "Ann"] == (["face"] if named else [])
    assert (event.ceiling == 29) is named


async def test_a_strange_face_in_familiar_clothes_is_not_let_off(house):
    owner = await enrolled(house)
    house.looks.face_angles = [0.0]
    await house.desk.enrol(
        Enrolment(owner_id=owner, detection_id=await house.detection("person"), face=True, consent=True)
    )
    house.looks.face_angles = [3.0, 3.0, 3.0]
    event = await house.visit(PERSON, camera="gate")
    assert (event.ceiling, event.identities[0].finding) == (100, "probable")


async def test_guests_lower_the_score_until_they_leave(house):
    plain = await house.visit(PERSON)
    until = house.home.clock.now() + timedelta(minutes=30)
    fact = await house.desk.save_fact(FactDraft(id=None, kind="guest_mode", text="", expires_at=until))
    assert fact.points == -8
    assert (await house.desk.view()).guest_mode
    house.looks.angles["person"] = 1.0
    event = await house.visit(PERSON, camera="gate")
    factor = next(one for one in event.factors if one.id == "household_guest_mode")
    assert (factor.points, factor.text) == (-8, "guests are in the house")
    house.home.clock.tick(3600)
    house.looks.angles["person"] = 2.0
    event = await house.visit(PERSON, camera="yard")
    assert "household_guest_mode" not in {one.id for one in event.factors}
    assert event.rule_score == plain.rule_score
    assert await house.desk.remove_fact(fact.id)


async def test_everything_is_forgotten_when_its_time_has_come(house):
    await enrolled(house)
    await house.visit(PERSON, camera="gate")
    now, tables = house.home.clock.now(), house.home.tables
    read = PlateRead(camera_id="gate", plate="BHS1", at=now, expires_at=now + timedelta(days=7), confidence=0.9)

    kinds = expiries(tables, house.home.settings)
    mine = ("looks", "samples", "vectors of entities", "entities", "recognitions", "facts of the household", "plates")

    def fill(conn):
        tables.plates.add(conn, read)
        return later(conn, 0)

    def later(conn, days):
        return sum(kinds[name](conn, now + timedelta(days=days)) for name in mine)

    assert await house.home.database.write(fill) == 0
    (entity,) = (await house.entities.page(EntityQuery())).items
    await house.entities.change(entity.id, trust=EntityTrust.TRUSTED, name="Ann, probably")

    assert await house.home.database.write(lambda conn: later(conn, 2)) == 2
    assert (await house.desk.plates(PageQuery())).items[0].plate == "BHS1"
    assert await house.home.database.write(lambda conn: later(conn, 8)) == 1
    assert (await house.desk.plates(PageQuery())).items == ()
    assert await house.home.database.write(lambda conn: later(conn, 40)) == 4
    kept = await house.entities.one(entity.id)
    assert (kept.name, kept.trust) == ("Ann, probably", "trusted")


async def test_no_log_line_names_anybody(house, caplog):
    caplog.set_level(logging.DEBUG)
    await house.desk.save_vehicle(replace(EVERYBODY, name="Zebrowagon", plate="QX-ZZ 4711"))
    await enrolled(house, name="Quirinalia")
    event = await house.visit(PERSON, CAR, camera="gate")
    assert "Quirinalia" in str(event.identities)
    house.looks.angles["person"] = RuntimeError("a leg that breaks tells its story")
    await house.visit(PERSON, camera="yard")
    assert "tells its story" in caplog.text
    written = "\n".join(str(vars(record)) for record in caplog.records)
    assert not any(secret in written for secret in ("Quirinalia", "Zebrowagon", "4711"))
