"""Two thousand useless answers over real HTTP: no exception, every failure named, every score in range."""

from collections import Counter
import random

from aiohttp import web

from home_sentry_engine.contract import AnalysisReason, AnalysisState
from home_sentry_engine.domain.messages import ModelVerdict
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.backends.http import JsonClient
from home_sentry_engine.language.backends.openai import OpenAICompatible
from home_sentry_engine.settings import LanguageSettings
from tests.fakes.clock import FakeClock
from tests.fakes.garbage import garbage, serving
from tests.fakes.scenes import person_scene

CASES = 2000


async def test_two_thousand_useless_answers():
    dice = random.Random(20261120)
    sent: list[tuple[bytes, int]] = []

    def reply(_request):
        sent.append(garbage(dice))
        return web.Response(body=sent[-1][0], status=sent[-1][1], content_type="application/json")

    async with serving(reply) as url:
        clock = FakeClock()
        backend = OpenAICompatible(
            JsonClient(url, api_key=None, connect_timeout_s=60), model="m", window_tokens=16_384, prefix="/v1"
        )
        made = LanguageAssessor(backend, settings=LanguageSettings(), clock=clock)
        judge, scene = Judge(), person_scene()
        rule = judge.rule(scene)
        outcomes: Counter[str] = Counter()
        while len(sent) < CASES:
            clock.tick(61)
            result = await made.assess(scene, rule)
            verdict = judge.fuse(rule, result)
            assert 0 <= verdict.score <= 100
            assert verdict.summary
            if isinstance(result, ModelVerdict):
                assert verdict.state is AnalysisState.LLM
                outcomes["verdict"] += 1
            else:
                assert verdict.state is AnalysisState.RULES
                assert verdict.score == rule.score
                assert verdict.detail
                outcomes[result.reason] += 1
        await made.aclose()
    named = {AnalysisReason.BAD_OUTPUT, AnalysisReason.CONTEXT_OVERFLOW, AnalysisReason.UNREACHABLE}
    assert set(outcomes) - {"verdict"} <= named
    assert outcomes[AnalysisReason.BAD_OUTPUT] > CASES // 4
    # a few of the wrong types are lists that may be cut to a valid length, nothing more
    assert outcomes["verdict"] < CASES // 20, outcomes
