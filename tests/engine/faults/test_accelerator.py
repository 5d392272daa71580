"""F21: a GPU that fails at load, has no memory, or dies at work: the processor looks instead, told and without a storm.

The engine, its session pool and its detector are real; only what ONNX Runtime would say of the GPU is the test's.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
import time

import pytest

from home_sentry_engine.app.engine import Engine
from home_sentry_engine.contract import ComponentState
from home_sentry_engine.settings import load_settings
from home_sentry_engine.vision import zoo as zoo_module
from home_sentry_engine.vision.session import MemoryExhausted, OutOfMemory, SessionFailed, SessionSpec
from home_sentry_engine.vision.session import pool as pool_module
from home_sentry_engine.vision.session.errors import InferenceFailed
from home_sentry_engine.vision.session.providers import ProviderChoice
from home_sentry_engine.vision.session.runtime import Session, open_session
from tests.engine.faults.invariants import check_invariants
from tests.engine.faults.programs import QUICK, deliver

SWITCH_S = 10.0
LOOKS_BEFORE = 4
AT_LOAD = {
    "driver gone": SessionFailed("CUDA failure 999: unknown error", code="session_failed"),
    "no memory": OutOfMemory("the machine had no memory left to load it", code="out_of_memory"),
}
AT_WORK = {
    "ECC error": InferenceFailed("CUDA failure 214: uncorrectable ECC error encountered", code="inference_failed"),
    "driver reset": InferenceFailed("CUDA failure 719: unspecified launch failure", code="inference_failed"),
    "no memory": MemoryExhausted("CUDA failure 2: out of memory", code="out_of_memory"),
}


class Card:
    """What stands for the GPU: sessions that ask for it run on the processor here, until it fails."""

    def __init__(self, *, at_load: Exception | None = None, at_work: Exception | None = None) -> None:
        self.at_load, self.at_work = at_load, at_work
        self.loads = self.looks = 0

    def open(self, path, *, choice: ProviderChoice, threads: int = 0) -> Session:
        if "cuda" not in choice.wanted:
            return open_session(path, choice=choice, threads=threads)
        self.loads += 1
        if self.at_load is not None:
            raise self.at_load
        session = open_session(path, choice=ProviderChoice(wanted=("cpu",), reason=choice.reason), threads=threads)
        session.provider = "cuda"
        real = session.run

        def run(feeds, cancel=None):
            self.looks += 1
            # the first looks are the warm-up
            if self.at_work is not None and self.looks > LOOKS_BEFORE:
                raise self.at_work
            return real(feeds, cancel)

        session.run = run  # type: ignore[method-assign]
        return session


@asynccontextmanager
async def running(settings) -> AsyncIterator[Engine]:
    async with Engine(settings) as engine:
        task = asyncio.create_task(engine.run())
        try:
            yield engine
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 another thread changes it
            await asyncio.sleep(0.02)


async def account(engine: Engine):
    return await engine.database.read(engine.tables.media.accounting)


async def stored(engine: Engine, count: int) -> None:
    async with asyncio.timeout(60):
        while (await account(engine)).stored < count:  # noqa: ASYNC110 another thread counts
            await asyncio.sleep(0.05)


@pytest.fixture
def with_card(monkeypatch, tmp_path, model_mirror):
    """Give an engine on a machine with that card."""

    def make(card: Card):
        monkeypatch.setattr(zoo_module, "available_providers", lambda: ("cuda", "cpu"))
        monkeypatch.setattr(pool_module, "_open", lambda spec: _opened(card, spec))
        overrides = {name.lower(): value for name, value in QUICK.items()}
        settings = load_settings(
            data=tmp_path,
            environment={"HOME_SENTRY_MODEL_MIRROR": str(model_mirror)},
            overrides=overrides | {"port": 0, "zeroconf": False, "llm": False},
        )
        return running(settings)

    return make


def _opened(card: Card, spec: SessionSpec) -> Session:
    return card.open(spec.path, choice=spec.choice, threads=spec.threads)


@pytest.mark.parametrize("fault", AT_LOAD)
async def test_f21_a_gpu_that_cannot_load_leaves_the_work_to_the_processor(tmp_path, with_card, stock, rounds, fault):
    card = Card(at_load=AT_LOAD[fault])
    async with with_card(card) as engine:
        began = time.monotonic()
        detector = engine.zoo.detector
        await until(lambda: detector.eye is not None)
        took_s = time.monotonic() - began
        for number, picture in enumerate(stock(8)):
            deliver(tmp_path / "cameras" / "yard", f"{number}.jpg", picture)
        await stored(engine, 8)
        status = detector.describe()
        assert (status.provider, status.state) == ("cpu", ComponentState.DEGRADED)
        assert str(AT_LOAD[fault]) in (status.reason or "")
        assert "GPU" in (status.fix or "")
        await until(lambda: engine.board.state("detector") is ComponentState.DEGRADED)
        assert engine.wellbeing.registry.part("detector").restarts == 0
        assert card.loads <= 2
    assert took_s <= rounds(60, SWITCH_S)
    found = check_invariants(tmp_path)
    assert found.stored == 8
    print(f"  {fault} at load: the processor looks after {took_s:.1f} s, {card.loads} loads; {status.reason}")


@pytest.mark.parametrize("fault", AT_WORK)
async def test_f21_a_gpu_that_dies_at_work_costs_no_picture(tmp_path, with_card, stock, rounds, fault):
    card = Card(at_work=AT_WORK[fault])
    async with with_card(card) as engine:
        detector = engine.zoo.detector
        await until(lambda: detector.eye is not None)
        assert detector.describe().provider == "cuda"
        pictures = stock(12)
        for number, picture in enumerate(pictures):
            deliver(tmp_path / "cameras" / "yard", f"{number}.jpg", picture)
        await until(lambda: card.looks > LOOKS_BEFORE)
        began = time.monotonic()
        await until(lambda: detector.describe().provider == "cpu")
        took_s = time.monotonic() - began
        await stored(engine, len(pictures))
        status = detector.describe()
        assert status.state is ComponentState.DEGRADED
        await until(lambda: engine.board.state("detector") is ComponentState.DEGRADED)
        assert (await account(engine)).quarantined == 0
        assert engine.wellbeing.registry.part("detector").restarts == 0
        assert card.loads == 1
    assert took_s <= rounds(60, SWITCH_S)
    found = check_invariants(tmp_path)
    assert found.stored == len(pictures)
    print(f"  {fault} at work: the processor looks after {took_s:.1f} s, 0 of {found.stored} lost; {status.reason}")
