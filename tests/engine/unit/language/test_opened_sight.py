"""Which files or server a vision-language model is, and how it is shown as a component."""

import asyncio
from pathlib import Path

import pytest

from home_sentry_engine.app.judging import CatalogueFiles
from home_sentry_engine.contract import AnalysisReason, Component, ComponentState
from home_sentry_engine.domain.messages import ModelFailure
from home_sentry_engine.language.errors import ModelMissing, ModelTooLarge
from home_sentry_engine.language.sight import (
    Means,
    Sight,
    SightWatch,
    choose_sight,
    open_sight,
    remote_sight,
    sight_component,
)
from home_sentry_engine.operations.doctor import State
from home_sentry_engine.operations.doctor import vision as doctor
from home_sentry_engine.settings import LanguageSettings, VisionSettings, load_settings
from home_sentry_engine.settings.load import InvalidSettings
from home_sentry_engine.vision.catalog import load_catalogue
from home_sentry_engine.vision.store import LocalModel
from tests.fakes.clock import FakeClock
from tests.fakes.seeing import seeing_server

PLENTY = 10**12


class Files:
    def __init__(self, *pair: Path) -> None:
        self.pair = pair
        self.asked: list[str] = []

    async def sight(self, card_id: str) -> tuple[Path, Path] | None:
        self.asked.append(card_id)
        return (self.pair[0], self.pair[1]) if self.pair else None


@pytest.fixture
def pair(tmp_path):
    files = tmp_path / "eyes.gguf", tmp_path / "mmproj.gguf"
    for file in files:
        file.write_bytes(bytes(100))
    return files


async def test_the_files_of_a_card_or_of_the_settings(pair):
    files = Files(*pair)
    found = await choose_sight(VisionSettings(), files, free_bytes=lambda: PLENTY)
    assert (found, files.asked) == (Sight(name="qwen3-vl-2b", weights=pair[0], projector=pair[1]), ["qwen3-vl-2b"])
    own = VisionSettings(model=str(pair[0]), projector=pair[1])
    assert (await choose_sight(own, Files(), free_bytes=lambda: PLENTY)).name == "eyes.gguf"
    with pytest.raises(ModelTooLarge):
        await choose_sight(own, Files(), free_bytes=lambda: 1000)
    with pytest.raises(ModelMissing, match="qwen3-vl-2b"):
        await choose_sight(VisionSettings(), Files(), free_bytes=lambda: PLENTY)
    pair[1].unlink()
    with pytest.raises(ModelMissing, match="mmproj"):
        await choose_sight(own, Files(), free_bytes=lambda: PLENTY)


async def test_a_card_without_projector_gives_no_sight(pair):
    catalogue = load_catalogue()

    class Store:
        async def find(self, card):
            return LocalModel(card=card, paths={file.name: pair[0] for file in card.files}, origin="local")

    files = CatalogueFiles(catalogue, Store())  # type: ignore[arg-type]
    assert await files.sight("qwen3-vl-2b") == (pair[0], pair[0])
    assert await files.sight("nemotron-3-nano-4b") is None
    assert await files.sight("nothing") is None
    assert await files.path("nemotron-3-nano-4b") == pair[0]


@pytest.mark.parametrize(
    ("reason", "blind", "state"),
    [
        (AnalysisReason.MODEL_MISSING, None, ComponentState.DEGRADED),
        (AnalysisReason.MODEL_MISSING, "it does not see", ComponentState.UNHEALTHY),
        (AnalysisReason.UNREACHABLE, None, ComponentState.UNHEALTHY),
        (AnalysisReason.TIMEOUT, None, ComponentState.DEGRADED),
        (AnalysisReason.OUT_OF_MEMORY, None, ComponentState.FAILED),
    ],
)
def test_a_model_that_runs_and_does_not_see_is_unhealthy(reason, blind, state):
    backend = remote_sight(VisionSettings(remote_model="eyes"), "http://127.0.0.1:9", connect_timeout_s=1)
    told = sight_component(backend, ModelFailure(reason=reason, detail="because"), blind=blind)
    assert (told.id, told.state, told.reason) == ("vlm", state, f"{reason}: because")
    assert told.fix
    assert told.details["model"] == "eyes"
    assert sight_component(backend, None).state is ComponentState.HEALTHY
    assert sight_component(backend, None, starting=True).state is ComponentState.STARTING


async def test_the_watch_asks_again_after_trouble_and_when_the_proof_is_old():
    clock = FakeClock()
    told: list[Component] = []
    async with seeing_server(sees=False) as server:
        settings = VisionSettings(judges=True, url=server.url)
        means = Means(files=Files(), clock=clock, report=told.append)
        async with open_sight(settings, LanguageSettings(), means) as model:
            watch = SightWatch(model, clock)
            await model.wake()
            server.sees = True
            await watched(watch, clock, lambda: model.worked)
            before = len(server.bodies)
            await watched(watch, clock, lambda: len(server.bodies) >= before + 2)
    states = [one.state for one in told]
    assert states[:2] == [ComponentState.STARTING, ComponentState.UNHEALTHY]
    assert states[-1] is ComponentState.HEALTHY


async def watched(watch, clock, done):

    task = asyncio.create_task(watch.run())
    try:
        async with asyncio.timeout(60):
            while not done():
                await asyncio.sleep(0.01)
                await clock.advance(61)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_doctor_tells_whether_the_model_sees(tmp_path):
    def settings(**overrides):
        return load_settings(data=tmp_path, overrides={"assessor": "vision", **overrides})

    assert await doctor.look(load_settings(data=tmp_path)) == ()
    (missing,) = await doctor.look(settings(offline=True))
    assert (missing.id, missing.state, "models get" in str(missing.fix)) == ("vlm", State.WARN, True)
    async with seeing_server() as server:
        (seen,) = await doctor.look(settings(vlm_url=server.url))
        server.projector = False
        (blind,) = await doctor.look(settings(vlm_url=server.url))
    assert (seen.state, blind.state) == (State.OK, State.WARN)
    assert "projector" in blind.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"vlm_model": "/models/eyes.gguf"},
        {"vlm_projector": "/models/mmproj.gguf"},
        {"vlm_daily_cost": 1},
        {"vlm_url": "file:///etc/passwd"},
        {"assessor": "cloud"},
    ],
)
def test_settings_that_name_no_model_that_sees(tmp_path, wrong):
    with pytest.raises(InvalidSettings):
        load_settings(data=tmp_path, overrides=wrong)
