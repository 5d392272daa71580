"""A real small model through real llama.cpp in the real child process."""

import asyncio
from importlib.util import find_spec
import os
from pathlib import Path
import signal
import subprocess
import sys
import textwrap

import psutil
import pytest

from home_sentry_engine.contract import AnalysisReason
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.messages import ModelFailure, ModelVerdict
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.backends.base import Message, Question
from home_sentry_engine.language.backends.llama_process import LlamaCppProcess
from home_sentry_engine.language.errors import ContextOverflow, ModelTimeout, ModelUnreachable
from home_sentry_engine.language.process import ModelProcess, ProcessPolicy, ProcessState, worker_command
from home_sentry_engine.language.prompt import prompts
from home_sentry_engine.language.reply import parse_reply
from home_sentry_engine.language.schema import Size, json_schema
from home_sentry_engine.resilience.backoff import Backoff
from home_sentry_engine.settings import LanguageSettings
from tests.fakes.redteam import ATTACKS
from tests.fakes.scenes import load_scenes, person_scene, scene_of

pytestmark = pytest.mark.skipif(find_spec("llama_cpp") is None, reason="needs llama-cpp-python, extra llm")

QUICK = ProcessPolicy(backoff=Backoff(base_s=0.01, cap_s=0.05))


@pytest.fixture
def model(model_mirror):
    return model_mirror / "stories260K.gguf"


@pytest.fixture
async def backend(model):
    command = worker_command(model, context=4096, gpu_layers=-1, threads=1)
    made = LlamaCppProcess(ModelProcess(command, clock=SystemClock(), policy=QUICK), model_id="stories")
    yield made
    await made.aclose()


def question(messages, **changes):
    values = {
        "schema": json_schema(Size.COMPACT),
        "max_tokens": 240,
        "temperature": 0.2,
        "top_p": 0.95,
        "timeout_s": 60,
    }
    return Question(messages=messages, **{**values, **changes})


def compact_messages(scene):
    *_, form = prompts(scene, Judge().rule(scene))
    return (Message(role="system", content=form.system), Message(role="user", content=form.user))


async def test_the_window_is_the_models_own_and_not_what_was_wished(backend):
    assert await backend.window() == 512


async def test_grammar_bound_answers_parse_and_are_in_range(backend):
    scenes = [scene_of(data) for data in load_scenes()[::9]]
    for number, scene in enumerate(scenes):
        asked = question(compact_messages(scene), temperature=0.2 + number * 0.3)
        completion = await backend.complete(asked)
        answer = parse_reply(completion.text, truncated=completion.truncated)
        assert 0 <= answer.risk_score <= 100
        assert 0 <= answer.confidence <= 100
        assert completion.answer_tokens > 0


async def test_the_full_schemas_grammar_is_taken_too(backend):
    completion = await backend.complete(
        question((Message(role="user", content="{"),), schema=json_schema(Size.FULL), max_tokens=40)
    )
    assert completion.text.lstrip().startswith('{ "reasoning"') or '"reasoning"' in completion.text


async def test_a_scene_becomes_a_verdict_in_a_window_of_512_tokens(backend):
    made = LanguageAssessor(backend, settings=LanguageSettings(), clock=SystemClock())
    scene = person_scene(at="2026-06-11T02:20:00")
    verdict = await made.assess(scene, Judge().rule(scene))
    assert isinstance(verdict, ModelVerdict), verdict
    assert 0 <= verdict.score <= 100
    assert verdict.prompt_tokens + verdict.answer_tokens <= 512


def stopped_in_answers(model: Path, times: int) -> tuple[ModelProcess, asyncio.Event]:
    """A child that stands still when it is to answer, since no machine is slow enough for a model so small."""
    standing = asyncio.Event()
    left, asked = times, ""

    class Asked(ModelProcess):
        async def call(self, operation, arguments, *, timeout_s):
            nonlocal asked
            asked = operation
            return await super().call(operation, arguments, timeout_s=timeout_s)

    def watch(state, _reason):
        nonlocal left
        if state is ProcessState.BUSY and asked == "complete" and left:
            left -= 1
            assert process.pid is not None
            os.kill(process.pid, signal.SIGSTOP)
            standing.set()

    command = worker_command(model, context=4096, gpu_layers=-1, threads=1)
    process = Asked(command, clock=SystemClock(), policy=QUICK, on_change=watch)
    return process, standing


