"""Models on demand, and every way in which one of them can fail while the others go on."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
import subprocess
import sys
import threading
import weakref

import numpy as np
from onnx import TensorProto, helper, numpy_helper
import pytest

from home_sentry_engine.app.enriching import enrichment_component
from home_sentry_engine.contract import ComponentState
from home_sentry_engine.domain.errors import StageError, Unavailable
from home_sentry_engine.settings import DetectSettings, ModelSettings
from home_sentry_engine.vision.catalog import Catalogue, UnknownModel, load_catalogue
from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.models import ModelRules, Models, ModelState, NotSwitchedOn
from home_sentry_engine.vision.session import BudgetExceeded, InferenceTimeout, Room
from home_sentry_engine.vision.store import ModelMissing
from home_sentry_engine.vision.tasks.faces import FaceFinder
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.tasks.plates import PlateFinder
from home_sentry_engine.vision.zoo import Zoo
from tests.engine.unit.vision.graphs import fixed_graph, save_graph
from tests.fakes.clock import FakeClock

FRAME = RgbFrame.of(draw_canary())
INPUT: dict[str, tuple[str, list[int | str]]] = {"input": ("float32", [1, 3, 240, 320])}
FACE = {
    "scores": np.array([[[0.1, 0.9]]], np.float32),
    "boxes": np.array([[[0.25, 0.5, 0.5, 1.0]]], np.float32),
}
PLATES = {"output": np.array([[0, 10, 110, 200, 200, 0, 0.9]], np.float32)}


def catalogue(**hashes: str) -> Catalogue:
    """The real cards without the hashes of the real files, and without any source."""
    return Catalogue(
        replace(
            card,
            source=replace(card.source, host="none"),
            memory_bytes=None,
            files=tuple(
                replace(file, sha256=hashes.get(card.id.replace("-", "_")), size_bytes=None) for file in card.files
            ),
        )
        for card in load_catalogue()
    )


def file_of(model_id: str) -> str:
    return load_catalogue().get(model_id).files[0].name


def face_file(folder: Path) -> Path:
    return fixed_graph(folder / file_of("ultraface-320"), INPUT, FACE)


def plate_file(folder: Path) -> Path:
    return fixed_graph(folder / file_of("yolov9-t-384-plates"), {"images": ("float32", [1, 3, 384, 384])}, PLATES)


@asynccontextmanager
async def models_of(folder: Path, *, room: Room | None = None, clock=None, on=("ultraface-320",), cards=None, **detect):
    zoo = Zoo(
        DetectSettings(provider="cpu", **detect),
        ModelSettings(folder=folder / "own", mirror=str(folder), offline=True),
        clock or FakeClock(),
        catalogue=cards or catalogue(),
        rules=ModelRules(switched_on=frozenset(on), room=room or Room(), provider="cpu"),
    )
    async with zoo:
        yield zoo


async def faces(models: Models, **more):
    return await models.use(
        "ultraface-320", FaceFinder, lambda finder, cancel: finder.find(FRAME, cancel=cancel), **more
    )


async def plates(models: Models, **more):
    return await models.use(
        "yolov9-t-384-plates", PlateFinder, lambda finder, cancel: finder.find(FRAME, cancel=cancel), **more
    )


def status(zoo: Zoo, model_id: str):
    return next(one for one in zoo.models.describe() if one.model_id == model_id)


async def test_a_model_is_loaded_once_when_it_is_needed(tmp_path):
    face_file(tmp_path)
    plate_file(tmp_path)
    async with models_of(tmp_path) as zoo:
        assert zoo.pool.loads == {}
        found = await asyncio.gather(*(faces(zoo.models) for _ in range(5)))
        assert [len(one) for one in found] == [1] * 5
        assert zoo.pool.loads == {"ultraface-320": 1}
        assert status(zoo, "yolov9-t-384-plates").state is ModelState.READY
        told = status(zoo, "ultraface-320")
        assert (told.state, told.loads, told.uses, told.provider) == (ModelState.LOADED, 1, 5, "cpu")
        assert told.last_ms is not None
        assert told.memory_bytes


@pytest.mark.parametrize(("takes_s", "runs"), [(0.02, 3), (0.6, 1)])
async def test_a_quick_model_is_warmed_up_by_three_runs(tmp_path, monkeypatch, takes_s, runs):
    clock, canary, seen = FakeClock(), FaceFinder.canary, []

    def counted(self, frame):
        canary(self, frame)
        seen.append(frame)
        clock.tick(takes_s)

    monkeypatch.setattr(FaceFinder, "canary", counted)
    face_file(tmp_path)
    async with models_of(tmp_path, clock=clock) as zoo:
        await faces(zoo.models)
        await faces(zoo.models)
    assert len(seen) == runs


async def test_an_idle_model_is_unloaded_and_comes_back(tmp_path):
    face_file(tmp_path)
    clock = FakeClock()
    async with models_of(tmp_path, clock=clock) as zoo:
        await faces(zoo.models)
        clock.tick(299)
        assert zoo.pool.unload_idle() == ()
        clock.tick(2)
        assert zoo.pool.unload_idle() == ("ultraface-320",)
        assert status(zoo, "ultraface-320").state is ModelState.READY
        await faces(zoo.models)
        assert zoo.pool.loads == {"ultraface-320": 2}


async def test_an_unloaded_session_is_really_let_go(tmp_path):
    face_file(tmp_path)
    clock = FakeClock()
    async with models_of(tmp_path, clock=clock) as zoo:
        await faces(zoo.models)
        session = weakref.ref(zoo.pool.entries[0].session)
        clock.tick(301)
        zoo.pool.unload_idle()
        await _until(lambda: session() is None)


async def test_preloading_proves_a_model(tmp_path):
    face_file(tmp_path)
    async with models_of(tmp_path) as zoo:
        await zoo.models.preload("ultraface-320", FaceFinder)
        assert zoo.pool.loads == {"ultraface-320": 1}


async def test_what_does_not_fit_is_refused_with_figures_and_the_rest_goes_on(tmp_path):
    face_file(tmp_path)
    plate_file(tmp_path)
    small = catalogue()
    cards = Catalogue(
        replace(card, memory_bytes=900_000_000) if card.id == "yolov9-t-384-plates" else card for card in small
    )
    async with models_of(tmp_path, cards=cards, room=Room(free_bytes=lambda: 300_000_000)) as zoo:
        with pytest.raises(BudgetExceeded, match="yolov9-t-384-plates needs 900 MB, free 300 MB"):
            await plates(zoo.models)
        assert len(await faces(zoo.models)) == 1
        assert zoo.pool.loads == {"ultraface-320": 1}


class TestPermission:
    async def test_a_restrictive_licence_is_named(self, tmp_path):
        async with models_of(tmp_path) as zoo:
            with pytest.raises(
                NotSwitchedOn, match=r"YOLO11x-seg, damage of vehicles is off: its licence is AGPL-3\.0"
            ):
                await zoo.models.preload("vehicle-damage-yolo11x", FaceFinder)
            assert status(zoo, "vehicle-damage-yolo11x").state is ModelState.OFF

    async def test_what_nobody_switched_on_stays_off(self, tmp_path):
        face_file(tmp_path)
        async with models_of(tmp_path, on=()) as zoo:
            with pytest.raises(NotSwitchedOn, match="UltraFace RFB-320 is off until somebody switches it on"):
                await faces(zoo.models)
            assert zoo.pool.loads == {}

    async def test_what_is_made_for_a_gpu_waits_for_one_unless_it_is_asked_for(self, tmp_path):
        async with models_of(tmp_path) as zoo:
            with pytest.raises(NotSwitchedOn, match="it is made for a GPU and none is here"):
                await zoo.models.preload("depth-anything-v2-small", FaceFinder)
        async with models_of(tmp_path, on=("depth-anything-v2-small",)) as zoo:
            with pytest.raises(ModelMissing):
                await zoo.models.preload("depth-anything-v2-small", FaceFinder)

    async def test_an_unknown_model_is_named(self, tmp_path):
        async with models_of(tmp_path) as zoo:
            with pytest.raises(UnknownModel, match="'yolo26'"):
                await zoo.models.preload("yolo26", FaceFinder)


class TestFaults:
    @pytest.mark.parametrize(
        ("make", "reason"),
        [
            (lambda path: path.write_bytes(b"\x08\x07 broken"), "cannot be loaded"),
            (
                lambda path: fixed_graph(path, INPUT, {"x": np.zeros((3, 84), np.float32)}),
                "UltraFace RFB-320 does not work: .* lacks the outputs scores, boxes",
            ),
            (
                lambda path: fixed_graph(path, INPUT, FACE | {"scores": np.full((1, 1, 2), np.nan, np.float32)}),
                "UltraFace RFB-320 does not work: scores holds values that are no numbers",
            ),
        ],
        ids=["corrupt", "foreign", "nan"],
    )
    async def test_a_bad_file_is_told_and_the_rest_goes_on(self, tmp_path, make, reason):
        make(tmp_path / file_of("ultraface-320"))
        plate_file(tmp_path)
        async with models_of(tmp_path) as zoo:
            results = await asyncio.gather(faces(zoo.models), plates(zoo.models), return_exceptions=True)
            assert isinstance(results[0], Unavailable)
            with pytest.raises(Unavailable, match=reason):
                raise results[0]
            assert not isinstance(results[1], BaseException)
            assert len(results[1]) == 1
            assert all(entry.holders == 0 for entry in zoo.pool.entries)

    async def test_a_wrong_hash_is_never_loaded(self, tmp_path):
        face_file(tmp_path)
        plate_file(tmp_path)
        async with models_of(tmp_path, cards=catalogue(ultraface_320="0" * 64)) as zoo:
            with pytest.raises(StageError, match=r"has sha256 .* expected 000000000000"):
                await faces(zoo.models)
            assert zoo.pool.loads == {}
            assert len(await plates(zoo.models)) == 1
            told = status(zoo, "ultraface-320")
            assert told.state is ModelState.FAILED
            assert "has sha256" in (told.reason or "")

    async def test_a_file_that_is_no_graph_is_told_until_it_is_a_good_one(self, tmp_path):
        (tmp_path / file_of("ultraface-320")).write_bytes(b"no graph")
        async with models_of(tmp_path) as zoo:
            with pytest.raises(StageError, match="cannot be loaded"):
                await faces(zoo.models)
            assert status(zoo, "ultraface-320").state is ModelState.FAILED
            part = enrichment_component(zoo)
            assert part.state is ComponentState.DEGRADED
            assert part.fix is not None
            face_file(tmp_path)
            await zoo.store.remove(zoo.catalogue.get("ultraface-320"))
            assert len(await faces(zoo.models)) == 1
            assert status(zoo, "ultraface-320").state is ModelState.LOADED
            assert enrichment_component(zoo).state is ComponentState.HEALTHY

    async def test_a_model_that_failed_is_not_tried_at_every_call_but_again_later(self, tmp_path):
        fixed_graph(tmp_path / file_of("ultraface-320"), INPUT, {"x": np.zeros(1, np.float32)})
        clock = FakeClock()
        async with models_of(tmp_path, clock=clock) as zoo:
            for _ in range(3):
                with pytest.raises(Unavailable, match="does not work"):
                    await faces(zoo.models)
            assert zoo.pool.loads == {"ultraface-320": 1}
            told = status(zoo, "ultraface-320")
            assert (told.state, told.failures) == (ModelState.FAILED, 3)
            assert "does not work" in (told.reason or "")
            clock.tick(301)
            zoo.pool.unload_idle()
            with pytest.raises(Unavailable, match="does not work"):
                await faces(zoo.models)
            assert zoo.pool.loads == {"ultraface-320": 2}

    async def test_a_late_answer_ends_alone(self, tmp_path):
        face_file(tmp_path)
        plate_file(tmp_path)
        end = threading.Event()
        async with models_of(tmp_path, concurrency=2) as zoo:

            def hang(finder: FaceFinder, cancel) -> None:
                end.wait(10)

            late = asyncio.create_task(zoo.models.use("ultraface-320", FaceFinder, hang, timeout_s=0.05))
            assert len(await plates(zoo.models)) == 1
            with pytest.raises(InferenceTimeout, match=r"longer than 0\.05 s"):
                await late
            end.set()
            assert len(await faces(zoo.models)) == 1
            assert status(zoo, "ultraface-320").failures == 1

    async def test_memory_that_runs_out_while_computing_is_found_by_the_canary(self, tmp_path):
        path = tmp_path / file_of("ultraface-320")
        inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 240, 320])]
        nodes = [
            helper.make_node("ConstantOfShape", ["size"], ["huge"]),
            helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0),
            helper.make_node("Add", ["scores_value", "sum"], ["scores"]),
            helper.make_node("Identity", ["boxes_value"], ["boxes"]),
        ]
        constants = [
            numpy_helper.from_array(np.array([1 << 44], np.int64), "size"),
            *(numpy_helper.from_array(value, f"{name}_value") for name, value in FACE.items()),
        ]
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name, value in FACE.items()]
        save_graph(path, nodes, inputs, outputs, constants)
        plate_file(tmp_path)
        async with models_of(tmp_path) as zoo:
            with pytest.raises(Unavailable, match="does not work: the model could not compute") as caught:
                await faces(zoo.models)
            assert caught.value.code == "out_of_memory"
            assert len(await plates(zoo.models)) == 1

    def test_memory_that_runs_out_while_loading_is_told_and_the_process_lives(self):
        model = load_catalogue().get("pp-ocr").files_of("read")[0]
        program = f"""
