"""The form of a summary through real llama.cpp: what the grammar lets through is a summary."""

from importlib.util import find_spec

import pytest

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.language.backends.base import Message, Question
from home_sentry_engine.language.backends.llama_process import LlamaCppProcess
from home_sentry_engine.language.process import ModelProcess, worker_command
from home_sentry_engine.language.summarist import SCHEMA, sentences_of

pytestmark = pytest.mark.skipif(find_spec("llama_cpp") is None, reason="needs llama-cpp-python, extra llm")


async def test_what_the_grammar_lets_through_is_a_summary(model_mirror):
    command = worker_command(model_mirror / "stories260K.gguf", context=512, gpu_layers=-1, threads=1)
    backend = LlamaCppProcess(ModelProcess(command, clock=SystemClock()), model_id="stories")
    try:
        for temperature in (0.2, 0.8):
            asked = Question(
                messages=(Message(role="user", content="Once"),),
                schema=SCHEMA,
                max_tokens=480,
                temperature=temperature,
                top_p=0.9,
                timeout_s=60,
            )
            completion = await backend.complete(asked)
            assert 2 <= len(sentences_of(completion.text, truncated=completion.truncated)) <= 3
    finally:
        await backend.aclose()
