"""Vehicles by their plates, and what the leg ``household`` says when nobody could compare."""

from datetime import UTC, timedelta

import pytest

from home_sentry_engine.app.home import HomeRows
from home_sentry_engine.contract import HomeFact, HomeFactKind, HomeReport
from home_sentry_engine.domain.household import Member, Role, Schedule, Trust, Vehicle
from home_sentry_engine.domain.messages import Absent
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.judgement.legs import known_of
from home_sentry_engine.pipeline.homecoming import Homecoming
from home_sentry_engine.storage.errors import StorageBusy
from home_sentry_engine.storage.query import PageQuery
from tests.fakes.household import household
from tests.fakes.scenes import scene_of

OURS = Vehicle(id="car", name="Our car", plate="B-HS 1234", role=Role.RESIDENT, trust=Trust.FULL)
CAR = ["car", 0.9, [600, 400, 500, 300]]


@pytest.fixture
async def home(tmp_path):
    async with household(tmp_path) as made:
        await made.deliver(camera="camera")
        await made.work()
        yield made


def drive(home, *plates, **legs):
    read = [{"text": text, "confidence": sure, "subject": subject} for text, sure, subject in plates]
    scene = scene_of({"frames": [{"t": 0, "objects": [CAR]}], "legs": {"plates": read, **legs}})
    return Homecoming(home.store, home.clock)(scene)


async def own(home, *vehicles: Vehicle) -> None:
    def work(conn):
        for vehicle in vehicles:
            home.tables.household.save(conn, vehicle)

    await home.database.write(work)


@pytest.mark.parametrize(
    ("plate", "outcome", "similarity"),
    [("bhs1234", "match", 1.0), ("BHS1284", "probable", 0.857), ("M XY 99", "no_match", None)],
)
async def test_a_vehicle_is_known_by_its_plate(home, plate, outcome, similarity):
    await own(home, OURS)
    scene = await drive(home, (plate, 0.9, 1))
    (found,) = scene.legs["household"]["vehicles"]
    assert (found["outcome"], found.get("similarity")) == (outcome, similarity)
    assert scene.legs["identity"] == Absent(reason="no model compares appearances")
    (read,) = (await home.database.read(lambda conn: home.tables.plates.page(conn, PageQuery()))).items
    assert (read.plate, read.owner_id) == (plate, None if outcome == "no_match" else "car")
    assert read.expires_at == home.clock.now() + timedelta(days=7)


async def test_the_score_follows_the_plate(home):
    await own(home, OURS)
    judge = Judge()
    ours, strange = [judge.rule(await drive(home, (plate, 0.9, 1))) for plate in ("BHS 1234", "M XY 99")]
    ids = [{factor.id for factor in verdict.factors} for verdict in (ours, strange)]
    assert ("known_vehicle" in ids[0], "unknown_vehicle" in ids[1]) == (True, True)
    assert ours.score < strange.score


async def test_outside_the_schedule_a_plate_lowers_nothing(home):
    never = Schedule(days=frozenset({6}))
    await own(home, Vehicle(id="van", name="Van", plate="BHS1234", schedule=never))
    scene = await drive(home, ("BHS1234", 0.9, 1))
    (match,) = known_of(scene).vehicles or ()
    assert match.outcome == "outside_schedule"
    assert "known_vehicle" not in {factor.id for factor in Judge().rule(scene).factors}


async def test_each_vehicle_has_its_own_plate(home):
    await own(home, OURS)
    scene = await drive(home, ("M XY 99", 0.9, 2), ("BHS1234", 0.8, 1))
    outcomes = {one["outcome"] for one in scene.legs["household"]["vehicles"]}
    assert outcomes == {"match", "no_match"}


async def test_one_plate_is_kept_once_for_each_visit(home):
    for _ in range(3):
        await drive(home, ("BHS1234", 0.9, 1))
    page = await home.database.read(lambda conn: home.tables.plates.page(conn, PageQuery(camera_id="camera")))
    assert len(page.items) == 1


async def test_what_is_no_plate_is_left_out(home):
    await own(home, OURS)
    scene = await drive(home, plates=[{"plates_not_readable": 2}, "BHS1234", {"text": 5}, {"text": " "}])
    assert scene.legs["household"] == Absent(reason="no model compares appearances")


async def test_nobody_enrolled_and_nothing_compared_are_told_apart(home):
    assert (await drive(home)).legs["household"] == Absent(reason="nobody is enrolled")
    await own(home, OURS)
    blind = await drive(home, identity={"absent": "the file of OSNet is not here"})
    assert blind.legs["household"] == Absent(reason="the file of OSNet is not here")
    assert known_of(blind).vehicles is None


async def test_a_held_database_is_an_absence_and_keeps_what_was_known(home, monkeypatch):
    def refuse(*_args, **_more):
        raise StorageBusy("the database is held by another process")

    monkeypatch.setattr(home.tables.household, "members", refuse)
    assert (await drive(home)).legs["household"] == Absent(reason="the household cannot be read")
    known = {"persons": [{"name": "Ann", "outcome": "match"}]}
    assert (await drive(home, household=known)).legs["household"] == known


ANN = Member(id="ann", name="Ann", role=Role.RESIDENT, trust=Trust.FULL, ha_person="person.ann")
FACE = [{"subject": 1, "outcome": "match", "faces": 3, "agreement": 1.0, "member": "ann", "similarity": 0.9}]
PERSON = ["person", 0.9, [860, 430, 140, 360]]


async def report(home, state, *, minutes):
    scene = scene_of({"frames": [{"t": 0, "objects": [PERSON]}]})
    changed = scene.batch.last_at - timedelta(minutes=minutes)
    fact = HomeFact(
        kind=HomeFactKind.PERSON, entity_id="person.ann", name="Ann", state=state, changed_at=changed.astimezone(UTC)
    )
    told = HomeReport(facts=(fact,), received_at=home.clock.steady())
    await home.database.write(lambda conn: HomeRows().keep(conn, told))


async def arrives(home, at="2026-06-10T14:05:00"):
    scene = scene_of({"at": at, "frames": [{"t": 0, "objects": [PERSON]}], "legs": {"known_faces": FACE}})
    return Judge().rule(await Homecoming(home.store, home.clock)(scene))


async def test_a_match_with_somebody_who_is_away_lowers_nothing_and_accuses_nobody(home):
    await home.database.write(lambda conn: home.tables.household.save(conn, ANN))
    await report(home, "home", minutes=300)
    there = await arrives(home)
    assert ("resident" in ids_of(there), there.allowed.ceiling) == (True, 29)
    await report(home, "not_home", minutes=30)
    away = await arrives(home)
    assert {"linked_person_away"} <= ids_of(away)
    assert not {"resident", "stranger", "visitor"} & ids_of(away)
    (factor,) = [one for one in away.factors if one.id == "linked_person_away"]
    assert (factor.points, factor.evidence) == (0, ("household:Ann", "state:linked_person"))
    assert away.allowed.ceiling == 100
    bare = Judge().rule(scene_of({"frames": [{"t": 0, "objects": [PERSON]}]}))
    assert away.score == bare.score > there.score
    await report(home, "not_home", minutes=5)
    assert (await arrives(home)).score == there.score
    await report(home, None, minutes=300)
    assert (await arrives(home)).score == there.score


def ids_of(verdict) -> set[str]:
    return {factor.id for factor in verdict.factors}