import importlib.util, resource, psutil
from pathlib import Path
from home_sentry_engine.vision.session import Cancel, OutOfMemory, ProviderChoice, open_session
assert Cancel().run_options is not None
choice = ProviderChoice(wanted=("cpu",), reason="test")
limit = psutil.Process().memory_info().vms + 10_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    open_session(Path(importlib.util.find_spec("rapidocr").origin).parent / {model.path!r}, choice=choice, threads=1)
except OutOfMemory as err:
    assert isinstance(err, MemoryError)
    print(err.reason)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
        assert "the machine had no memory left to load PP-OCRv6_rec_small.onnx (21 MB)" in done.stdout


class TestMissing:
    async def test_a_missing_file_is_told_and_fetched_for_the_next_time(self, tmp_path):
        clock = FakeClock()
        async with models_of(tmp_path, clock=clock) as zoo:
            for _ in range(2):
                with pytest.raises(ModelMissing, match="the file of UltraFace RFB-320 is not here"):
                    await faces(zoo.models)
            assert status(zoo, "ultraface-320").state is ModelState.MISSING
            running = asyncio.create_task(zoo.models.run())
            await _until(lambda: "into the model folder" in (status(zoo, "ultraface-320").reason or ""))
            face_file(tmp_path)
            assert len(await faces(zoo.models)) == 1
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running


async def _until(condition) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.005)
