"""A service that never answers, or slowly, and the visits that ask it."""

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
import socket
import time

from aiohttp import web
import pytest

from home_sentry_engine.app.enriching import SERVICE_CALLS, SERVICE_THREADS, services_s, stand_ins
from home_sentry_engine.domain.enrichment import EnrichmentResult, Outcome
from home_sentry_engine.pipeline.enrich.desk import EnrichmentRules
from home_sentry_engine.pipeline.enrich.enrichment import Enrichment
from home_sentry_engine.resilience.breaker import BreakerState
from home_sentry_engine.settings import EnrichmentSettings, VisionSettings
from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.services import CLIPClient, CLIPUnavailableError, Limits, ServedModels, Services
from home_sentry_engine.vision.services import served as ids
from home_sentry_engine.vision.services.waiting import waited_for
from home_sentry_engine.vision.session import AcceleratorGate, Cancel, Runner
from home_sentry_engine.vision.tasks.depth import DepthGauge
from home_sentry_engine.vision.tasks.florence import FlorenceTask
from home_sentry_engine.vision.tasks.florence_run import FlorenceReader
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.tasks.zero_shot import ImageText
from tests.engine.unit.pipeline.views import seen, shot, views_of
from tests.fakes.clock import START
from tests.fakes.models import Faces, Meter, Shelf
from tests.fakes.patience import until

FRAME = RgbFrame.of(draw_canary(64, 48))
DEADLINE_S = 2.0
PATIENCE_S = 1.0
LIMITS = Limits(connect_s=60.0, read_s=120.0, health_s=0.2, pause_s=0.01)


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
                patience_s=dict.fromkeys(ids.SERVED, PATIENCE_S) | {ids.CLIP: 60.0},
            )
            look = Enrichment(models, rules)
            first = await look(views_of(shot(START, [seen("person")])))
            assert outcomes(first)["pose"] is outcomes(first)["depth"] is Outcome.UNAVAILABLE
            # what computes here did not wait for them
            assert outcomes(first)["faces"] is outcomes(first)["quality"] is Outcome.RAN
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
        await until(lambda: not silent.open)


async def test_a_service_that_hangs_keeps_nobody_from_asking_another_one(silent):
    async with slow_clip(0.0) as clip:
        with ThreadPoolExecutor(SERVICE_THREADS) as executor:
            services = Services(florence_url=silent.url, enrichment_url=silent.url, clip_url=clip, limits=LIMITS)
            models = ServedModels(
                Shelf(), services, lambda: Runner(executor, AcceleratorGate(SERVICE_CALLS), timeout_s=60.0)
            )
            hung = [
                asyncio.create_task(models.use(model_id, kind, ask))
                for model_id, kind, ask in (
                    (ids.FLORENCE, FlorenceReader, lambda one, _cancel: one.ask(FlorenceTask.CAPTION, FRAME)),
                    (ids.DEPTH, DepthGauge, lambda one, _cancel: one.measure(FRAME)),
                )
                for _ in range(2 * SERVICE_CALLS)
            ]
            while silent.open < 2 * SERVICE_CALLS:  # noqa: ASYNC110 - the server counts, and tells nobody
                await asyncio.sleep(0.01)
            async with asyncio.timeout(LIMITS.read_s / 2):
                assert (
                    await models.use(ids.CLIP, ImageText, lambda one, _cancel: one.embed(FRAME))
                ).model_id == ids.CLIP
            for one in hung:
                one.cancel()
            await asyncio.gather(*hung, return_exceptions=True)


def test_nobody_asks_again_once_nobody_waits_and_each_try_counts():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client = CLIPClient.at(url, limits=Limits(read_s=0.05, failures=4, pause_s=0.0))
        cancel = Cancel()
        cancel.cancel()

        def states() -> set[BreakerState]:
            return {client.service.breaker.state}

        with waited_for(cancel), pytest.raises(CLIPUnavailableError):
            client.embed(FRAME)
        assert states() == {BreakerState.CLOSED}
        # three more tries make four failures: the one that nobody waited for counts too
        with pytest.raises(CLIPUnavailableError):
            client.embed(FRAME)
        assert states() == {BreakerState.OPEN}
        listener.settimeout(60.0)
        for _ in range(4):
            listener.accept()[0].close()
        listener.settimeout(0.1)
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.parametrize(
    ("enrichment", "vision", "more_s"),
    [
        (EnrichmentSettings(), VisionSettings(), 0.0),
        (EnrichmentSettings(url="http://a"), VisionSettings(), 140.0),
        (EnrichmentSettings(clip_url="http://a"), VisionSettings(), 50.0),
        (EnrichmentSettings(florence_url="http://a"), VisionSettings(), 80.0),
        (EnrichmentSettings(), VisionSettings(describes=True, timeout_s=90.0), 95.0),
    ],
)
def test_a_visit_may_take_as_long_as_its_services(enrichment, vision, more_s):
    assert services_s(enrichment, vision) == more_s
