"""Real people before two cameras, through the whole pipeline: who was probably seen before, and who lives here."""

from collections.abc import Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from home_sentry_engine.app.appearances import AppearanceRules, ModelAppearances
from home_sentry_engine.app.recognising import Comparers
from home_sentry_engine.contract import Event, RiskLevel
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.household import EntityTrust, Member, Role, Sample, Trust
from home_sentry_engine.domain.messages import Absent, Media
from home_sentry_engine.settings import DetectSettings, ModelSettings
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.zoo import Zoo
from tests.fakes.household import Eyes, Household, household

OSNET = "osnet-x0-25"
# frame of the clip and the corner of a square of 160 pixels that holds one person
ANN_AT_GATE, ANN_AT_DOOR, STRANGER = (0, 335, 80), (6, 335, 80), (0, 80, 60)
SIDE = 160


class Cameras(Eyes):
    """Shows pictures that a test puts before it, as the decoder and the full-size source."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels: dict[str, np.ndarray] = {}

    async def load(self, media: Media) -> Sequence[Any]:
        return (RgbFrame.of(self.pixels[media.media_id]),)

    async def whole(self, media: Media, offset_s: float | None) -> np.ndarray:
        return self.pixels[media.media_id]


@pytest.fixture(scope="module")
def people(test_media) -> dict[int, np.ndarray]:
    wanted = {ANN_AT_GATE[0], ANN_AT_DOOR[0]}
    found = {}
    with av.open(str(test_media / "video" / "vtest.avi")) as clip:
        for number, frame in enumerate(clip.decode(video=0)):
            if number in wanted:
                found[number] = frame.to_ndarray(format="rgb24")
            if number >= max(wanted):
                return found
    return found


@asynccontextmanager
async def watched(data: Path, mirror: Path, *, models: Path | None = None, **overrides: Any):
    """A household with the real detector and the real model for persons; ``models`` is where it looks instead."""
    cameras = Cameras()
    async with AsyncExitStack() as stack:
        detect = DetectSettings(detector="deimv2-femto", confidence=0.5)
        source = ModelSettings(folder=data / "models", mirror=str(mirror), offline=True)
        zoo = await stack.enter_async_context(Zoo(detect, source, SystemClock()))
        await zoo.prepare()
        other = ModelSettings(folder=data / "others", mirror=str(models or mirror), offline=True)
        comparing = zoo if models is None else await stack.enter_async_context(Zoo(detect, other, SystemClock()))
        appearances = ModelAppearances(comparing.models, SystemClock(), AppearanceRules(tries=1))
        senses = {"pictures": cameras, "detector": zoo.detector, "comparers": Comparers(appearances=appearances)}
        home = await stack.enter_async_context(household(data, eyes=cameras, senses=senses, **overrides))
        yield home, cameras, appearances


async def show(home: Household, cameras: Cameras, people, place, *, camera: str) -> str:
    number, left, top = place
    media_id = await home.deliver(camera=camera)
    assert media_id is not None
    window = people[number][top : top + SIDE, left : left + SIDE]
    cameras.pixels[media_id] = cv2.resize(window, (640, 480), interpolation=cv2.INTER_CUBIC)
    return media_id


async def visit(home: Household, cameras: Cameras, people, place, *, camera: str) -> Event:
    """One picture of a person, until its visit has ended."""
    await show(home, cameras, people, place, camera=camera)
    await home.pass_time(90, step=15)
    return (await home.events())[-1]


@pytest.fixture
async def home(tmp_path, model_mirror):
    async with watched(tmp_path, model_mirror) as made:
        made[0].mind.answer = 40
        yield made


async def test_one_person_at_two_cameras_is_probably_the_same_and_another_is_not(home, people):
    house, cameras, _ = home
    first = await visit(house, cameras, people, ANN_AT_GATE, camera="gate")
    assert (first.object_types, first.identities) == (("person",), ())
    again = await visit(house, cameras, people, ANN_AT_DOOR, camera="door")
    (found,) = again.identities
    assert (found.finding, found.camera_id, found.name) == ("probable same subject", "gate", None)
    assert found.similarity is not None
    assert 0.7 <= found.similarity < 1
    other = await visit(house, cameras, people, STRANGER, camera="door")
    assert other.identities == ()
    legs = [scene.legs["identity"] for scene in house.mind.asked]
    assert [leg["subjects"][0]["finding"] for leg in legs] == ["no match", "probable same subject", "no match"]
    text = legs[1]["subjects"][0]["seen"][0]["text"]
    assert text.startswith("probable same subject at Gate 2 min earlier (0.")
    entity = await house.database.read(lambda conn: house.tables.entities.get(conn, found.entity_id))
    assert (entity.count, entity.last_camera_id, entity.trust) == (2, "door", EntityTrust.UNKNOWN)


async def test_what_was_seen_before_a_restart_is_known_after_it(tmp_path, model_mirror, people):
    async with watched(tmp_path, model_mirror) as (house, cameras, _):
        await visit(house, cameras, people, ANN_AT_GATE, camera="gate")
        clock = house.clock
    async with watched(tmp_path, model_mirror, clock=clock) as (house, cameras, _):
        again = await visit(house, cameras, people, ANN_AT_DOOR, camera="door")
        assert [one.finding for one in again.identities] == ["probable same subject"]


async def test_after_its_time_nobody_is_remembered(home, people):
    house, cameras, _ = home
    await visit(house, cameras, people, ANN_AT_GATE, camera="gate")
    house.clock.tick(25 * 3600)
    again = await visit(house, cameras, people, ANN_AT_DOOR, camera="door")
    assert again.identities == ()


async def test_without_the_model_it_is_unavailable_and_no_missing_match(tmp_path, model_mirror, people):
    (tmp_path / "empty").mkdir()
    async with watched(tmp_path, model_mirror, models=tmp_path / "empty") as (house, cameras, _):
        house.mind.answer = 40
        event = await visit(house, cameras, people, ANN_AT_GATE, camera="gate")
        (scene,) = house.mind.asked
        leg = scene.legs["identity"]
        assert isinstance(leg, Absent)
        assert "OSNet" in leg.reason
        assert "not here" in leg.reason
        assert "no match" not in leg.reason
        assert event.identities == ()


async def enrol(house: Household, appearances: ModelAppearances, cameras: Cameras, media_id: str, **member: Any):
    rows = await house.database.read(lambda conn: house.tables.detections.of_media(conn, media_id))
    (person,) = [row for row in rows if row.label == "person"]
    box = Box(x=person.box.x, y=person.box.y, width=person.box.width, height=person.box.height)
    look = await appearances.embed("person", [(cameras.pixels[media_id], box)])
    ann = Member(id="ann", name="Ann Example", **member)

    def work(conn):
        house.tables.household.save(conn, ann)
        sample = Sample(owner_id="ann", model_id=look.model_id, vector=look.vector)
        house.tables.household.enrol(conn, sample, at=house.clock.now(), detection_id=person.id)

    await house.database.write(work)


async def test_an_enrolled_resident_stays_low_and_is_named(home, people):
    house, cameras, appearances = home
    house.mind.answer = 75
    media_id = await show(house, cameras, people, ANN_AT_GATE, camera="gate")
    await house.pass_time(90, step=15)
    assert (await house.events())[-1].risk_score > 29
    await enrol(house, appearances, cameras, media_id)
    event = await visit(house, cameras, people, ANN_AT_DOOR, camera="door")
    assert (event.ceiling, event.risk_score, event.risk_level) == (29, 29, RiskLevel.LOW)
    assert event.ceiling_reason == "everybody seen is a known resident"
    assert any("Ann Example" in factor.text for factor in event.factors)
    assert [(one.finding, one.name, one.by) for one in event.identities if one.name] == [
        ("match", "Ann Example", "appearance")
    ]
    stranger = await visit(house, cameras, people, STRANGER, camera="door")
    assert stranger.ceiling == 100
    assert "stranger" in {factor.id for factor in stranger.factors}


async def test_a_visitor_of_partial_trust_lowers_nothing_to_the_floor(home, people):
    house, cameras, appearances = home
    house.mind.answer = 75
    media_id = await show(house, cameras, people, ANN_AT_GATE, camera="gate")
    await house.pass_time(90, step=15)
    await enrol(house, appearances, cameras, media_id, role=Role.SERVICE_WORKER, trust=Trust.PARTIAL)
    event = await visit(house, cameras, people, ANN_AT_DOOR, camera="door")
    assert (event.ceiling, event.risk_score) == (100, 75)


@pytest.mark.parametrize(
    ("trust", "level", "factor"),
    [
        (EntityTrust.TRUSTED, RiskLevel.LOW, "trusted_entity"),
        (EntityTrust.UNTRUSTED, RiskLevel.MEDIUM, "untrusted_entity"),
    ],
)
async def test_trust_in_somebody_who_comes_again(home, people, trust, level, factor):
    house, cameras, _ = home
    house.mind.answer = 20 if trust is EntityTrust.UNTRUSTED else 75
    await visit(house, cameras, people, ANN_AT_GATE, camera="gate")
    again = await visit(house, cameras, people, ANN_AT_DOOR, camera="door")
    (found,) = again.identities
    later = house.clock.now()
    await house.database.write(
        lambda conn: house.tables.entities.change(conn, found.entity_id, trust=trust, name=None, expires_at=later)
    )
    event = await visit(house, cameras, people, ANN_AT_GATE, camera="gate")
    assert factor in {one.id for one in event.factors}
    assert event.risk_level is level
    assert [one.trust for one in event.identities] == [trust.value]
