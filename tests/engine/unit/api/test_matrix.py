"""Every operation with every kind of caller, against the table in ``matrix``."""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import aiohttp
import pytest

from home_sentry_engine.api.routing import Access, FileBody, JsonBody, Route
from home_sentry_engine.api.server import ApiServer
from home_sentry_engine.contract import KeyRole, Problem, decode
from tests.engine.unit.api.matrix import COMMANDS, ROUTES
from tests.engine.unit.api.test_access import IDS, STRANGERS
from tests.fakes.api import QUIET, TOKEN, FakeEngine, serving
from tests.fakes.peer import Peer
from tests.fakes.records import camera, detection, event, jpeg, media

FOREIGN: Final = {
    "{camera_id}": "garden",
    "{event_id}": "g1",
    "{media_id}": "gm1",
    "{detection_id}": "99",
    "{change_id}": "2",
    "{alert_id}": "al2",
}
RANKS: Final = {"viewer": 1, "operator": 2, "admin": 3}
KEYS: Final = {"viewer": KeyRole.VIEWER, "operator": KeyRole.OPERATOR, "admin": KeyRole.ADMIN}
# what a caller gets who is let through, whatever the request then lacks
REFUSALS: Final = frozenset({401, 403, 404, 405, 500})


def two_cameras(engine: FakeEngine) -> None:
    """A front door, and a garden of which a limited key must not see anything."""
    engine.cameras["garden"] = camera("garden", "Secret Garden")
    engine.media_files["gm1"] = replace(media("gm1"), camera_id="garden")
    engine.pictures["gm1"] = jpeg(colour="green")
    engine.detections.append(replace(detection(99), camera_id="garden", event_id="g1", media_id="gm1"))
    engine.events["g1"] = replace(event("g1"), camera_id="garden", camera_name="Secret Garden", media_id="gm1")
    engine.scenes.known[2] = replace(engine.scenes.known[1], id=2, camera_id="garden")


def restored(engine: FakeEngine) -> None:
    """Undo what the operation before may have done."""
    engine.household.seed()
    engine.entities.seed()
    engine.triage.seed()
    engine.back.seed()
    engine.rules.seed()
    engine.notifications.seed()
    for number in (1, 2):
        engine.scenes.known[number] = replace(engine.scenes.known[1], id=number)
    engine.scenes.known[2] = replace(engine.scenes.known[2], camera_id="garden")
    two_cameras(engine)


def token_of(name: str) -> str:
    return f"{name}-{'k' * 43}"


@pytest.fixture
async def server(engine: FakeEngine) -> AsyncGenerator[ApiServer]:
    two_cameras(engine)
    for role in ("viewer", "operator", "admin"):
        engine.api_keys.add(token_of(role), KEYS[role], name=role)
        if role != "admin":
            limited = f"limited {role}"
            engine.api_keys.add(token_of(limited), KEYS[role], name=limited, cameras=("front_door",))
    long_ago = engine.clock.now() - timedelta(days=1)
    engine.api_keys.add(token_of("expired"), KeyRole.ADMIN, expires_at=long_ago)
    engine.api_keys.add(token_of("revoked"), KeyRole.ADMIN, revoked_at=long_ago)
    async with serving(engine, pace=QUIET) as running:
        yield running


@pytest.fixture
async def session(server: ApiServer) -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.url) as opened:
        yield opened


def path_of(route: Route, ids: dict[str, str]) -> str:
    path = route.path
    for name, value in (IDS | ids).items():
        path = path.replace(name, value)
    return path


def guarded(server: ApiServer) -> Iterator[Route]:
    return (route for route in server.routes if route.access is Access.TOKEN)


async def status_of(session: aiohttp.ClientSession, route: Route, token: str, **ids: Any) -> int:
    body: dict[str, Any] = {}
    match route.body:
        case JsonBody():
            body = {"json": {}}
        case FileBody():
            body = {"data": jpeg(), "headers": {"Content-Type": "image/jpeg"}}
    headers = {"Authorization": f"Bearer {token}"} | body.pop("headers", {})
    async with session.request(route.method, path_of(route, **ids), headers=headers, **body) as response:
        await response.read()
        return response.status


def test_each_operation_is_in_the_table(server):
    assert {route.name for route in guarded(server)} == set(ROUTES)


