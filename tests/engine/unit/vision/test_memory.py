"""Memory: who stays, who goes, and what happens when a device has none left."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from home_sentry_engine.contract import ComponentState
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.settings import DetectSettings, ModelSettings
from home_sentry_engine.vision import models as models_module
from home_sentry_engine.vision.adapters import adapter_of
from home_sentry_engine.vision.catalog import Catalogue, Task, load_catalogue
from home_sentry_engine.vision.detector import DetectorStatus
from home_sentry_engine.vision.models import ModelRules, Models
from home_sentry_engine.vision.needs import provider_for, threads_for
from home_sentry_engine.vision.session import (
    AcceleratorGate,
    InferenceFailed,
    MemoryExhausted,
    ProviderChoice,
    Runner,
    SessionPool,
    SessionSpec,
    TensorInfo,
    choose_provider,
    host_free_bytes,
    host_total_bytes,
)
from home_sentry_engine.vision.store import ModelStore
from home_sentry_engine.vision.tasks.embeddings import Embedder
from home_sentry_engine.vision.tasks.pictures import Frame
from home_sentry_engine.vision.tiers import Tier, is_resident, tier_of
from home_sentry_engine.vision.zoo import Zoo
from tests.engine.unit.vision.graphs import contract_a
from tests.engine.unit.vision.test_zoo import DOG, FRAME, catalogue, file_of
from tests.fakes.clock import FakeClock

GIB = 1024**3
CUDA = ProviderChoice(wanted=("cuda", "cpu"), reason="test")


class Device:
    """A card with room for so many computations at once; sessions on the processor always work."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.opened: list[tuple[str, str]] = []

    def open(self, spec: SessionSpec) -> Any:
        provider = spec.choice.wanted[0]
        self.opened.append((spec.key, provider))
        return DeviceSession(self, provider)


class DeviceSession:
    metadata: dict[str, str] = {}  # noqa: RUF012 - read only
    memory_bytes = 0
    inputs = (TensorInfo(name="images", dtype="float32", shape=(None, 3, 256, 128)),)
    outputs = (TensorInfo(name="output", dtype="float32", shape=(None, 512)),)

    def __init__(self, device: Device, provider: str) -> None:
        self._device = device
        self.provider = provider
        self.provider_reason = "test"

    def run(self, feeds, cancel=None) -> list[np.ndarray]:
        if self.provider != "cpu" and self._device.failures:
            self._device.failures -= 1
            raise MemoryExhausted("CUDA failure 2: out of memory", code="out_of_memory")
        return [np.ones((1, 512), np.float32)]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def models(tmp_path, monkeypatch, clock):
    (tmp_path / file_of("osnet-x0-25")).write_bytes(b"weights")
    monkeypatch.setattr(models_module, "available_providers", lambda: ("cuda", "cpu"))
    cards = catalogue()
    with ThreadPoolExecutor(1) as executor:

        def build(failures: int) -> tuple[Models, Device]:
            device = Device(failures)
            pool = SessionPool(executor, clock, opener=device.open)
            runner = Runner(executor, AcceleratorGate(1), timeout_s=60)
            store = ModelStore(ModelSettings(folder=tmp_path, offline=True))
            rules = ModelRules(switched_on=frozenset({"osnet-x0-25"}))
            return Models(cards, store, pool, runner, clock, rules), device

        yield build


async def embed(models: Models) -> None:
    await models.use("osnet-x0-25", Embedder, lambda one, cancel: one.embed(FRAME, cancel=cancel))


class TestModels:
    async def test_one_failure_is_over_once_others_made_room(self, models):
        zoo, device = models(failures=1)
        await embed(zoo)
        assert device.opened == [("osnet-x0-25", "cuda")] * 2

    async def test_then_the_processor_takes_over_for_a_while(self, models, clock):
        zoo, device = models(failures=100)
        await embed(zoo)
        assert device.opened == [
            ("osnet-x0-25", "cuda"), ("osnet-x0-25", "cuda"), ("osnet-x0-25/on-cpu", "cpu"),
        ]  # fmt: skip
        await embed(zoo)
        assert len(device.opened) == 3
        told = next(one for one in zoo.describe() if one.model_id == "osnet-x0-25")
        assert (told.provider, told.failures, told.uses) == ("cpu", 0, 2)
        device.failures = 0
        clock.tick(301)
        await embed(zoo)
        assert device.opened[-1] == ("osnet-x0-25", "cuda")

    async def test_the_hour_is_remembered(self, models, clock):
        zoo, _ = models(failures=0)
        for _ in range(3):
            await embed(zoo)
            clock.tick(60)
        (one,) = zoo.history.all()
        assert (one.model_id, one.calls, len(one.minutes)) == ("osnet-x0-25", 3, 3)
        assert one.p50_ms is not None
        assert one.p95_ms is not None
        clock.tick(3600)
        assert zoo.history.all() == ()

    async def test_a_person_may_unload_it(self, models):
        zoo, device = models(failures=0)
        await embed(zoo)
        assert zoo.unload("osnet-x0-25")
        assert not zoo.unload("osnet-x0-25")
        await embed(zoo)
        assert len(device.opened) == 2


class FullEye:
    """An eye on a card without memory."""

    model_id = "deimv2-femto"
    input_side = 416

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.looks = 0

    def look(self, frames: Sequence[Frame], rules, cancel=None) -> tuple[FrameDetections, ...]:
        self.looks += 1
        if self.failures:
            self.failures -= 1
            raise MemoryExhausted("out of memory", code="out_of_memory")
        return tuple(
            FrameDetections(
                detections=(), image_width=one.width, image_height=one.height, model_id="x", inference_ms=1.0
            )
            for one in frames
        )


