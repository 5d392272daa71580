"""Answers of a language model that are of no use, and a real HTTP server that gives them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
import json
import random

from aiohttp import web

from tests.fakes.language import ANSWER, answer

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


@asynccontextmanager
async def serving(reply: Callable[[web.Request], object]) -> AsyncIterator[str]:
    """Serve ``reply`` (which may be awaitable) as the chat API of a model; gives the address."""

    async def handler(request: web.Request) -> web.StreamResponse:
        made = reply(request)
        return await made if hasattr(made, "__await__") else made  # type: ignore[return-value]

    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_post("/v1/chat/completions", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
