"""The fullest prompt that fits is taken."""

import pytest

from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.language.budget import COMPACT_ANSWER_TOKENS, fit
from home_sentry_engine.language.errors import ContextOverflow
from home_sentry_engine.language.prompt import prompts
from home_sentry_engine.language.schema import Size
from home_sentry_engine.language.sections import LEGS
from tests.fakes.scenes import person_scene

SCENE = person_scene(legs={name: {"value": "long text " * 6} for name in LEGS})


async def fitted(window, answer_tokens=768):
    async def count(form):
        return len(form.system + form.user) // 4

    return await fit(prompts(SCENE, Judge().rule(SCENE)), count=count, window=window, answer_tokens=answer_tokens)


async def test_a_large_window_takes_everything(caplog):
    result = await fitted(16_384)
    assert result.prompt.left_out == ()
    assert result.answer_tokens == 768
    assert "nearly fills" not in caplog.text


async def test_a_smaller_window_drops_the_least_important_first(caplog):
    result = await fitted(1700)
    assert result.prompt.size is Size.FULL
    assert result.prompt.left_out[0] == "depth"
    assert result.tokens + 768 <= 1700
    assert "nearly fills" in caplog.text


async def test_a_tiny_window_takes_the_compact_form():
    result = await fitted(512)
    assert result.prompt.size is Size.COMPACT
    assert result.tokens + COMPACT_ANSWER_TOKENS <= 512
    assert result.answer_tokens == 512 - result.tokens


async def test_what_does_not_fit_at_all_is_an_overflow():
    with pytest.raises(ContextOverflow, match="window only 128"):
        await fitted(128)
