import asyncio
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
import threading

import numpy as np
import pytest

from home_sentry_engine.contract import ComponentState
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.errors import Permanent, StageError, Transient, Unavailable
from home_sentry_engine.settings import DetectSettings, ModelSettings
from home_sentry_engine.vision import zoo as zoo_module
from home_sentry_engine.vision.catalog import Catalogue, load_catalogue
from home_sentry_engine.vision.detector import DetectorStatus
from home_sentry_engine.vision.eyes import draw_canary, warm_up
from home_sentry_engine.vision.session import InferenceTimeout
from home_sentry_engine.vision.tasks.boxes import BoxRules
from home_sentry_engine.vision.tasks.pictures import Frame, RgbFrame
from home_sentry_engine.vision.zoo import Zoo
from tests.engine.unit.vision.graphs import constant_graph, contract_a, logits_for
from tests.fakes.clock import FakeClock

DOG = [(16, 0.9, (0.1, 0.2, 0.5, 0.6))]
FRAME = RgbFrame.of(draw_canary())


def catalogue() -> Catalogue:
    """The real cards, without the hashes of the real files and without any source."""
    return Catalogue(
        replace(
            card,
            source=replace(card.source, host="none"),
            files=tuple(replace(file, sha256=None, size_bytes=None) for file in card.files),
        )
        for card in load_catalogue()
    )


def file_of(model_id: str) -> str:
    return load_catalogue().get(model_id).files[0].name


@asynccontextmanager
async def zoo_of(folder: Path, *, heard: list[DetectorStatus] | None = None, clock=None, **detect):
    zoo = Zoo(
        DetectSettings(**detect),
        ModelSettings(folder=folder / "own", mirror=str(folder), offline=True),
        clock or FakeClock(),
        catalogue=catalogue(),
        on_status=heard.append if heard is not None else None,
    )
    async with zoo:
        yield zoo


async def test_auto_on_a_processor_takes_the_small_model_and_says_why(tmp_path):
    contract_a(tmp_path / file_of("deimv2-femto"), DOG)
    heard: list[DetectorStatus] = []
    async with zoo_of(tmp_path, heard=heard) as zoo:
        status = await zoo.prepare()
        (found,) = await zoo.detector.detect([FRAME])
    assert [one.label for one in found.detections] == ["dog"]
    assert (status.model_id, status.state, status.provider) == ("deimv2-femto", ComponentState.HEALTHY, "cpu")
    assert status.provider_reason == "no accelerator is here"
    assert [one.state for one in heard] == [ComponentState.STARTING, ComponentState.STARTING, ComponentState.HEALTHY]


async def test_a_class_that_no_label_is_like_is_told_with_the_nearest(tmp_path, caplog):
    contract_a(tmp_path / file_of("deimv2-femto"), DOG)
    rules: dict[str, dict[str, dict[str, float]]] = {"yard": {"*": {}, "zzz": {}}}
    async with zoo_of(tmp_path, classes=frozenset({"persn", "bicycle"}), box_rules=rules) as zoo:
        status = await zoo.prepare()
        assert status.state is ComponentState.DEGRADED
        assert "'persn' (nearest: 'person')" in (status.reason or "")
        assert "'zzz'" in (status.reason or "")
        assert "detection_classes" in (status.fix or "")
        await zoo.prepare()
    assert sum("persn" in record.getMessage() for record in caplog.records) == 1


async def test_until_something_can_look_work_waits(tmp_path):
    async with zoo_of(tmp_path) as zoo:
        assert zoo.detector.describe().state is ComponentState.STARTING
        with pytest.raises(Unavailable, match="cannot look: starting") as caught:
            await zoo.detector.detect([FRAME])
    assert caught.value.retry_after_s == 5.0


async def test_without_any_file_the_basic_detector_looks_and_says_so(tmp_path):
    async with zoo_of(tmp_path) as zoo:
        status = await zoo.prepare()
        (found,) = await zoo.detector.detect([FRAME])
    assert status.basic
    assert status.state is ComponentState.DEGRADED
    assert "basic detector inside OpenCV" in (status.reason or "")
    assert "DEIMv2 femto" in (status.reason or "")
    assert status.fix
    assert found.model_id == "opencv-basic"


async def test_the_second_best_is_used_and_the_best_takes_over_when_it_comes(tmp_path):
    contract_a(tmp_path / file_of("deimv2-atto"), DOG)
    async with zoo_of(tmp_path) as zoo:
        status = await zoo.prepare()
        assert (status.model_id, status.state) == ("deimv2-atto", ComponentState.DEGRADED)
        assert "not the first choice: DEIMv2 femto" in (status.reason or "")
        contract_a(tmp_path / file_of("deimv2-femto"), DOG)
        status = await zoo.prepare()
        assert (status.model_id, status.state, status.reason) == ("deimv2-femto", ComponentState.HEALTHY, None)
        assert [entry.holders for entry in zoo.pool.entries] == [0, 1]