async def full(folder: Path, failures: int, clock: FakeClock) -> tuple[Zoo, FullEye]:
    zoo = Zoo(
        DetectSettings(),
        ModelSettings(folder=folder / "own", mirror=str(folder), offline=True),
        clock,
        catalogue=catalogue(),
    )
    await zoo.prepare()
    eye = FullEye(failures)
    status = DetectorStatus(model_id="deimv2-femto", name="x", state=ComponentState.HEALTHY, provider="cuda")
    zoo.detector.equip(eye, status)
    return zoo, eye


class TestDetector:
    async def test_it_looks_again_after_room_was_made(self, tmp_path):
        contract_a(tmp_path / file_of("deimv2-femto"), DOG)
        zoo, eye = await full(tmp_path, 1, FakeClock())
        async with zoo:
            assert len(await zoo.detector.detect([FRAME])) == 1
            assert eye.looks == 2
            assert zoo.detector.describe().provider == "cuda"

    async def test_the_processor_looks_meanwhile_and_says_so(self, tmp_path):
        contract_a(tmp_path / file_of("deimv2-femto"), DOG)
        clock = FakeClock()
        zoo, eye = await full(tmp_path, 10, clock)
        async with zoo:
            (found,) = await zoo.detector.detect([FRAME])
            assert [one.label for one in found.detections] == ["dog"]
            assert eye.looks == 2
            told = zoo.detector.describe()
            assert (told.provider, told.state) == ("cpu", ComponentState.DEGRADED)
            assert "no memory left" in (told.reason or "")
            assert [one.calls for one in zoo.models.history.all()] == [1]

    async def test_memory_that_runs_out_on_the_processor_is_told(self, tmp_path):
        contract_a(tmp_path / file_of("deimv2-femto"), DOG)
        zoo, eye = await full(tmp_path, 10, FakeClock())
        async with zoo:
            zoo.detector.equip(eye, replace(zoo.detector.describe(), provider="cpu"))
            with pytest.raises(MemoryExhausted) as caught:
                await zoo.detector.detect([FRAME])
            assert isinstance(caught.value, (InferenceFailed, MemoryError))


class TestRoom:
    def test_machines_by_their_card(self):
        sizes = {None: 0, 6: 0, 7.6: 8, 8: 8, 11.6: 12, 15.7: 16, 24: 24, 80: 24}
        assert {size: int(tier_of(int(size * GIB) if size else None)) for size in sizes} == sizes

    def test_the_resident_set_grows_with_the_card(self):
        def resident(tier):
            return {card.id for card in load_catalogue() if is_resident(card, tier)}

        assert resident(Tier.CPU) < resident(Tier.GB8) < resident(Tier.GB12) < resident(Tier.GB24)
        assert {"yunet", "osnet-x0-25"} <= resident(Tier.CPU)
        for tier in Tier:
            need = sum((load_catalogue().get(one).memory_bytes or 0) for one in resident(tier))
            assert need <= 0.35 * max(tier * GIB, 8 * GIB)

    async def test_residents_do_not_idle_out_but_make_room(self):
        clock = FakeClock()
        with ThreadPoolExecutor(1) as executor:
            pool = SessionPool(executor, clock, opener=Device(0).open)
            spec = SessionSpec(key="a", path=Path("a"), choice=CUDA, need_bytes=1)
            for one in (spec, replace(spec, key="b", resident=True)):
                async with pool.lease(one):
                    pass
            clock.tick(301)
            assert pool.unload_idle() == ("a",)
            assert pool.relieve() == 1

    def test_a_container_may_have_less_than_the_machine(self, tmp_path):
        machine = psutil.virtual_memory()
        assert host_total_bytes(tmp_path) == machine.total
        assert 0 < host_free_bytes(tmp_path) <= machine.total
        (tmp_path / "memory.max").write_text("1000000\n")
        (tmp_path / "memory.current").write_text("700000\n")
        (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 200000\n")
        assert host_total_bytes(tmp_path) == 1_000_000
        assert host_free_bytes(tmp_path) == 500_000
        (tmp_path / "memory.max").write_text("max\n")
        assert host_total_bytes(tmp_path) == machine.total


class TestProviders:
    def test_a_card_may_refuse_a_provider(self):
        card = load_catalogue().get("deimv2-femto")
        choice = ProviderChoice(wanted=("tensorrt", "cuda", "cpu"), reason="asked")
        assert provider_for(card, choice) is choice
        picky = replace(card, quirks={"avoid": "tensorrt, openvino"})
        assert provider_for(picky, choice).wanted == ("cuda", "cpu")
        assert "does not run on openvino, tensorrt" in provider_for(picky, choice).reason
        bound = replace(card, quirks={"cpu_only": True})
        assert provider_for(bound, choice).wanted == ("cpu",)
        assert provider_for(bound, choose_provider("cpu", ("cpu",))).wanted == ("cpu",)

    def test_threads_by_size(self):
        plain = replace(load_catalogue().get("deimv2-femto"), quirks={})
        cpu = choose_provider("cpu", ("cpu",))
        assert [threads_for(plain, cpu, size) for size in (1_000, 80_000_000)] == [1, 0]
        assert threads_for(replace(plain, quirks={"cpu_threads": 2}), cpu, 1) == 2
        assert threads_for(plain, CUDA, 1_000) == 0

    def test_every_model_on_demand_has_its_task(self):
        none = {card.task for card in load_catalogue() if adapter_of(card) is None}
        assert none <= {Task.DETECT, Task.LANGUAGE, Task.VISION_LANGUAGE}
        assert isinstance(load_catalogue(), Catalogue)
