"""A model file that comes, goes or changes while the engine runs."""

import asyncio
import sys

import pytest

from home_sentry_engine.contract import AnalysisReason, Component, ComponentState
from home_sentry_engine.domain.messages import ModelFailure
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.backends.base import Occupancy
from home_sentry_engine.language.backends.local import LocalModel
from home_sentry_engine.language.errors import LanguageError, ModelDied, ModelMissing, ModelTooLarge
from home_sentry_engine.language.opening import open_assessor
from home_sentry_engine.language.process import ModelProcess, ProcessPolicy, ProcessState
from home_sentry_engine.resilience.backoff import Backoff
from home_sentry_engine.settings import LanguageSettings
from tests.fakes.clock import FakeClock
from tests.fakes.patience import until
from tests.fakes.scenes import person_scene

QUICK = ProcessPolicy(backoff=Backoff(base_s=0.01, cap_s=0.05))
# says which file it stands for by the size of its window; dies when it is asked anything
CHILD = """
import json, sys
print(json.dumps({"ready": {"window": int(sys.argv[1])}}), flush=True)
sys.stdin.readline()
sys.exit(3)
"""


class Shelf:
    """Names the file that is there at the moment; ``windows`` tells the files apart."""

    def __init__(self, tmp_path) -> None:
        self.tmp_path = tmp_path
        self.name: str | None = None
        self.asked = 0
        self.windows = {"small": 512, "large": 2048}
        self.started: list[str] = []
        self.states: list[ProcessState] = []

    async def find(self):
        self.asked += 1
        if self.name is None:
            raise ModelMissing("there is none")
        return self.name, self.tmp_path / self.name

    def start(self, path):
        self.started.append(path.name)
        command = (sys.executable, "-c", CHILD, str(self.windows[path.name]))
        return ModelProcess(command, clock=FakeClock(), policy=QUICK, on_change=lambda state, _why: self.note(state))

    def note(self, state) -> None:
        self.states.append(state)


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path)


@pytest.fixture
async def model(shelf):
    made = LocalModel(shelf.find, shelf.start)
    yield made
    await made.aclose()


async def test_a_file_that_comes_later_is_used_from_the_next_question_on(shelf, model):
    with pytest.raises(ModelMissing, match="there is none"):
        await model.window()
    assert (model.model_id, model.pid, model.process) == ("", None, None)
    shelf.name = "small"
    assert await model.window() == 512
    assert model.model_id == "small"
    assert model.pid is not None
    assert await model.window() == 512
    assert (shelf.asked, shelf.started) == (2, ["small"])


async def test_questions_at_once_choose_once(shelf, model):
    shelf.name = "small"
    assert await asyncio.gather(*(model.window() for _ in range(8))) == [512] * 8
    assert (shelf.asked, shelf.started) == (1, ["small"])


async def test_a_new_beginning_takes_the_file_that_is_best_now_and_the_old_process_is_gone(shelf, model):
    shelf.name = "small"
    await model.window()
    first = model.process
    shelf.name = "large"
    assert await model.window() == 512
    await model.aclose()
    assert model.model_id == ""
    assert await model.window() == 2048
    assert first is not None
    assert (first.pid, first.state) == (None, ProcessState.STOPPED)
    assert shelf.started == ["small", "large"]


async def test_the_same_file_again_keeps_what_is_known_of_its_process(shelf, model):
    shelf.name = "small"
    await model.window()
    process = model.process
    await model.aclose()
    await model.window()
    assert model.process is process


async def test_a_process_that_dies_is_told_and_the_file_chosen_stays(shelf, model):
    shelf.name = "small"
    await model.window()
    with pytest.raises(ModelDied):
        await model.count([])
    assert shelf.states[-1] is ProcessState.CRASHED
    assert model.model_id == "small"


class NoFiles:
    """No card has a file."""

    async def path(self, card_id):
        del card_id


async def test_without_a_file_each_event_and_the_status_say_so(tmp_path):
    reported: list[Component] = []
    scene = person_scene()
    async with open_assessor(
        LanguageSettings(), files=NoFiles(), clock=FakeClock(), report=reported.append
    ) as assessor:
        assert isinstance(assessor, LanguageAssessor)
        for _ in range(12):
            failure = await assessor.assess(scene, Judge().rule(scene))
            assert isinstance(failure, ModelFailure)
            # the breaker does not hide why
            assert failure.reason is AnalysisReason.MODEL_MISSING
        assert not assessor.worked
    assert reported[-1].state is ComponentState.DEGRADED
    assert reported[-1].details["model"] is None
    assert "models get nemotron-3-nano-4b`" in (reported[-1].fix or "")


async def test_a_model_that_needs_more_than_is_free_is_not_loaded_and_says_how_much(tmp_path):
    path = tmp_path / "big.gguf"
    path.write_bytes(b"GGUF")
    settings = LanguageSettings(model=str(path))
    reported: list[Component] = []
    async with open_assessor(
        settings, files=NoFiles(), clock=FakeClock(), report=reported.append, free_bytes=lambda: 2**20
    ) as assessor:
        assert isinstance(assessor, LanguageAssessor)
        failures = [await assessor.wake() for _ in range(8)]
    assert {failure.reason for failure in failures if failure is not None} == {AnalysisReason.OUT_OF_MEMORY}
    assert len([failure for failure in failures if failure is not None]) == 8
    assert reported[-1].state is ComponentState.FAILED
    assert "free are 1 MB" in (reported[-1].reason or "")


def test_a_model_that_is_too_large_is_one_that_is_out_of_memory():
    assert issubclass(ModelTooLarge, LanguageError)
    assert ModelTooLarge.reason is AnalysisReason.OUT_OF_MEMORY


# answers each request once the file that it names is there
PATIENT = """
import json, pathlib, sys, time
print(json.dumps({"ready": {"window": 512}}), flush=True)
for line in sys.stdin:
    told = json.loads(line)
    while not pathlib.Path(told["until"]).exists():
        time.sleep(0.01)
    print(json.dumps({"id": told["id"], "ok": True}), flush=True)
"""


async def test_a_child_has_one_slot_and_tells_who_waits_for_it(shelf, tmp_path):
    shelf.start = lambda _path: ModelProcess((sys.executable, "-c", PATIENT), clock=FakeClock(), policy=QUICK)
    shelf.name = "small"
    model = LocalModel(shelf.find, shelf.start)
    assert await model.occupancy() is None
    await model.window()
    assert await model.occupancy() == Occupancy(busy=0, slots=1, waiting=0)
    done = tmp_path / "done"
    assert model.process is not None
    process = model.process
    calls = [asyncio.create_task(process.call("wait", {"until": str(done)}, timeout_s=60)) for _ in range(3)]
    await until(lambda: process.waiting == 2)
    assert await model.occupancy() == Occupancy(busy=1, slots=1, waiting=2)
    calls.pop().cancel()
    await until(lambda: process.waiting == 1)
    done.touch()
    assert [told["ok"] for told in await asyncio.gather(*calls)] == [True, True]
    assert await model.occupancy() == Occupancy(busy=0, slots=1, waiting=0)
    await model.aclose()
    assert await model.occupancy() is None
