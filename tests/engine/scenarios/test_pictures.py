"""Real pictures through the whole pipeline: what a household would be told, and what nobody could look at."""

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest

from home_sentry_engine.api.details import detailed
from home_sentry_engine.contract import AnalysisReason, Event, RegionKind, RiskLevel, StepOutcome, Zone, ZoneType
from home_sentry_engine.domain.messages import Absent, ModelFailure, ModelVerdict, RuleVerdict, Scene
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.sections import lines_of
from home_sentry_engine.settings import LanguageSettings
from tests.engine.scenarios.stage import Pixels, Stage, noisy, photograph, sized, staged, striped
from tests.fakes.clock import FakeClock
from tests.fakes.language import FakeBackend

MORNING, NIGHT = datetime(2026, 6, 2, 10, 15, tzinfo=UTC), datetime(2026, 6, 2, 2, 40, tzinfo=UTC)
STEPS = Zone(
    id="steps", name="Steps", type=ZoneType.ENTRY_POINT, points=((0.1, 0.1), (0.9, 0.1), (0.9, 1.0), (0.1, 1.0))
)
PEOPLE_MODELS, VEHICLE_MODELS = {"yunet", "movenet-lightning-dequant"}, {"lpd-yunet", "pp-ocr/find", "pp-ocr/read"}


@pytest.fixture
def pictures(test_media):
    return lambda name: photograph(test_media / "images" / name)


def courier(pictures) -> Pixels:
    """A man with a box on his shoulder comes up the steps."""
    return sized(pictures("frigate_docs/attribute-example-face.jpg"), 720)


def prompt_of(scene: Scene) -> str:
    return "\n".join(line.text for line in lines_of(scene, Judge().rule(scene)))


async def visit(stage: Stage, pixels: Pixels, *, looks: int = 3) -> Event:
    """Some looks at the same thing, two seconds apart, until the visit is over."""
    for seed in range(looks):
        await stage.show(noisy(pixels, seed))
        stage.home.clock.tick(2)
    return (await stage.end())[-1]


async def test_a_night_false_positive_disturbs_nobody(tmp_path, model_mirror, pictures):
    tub = pictures("frigate_docs/false-positive.jpg")
    async with staged(tmp_path / "house", model_mirror, at=NIGHT) as stage:
        for seed in range(6):
            await stage.show(noisy(tub, seed))
            stage.home.clock.tick(5)
        assert await stage.end() == []
        account = await stage.home.database.read(stage.home.tables.media.accounting)
        assert (account.stored, account.queued, account.quarantined) == (6, 0, 0)
        assert set(stage.zoo.pool.loads) == {"deimv2-femto"}


async def test_a_person_at_the_steps_at_night_is_told(tmp_path, model_mirror, pictures):
    dark = np.clip(courier(pictures).astype(np.float32) * 0.35, 0, 255).astype(np.uint8)
    async with staged(tmp_path / "house", model_mirror, at=NIGHT) as stage:
        await stage.show(dark)
        await stage.home.database.write(lambda conn: stage.home.tables.zones.replace(conn, "door", (STEPS,)))
        event = await visit(stage, dark)
        assert event.risk_level is RiskLevel.MEDIUM
        assert event.floor_reason == "an unidentified person on private ground at night"
        assert (await stage.steps(event))["pose"].outcome is StepOutcome.RAN


@pytest.mark.parametrize("made", [False, True])
async def test_a_striped_frame_frightens_nobody(tmp_path, model_mirror, pictures, made):
    broken = striped(courier(pictures)) if made else pictures("frigate_docs/mismatched-resolution.jpg")[60:, 10:]
    async with staged(tmp_path / "house", model_mirror, at=NIGHT) as stage:
        for seed in range(3):
            await stage.show(noisy(sized(broken, 800), seed))
            stage.home.clock.tick(2)
        events = await stage.end()
        assert all(event.risk_level is RiskLevel.LOW for event in events)
        if made:
            assert events == []
            qualities = await stage.qualities()
            assert len(qualities) == 3
            assert all("striped" in one["defects"] and one["covered"] for one in qualities)


