"""The model looks back at its verdict: what counts as an evaluation, what fails, and how soon it gives way."""

import asyncio
from importlib.util import find_spec
import json

import psutil
import pytest

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.language import process as process_module
from home_sentry_engine.language.backends.base import Completion, Message, Question
from home_sentry_engine.language.backends.llama_process import LlamaCppProcess
from home_sentry_engine.language.errors import BadOutput, ContextOverflow, LanguageError
from home_sentry_engine.language.evaluator import MOST_TOKENS, Given, SelfEvaluator
from home_sentry_engine.language.process import ModelProcess, worker_command
from home_sentry_engine.language.prompt import prompts
from home_sentry_engine.language.reply import objects_of
from home_sentry_engine.settings import LanguageSettings
from tests.fakes.language import FakeBackend, answer
from tests.fakes.patience import turns
from tests.fakes.scenes import person_scene

SCENE = person_scene()
REVIEW = {
    "critique": "The verdict does not weigh the hour.",
    "context_usage": 4,
    "reasoning_coherence": 5,
    "risk_justification": 3,
    "actionability": 4,
    "missing_context": ["who lives here"],
    "confusing_sections": [],
    "unused_data": ["weather"],
    "format_suggestions": [],
    "model_gaps": [],
}
llama = pytest.mark.skipif(find_spec("llama_cpp") is None, reason="needs llama-cpp-python, extra llm")


def given(**changes) -> Given:
    first, *_, last = prompts(SCENE, Judge().rule(SCENE))
    form = last if changes.pop("compact", False) else first
    values = {
        "prompt": f"{form.system}\n\n{form.user}",
        "score": 40,
        "summary": "A person waits.",
        "reasoning": "Nobody opened.",
        "recommended_action": "none",
    }
    return Given(**{**values, **changes})


def evaluator(*steps, **options) -> tuple[SelfEvaluator, FakeBackend]:
    backend = FakeBackend(*steps, **options)
    return SelfEvaluator(backend, LanguageSettings()), backend


async def test_a_good_answer_gives_marks_and_whether_it_would_say_the_same():
    mind, backend = evaluator(json.dumps(REVIEW), answer(risk_score=50))
    found = await mind.evaluate(given())
    assert (found.context_usage, found.actionability, found.second_score) == (4, 4, 50)
    assert found.consistency == 3.0
    assert found.overall == pytest.approx((4 + 5 + 3 + 4 + 3) / 5)
    assert (found.missing_context, found.unused_data, found.model_gaps) == (("who lives here",), ("weather",), ())
    review, again = backend.questions
    assert {question.temperature for question in backend.questions} == {0.3}
    assert {question.max_tokens for question in backend.questions} == {MOST_TOKENS}
    assert f"{again.messages[0].content}\n\n{again.messages[1].content}" == given().prompt
    assert '"risk_score": 40' in review.messages[1].content
    assert '"risk_score": 40' not in again.messages[1].content


@pytest.mark.parametrize(("second", "consistency"), [(40, 5.0), (45, 4.0), (35, 4.0), (60, 1.0), (100, 1.0)])
async def test_consistency_falls_by_one_for_each_five_points_and_not_below_one(second, consistency):
    mind, _ = evaluator(json.dumps(REVIEW), answer(risk_score=second))
    assert (await mind.evaluate(given())).consistency == consistency


@pytest.mark.parametrize(
    "broken",
    [
        "rubbish",
        "",
        "{}",
        json.dumps(REVIEW | {"critique": "aaaa"}),
        json.dumps(REVIEW | {"critique": "!!! ??? ..."}),
        json.dumps(REVIEW | {"context_usage": 6}),
        json.dumps(REVIEW | {"context_usage": 3.0}),
        json.dumps(REVIEW | {"context_usage": True}),
        json.dumps({name: value for name, value in REVIEW.items() if name != "actionability"}),
        json.dumps(REVIEW | {"model_gaps": "none"}),
        Completion(text=json.dumps(REVIEW), truncated=True, prompt_tokens=9, answer_tokens=9),
    ],
)
async def test_an_unusable_answer_is_a_failure_and_never_a_mark(broken):
    mind, _ = evaluator(broken)
    with pytest.raises(BadOutput):
        await mind.evaluate(given())


async def test_a_failure_of_the_second_question_fails_the_whole():
    mind, _ = evaluator(json.dumps(REVIEW), "rubbish")
    with pytest.raises(BadOutput):
        await mind.evaluate(given())


async def test_without_room_for_an_answer_there_is_no_evaluation():
    mind, backend = evaluator(json.dumps(REVIEW), window=700)
    with pytest.raises(ContextOverflow):
        await mind.evaluate(given())
    assert not backend.questions


async def test_a_prompt_of_another_shape_is_not_asked_again():
    mind, _ = evaluator(json.dumps(REVIEW))
    with pytest.raises(BadOutput):
        await mind.evaluate(given(prompt="something else"))


@pytest.fixture
async def tiny(model_mirror):
    command = worker_command(model_mirror / "stories260K.gguf", context=4096, gpu_layers=-1, threads=1)
    made = LlamaCppProcess(ModelProcess(command, clock=SystemClock()), model_id="stories")
    yield made
    await made.aclose()


@llama
async def test_a_real_model_that_answers_rubbish_is_a_failure(tiny):
    mind = SelfEvaluator(tiny, LanguageSettings())
    with pytest.raises(LanguageError) as caught:
        await mind.evaluate(given())
    assert caught.value.reason.value in {"context_overflow", "bad_output"}


@llama
async def test_a_real_models_words_are_no_review(tiny):
    messages = (Message(role="user", content="Once upon a time"),)
    free = {"type": "object", "properties": {"critique": {"type": "string", "maxLength": 60}}, "required": ["critique"]}
    said = await tiny.complete(
        Question(messages=messages, schema=free, max_tokens=200, temperature=0.3, top_p=0.95, timeout_s=60)
    )
    mind, _ = evaluator(said.text)
    assert objects_of(said.text)
    with pytest.raises(BadOutput):
        await mind.evaluate(given())


async def caught_in_the_middle(ask, child: psutil.Process) -> asyncio.Task[object]:
    """Ask until the child could be stopped before it had answered: a fast machine needs more than one try."""
    for _ in range(50):
        asked, before = asyncio.create_task(ask()), child.cpu_times().user
        while child.cpu_times().user == before and not asked.done():  # noqa: ASYNC110 - only the kernel knows
            await asyncio.sleep(0.001)
        child.suspend()
        await turns()
        if not asked.done():
            return asked
        child.resume()
    raise AssertionError("each answer was there at once")


@llama
async def test_a_question_that_gives_way_stops_before_its_model_would_be_ended(tiny, monkeypatch):
    monkeypatch.setattr(process_module, "_STOP_S", 60.0)
    endless = {"type": "object", "properties": {"a": {"type": "string", "minLength": 1900}}, "required": ["a"]}
    messages = (Message(role="user", content="Once upon a time"),)
    long = Question(messages=messages, schema=endless, max_tokens=3500, temperature=0.3, top_p=0.95, timeout_s=60)
    await tiny.count(messages)
    pid = tiny.process.pid
    child = psutil.Process(pid)

    def computed_s() -> float:
        return child.cpu_times().user + child.cpu_times().system

    before = computed_s()
    await tiny.complete(long)
    whole_s = computed_s() - before
    asked = await caught_in_the_middle(lambda: tiny.complete(long), child)
    before = computed_s()
    asked.cancel()
    await turns()
    child.resume()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert computed_s() - before < whole_s / 2
    assert await tiny.count(messages) > 0
    assert tiny.process.pid == pid
