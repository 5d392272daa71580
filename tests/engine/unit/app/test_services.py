"""Services elsewhere are components that tell whether they answer."""

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web
import pytest

from home_sentry_engine.app.services import ServiceWatch
from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.settings import EnrichmentSettings
from tests.fakes.clock import FakeClock
from tests.fakes.patience import until


class Server:
    def __init__(self) -> None:
        self.answer: tuple[int, str] = (200, '{"status": "healthy"}')
        self.url = ""
        self.tokens = list[str | None]()
        self.models: dict[str, str] | None = None
        self.loaded = list[str]()

    async def respond(self, request: web.Request) -> web.Response:
        if request.path == "/models/status" and self.models is not None:
            rows = [{"name": name, "status": status} for name, status in self.models.items()]
            return web.json_response({"models": rows})
        if request.path == "/models/preload":
            self.loaded.append((await request.json())["model_name"])
            return web.json_response({}, status=200 if self.loaded[-1] != "yunet" else 503)
        if request.path == "/models/status":
            return web.Response(status=404)
        assert request.path == "/health"
        self.tokens.append(request.headers.get("Authorization"))
        return web.Response(status=self.answer[0], text=self.answer[1])


@pytest.fixture
async def server() -> AsyncGenerator[Server]:
    running, app = Server(), web.Application()
    app.router.add_route("*", "/{tail:.*}", running.respond)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    running.url = f"http://127.0.0.1:{site.port}"
    yield running
    await runner.cleanup()


def test_without_addresses_nothing_is_watched():
    assert not ServiceWatch(EnrichmentSettings(), lambda _: None, FakeClock()).needed


async def test_a_service_that_falls_silent_is_told_and_taken_back(server):
    heard: list[Component] = []
    watch = ServiceWatch(EnrichmentSettings(url=server.url), heard.append, FakeClock())
    assert watch.needed
    steps = [
        ((200, '{"status": "healthy"}'), ComponentState.HEALTHY, None),
        ((503, ""), ComponentState.DEGRADED, "the enrichment service: it answers HTTP 503"),
        ((200, "no JSON"), ComponentState.DEGRADED, "the enrichment service: its answer is no JSON"),
        ((200, '{"status": "loading"}'), ComponentState.UNHEALTHY, "it says that it is loading"),
        ((200, '{"status": "ok"}'), ComponentState.UNHEALTHY, "it answers again"),
        ((200, "{}"), ComponentState.HEALTHY, None),
    ]
    with ThreadPoolExecutor(1) as threads:
        for answer, state, reason in steps:
            server.answer = answer
            assert await watch.look(threads) is (state is ComponentState.HEALTHY)
            assert (heard[-1].id, heard[-1].state, heard[-1].reason) == ("enrichment_service", state, reason)
            assert (heard[-1].fix is None) is (state is ComponentState.HEALTHY)


async def test_each_service_is_a_component_of_its_own(server):
    heard: list[Component] = []
    closed = "http://127.0.0.1:9"
    wanted = EnrichmentSettings(url=server.url, clip_url=closed, florence_url=server.url)
    with ThreadPoolExecutor(3) as threads:
        assert not await ServiceWatch(wanted, heard.append, FakeClock()).look(threads)
    assert {one.id: one.state for one in heard} == {
        "enrichment_service": ComponentState.HEALTHY,
        "clip_service": ComponentState.DEGRADED,
        "florence_service": ComponentState.HEALTHY,
    }


async def test_each_service_is_shown_its_own_token(server):
    url = server.url
    wanted = EnrichmentSettings(
        url=url, token="for-looks", clip_url=url, clip_token="for-clip", florence_url=url, florence_token="for-words"
    )
    with ThreadPoolExecutor(1) as threads:
        assert await ServiceWatch(wanted, lambda _: None, FakeClock()).look(threads)
    assert server.tokens == ["Bearer for-looks", "Bearer for-clip", "Bearer for-words"]


async def test_another_engine_loads_what_it_will_be_asked_each_time_that_it_comes_up(server):
    server.models = {
        "yunet": "ready", "ultraface-320": "ready", "movenet-lightning-dequant": "ready", "yolov9-t-384-plates": "off",
        "lpd-yunet": "loaded", "pp-ocr": "ready", "osnet-x0-25": "ready", "image-quality": "ready",
    }  # fmt: skip
    wanted = EnrichmentSettings(url=server.url, off=frozenset({"texts"}))
    watch = ServiceWatch(wanted, lambda _: None, FakeClock())
    expected = ["yunet", "movenet-lightning-dequant", "osnet-x0-25"]

    async def loaded(count: int) -> list[str]:
        await until(lambda: len(server.loaded) >= count)
        await asyncio.sleep(0.05)
        return server.loaded

    with ThreadPoolExecutor(2) as threads:
        warming = asyncio.create_task(watch.warm(threads))
        for _ in range(2):
            await watch.look(threads)
        assert await loaded(3) == expected
        server.answer = (503, "")
        for _ in range(4):
            await watch.look(threads)
        server.answer = (200, "{}")
        for _ in range(4):
            await watch.look(threads)
        assert await loaded(6) == expected * 2
        warming.cancel()


async def test_a_service_that_lists_no_models_is_asked_to_load_none(server):
    watch = ServiceWatch(EnrichmentSettings(url=server.url), lambda _: None, FakeClock())
    with ThreadPoolExecutor(2) as threads:
        warming = asyncio.create_task(watch.warm(threads))
        assert await watch.look(threads)
        await asyncio.sleep(0.2)
        assert not warming.done()
        assert not server.loaded
        warming.cancel()


class Enough(Exception):
    """The test has seen what it wanted."""


class Naps(FakeClock):
    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server, self.slept = server, list[float]()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.server.answer = (200, '{"status": "ok"}')
        if len(self.slept) == 3:
            raise Enough


async def test_it_asks_sooner_while_one_is_not_well(server):
    heard: list[Component] = []
    server.answer, clock = (503, ""), Naps(server)
    watch = ServiceWatch(EnrichmentSettings(url=server.url), heard.append, clock)
    with ThreadPoolExecutor(1) as threads, pytest.raises(Enough):
        await watch.run(threads)
    assert clock.slept == [10.0, 60.0, 60.0]
