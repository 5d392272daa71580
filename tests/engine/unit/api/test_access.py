"""Who may call what: every route with every kind of caller."""

from datetime import timedelta

import aiohttp
import pytest

from home_sentry_engine.api.auth import Gate
from home_sentry_engine.api.key_book import KeyBook
from home_sentry_engine.api.limits import Limits
from home_sentry_engine.api.routing import Access
from home_sentry_engine.api.tokens import TokenKeys, hash_of
from home_sentry_engine.contract import Problem, decode
from home_sentry_engine.contract.errors import RateLimited, Unauthorized
from tests.fakes.api import TOKEN, FakeEngine, serving
from tests.fakes.clock import FakeClock
from tests.fakes.keys import FakeKeyDesk

OPEN_PATHS = {"/", "/health", "/ready"}
IDS = {
    "{camera_id}": "front_door",
    "{summary_id}": "s1",
    "{export_id}": "x1",
    "{property_id}": "cabin",
    "{event_id}": "e1",
    "{media_id}": "m1",
    "{queue}": "detect",
    "{letter_id}": "1",
    "{component_id}": "ingest",
    "{model_id}": "yunet",
    "{change_id}": "1",
    "{detection_id}": "1",
    "{entity_id}": "who1",
    "{owner_id}": "o1",
    "{sample_id}": "1",
    "{fact_id}": "o1",
    "{key_id}": "k1",
    "{rule_id}": "mine",
    "{alert_id}": "al1",
    "{channel_id}": "c1",
    "{model}": "nemotron",
    "{run_id}": "r0",
}
STRANGERS = {
    "no token": {},
    "wrong token": {"Authorization": "Bearer wrong" + "x" * 40},
    "empty token": {"Authorization": "Bearer "},
    "other scheme": {"Authorization": f"Basic {TOKEN}"},
    "prefix of the token": {"Authorization": f"Bearer {TOKEN[:-1]}"},
    "longer than the token": {"Authorization": f"Bearer {TOKEN}x"},
    "very long token": {"Authorization": "Bearer " + "y" * 6000},
    "cookie": {"Cookie": f"token={TOKEN}"},
    "own header": {"X-Token": TOKEN},
    "spoofed address": {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"},
    "spoofed ingress": {"X-Ingress-Path": "/api/hassio_ingress/x", "X-Remote-User-Id": "1"},
}


def gate_of(keys: TokenKeys, clock: FakeClock, failures: int) -> Gate:
    return Gate(lambda: keys, KeyBook(FakeKeyDesk(clock), clock), clock, failures)


def concrete(path: str) -> str:
    """Put something that is there into each gap of a path."""
    for name, value in IDS.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize("kind", STRANGERS)
async def test_only_three_paths_answer_without_the_token(server, stranger, kind):
    opened = set()
    for route in server.routes:
        async with stranger.request(route.method, concrete(route.path), headers=STRANGERS[kind]) as response:
            body = await response.read()
            if response.status == 401:
                problem = decode(Problem, body)
                assert problem.code == "unauthorized"
                assert response.headers["WWW-Authenticate"] == "Bearer"
            else:
                opened.add(route.path)
                assert response.status == 200
                # who calls itself Home Assistant's ingress is told the same word in a sentence
                page = route.path == "/" and kind == "spoofed ingress"
                assert b"<p>The engine is ready.</p>" in body if page else body in {b"ok", b"alive", b"ready"}
    assert opened == OPEN_PATHS


async def test_every_route_opens_with_the_token(server, client, engine):
    for route in server.routes:
        engine.household.seed()
        engine.entities.seed()
        engine.triage.seed()
        engine.back.seed()
        engine.rules.seed()
        engine.notifications.seed()
        engine.api_keys.add("k" * 43, id="k1")
        async with client.request(route.method, concrete(route.path)) as response:
            assert response.status not in {401, 403, 404, 405, 500}, route.name


async def test_the_token_in_the_query_counts_for_nothing(server, stranger):
    for parameter in ("token", "access_token", "authorization", "api_key"):
        async with stranger.get("/api/v1/info", params={parameter: TOKEN}) as response:
            assert response.status == 401


async def test_strangers_do_not_learn_what_exists(stranger):
    statuses = set()
    for path in ("/api/v1/events", "/api/v1/nothing", "/api", "/favicon.ico", "/api/v1/events/e1", "/metrics/x"):
        async with stranger.get(path) as response:
            statuses.add(response.status)
    async with stranger.delete("/api/v1/events") as response:
        statuses.add(response.status)
    assert statuses == {401}


def test_every_route_that_is_open_is_meant_to_be(server):
    assert {route.path for route in server.routes if route.access is Access.OPEN} == OPEN_PATHS
    assert {route.path for route in server.routes if route.access is Access.IN_BAND} == {"/api/v1/ws"}


async def test_five_wrong_tokens_a_minute_and_the_right_one_is_never_locked_out():
    clock = FakeClock()
    engine = FakeEngine(clock=clock)
    async with serving(engine, limits=Limits()) as server, aiohttp.ClientSession(server.url) as session:

        async def status(token: str, address: str = "") -> int:
            headers = {"Authorization": f"Bearer {token}"} | ({"X-Forwarded-For": address} if address else {})
            async with session.get("/api/v1/info", headers=headers) as response:
                return response.status

        assert [await status("wrong") for _ in range(7)] == [401] * 5 + [429] * 2
        assert await status(TOKEN) == 200
        assert await status("wrong") == 429
        # each address has its own count, and a proxy on this machine may name it
        assert await status("wrong", "192.0.2.1") == 401
        clock.tick(60)
        assert await status("wrong") == 401


async def test_a_missing_token_is_no_guess():
    engine = FakeEngine()
    async with serving(engine, limits=Limits()) as server, aiohttp.ClientSession(server.url) as session:
        for _ in range(20):
            async with session.get("/api/v1/info") as response:
                assert response.status == 401


def test_the_old_token_works_for_ten_minutes_after_a_rotation():
    clock = FakeClock()
    keys = TokenKeys(
        current=hash_of("new"), previous=hash_of("old"), previous_until=clock.now() + timedelta(minutes=10)
    )
    gate = gate_of(keys, clock, 5)
    assert gate.admit("new", "a").address == "a"
    assert gate.admit("old", "a").address == "a"
    clock.tick(600)
    assert gate.admit("new", "a").address == "a"
    with pytest.raises(Unauthorized):
        gate.admit("old", "a")


def test_who_is_connected_with_the_old_token_is_refused_after_ten_minutes():
    clock = FakeClock()
    before = TokenKeys(current=hash_of("old"))
    until = clock.now() + timedelta(minutes=10)
    connected = gate_of(before, clock, 5).admit("old", "a")
    gate = gate_of(TokenKeys(current=hash_of("new"), previous=hash_of("old"), previous_until=until), clock, 5)
    assert gate.again(connected).address == "a"
    clock.tick(600)
    with pytest.raises(Unauthorized):
        gate.again(connected)


def test_the_count_of_failures_is_per_address():
    gate = gate_of(TokenKeys(current=hash_of(TOKEN)), FakeClock(), 2)
    for address in ("a", "b"):
        for _ in range(2):
            with pytest.raises(Unauthorized):
                gate.admit("wrong", address)
        with pytest.raises(RateLimited):
            gate.admit("wrong", address)
    assert gate.admit(TOKEN, "a").address == "a"


def test_the_caller_does_not_show_the_token():
    caller = gate_of(TokenKeys(current=hash_of(TOKEN)), FakeClock(), 5).admit(TOKEN, "192.0.2.9")
    assert TOKEN not in repr(caller)