async def test_run_tries_again_by_itself(tmp_path):
    clock = FakeClock()
    async with zoo_of(tmp_path, clock=clock) as zoo, asyncio.TaskGroup() as group:
        running = group.create_task(zoo.run())
        await _until(lambda: zoo.detector.describe().basic)
        contract_a(tmp_path / file_of("deimv2-femto"), DOG)

        async def looking():
            while zoo.detector.model_id != "deimv2-femto":
                await clock.advance(10)
                await asyncio.sleep(0.01)

        async with asyncio.timeout(60):
            await looking()
        running.cancel()


async def test_a_chosen_detector_is_never_replaced(tmp_path):
    contract_a(tmp_path / file_of("deimv2-femto"), DOG)
    async with zoo_of(tmp_path, detector="rtdetrv2-r18") as zoo:
        with pytest.raises(Unavailable, match="RT-DETRv2 r18 is not here"):
            await zoo.prepare()
        status = zoo.detector.describe()
        assert status.state is ComponentState.UNHEALTHY
        with pytest.raises(Unavailable, match="cannot look"):
            await zoo.detector.detect([FRAME])


@pytest.mark.parametrize("name", ["yolo26", "nemotron-3-nano-4b"])
async def test_what_is_no_detector_is_refused(tmp_path, name):
    async with zoo_of(tmp_path, detector=name) as zoo:
        with pytest.raises(Unavailable, match=name):
            await zoo.prepare()


async def test_the_basic_detector_can_be_chosen(tmp_path):
    async with zoo_of(tmp_path, detector="opencv-basic") as zoo:
        status = await zoo.prepare()
    assert (status.basic, status.state) == (True, ComponentState.HEALTHY)


async def test_a_provider_that_is_not_here_is_told(tmp_path):
    contract_a(tmp_path / file_of("deimv2-femto"), DOG)
    async with zoo_of(tmp_path, provider="openvino", detector="deimv2-femto") as zoo:
        status = await zoo.prepare()
    assert (status.provider, status.state) == ("cpu", ComponentState.DEGRADED)
    assert "openvino was asked for but is not here" in (status.reason or "")


async def test_with_a_gpu_the_large_model_is_chosen_unless_the_gpu_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo_module, "available_providers", lambda: ("cuda", "cpu"))
    logits, boxes = logits_for(DOG, 80)
    constant_graph(tmp_path / file_of("rtdetrv2-r18"), {"logits": logits, "pred_boxes": boxes}, side=None)
    contract_a(tmp_path / file_of("deimv2-femto"), DOG)
    async with zoo_of(tmp_path) as zoo:
        with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
            status = await zoo.prepare()
    assert status.model_id == "deimv2-femto"
    assert "RT-DETRv2 r18: the GPU cannot be used" in (status.reason or "")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_bytes(b"\x08\x07 broken"), "cannot be loaded"),
        (lambda path: constant_graph(path, {"x": np.zeros((3, 84), np.float32)}), "no detector has the outputs x"),
        (lambda path: contract_a(path, [(16, float("nan"), (0.0, 0.0, 1.0, 1.0))]), "no numbers"),
        (lambda path: contract_a(path, [(200, 0.9, (0.0, 0.0, 1.0, 1.0))]), "names class 200"),
    ],
    ids=["corrupt", "foreign", "nan", "labels"],
)
async def test_the_canary_keeps_a_bad_model_out(tmp_path, make, reason):
    make(tmp_path / file_of("deimv2-femto"))
    async with zoo_of(tmp_path, detector="deimv2-femto") as zoo:
        with pytest.raises(Unavailable, match=reason):
            await zoo.prepare()
        assert zoo.detector.describe().state is ComponentState.UNHEALTHY
        assert all(entry.holders == 0 for entry in zoo.pool.entries)


async def test_loading_does_not_block_the_loop(tmp_path, monkeypatch):
    contract_a(tmp_path / file_of("deimv2-femto"), DOG)
    gate = threading.Event()
    real = warm_up

    def slow(*arguments, **options):
        gate.wait(5)
        real(*arguments, **options)

    monkeypatch.setattr(zoo_module, "warm_up", slow)
    async with zoo_of(tmp_path) as zoo:
        preparing = asyncio.create_task(zoo.prepare())
        await _until(lambda: zoo.detector.describe().reason == "loading")
        with pytest.raises(Unavailable, match="loading"):
            await zoo.detector.detect([FRAME])
        gate.set()
        assert (await preparing).state is ComponentState.HEALTHY