async def test_a_delivery_at_the_steps_is_low_and_says_what_nobody_could_see(tmp_path, model_mirror, pictures):
    async with staged(tmp_path / "house", model_mirror, at=MORNING) as stage:
        stage.home.mind.answer = 20
        await stage.show(courier(pictures))
        await stage.home.database.write(lambda conn: stage.home.tables.zones.replace(conn, "door", (STEPS,)))
        event = await visit(stage, courier(pictures))
        assert event.risk_level is RiskLevel.LOW
        assert {"person", "car"} <= set(event.object_types)
        steps = await stage.steps(event)
        ran = {about for about, step in steps.items() if step.outcome is StepOutcome.RAN}
        assert ran == {"faces", "pose", "carrying", "plates", "texts", "vehicle_colour", "quality"}
        assert all(step.reason for step in steps.values() if step.outcome is not StepOutcome.RAN)
        assert steps["pose"].model_id == "movenet-lightning-dequant"
        scene = stage.home.mind.asked[-1]
        (pose,) = scene.legs["pose"]  # type: ignore[misc]
        assert pose["posture"] in {"walking", "standing"}
        assert scene.legs["faces"] == {"people_looked_at": 1, "faces_visible": 1}
        for name in ("clothing", "threats", "violence", "covered_face", "action", "behaviour"):
            assert isinstance(scene.legs[name], Absent), name
        text = prompt_of(scene)
        assert '"faces_visible": 1' in text
        assert "clothing" in text.split("not performed:")[1]
        assert "dangerous objects (OWLv2 base" in text.split("not performed:")[1]
        assert not {"weapon", "covered_face", "violence"} & {factor.id for factor in event.factors}
        details = detailed(await stage.detections(event), await stage.enrichment(event))
        person, face = next(
            (one, region) for one in details for region in one.regions if region.kind is RegionKind.FACE
        )
        assert person.box.x <= face.box.x
        assert face.box.x + face.box.width <= person.box.x + person.box.width + 0.1 * person.box.width
        assert face.box.y < person.box.y + person.box.height / 2


async def test_who_walks_through_a_clip_is_one_person_seen_in_several_of_its_frames(tmp_path, model_mirror, pictures):
    wide = courier(pictures)
    frames = []
    for number in range(56):
        moved = np.roll(noisy(wide, number % 7), number, axis=1)
        frames.append(sized(moved[:, 60:-60], 480)[:720])
    async with staged(tmp_path / "house", model_mirror, at=MORNING) as stage:
        stage.home.mind.answer = 20
        media_id = await stage.film(frames, rate=4)
        event = (await stage.end())[-1]
        assert "person" in event.object_types
        steps = await stage.steps(event)
        assert (steps["pose"].outcome, steps["pose"].reason) == (StepOutcome.RAN, None)
        assert steps["pose"].looks >= 3
        assert "off until somebody switches it on" in (steps["action"].reason or "")
        assert not (await stage.enrichment(event)).unreadable
        poses = [one for one in (await stage.enrichment(event)).findings if one.about == "pose"]
        assert len({one.subject for one in poses}) == 1
        assert {one.media_id for one in await stage.detections(event)} == {media_id}


async def test_a_parked_car_is_told_once_and_who_comes_to_it_is_told(tmp_path, model_mirror, pictures):
    drive = pictures("frigate_docs/driveway_zones.png")
    man = courier(pictures)
    figure = sized(man[100:, 180:620], 150)
    async with staged(tmp_path / "house", model_mirror, at=MORNING) as stage:
        for seed in range(9):
            await stage.show(noisy(drive, seed))
            await stage.home.pass_time(180, step=60)
        events = await stage.home.events()
        assert {event.object_types for event in events} == {("car",)}
        assert {event.risk_level for event in events} == {RiskLevel.LOW}
        assert len(events) <= 6
        told_until = max(event.started_at for event in events)
        assert told_until <= events[0].started_at + timedelta(minutes=12)
        someone = drive.copy()
        someone[300 : 300 + figure.shape[0], 560:710] = figure[: 650 - 300]
        event = await visit(stage, someone)
        assert event.started_at > told_until
        assert "person" in event.object_types
        assert (await stage.steps(event))["pose"].outcome is StepOutcome.RAN


