"""Keys over REST and WebSocket: made, changed, revoked, expired; who acts is written down."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from home_sentry_engine.api import key_book
from home_sentry_engine.api.hub import Pace
from home_sentry_engine.api.limits import Limit, LimitClass, Limits
from home_sentry_engine.api.server import ApiServer
from home_sentry_engine.contract import AuthFailed, KeyRole, PerformanceUpdate, Subscribe, SystemStatus
from home_sentry_engine.domain.errors import HomeSentryError
from tests.fakes.api import QUIET, TOKEN, FakeEngine, serving, speaking
from tests.fakes.clock import START, FakeClock
from tests.fakes.patience import until
from tests.fakes.peer import Peer
from tests.fakes.records import camera

KEYS = "/api/v1/system/keys"
VIEWER = "viewer-" + "v" * 43
OPERATOR = "operator-" + "o" * 43


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def engine(clock: FakeClock) -> FakeEngine:
    made = FakeEngine(clock=clock)
    made.api_keys.add(VIEWER, KeyRole.VIEWER, name="tablet")
    made.api_keys.add(OPERATOR, KeyRole.OPERATOR, name="guard", cameras=("front_door",))
    return made


@pytest.fixture
async def server(engine: FakeEngine) -> AsyncGenerator[ApiServer]:
    async with serving(engine, pace=QUIET) as running:
        yield running


async def asked(server: ApiServer, token: str, method: str, path: str, **how: Any) -> tuple[int, dict[str, Any]]:
    async with speaking(server, token) as session, session.request(method, path, **how) as response:
        return response.status, await response.json()


async def connected(session: aiohttp.ClientSession, token: str) -> Peer:
    peer = Peer(await session.ws_connect("/api/v1/ws"))
    await peer.greet(token=token)
    return peer


async def sent_away(peer: Peer) -> tuple[AuthFailed, int | None]:
    async with asyncio.timeout(60):
        messages, code = await peer.rest()
    assert isinstance(messages[-1], AuthFailed)
    return messages[-1], code


async def read_anew(engine: FakeEngine) -> None:
    """Wait until the server has read all keys again, and noted which were used."""
    before = engine.api_keys.looks
    await until(lambda: engine.api_keys.looks >= before + 2)


async def test_a_key_shows_its_secret_once_and_opens_at_once(server):
    wish = {"name": " Tablet in  the hall ", "role": "viewer", "cameras": ["front_door", "front_door"]}
    status, made = await asked(server, TOKEN, "POST", KEYS, json=wish)
    assert status == 201
    assert (made["key"]["name"], made["key"]["cameras"]) == ("Tablet in the hall", ["front_door"])
    assert len(made["token"]) >= 43
    status, who = await asked(server, made["token"], "GET", "/api/v1/whoami")
    assert (status, who["role"], who["cameras"]) == (200, "viewer", ["front_door"])
    status, listed = await asked(server, TOKEN, "GET", KEYS)
    assert made["token"] not in str(listed)
    assert "sha256" not in str(listed)
    assert [one["name"] for one in listed["items"]] == ["Tablet in the hall", "guard", "tablet"]


@pytest.mark.parametrize(
    "wish",
    [
        {"name": "x", "role": "admin", "cameras": ["front_door"]},
        {"name": "x", "role": "owner"},
        {"name": " ", "role": "viewer"},
        {"name": "x\u202ey", "role": "viewer"},
        {"role": "viewer"},
        {"name": "x", "role": "viewer", "cameras": "front_door"},
        {"name": "x", "role": "viewer", "cameras": ["../etc"]},
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused(server, wish):
    status, _ = await asked(server, TOKEN, "POST", KEYS, json=wish)
    assert status in {400, 422}


async def test_a_key_with_the_role_of_administrators_makes_keys_too(server, engine):
    engine.api_keys.add("admin-" + "a" * 43, KeyRole.ADMIN)
    await read_anew(engine)
    status, _ = await asked(server, "admin-" + "a" * 43, "POST", KEYS, json={"name": "x", "role": "viewer"})
    assert status == 201


async def test_an_expired_key_says_so_and_counts_as_no_guess(server, engine, clock):
    engine.api_keys.set("k1", expires_at=clock.now() + timedelta(minutes=1))
    status, changed = await asked(server, TOKEN, "PATCH", f"{KEYS}/k2", json={"name": "watch"})
    assert (status, changed["name"]) == (200, "watch")
    assert (await asked(server, VIEWER, "GET", "/api/v1/info"))[0] == 200
    clock.tick(60)
    for _ in range(10):
        status, problem = await asked(server, VIEWER, "GET", "/api/v1/info")
        assert (status, problem["code"]) == (401, "key_expired")


async def test_a_revoked_key_opens_nothing_any_more(server):
    assert (await asked(server, TOKEN, "DELETE", f"{KEYS}/k1"))[0] == 200
    status, problem = await asked(server, VIEWER, "GET", "/api/v1/info")
    assert (status, problem["code"]) == (401, "unauthorized")


async def test_changes_of_a_key(server, clock):
    end = (clock.now() + timedelta(days=1)).isoformat()
    assert (await asked(server, TOKEN, "PATCH", f"{KEYS}/k1", json={}))[0] == 400
    status, changed = await asked(
        server, TOKEN, "PATCH", f"{KEYS}/k1", json={"expires_at": end, "cameras": ["front_door"]}
    )
    assert (status, changed["cameras"]) == (200, ["front_door"])
    assert changed["expires_at"] is not None
    _, changed = await asked(server, TOKEN, "PATCH", f"{KEYS}/k1", json={"forever": True, "cameras": []})
    assert (changed["expires_at"], changed["cameras"]) == (None, [])
    assert (await asked(server, TOKEN, "PATCH", f"{KEYS}/nobody", json={"name": "x"}))[0] == 404


async def test_who_is_connected_with_a_revoked_key_is_sent_away_at_once(server):
    async with aiohttp.ClientSession(server.url) as session:
        peer, other = await connected(session, VIEWER), await connected(session, OPERATOR)
        await asked(server, TOKEN, "DELETE", f"{KEYS}/k1")
        failed, code = await sent_away(peer)
        assert (failed.code, code) == ("unauthorized", 4401)
        assert (await other.ask("ping")).ok


async def test_who_is_connected_with_a_key_that_expires_is_sent_away_within_a_second(server, engine, clock):
    engine.api_keys.set("k1", expires_at=clock.now() + timedelta(minutes=1))
    async with aiohttp.ClientSession(server.url) as session:
        peer = await connected(session, VIEWER)
        clock.tick(60)
        failed, code = await sent_away(peer)
        assert (failed.code, code) == ("key_expired", 4401)


async def test_another_engine_or_the_command_line_revokes_within_a_second(server, engine, clock):
    async with aiohttp.ClientSession(server.url) as session:
        peer = await connected(session, VIEWER)
        engine.api_keys.set("k1", revoked_at=clock.now())
        assert (await sent_away(peer))[1] == 4401
    assert key_book._LOOK_S < 1


async def test_a_store_that_does_not_answer_locks_nobody_out(server, engine):
    engine.api_keys.failure = HomeSentryError("the database is away")
    await read_anew(engine)
    assert (await asked(server, VIEWER, "GET", "/api/v1/info"))[0] == 200


async def test_a_key_that_is_narrowed_sees_less_at_once(server, engine):
    async with aiohttp.ClientSession(server.url) as session:
        peer = await connected(session, VIEWER)
        await asked(server, TOKEN, "PATCH", f"{KEYS}/k1", json={"cameras": ["front_door"]})
        assert (await peer.ask("get_household")).code == "forbidden"


async def test_a_limited_key_hears_no_news_of_the_whole_engine(engine):
    other = camera("garden", "Garden")
    engine.cameras["garden"] = other
    pace = Pace(status_every_s=0.05, status_pause_s=0.01, performance_every_s=0.05)
    async with serving(engine, pace=pace) as server, aiohttp.ClientSession(server.url) as session:
        heard: dict[str, set[str]] = {}
        for token in (VIEWER, OPERATOR):
            peer = await connected(session, token)
            await peer.send(Subscribe(types=("performance_update", "*")))
            messages = [await peer.receive(statuses=True) for _ in range(6)]
            while token == VIEWER and not any(isinstance(one, PerformanceUpdate) for one in messages):
                messages.append(await peer.receive(statuses=True))
            heard[token] = {type(one).__name__ for one in messages}
            totals = {one.status.cameras_total for one in messages if isinstance(one, SystemStatus)}
            assert totals == {1}
        assert "PerformanceUpdate" in heard[VIEWER]
        assert heard[OPERATOR] == {"SystemStatus"}


async def test_the_audit_names_the_key_whomever_it_names(server, engine):
    review = {"reviewed": True, "user": "anna"}
    await asked(server, OPERATOR, "PATCH", "/api/v1/events/e1", json=review)
    await asked(server, VIEWER, "PATCH", "/api/v1/events/e1", json=review)
    await asked(server, TOKEN, "PATCH", "/api/v1/events/e1", json=review)
    async with aiohttp.ClientSession(server.url) as session:
        peer = await connected(session, OPERATOR)
        await peer.ask("review_event", {"event_id": "e1", **review})
        peer = await connected(session, TOKEN)
        await peer.ask("review_event", {"event_id": "e1", **review})
    deeds = [(one.actor, one.outcome, one.details) for one in engine.audit.deeds if one.action == "event.review"]
    assert deeds == [
        ("key guard", "done", {"key_id": "k2"}),
        ("key tablet", "forbidden", {"key_id": "k1"}),
        ("user anna", "done", None),
        ("key guard", "done", {"key_id": "k2"}),
        ("user anna", "done", None),
    ]


async def test_the_holder_of_a_key_reviews_in_no_other_name(server, engine):
    for token, written in ((OPERATOR, "key:k2"), (TOKEN, "anna")):
        await asked(server, token, "PATCH", "/api/v1/events/e1", json={"reviewed": True, "user": "anna"})
        assert engine.triage.reviewers["e1"] == written


async def test_each_key_has_its_own_limits(engine):
    limits = Limits(classes={name: Limit(per_minute=3) for name in LimitClass})
    async with serving(engine, pace=QUIET, limits=limits) as server:
        for token in (VIEWER, OPERATOR, TOKEN):
            found = [(await asked(server, token, "GET", "/api/v1/info"))[0] for _ in range(4)]
            assert found == [200, 200, 200, 429]


async def test_use_is_noted_to_five_minutes(server, engine, clock):
    for _ in range(3):
        await asked(server, VIEWER, "GET", "/api/v1/info")
        await read_anew(engine)
    assert engine.api_keys.noted == [{"k1": START}]
    clock.tick(301)
    await asked(server, VIEWER, "GET", "/api/v1/info")
    await read_anew(engine)
    noted = [at for one in engine.api_keys.noted for at in one.values()]
    assert len(noted) == 2
    assert all(later - earlier >= timedelta(minutes=5) for earlier, later in pairwise(noted))


async def test_keys_as_commands(server):
    async with aiohttp.ClientSession(server.url) as session:
        peer = await connected(session, TOKEN)
        made = await peer.ask("create_key", {"name": "car", "role": "operator", "user": "anna"})
        assert made.ok
        changed = await peer.ask("change_key", {"key_id": made.data["key"]["id"], "name": "van"})
        assert changed.data["name"] == "van"
        revoked = await peer.ask("revoke_key", {"key_id": made.data["key"]["id"]})
        assert revoked.data["revoked_at"] is not None
        listed = await peer.ask("list_keys")
        assert made.data["token"] not in str(listed.data)
    assert (await asked(server, made.data["token"], "GET", "/api/v1/info"))[0] == 401
