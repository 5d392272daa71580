"""Two thousand useless answers over real HTTP: no exception, every failure named, every score in range."""

from collections import Counter
import json
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
from tests.fakes.language import ANSWER, answer
from tests.fakes.scenes import person_scene

CASES = 2000
MEGABYTE = "lorem ipsum " * 90_000


def garbage(dice: random.Random) -> tuple[bytes, int]:
    """Write one HTTP body and its status."""
    text = dice.choice(_TEXTS)(dice)
    if dice.random() < 0.15:
        return dice.choice(_BODIES)(dice, text)
    finish = dice.choice(["stop", "length", None])
    body: dict[str, object] = {
        "choices": [{"message": {"content": text}, "finish_reason": finish}],
        "usage": dice.choice([None, {}, 7]),
    }
    return json.dumps(body).encode(), 200


def _wrong_type(dice):
    field = dice.choice(list(ANSWER))
    return answer(**{field: dice.choice([[], {}, True, 10**9, -(10**9), 1.5e300, [[]], {"a": 1}, "forty", ["x", 1]])})


def _missing(dice):
    return answer(**{dice.choice(["reasoning", "risk_score", "summary", "confidence"]): None})


def _noise(dice):
    return "".join(dice.choice('{}[]":,\\ \n0a日�\u202e') for _ in range(dice.randrange(300)))


_TEXTS = (
    lambda _dice: "",
    lambda _dice: "I am sorry, I cannot help with that.",
    lambda _dice: "Ich sehe eine Person. Risiko: niedrig.",
    lambda _dice: "# Risk\n**Score**: 12\n- calm\n",
    lambda dice: answer()[: dice.randrange(len(answer()) - 1)],
    lambda _dice: answer().replace("40", "NaN"),
    lambda _dice: answer().replace("40", "-Infinity"),
    lambda _dice: answer(risk_score=10**9),
    lambda _dice: answer().replace("40", "1e999"),
    lambda _dice: answer().replace("40", "9" * 5000),
    lambda _dice: answer(summary=MEGABYTE) if _dice.random() < 0.1 else "null",
    lambda _dice: '{"a":' * 3000,
    lambda _dice: "[" * 3000,
    lambda _dice: "<think>endless",
    lambda _dice: '{"risk_score": "40"}',
    _wrong_type,
    _missing,
    _noise,
)
_BODIES = (
    lambda _dice, _text: (b"", 200),
    lambda _dice, _text: (b"<html>busy</html>", 200),
    lambda _dice, _text: (b"null", 200),
    lambda _dice, _text: (b'{"choices": []}', 200),
    lambda _dice, _text: (b'{"choices": [{"message": null}]}', 200),
    lambda _dice, _text: (b'{"choices": [{"message": {"content": null}}]}', 200),
    lambda _dice, _text: (b'{"choices": {"0": 1}}', 200),
    lambda _dice, _text: (b"\xff\xfe\x00", 200),
    lambda _dice, text: (text.encode(errors="replace")[:100_000], 200),
    lambda _dice, _text: (b"oops", 418),
    lambda _dice, _text: (b'{"error": "context size exceeded"}', 400),
)


async def test_two_thousand_useless_answers():
    dice = random.Random(20261120)
    sent: list[tuple[bytes, int]] = []

    async def handler(_request):
        sent.append(garbage(dice))
        return web.Response(body=sent[-1][0], status=sent[-1][1], content_type="application/json")

    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_post("/v1/chat/completions", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    clock = FakeClock()
    backend = OpenAICompatible(
        JsonClient(url, api_key=None, connect_timeout_s=5), model="m", window_tokens=16_384, prefix="/v1"
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
    await runner.cleanup()
    named = {AnalysisReason.BAD_OUTPUT, AnalysisReason.CONTEXT_OVERFLOW, AnalysisReason.UNREACHABLE}
    assert set(outcomes) - {"verdict"} <= named
    assert outcomes[AnalysisReason.BAD_OUTPUT] > CASES // 4
    # a few of the wrong types are lists that may be cut to a valid length, nothing more
    assert outcomes["verdict"] < CASES // 20, outcomes
