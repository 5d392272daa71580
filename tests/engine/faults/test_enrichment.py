"""Models that fail in the middle of a visit: the event is judged, the other answers are there, each reason is clear."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
import time

import numpy as np
import pytest

from home_sentry_engine.contract import AnalysisState, EnrichmentStatus, Event, StepOutcome
from home_sentry_engine.domain.enrichment import QUESTIONS
from home_sentry_engine.domain.messages import Absent
from home_sentry_engine.vision.catalog import load_catalogue
from home_sentry_engine.vision.models import ModelRules
from home_sentry_engine.vision.session import Room
from tests.engine.scenarios.stage import Pixels, Stage, photograph, sized, staged
from tests.engine.unit.vision.graphs import fixed_graph, hungry_graph
from tests.fakes.models import Shelf

MORNING = datetime(2026, 6, 2, 10, 15, tzinfo=UTC)
YUNET, DEQUANT = "face_detection_yunet_2023mar.onnx", "movenet_singlepose_lightning_dequant.onnx"
USUAL = {"faces", "pose", "carrying", "plates", "texts", "vehicle_colour", "quality"}


@pytest.fixture
def courier(test_media) -> Pixels:
    """A man before a car."""
    return sized(photograph(test_media / "images/frigate_docs/attribute-example-face.jpg"), 720)


@pytest.fixture
def mirror(tmp_path, model_mirror) -> Path:
    """A mirror of our own, whose files a test may damage."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    for path in model_mirror.glob("*.onnx"):
        (folder / path.name).symlink_to(path)
    return folder


def damage(folder: Path, name: str, data: bytes) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).write_bytes(data)


async def judged(stage: Stage, pixels: Pixels) -> tuple[Event, dict[str, str]]:
    """One look at the pictures; gives the judged event and the reason of each question asked in vain."""
    stage.home.mind.answer = 20
    await stage.show(pixels)
    event = (await stage.end())[-1]
    assert event.analysis_state is AnalysisState.LLM
    assert event.ended_at is not None
    steps = await stage.steps(event)
    assert set(steps) == set(QUESTIONS)
    return event, {name: step.reason or "" for name, step in steps.items() if step.outcome is StepOutcome.UNAVAILABLE}


def failures_of(stage: Stage, model_id: str) -> int:
    """Tell how often a model was tried in vain: one that is off is not tried at all."""
    return next(one.failures for one in stage.zoo.models.describe() if one.model_id == model_id)


async def check_the_rest(stage: Stage, event: Event, failed: set[str]) -> None:
    """Everything else answered, the failure is on record, and the prompt says what is missing."""
    found = await stage.enrichment(event)
    assert {step.about for step in found.steps if step.outcome is StepOutcome.RAN} == USUAL - failed
    assert found.status is EnrichmentStatus.PARTIAL
    assert set(found.errors) == failed
    scene = stage.home.mind.asked[-1]
    for name in failed:
        assert scene.legs[name] == Absent(reason=found.errors[name])


async def test_a_file_of_another_content_is_refused_by_its_sum(tmp_path, mirror, courier):
    damage(mirror, YUNET, (mirror / YUNET).read_bytes() + b"!")
    async with staged(tmp_path / "house", mirror, at=MORNING) as stage:
        event, failed = await judged(stage, courier)
        assert set(failed) == {"faces"}
        assert f"{YUNET} has sha256" in failed["faces"]
        assert "the mirror's copy is not used" in failed["faces"]
        await check_the_rest(stage, event, {"faces"})


async def test_a_missing_file_is_told_and_starts_no_download_in_a_visit(tmp_path, mirror, courier):
    (mirror / YUNET).unlink()
    async with staged(tmp_path / "house", mirror, at=MORNING) as stage:
        event, failed = await judged(stage, courier)
        assert set(failed) == {"faces"}
        assert failed["faces"].startswith("the file of YuNet")
        assert failed["faces"].endswith("is not here")
        await check_the_rest(stage, event, {"faces"})


async def test_a_file_that_is_no_graph_gives_way_to_the_next_card(tmp_path, mirror, courier):
    rules = ModelRules(provider="cpu", switched_on=frozenset({"movenet-lightning"}))
    damage(mirror, "movenet_singlepose_lightning.onnx", b"not a graph at all" * 100)
    async with staged(tmp_path / "house", mirror, at=MORNING, rules=rules) as stage:
        event, failed = await judged(stage, courier)
        assert not failed
        assert (await stage.steps(event))["pose"].model_id == "movenet-lightning-dequant"
        assert failures_of(stage, "movenet-lightning") == 1


