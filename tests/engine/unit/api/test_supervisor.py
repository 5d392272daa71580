"""Discovery through the Supervisor, against a small stand-in for it."""

import asyncio
from collections.abc import AsyncGenerator
import json

import aiohttp
from aiohttp import web
import pytest

from home_sentry_engine.api.supervisor import DiscoveryMessage, SupervisorDiscovery
from home_sentry_engine.domain.errors import Permanent, Transient
from tests.fakes.clock import FakeClock
from tests.fakes.patience import pass_until

MESSAGE = DiscoveryMessage(
    host="abcd1234-home-sentry", port=8093, token="secret", instance_id="i", version="0.1.0", nonce="n1"
)


class Supervisor:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str, object]] = []
        self.answers: list[web.Response] = []
        self.url = ""

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        assert request.headers["Authorization"] == "Bearer supervisor-token"
        body = await request.read()
        self.heard.append((request.method, request.path, json.loads(body) if body else None))
        if self.answers:
            return self.answers.pop(0)
        return web.json_response({"result": "ok", "data": {"uuid": "u-1"}})


@pytest.fixture
async def supervisor() -> AsyncGenerator[Supervisor]:
    answering = Supervisor()
    runner = web.ServerRunner(web.Server(answering))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    answering.url = f"http://127.0.0.1:{site.port}"
    yield answering
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def test_the_message_has_what_home_assistant_needs(supervisor, session):
    discovery = SupervisorDiscovery(session, "supervisor-token", FakeClock(), supervisor.url)
    assert await discovery.announce(MESSAGE) == "u-1"
    assert supervisor.heard == [
        (
            "POST",
            "/discovery",
            {
                "service": "home_sentry",
                "config": {
                    "host": "abcd1234-home-sentry",
                    "port": 8093,
                    "token": "secret",
                    "instance_id": "i",
                    "version": "0.1.0",
                    "nonce": "n1",
                },
            },
        )
    ]


async def test_it_comes_back_after_trouble(supervisor, session):
    supervisor.answers = [
        web.Response(status=503),
        web.Response(text="<html>"),
        web.json_response([]),
        web.Response(status=302, headers={"Location": "http://example.org/"}),
    ]
    clock = FakeClock()
    discovery = SupervisorDiscovery(session, "supervisor-token", clock, supervisor.url)
    trying = asyncio.create_task(discovery.announce(MESSAGE))
    await pass_until(clock, trying.done)
    assert await trying == "u-1"
    assert len(supervisor.heard) == 5


async def test_after_six_tries_it_says_so(session):
    clock = FakeClock()
    discovery = SupervisorDiscovery(session, "supervisor-token", clock, "http://127.0.0.1:1")
    trying = asyncio.create_task(discovery.announce(MESSAGE))
    await pass_until(clock, trying.done)
    with pytest.raises(Transient, match="cannot be reached"):
        await trying
    assert clock.monotonic() >= 112


async def test_a_service_that_is_not_listed_is_not_tried_again(supervisor, session):
    supervisor.answers = [web.Response(status=403)]
    with pytest.raises(Permanent, match="403"):
        await SupervisorDiscovery(session, "supervisor-token", FakeClock(), supervisor.url).announce(MESSAGE)
    assert len(supervisor.heard) == 1


async def test_the_app_is_restarted_and_a_refusal_or_silence_is_told(supervisor, session):
    asked = SupervisorDiscovery(session, "supervisor-token", FakeClock(), supervisor.url)
    await asked.restart_app()
    assert supervisor.heard == [("POST", "/addons/self/restart", None)]
    supervisor.answers = [web.Response(status=403), web.Response(status=500)]
    with pytest.raises(Permanent, match="403"):
        await asked.restart_app()
    with pytest.raises(Transient, match="500"):
        await asked.restart_app()
    with pytest.raises(Transient, match="cannot be reached"):
        await SupervisorDiscovery(session, "supervisor-token", FakeClock(), "http://127.0.0.1:1").restart_app()
