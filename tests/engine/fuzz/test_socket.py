"""Whatever a peer says on the WebSocket, the engine answers as documented or says goodbye with a code."""

import asyncio
import json
from typing import Any

import aiohttp
from aiohttp import WSMsgType
from hypothesis import event, given, settings
from hypothesis import strategies as st

from home_sentry_engine.contract import Bye, Result, ServerMessage, Snapshot, decode_server
from tests.engine.fuzz.harness import CASES, Target
from tests.engine.fuzz.http import CODES, LEAKS
from tests.fakes.api import TOKEN

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    *("ping", "get_info", "get_status", "list_cameras", "get_camera", "get_event", "list_events"),
    *("list_event_detections", "review_event", "nonsense", ""),
    *("review_events", "give_feedback", "delete_event", "restore_event", "list_trash"),
    *("list_components", "restart_component", "enable_component", "disable_component"),
    *("start_component", "stop_component"),
    *("list_dead_letters", "requeue_dead_letters", "drop_dead_letters"),
    *("acknowledge_scene", "update_scene", "reset_scene", "finish_learning", "get_learning", "report_home"),
    *("get_household", "save_member", "save_vehicle", "erase_owner", "enrol", "list_samples", "erase_samples"),
    *("list_rules", "create_rule", "put_rule", "change_rule", "delete_rule", "test_rule", "list_alerts"),
    *("get_alert_stats", "acknowledge_alert", "deliver_alert"),
    *("put_fact", "remove_fact", "list_zones", "set_zone", "remove_zone", "list_masks", "set_masks"),
)
ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "event_id": st.sampled_from(("e1", "e9", "../e1", "")) | JSON,
        "camera_id": st.sampled_from(("front_door", "nowhere")) | JSON,
        "limit": st.integers(-1, 1100) | JSON,
        "reviewed": st.booleans() | JSON,
        "notes": st.text(max_size=20) | JSON,
        "flagged": st.booleans() | JSON,
        "snoozed_until": st.sampled_from(("2026-11-20T00:00:00Z", "x")) | JSON,
        "event_ids": st.lists(st.sampled_from(("e1", "e9", "../e1")), max_size=3) | JSON,
        "kind": st.sampled_from(("correct", "this_is")) | JSON,
        "subject": st.text(max_size=20) | JSON,
        "user": st.sampled_from(("anna", "a b")) | JSON,
        "component_id": st.sampled_from(("ingest", "nothing")) | JSON,
        "queue": st.sampled_from(("detect", "other")) | JSON,
        "letter_id": st.integers(-1, 9) | JSON,
        "cursor": st.text(max_size=5),
        "facts": JSON,
        "owner_id": st.sampled_from(("o1", "../o1")) | JSON,
        "name": st.text(max_size=20) | JSON,
        "plate": st.text(max_size=20) | JSON,
        "schedule": JSON,
        "detection_id": st.integers(-1, 9) | JSON,
        "fact_id": st.sampled_from(("o1", "../o1")) | JSON,
        "expires_at": st.sampled_from(("2026-11-20T00:00:00Z", "x")) | JSON,
        "zone_id": st.sampled_from(("porch", "../porch")) | JSON,
        "points": st.lists(st.lists(st.floats(-1, 2), min_size=1, max_size=3), max_size=4) | JSON,
        "rectangle": st.lists(st.floats(-1, 2), max_size=5) | JSON,
        "time_zone": st.sampled_from(("Europe/Berlin", "../zone", "Middle/Earth", "\0")) | JSON,
        "rule_id": st.sampled_from(("mine", "builtin", "../mine")) | JSON,
        "alert_id": st.sampled_from(("al1", "nobody")) | JSON,
        "levels": st.lists(st.sampled_from(("high", "terrible")), max_size=2) | JSON,
        "dedup_key": st.sampled_from(("{camera_id}", "{", "a b")) | JSON,
        "since": st.sampled_from(("2026-11-20T00:00:00Z", "x")) | JSON,
    },
)
COMMANDS = st.fixed_dictionaries(
    {"type": st.just("command"), "id": st.integers(0, 100), "name": st.sampled_from(NAMES), "args": ARGUMENTS}
)
ODD_COMMANDS = st.fixed_dictionaries(
    {"type": st.just("command")},
    optional={"id": JSON, "name": JSON, "args": JSON, "deadline_s": JSON, "schema": JSON, "since": JSON, "token": JSON},
)
AUTHS = st.fixed_dictionaries(
    {"type": st.just("auth"), "token": st.just(TOKEN) | JSON},
    optional={"since": st.integers(-5, 50) | JSON, "schema": JSON},
)
GOOD_AUTH = json.dumps({"type": "auth", "token": TOKEN})
FRAMES = st.one_of(
    COMMANDS.map(json.dumps),
    COMMANDS.map(json.dumps),
    ODD_COMMANDS.map(json.dumps),
    AUTHS.map(json.dumps),
    JSON.map(json.dumps),
    st.text(max_size=60),
    st.binary(max_size=60),
    st.sampled_from((b"ping", b"pong")),
)
FATAL = {1000, 1001, 1002, 1003, 1006, 1007, 1008, 1009, 4401}