class Asked:
    """The assessor of a real engine over a model that a test answers for; remembers the scenes that reached it."""

    def __init__(self, backend: FakeBackend) -> None:
        self.scenes: list[Scene] = []
        self._made = LanguageAssessor(backend, settings=LanguageSettings(min_rule_score=0), clock=FakeClock())

    async def assess(self, scene: Scene, rule: RuleVerdict) -> ModelVerdict | ModelFailure:
        self.scenes.append(scene)
        return await self._made.assess(scene, rule)


async def test_two_dogs_stay_low_ask_nobody_and_load_nothing(tmp_path, model_mirror, pictures):
    dogs = sized(pictures("misc/3dogs.jpg")[80:330, 290:600], 900)
    backend = FakeBackend()
    mind = Asked(backend)
    async with staged(tmp_path / "house", model_mirror, at=MORNING, mind=mind) as stage:
        event = await visit(stage, dogs)
        assert event.object_types == ("dog",)
        assert (event.ceiling, event.ceiling_reason) == (29, "only pets were seen")
        assert event.risk_level is RiskLevel.LOW
        pets = [one for one in (await stage.enrichment(event)).findings if one.about == "pets"]
        assert [one.value["species"] for one in pets] == ["dog", "dog"]
        assert set(stage.zoo.pool.loads) == {"deimv2-femto"}
        assert (backend.questions, event.analysis_reason) == ([], AnalysisReason.GATED)
        assert mind.scenes
        assert all(isinstance(scene.legs["faces"], Absent) for scene in mind.scenes)


async def test_a_plate_at_the_drive_is_read_and_other_text_is_scene_text(tmp_path, model_mirror, pictures):
    async with staged(tmp_path / "house", model_mirror, at=MORNING) as stage:
        stage.home.mind.answer = 10
        event = await visit(stage, sized(pictures("plates/lpd_sample_1.jpg"), 1200))
        assert (event.object_types, event.risk_level) == (("car",), RiskLevel.LOW)
        assert set(stage.zoo.pool.loads) == {"deimv2-femto", *VEHICLE_MODELS}
        scene = stage.home.mind.asked[-1]
        (plate,) = scene.legs["plates"]  # type: ignore[misc]
        assert plate["text"] == "E99999"
        text = prompt_of(scene)
        assert 'plates read: [{"subject": 1, "text": "E99999"' in text
        details = detailed(await stage.detections(event), await stage.enrichment(event))
        regions = [region for one in details for region in one.regions]
        found = next(region for region in regions if region.kind is RegionKind.PLATE)
        assert found.text == "E99999"
        assert abs(found.box.x + found.box.width / 2 - 1200 * 0.51) < 60
        assert all(region.text != "E99999" for region in regions if region.kind is RegionKind.TEXT)
        assert all("scene_text" in one for one in scene.legs["texts"])  # type: ignore[union-attr]


async def test_models_are_loaded_for_what_is_seen_and_no_other(tmp_path, model_mirror, pictures):
    async with staged(tmp_path / "house", model_mirror, at=MORNING) as stage:
        person = pictures("misc/darknet_person.jpg")[60:, 180:300]
        framed = cv2.copyMakeBorder(person, 20, 20, 200, 200, cv2.BORDER_REPLICATE)
        event = await visit(stage, np.asarray(framed), looks=1)
        assert event.object_types == ("person",)
        assert set(stage.zoo.pool.loads) == {"deimv2-femto", *PEOPLE_MODELS}
        assert set(stage.zoo.pool.loads.values()) == {1}