async def test_killing_the_child_in_mid_answer_costs_a_retry_and_not_the_event(model):
    process, answering = stopped_in_answers(model, 1)
    made = LanguageAssessor(
        LlamaCppProcess(process, model_id="stories"),
        settings=LanguageSettings(),
        clock=SystemClock(),
        backoff=Backoff(base_s=0.01, cap_s=0.01),
    )
    scene = person_scene()
    task = asyncio.create_task(made.assess(scene, Judge().rule(scene)))
    await asyncio.wait_for(answering.wait(), 60)
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    verdict = await task
    await made.aclose()
    assert isinstance(verdict, ModelVerdict), verdict
    assert process.restarts == 1


async def test_a_slow_answer_is_cut_at_its_deadline(model):
    process, _ = stopped_in_answers(model, 2)
    backend = LlamaCppProcess(process, model_id="stories")
    with pytest.raises(ModelTimeout):
        await backend.complete(question((Message(role="user", content="Once upon"),), timeout_s=0.01))
    made = LanguageAssessor(backend, settings=LanguageSettings(timeout_s=0.01), clock=SystemClock())
    failure = await made.assess(person_scene(), Judge().rule(person_scene()))
    assert isinstance(failure, ModelFailure)
    assert failure.reason is AnalysisReason.TIMEOUT
    await backend.aclose()


async def test_too_long_a_prompt_is_an_overflow(backend):
    with pytest.raises(ContextOverflow):
        await backend.complete(question((Message(role="user", content="word " * 2000),)))


async def test_a_broken_file_is_told_and_does_not_crash_the_engine(tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(5000))
    process = ModelProcess(worker_command(broken, context=512, gpu_layers=0, threads=1), clock=SystemClock())
    with pytest.raises(ModelUnreachable, match="cannot be loaded"):
        await process.ready()
    await process.aclose()


async def test_text_of_a_scene_never_becomes_a_special_token(backend):
    plain = await backend.count((Message(role="user", content="x"),))
    tokens = await backend.count((Message(role="user", content="x<s></s><s>"),))
    # as text each of the three takes several tokens, as a special token it would take one
    assert tokens - plain > 6


async def test_waking_loads_the_model_and_gets_an_answer(backend):
    made = LanguageAssessor(backend, settings=LanguageSettings(), clock=SystemClock())
    assert await made.wake() is None


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_child_dies_with_its_parent(model, how):
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(
                f"""
                import asyncio, sys
                from pathlib import Path
                from home_sentry_engine.domain.clock import SystemClock
                from home_sentry_engine.language.process import ModelProcess, worker_command
                async def main():
                    command = worker_command(Path({str(model)!r}), context=512, gpu_layers=0, threads=1)
                    process = ModelProcess(command, clock=SystemClock())
                    await process.ready()
                    print(process.pid, flush=True)
                    await asyncio.sleep(60)
                asyncio.run(main())
                """
            ),
        ],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4] / "addon" / "src")},
    )
    with parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.send_signal(how)
        parent.wait(10)
        child.wait(10)
    assert not child.is_running()


@pytest.mark.parametrize("text", ATTACKS[::8])
async def test_no_text_gets_a_real_model_below_the_floor(backend, text):
    made = LanguageAssessor(backend, settings=LanguageSettings(), clock=SystemClock())
    forced = {"behaviour": [{"kind": "forced_entry", "confidence": 0.9, "source": "vlm"}], "texts": [text]}
    scene = person_scene(camera=text, legs=forced)
    judge = Judge()
    rule = judge.rule(scene)
    verdict = judge.fuse(rule, await made.assess(scene, rule))
    assert verdict.score >= 85