async def talk(session: aiohttp.ClientSession, frames: list[str | bytes]) -> tuple[list[ServerMessage], int | None]:
    """Say all of it, close, and give what was answered until the end."""
    heard: list[ServerMessage] = []
    async with asyncio.timeout(60), session.ws_connect("/api/v1/ws", autoping=False) as socket:
        try:
            for frame in frames:
                await _say(socket, frame)
            await _say(socket, '{"type": "command", "id": 9007199254740992, "name": "ping"}')
        except ConnectionError:
            event("closed while speaking")
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                decoded = decode_server(message.data)
                assert decoded is not None
                heard.append(decoded)
                if isinstance(decoded, Result) and decoded.id == 2**53:
                    break
    return heard, socket.close_code


async def _say(socket: aiohttp.ClientWebSocketResponse, frame: str | bytes) -> None:
    if frame == b"ping":
        await socket.ping()
    elif frame == b"pong":
        await socket.pong()
    elif isinstance(frame, bytes):
        await socket.send_frame(frame, WSMsgType.TEXT if len(frame) % 2 else WSMsgType.BINARY)
    else:
        await socket.send_frame(frame.encode("utf-8", "surrogatepass"), WSMsgType.TEXT)


def check(heard: list[ServerMessage], code: int | None) -> None:
    for message in heard:
        if isinstance(message, Result) and not message.ok:
            assert message.code in CODES | {"deadline"}, message
            assert message.message
        text = str(message).encode("utf-8", "replace")
        assert not any(leak in text for leak in LEAKS if not isinstance(message, Snapshot)), message
    if any(isinstance(message, Result) and message.id == 2**53 for message in heard):
        event("survived")
    else:
        assert code in FATAL, code
        event(f"closed with {code}")
        if code == 1008:
            assert heard[-1] == Bye(reason="protocol")


def converse(target: Target, frames: list[Any]) -> None:
    async def once() -> tuple[list[ServerMessage], int | None]:
        async with aiohttp.ClientSession("http://{}:{}".format(*target.address)) as session:
            return await talk(session, frames)

    check(*target.run(once()))


@settings(CASES, max_examples=500)
@given(st.lists(FRAMES, min_size=1, max_size=3))
def test_anything_before_authentication(target, frames):
    converse(target, frames)


@settings(CASES, max_examples=600)
@given(AUTHS.map(json.dumps), st.lists(FRAMES, max_size=3))
def test_any_authentication(target, auth, frames):
    converse(target, [auth, *frames])


@settings(CASES, max_examples=600)
@given(st.lists(FRAMES, min_size=1, max_size=6))
def test_anything_after_authentication(target, frames):
    converse(target, [GOOD_AUTH, *frames])


@settings(CASES, max_examples=500)
@given(st.lists(COMMANDS.map(json.dumps), min_size=1, max_size=5))
def test_any_command(target, frames):
    converse(target, [GOOD_AUTH, *frames])