@pytest.mark.parametrize("kind", ["no token", "spoofed ingress", "expired", "revoked"])
async def test_who_shows_nothing_that_counts_is_refused_everywhere(server, session, kind):
    headers = STRANGERS.get(kind, {"Authorization": f"Bearer {token_of(kind)}"})
    for route in guarded(server):
        async with session.request(route.method, path_of(route, {}), headers=headers) as response:
            problem = decode(Problem, await response.read())
            assert (response.status, route.name) == (401, route.name)
            assert problem.code == ("key_expired" if kind == "expired" else "unauthorized")


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
async def test_a_role_may_do_what_the_table_says_and_nothing_else(server, session, engine, role):
    for route in guarded(server):
        restored(engine)
        status = await status_of(session, route, token_of(role), ids={})
        expected = RANKS[role] >= RANKS[ROUTES[route.name].least]
        assert status not in REFUSALS if expected else status == 403, (route.name, status)


async def test_the_token_of_the_installation_may_do_everything(server, session, engine):
    for route in guarded(server):
        restored(engine)
        assert await status_of(session, route, TOKEN, ids={}) not in REFUSALS, route.name


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_a_limited_key_gets_what_the_table_says(server, session, engine, role):
    token = token_of(f"limited {role}")
    for route in guarded(server):
        row = ROUTES[route.name]
        restored(engine)
        own = await status_of(session, route, token, ids={})
        foreign = await status_of(session, route, token, ids=FOREIGN)
        if RANKS[role] < RANKS[row.least] or row.limited == "403":
            assert (own, foreign) == (403, 403), route.name
            continue
        assert own not in REFUSALS, (route.name, own)
        if row.limited == "404" and path_of(route, {}) != path_of(route, FOREIGN):
            assert foreign == 404, route.name


async def test_what_is_not_there_and_what_is_elsewhere_look_alike(server, session):
    missing = dict(zip(FOREIGN, ("attic", "x9", "x9", "98", "9", "x9"), strict=True))
    for route in guarded(server):
        if ROUTES[route.name].limited != "404" or path_of(route, {}) == path_of(route, FOREIGN):
            continue
        answers = []
        for ids in (missing, FOREIGN):
            headers = {"Authorization": f"Bearer {token_of('limited operator')}"}
            async with session.request(route.method, path_of(route, ids), headers=headers) as response:
                problem = decode(Problem, await response.read())
                answers.append((response.status, problem.detail, problem.details))
        assert answers[0] == answers[1], route.name


async def test_a_camera_named_in_a_query_counts_too(server, session):
    headers = {"Authorization": f"Bearer {token_of('limited operator')}"}
    for camera_id, expected in (("front_door", 200), ("garden", 404)):
        async with session.post(
            "/api/v1/analyze", params={"camera_id": camera_id}, data=jpeg(), headers=headers
        ) as response:
            assert response.status == expected


async def test_each_command_is_in_the_table_and_held_to_it(server, session, engine):
    peers = {}
    for name in ("viewer", "operator", "admin", "limited viewer", "limited operator"):
        peers[name] = Peer(await session.ws_connect("/api/v1/ws"))
        assert (await peers[name].greet(token=token_of(name))).caller.name == name
    unknown = await peers["admin"].ask("no_such_command")
    assert set(unknown.details["known"]) == set(COMMANDS)
    for command, row in COMMANDS.items():
        for name, peer in peers.items():
            restored(engine)
            role = name.removeprefix("limited ")
            allowed = RANKS[role] >= RANKS[row.least] and (role == name or row.limited != "403")
            refused = (await peer.ask(command, arguments(command, {}))).code == "forbidden"
            assert refused is not allowed, (command, name)
            if allowed and row.limited == "404":
                elsewhere = await peer.ask(command, arguments(command, FOREIGN))
                assert (elsewhere.code == "not_found") is (role != name), (command, name)


def arguments(command: str, ids: dict[str, str]) -> dict[str, Any]:
    """Give the ids that a command needs, and what else it cannot do without."""
    values = {name.strip("{}"): value for name, value in (IDS | ids).items()}
    wanted = {
        **dict.fromkeys(("get_camera", "get_learning", "list_zones", "list_masks"), "camera_id"),
        **dict.fromkeys(("acknowledge_scene", "update_scene"), "camera_id"),
        **dict.fromkeys(("get_event", "list_event_detections", "review_event", "give_feedback"), "event_id"),
        **dict.fromkeys(("get_alert", "acknowledge_alert", "dismiss_alert"), "alert_id"),
    }
    found: dict[str, Any] = {wanted[command]: values[wanted[command]]} if command in wanted else {}
    return found | ({"kind": "correct"} if command == "give_feedback" else {})
