"""A service that never answers, or slowly, and the visits that ask it."""

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
import time

from aiohttp import web
import pytest

from home_sentry_engine.app.enriching import SERVICE_CALLS, SERVICE_THREADS, stand_ins
from home_sentry_engine.domain.enrichment import EnrichmentResult, Outcome
from home_sentry_engine.pipeline.enrich.desk import EnrichmentRules
from home_sentry_engine.pipeline.enrich.enrichment import Enrichment
from home_sentry_engine.resilience.breaker import BreakerState
from home_sentry_engine.vision.services import Limits, ServedModels, Services
from home_sentry_engine.vision.services import served as ids
from home_sentry_engine.vision.session import AcceleratorGate, Runner
from tests.engine.unit.pipeline.views import seen, shot, views_of
from tests.fakes.clock import START
from tests.fakes.models import Faces, Meter, Shelf

DEADLINE_S = 0.6
PATIENCE_S = 1.2
LIMITS = Limits(connect_s=2.0, read_s=20.0, health_s=0.2, pause_s=0.01)


class Silent:
    """Takes questions and never answers; ``open`` are those connections that nobody closed yet."""

    def __init__(self) -> None:
        self.open = 0
        self.came = 0
        self.url = ""

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.came += 1
        try:
            while await reader.read(2**16):
                pass
        finally:
            self.open -= 1
            writer.close()


@pytest.fixture
async def silent() -> AsyncGenerator[Silent]:
    one = Silent()
    listener = await asyncio.start_server(one.take, "127.0.0.1", 0)
    one.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    yield one
    listener.close()


@asynccontextmanager
async def slow_clip(answers_after_s: float) -> AsyncGenerator[str]:
    async def respond(request: web.Request) -> web.Response:
        asked = await request.json()
        await asyncio.sleep(answers_after_s)
        if request.path == "/embed":
            return web.json_response({"embedding": [3.0, 4.0]})
        return web.json_response({"scores": {label: float(n == 1) for n, label in enumerate(asked["labels"])}})

    app = web.Application(client_max_size=10**7)
    app.router.add_post("/{tail:.*}", respond)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{site.port}"
    await runner.cleanup()


def outcomes(result: EnrichmentResult) -> dict[str, Outcome]:
    return {one.about: one.outcome for one in result.attempts}


async def test_a_service_that_never_answers_keeps_no_other_question_waiting(silent):
    async with slow_clip(DEADLINE_S * 1.2) as clip:
        with ThreadPoolExecutor(SERVICE_THREADS) as executor:
            services = Services(enrichment_url=silent.url, clip_url=clip, limits=LIMITS)
            own = Shelf(yunet=Faces(), image_quality=Meter())
            models = ServedModels(
                own, services, lambda: Runner(executor, AcceleratorGate(SERVICE_CALLS), timeout_s=60.0)
            )
            rules = EnrichmentRules(
                deadline_s=DEADLINE_S,
                instead=stand_ins(models.ids),
                patience_s=dict.fromkeys(ids.SERVED, PATIENCE_S) | {ids.CLIP: 10.0},
            )
            look = Enrichment(models, rules)
            first = await look(views_of(shot(START, [seen("person")])))
            assert outcomes(first)["pose"] is outcomes(first)["depth"] is Outcome.UNAVAILABLE
            for _ in range(3):
                result = await look(views_of(shot(START, [seen("person")])))
            found = outcomes(result)
            assert {found[about] for about in ("faces", "quality", "weather")} == {Outcome.RAN}
            (weather,) = (one for one in result.findings if one.about == "weather")
            assert weather.model_id == ids.CLIP
            assert models.breakers["enrichment"].state is BreakerState.OPEN
            assert models.breakers["clip"].state is BreakerState.CLOSED
            (pose,) = (one for one in result.attempts if one.about == "pose")
            assert "left alone" in (pose.reason or "")
            assert silent.came < LIMITS.failures + 2 * SERVICE_CALLS
            began = time.monotonic()
        # the threads end with the questions that they asked, not with the read time of the service
        assert time.monotonic() - began < LIMITS.read_s / 2
        for _ in range(100):
            if not silent.open:
                break
            await asyncio.sleep(0.02)
        assert not silent.open