async def test_without_another_card_a_file_that_is_no_graph_is_told(tmp_path, mirror, courier):
    rules = ModelRules(provider="cpu", switched_on=frozenset({"movenet-lightning"}))
    damage(mirror, "movenet_singlepose_lightning.onnx", b"not a graph at all" * 100)
    (mirror / DEQUANT).unlink()
    async with staged(tmp_path / "house", mirror, at=MORNING, rules=rules) as stage:
        event, failed = await judged(stage, courier)
        assert set(failed) == {"pose"}
        assert failures_of(stage, "movenet-lightning") == 1
        assert "movenet_singlepose_lightning.onnx cannot be loaded" in failed["pose"]
        await check_the_rest(stage, event, {"pose"})


async def test_a_model_that_does_not_fit_into_the_memory_is_refused_with_figures(tmp_path, mirror, courier):
    rules = ModelRules(provider="cpu", room=Room(budget_bytes=100_000_000))
    async with staged(tmp_path / "house", mirror, at=MORNING, rules=rules) as stage:
        event, failed = await judged(stage, courier)
        assert failed
        assert all("needs" in reason and "MB, free" in reason for reason in failed.values())
        assert "texts" in failed
        assert (await stage.steps(event))["faces"].outcome is StepOutcome.RAN


async def test_a_model_whose_allocation_fails_leaves_the_rest_alone(tmp_path, mirror, courier, caplog):
    hungry_graph(mirror / "movenet_singlepose_lightning.onnx", [1, 192, 192, 3], ("output_0", [1, 1, 17, 3]))
    (mirror / DEQUANT).unlink()
    rules = ModelRules(provider="cpu", switched_on=frozenset({"movenet-lightning"}))
    async with staged(tmp_path / "house", mirror, at=MORNING, rules=rules) as stage:
        event, failed = await judged(stage, courier)
        assert set(failed) == {"pose"}
        assert "could not compute" in failed["pose"]
        assert "allocate memory" in failed["pose"]
        assert any("memory ran out" in record.getMessage() for record in caplog.records)
        await check_the_rest(stage, event, {"pose"})


async def test_a_graph_with_other_labels_than_its_card_is_refused(tmp_path, mirror, test_media):
    card = load_catalogue().get("pet-resnet18")
    image = card.image
    assert image is not None
    shape: dict[str, tuple[str, list[int | str]]] = {"pixel_values": ("float32", [1, 3, image.height, image.width])}
    fixed_graph(mirror / card.files[0].name, shape, {"logits": np.zeros((1, 3), np.float32)})
    dogs = photograph(test_media / "images/misc/3dogs.jpg")
    rules = ModelRules(provider="cpu", switched_on=frozenset({card.id}))
    async with staged(tmp_path / "house", mirror, at=MORNING, rules=rules) as stage:
        event, failed = await judged(stage, dogs)
        assert set(failed) == {"pets"}
        assert "has 2 labels and its graph 3 classes" in failed["pets"]
        assert event.object_types == ("dog",)


async def test_an_answer_past_its_deadline_keeps_nobody_waiting(tmp_path, mirror, courier):
    async def sleeps(_work):
        await asyncio.sleep(3600)

    class Both:
        """The real models, but faces take for ever."""

        def __init__(self, real) -> None:
            self.real, self.slow = real, Shelf(yunet=sleeps)

        async def use(self, model_id, kind, work, **more):
            chosen = self.slow if model_id == "yunet" else self.real
            return await chosen.use(model_id, kind, work, **more)

    # the others need their time too, more of it on a busy machine
    began = time.monotonic()
    async with staged(tmp_path / "before", mirror, at=MORNING) as stage:
        _, failed = await judged(stage, courier)
        assert not failed
    limit_s = max(4, round(3 * (time.monotonic() - began)))
    async with staged(tmp_path / "house", mirror, at=MORNING, wrap=Both, enrichment_timeout_seconds=limit_s) as stage:
        event, failed = await judged(stage, courier)
        assert failed == {"faces": f"no answer within {limit_s} s"}
        await check_the_rest(stage, event, {"faces"})


async def test_a_picture_that_is_gone_is_told_and_the_visit_is_judged(tmp_path, mirror, courier):
    async with staged(tmp_path / "house", mirror, at=MORNING) as stage:
        stage.home.mind.answer = 20
        media_id = await stage.show(courier)
        stage.forget(media_id)
        event = (await stage.end())[-1]
        assert event.analysis_state is AnalysisState.LLM
        found = await stage.enrichment(event)
        assert found.unreadable == {media_id: "the file is gone"}
        steps = await stage.steps(event)
        assert {about for about, step in steps.items() if step.outcome is StepOutcome.RAN} == {"quality"}
        assert steps["faces"].reason == steps["plates"].reason == "its picture could not be read: the file is gone"
        assert steps["pets"].reason == "no animal was seen"
