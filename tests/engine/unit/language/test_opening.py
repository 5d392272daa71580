"""Which model is chosen, and what is said when there is none."""

import asyncio
from pathlib import Path

import pytest

from home_sentry_engine.contract import AnalysisReason, Component, ComponentState
from home_sentry_engine.domain.messages import ModelFailure
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.backends.disabled import Disabled
from home_sentry_engine.language.errors import ModelUnreachable
from home_sentry_engine.language.health import component
from home_sentry_engine.language.opening import NEMOTRON, ModelWatch, choose, needed_bytes, open_assessor
from home_sentry_engine.settings import LanguageSettings
from tests.fakes.clock import FakeClock
from tests.fakes.language import FakeBackend
from tests.fakes.scenes import person_scene

GIB = 2**30


class Files:
    """Sparse files of the given sizes by card."""

    def __init__(self, folder: Path, **sizes: int) -> None:
        self.paths = {}
        for name, size in sizes.items():
            card = name.replace("_", "-")
            path = folder / f"{card}.gguf"
            with path.open("wb") as file:
                file.truncate(size)
            self.paths[card] = path

    async def path(self, card_id: str) -> Path | None:
        return self.paths.get(card_id)


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path, nemotron_3_nano_30b=19 * GIB, nemotron_3_nano_4b=3 * GIB, nemotron_mini_4b=2 * GIB)


@pytest.mark.parametrize(
    ("free_gib", "name"),
    [(64, "nemotron-3-nano-30b"), (20, "nemotron-3-nano-4b"), (6, "nemotron-3-nano-4b"), (3, "nemotron-mini-4b")],
)
async def test_auto_takes_the_most_able_nemotron_that_fits(files, free_gib, name):
    chosen = await choose("auto", files, free_bytes=lambda: free_gib * GIB)
    assert (chosen.name, chosen.reason) == (name, None)


async def test_nothing_that_fits_is_told_with_figures(files):
    chosen = await choose("auto", files, free_bytes=lambda: GIB)
    assert chosen.reason is AnalysisReason.OUT_OF_MEMORY
    assert "free are 1024 MB" in chosen.detail
    assert chosen.path is None


async def test_no_file_is_model_missing(tmp_path):
    chosen = await choose("auto", Files(tmp_path), free_bytes=lambda: 64 * GIB)
    assert chosen.reason is AnalysisReason.MODEL_MISSING
    assert "rules alone judge" in chosen.detail


async def test_a_card_or_a_path_can_be_named(files):
    named = await choose("nemotron-mini-4b", files, free_bytes=lambda: 64 * GIB)
    assert named.name == "nemotron-mini-4b"
    path = files.paths["nemotron-mini-4b"]
    direct = await choose(str(path), files, free_bytes=lambda: 64 * GIB)
    assert direct.path == path
    missing = await choose(str(path.with_name("other.gguf")), files, free_bytes=lambda: 64 * GIB)
    assert missing.reason is AnalysisReason.MODEL_MISSING
    assert str(path.parent) not in missing.detail


def test_the_need_is_more_than_the_file(files):
    path = files.paths["nemotron-mini-4b"]
    assert needed_bytes(path) > path.stat().st_size


def test_the_default_family_is_nemotron():
    assert all(card.startswith("nemotron") for card in NEMOTRON)


async def opened(settings, files, clock=None):
    reported: list[Component] = []
    scene = person_scene()
    async with open_assessor(settings, files=files, clock=clock or FakeClock(), report=reported.append) as assessor:
        assert isinstance(assessor, Disabled)
        return await assessor.assess(scene, Judge().rule(scene)), reported


async def test_switched_off_is_disabled(files):
    failure, reported = await opened(LanguageSettings(enabled=False), files)
    assert failure.reason is AnalysisReason.DISABLED
    assert [one.state for one in reported] == [ComponentState.DISABLED]


async def test_an_address_is_opened_without_asking_it(files):
    reported: list[Component] = []
    settings = LanguageSettings(url="http://127.0.0.1:9")
    async with open_assessor(settings, files=files, clock=FakeClock(), report=reported.append) as assessor:
        assert isinstance(assessor, LanguageAssessor)
        assert [one.state for one in reported] == [ComponentState.STARTING]


@pytest.mark.parametrize("reason", [reason for reason in AnalysisReason if reason is not AnalysisReason.UNKNOWN])
def test_every_failure_is_a_state_that_is_not_healthy(reason):
    told = component("m", ModelFailure(reason=reason, detail="why"))
    assert told.state is not ComponentState.HEALTHY
    assert "why" in (told.reason or "")


async def test_the_watch_notices_that_the_model_is_back():
    clock = FakeClock()
    away = ModelUnreachable("away")
    backend = FakeBackend(away, away, "{}")
    outcomes: list[ModelFailure | None] = []
    made = LanguageAssessor(backend, settings=LanguageSettings(), clock=clock, on_outcome=outcomes.append)
    task = asyncio.create_task(ModelWatch(made, clock).run())
    await asyncio.sleep(0)
    for _ in range(10):
        await clock.advance(60)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [outcome is None for outcome in outcomes] == [False, False, True]
    assert len(backend.questions) == 3