async def test_many_frames_come_back_in_order_and_in_batches(tmp_path):
    contract_a(tmp_path / file_of("deimv2-femto"), DOG)
    frames = [replace(FRAME, offset_s=float(index)) for index in range(11)]
    async with zoo_of(tmp_path, batch_frames=4) as zoo:
        await zoo.prepare()
        found = await zoo.detector.detect(frames)
        assert [one.offset_s for one in found] == [one.offset_s for one in frames]
        assert zoo.detector.describe().looked == 11
        assert await zoo.detector.detect([]) == ()


async def test_a_call_may_ask_for_another_confidence(tmp_path):
    contract_a(tmp_path / file_of("deimv2-femto"), DOG)
    async with zoo_of(tmp_path, confidence=0.5) as zoo:
        await zoo.prepare()
        (strict,) = await zoo.detector.detect([FRAME], confidence=0.95)
        (usual,) = await zoo.detector.detect([FRAME], confidence=None)
    assert (len(strict.detections), len(usual.detections)) == (0, 1)
    assert strict.dropped == (("confidence", 1),)


class Eye:
    """An eye that does what the test says."""

    model_id = "fake"
    input_side = 32

    def __init__(self, acts) -> None:
        self.acts = acts

    def look(self, frames: Sequence[Frame], rules: BoxRules, cancel=None) -> tuple[FrameDetections, ...]:
        act = self.acts.pop(0)
        if isinstance(act, Exception):
            raise act
        if act == "wait":
            for _ in range(500):
                if cancel.cancelled:
                    raise InferenceTimeout("told to stop", code="timeout")
                threading.Event().wait(0.01)
        return tuple(
            FrameDetections(detections=(), image_width=1, image_height=1, model_id="fake", inference_ms=act)
            for _ in frames
        )


def equipped(zoo: Zoo, *acts) -> Zoo:
    zoo.detector.equip(Eye(list(acts)), DetectorStatus(model_id="fake", name="Fake", state=ComponentState.HEALTHY))
    return zoo


async def test_inference_time_is_a_moving_average_and_warmth_fades(tmp_path):
    clock = FakeClock()
    async with zoo_of(tmp_path, clock=clock) as zoo:
        detector = equipped(zoo, 10.0, 20.0).detector
        assert not detector.describe().warm
        await detector.detect([FRAME])
        await detector.detect([FRAME])
        assert detector.describe().inference_ms == pytest.approx(12.0)
        assert detector.describe().warm
        clock.tick(301)
        assert not detector.describe().warm


async def test_failures_in_a_row_degrade_and_a_look_heals(tmp_path):
    broken = [Transient("no memory") for _ in range(3)]
    async with zoo_of(tmp_path) as zoo:
        detector = equipped(zoo, *broken, 10.0).detector
        for _ in broken:
            with pytest.raises(Transient, match="no memory"):
                await detector.detect([FRAME])
        assert detector.describe().state is ComponentState.DEGRADED
        assert detector.describe().reason == "the last 3 looks failed: no memory"
        await detector.detect([FRAME])
        assert detector.describe().state is ComponentState.HEALTHY
        assert detector.describe().failures == 3


async def test_a_bad_picture_is_not_the_detectors_failure(tmp_path):
    async with zoo_of(tmp_path) as zoo:
        detector = equipped(zoo, Permanent("no picture")).detector
        with pytest.raises(Permanent):
            await detector.detect([FRAME])
        assert detector.describe().failures == 0


async def test_every_look_that_fails_is_told_with_its_code(tmp_path):
    async with zoo_of(tmp_path) as zoo:
        detector = equipped(
            zoo, Transient("slow", code="timeout"), Permanent("no picture", code="no_picture"), 10.0
        ).detector
        codes: list[str] = []
        detector.on_failure = codes.append
        for _ in range(2):
            with pytest.raises(StageError):
                await detector.detect([FRAME])
        await detector.detect([FRAME])
        assert codes == ["timeout", "no_picture"]


async def test_a_look_past_its_deadline_is_transient(tmp_path):
    async with zoo_of(tmp_path, timeout_s=0.05) as zoo:
        detector = equipped(zoo, "wait").detector
        with pytest.raises(Transient, match="longer than"):
            await detector.detect([FRAME])
        assert detector.describe().failures == 1


async def _until(condition) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.005)
