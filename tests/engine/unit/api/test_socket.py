"""The WebSocket: greeting, authentication, resume, commands, limits, goodbye."""

import asyncio
from dataclasses import replace

import aiohttp
from aiohttp import WSMsgType
import pytest

from home_sentry_engine.api.connection import Patience
from home_sentry_engine.api.hub import Pace
from home_sentry_engine.api.limits import Limit, LimitClass, Limits
from home_sentry_engine.contract import (
    Auth,
    AuthFailed,
    Bye,
    Command,
    EventCreated,
    EventUpdated,
    Hello,
    Mode,
    Result,
    Resync,
    Snapshot,
    SystemStatus,
    decode_server,
    encode,
)
from tests.fakes.api import GENEROUS, TOKEN, FakeEngine, serving

QUIET = Pace(status_every_s=3600, status_pause_s=0.01)


class Peer:
    """A client that speaks the wire."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, message) -> None:
        await self.socket.send_str(encode(message).decode())

    async def receive(self, *, statuses: bool = False):
        """Give the next message, without the regular status unless it is wanted."""
        while True:
            async with asyncio.timeout(10):
                frame = await self.socket.receive()
            if frame.type is not WSMsgType.TEXT:
                return frame
            message = decode_server(frame.data)
            if statuses or not isinstance(message, SystemStatus):
                return message

    async def greet(self, since: int | None = None, token: str = TOKEN):
        hello = await self.receive()
        assert isinstance(hello, Hello)
        await self.send(Auth(token=token, since=since))
        return await self.receive()

    async def ask(self, name: str, args=None, *, number: int = 1, deadline_s: float = 5.0) -> Result:
        await self.send(Command(id=number, name=name, args=args or {}, deadline_s=deadline_s))
        while not isinstance(message := await self.receive(), Result):
            pass
        return message

    async def rest(self) -> tuple[list[object], int | None]:
        """Receive until the end; gives the messages and the close code."""
        messages: list[object] = []
        while True:
            message = await self.receive()
            if isinstance(message, aiohttp.WSMessage):
                return messages, self.socket.close_code
            messages.append(message)


@pytest.fixture
async def server(engine):
    async with serving(engine, pace=QUIET) as running:
        yield running


@pytest.fixture
async def connect(server, stranger):
    sockets = []

    async def open_one(**options) -> Peer:
        socket = await stranger.ws_connect("/api/v1/ws", **options)
        sockets.append(socket)
        return Peer(socket)

    yield open_one
    for socket in sockets:
        await socket.close()


def numbers(messages) -> list[int]:
    return [message.seq for message in messages]


async def test_hello_tells_who_answers_and_nothing_more(connect):
    hello = await (await connect()).receive()
    assert hello == Hello(engine_id="engine-1", name="Home", version=hello.version)


async def test_a_new_client_gets_the_whole_state_and_then_what_happens(engine, connect):
    engine.announce()
    peer = await connect()
    snapshot = await peer.greet()
    assert isinstance(snapshot, Snapshot)
    assert (snapshot.cursor, snapshot.resumed, len(snapshot.cameras)) == (1, False, 1)
    engine.announce()
    created = await peer.receive()
    assert isinstance(created, EventCreated)
    assert created.seq == 2


async def test_a_resumed_client_gets_what_it_missed_and_nothing_else(engine, connect):
    for _ in range(20):
        engine.announce()
    peer = await connect()
    snapshot = await peer.greet(since=5)
    assert (snapshot.resumed, snapshot.cursor, snapshot.cameras, snapshot.events) == (True, 5, (), ())
    assert numbers([await peer.receive() for _ in range(15)]) == list(range(6, 21))
    engine.announce()
    assert (await peer.receive()).seq == 21


async def test_a_client_that_is_up_to_date_resumes_without_replay(engine, connect):
    engine.announce()
    peer = await connect()
    assert (await peer.greet(since=1)).resumed
    engine.announce()
    assert (await peer.receive()).seq == 2


@pytest.mark.parametrize("since", [0, 3, 99, -1, 2**60])
async def test_what_cannot_be_resumed_is_resynchronised(engine, connect, since):
    for _ in range(10):
        engine.announce()
    engine.feed.prune(5)
    peer = await connect()
    assert isinstance(await peer.greet(since=since), Resync)
    snapshot = await peer.receive()
    assert (snapshot.cursor, snapshot.resumed) == (10, False)
    engine.announce()
    assert (await peer.receive()).seq == 11


async def test_messages_from_before_the_start_are_replayed_from_the_store():
    engine = FakeEngine()
    for _ in range(700):
        engine.announce()
    async with serving(engine, pace=QUIET) as server, aiohttp.ClientSession(server.url) as session:
        peer = Peer(await session.ws_connect("/api/v1/ws"))
        await peer.greet(since=3)
        assert numbers([await peer.receive() for _ in range(697)]) == list(range(4, 701))
        assert engine.feed.reads >= 4
        await peer.socket.close()


async def test_nothing_is_lost_or_doubled_while_others_publish(engine, connect):
    """A client that leaves and resumes at random points sees each number once, in order."""
    for _ in range(300):
        engine.announce()
    done = asyncio.Event()

    async def publish() -> None:
        for number in range(1500):
            engine.announce()
            if number % 3 == 0:
                await asyncio.sleep(0)
        done.set()

    publishing = asyncio.create_task(publish())
    seen: list[int] = []
    cursor = 0
    rounds = 0
    while cursor < 1800:
        rounds += 1
        peer = await connect()
        assert (await peer.greet(since=cursor)).resumed
        for _ in range(min(137, 1800 - cursor)):
            message = await peer.receive()
            seen.append(message.seq)
            cursor = message.seq
        await peer.socket.close()
    await publishing
    assert seen == list(range(1, 1801))
    assert rounds > 5


async def test_the_feed_may_break_and_come_back(engine):
    async with serving(engine, pace=QUIET) as server, aiohttp.ClientSession(server.url) as session:
        peer = Peer(await session.ws_connect("/api/v1/ws"))
        await peer.greet()
        engine.announce()
        assert (await peer.receive()).seq == 1
        engine.feed.break_off()
        await asyncio.sleep(0.01)
        engine.announce()
        second = asyncio.create_task(server.run())
        assert (await peer.receive()).seq == 2
        engine.announce()
        assert (await peer.receive()).seq == 3
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        await peer.socket.close()


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "x" * 60_000])
async def test_a_wrong_token_is_refused_with_a_code(connect, token):
    peer = await connect()
    failed = await peer.greet(token=token)
    assert isinstance(failed, AuthFailed)
    assert TOKEN not in failed.message
    assert await peer.rest() == ([], 4401)


async def test_guessing_is_slowed_down_but_the_right_token_opens():
    engine = FakeEngine()
    async with serving(engine, limits=Limits(), pace=QUIET) as server, aiohttp.ClientSession(server.url) as session:
        answers = []
        for _ in range(7):
            peer = Peer(await session.ws_connect("/api/v1/ws"))
            answers.append((await peer.greet(token="guess")).message)
            await peer.socket.close()
        assert answers == ["the token is wrong"] * 5 + ["too many wrong tokens from this address"] * 2
        peer = Peer(await session.ws_connect("/api/v1/ws"))
        assert isinstance(await peer.greet(), Snapshot)
        await peer.socket.close()


async def test_who_says_nothing_is_sent_away(engine):
    async with (
        serving(engine, pace=QUIET, patience=Patience(auth_s=0.1)) as server,
        aiohttp.ClientSession(server.url) as session,
    ):
        peer = Peer(await session.ws_connect("/api/v1/ws"))
        assert isinstance(await peer.receive(), Hello)
        assert await peer.rest() == ([Bye(reason="idle")], 4408)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        '"auth"',
        '{"type": "auth"}',
        '{"type": "hello"}',
        '{"type": "command", "id": 1, "name": "ping"}',
        '{"type": "nonsense"}',
        '{"type": ["auth"]}',
        '{"type": "auth", "token": {"a": 1}, "since": []}',
        "[" * 30_000,
    ],
)
async def test_before_authentication_only_auth_is_understood(connect, text):
    peer = await connect()
    await peer.receive()
    await peer.socket.send_str(text)
    assert await peer.rest() == ([Bye(reason="protocol")], 1008)


@pytest.mark.parametrize(
    "text", ["", "x", '{"type": "auth", "token": "again"}', '{"type": "command", "id": -1, "name": "ping"}', "{}"]
)
async def test_nonsense_after_authentication_ends_the_connection(connect, text):
    peer = await connect()
    await peer.greet()
    await peer.socket.send_str(text)
    assert await peer.rest() == ([Bye(reason="protocol")], 1008)


async def test_binary_frames_are_not_spoken(connect):
    peer = await connect()
    await peer.greet()
    await peer.socket.send_bytes(b"\x00\x01")
    assert await peer.rest() == ([Bye(reason="protocol")], 1008)


async def test_a_message_over_64_kilobytes_closes_with_1009(connect):
    peer = await connect()
    await peer.greet()
    await peer.socket.send_str("x" * (64 * 1024 + 1))
    assert await peer.rest() == ([], 1009)


async def test_text_that_is_no_utf8_closes_with_1007(connect):
    peer = await connect()
    await peer.greet()
    await peer.socket.send_frame(b"\xff\xfe\xfd", WSMsgType.TEXT)
    assert await peer.rest() == ([], 1007)


@pytest.mark.parametrize("kind", [WSMsgType.PING, WSMsgType.PONG, WSMsgType.TEXT])
async def test_a_flood_of_frames_ends_the_connection(engine, kind):
    patience = Patience(frames=Limit(per_minute=200))
    async with (
        serving(engine, pace=QUIET, patience=patience) as server,
        aiohttp.ClientSession(server.url) as session,
    ):
        peer = Peer(await session.ws_connect("/api/v1/ws", autoping=False))
        await peer.greet()
        body = b"x" if kind is not WSMsgType.TEXT else encode(Command(id=1, name="ping"))
        for _ in range(300):
            try:
                await peer.socket.send_frame(body, kind)
            except ConnectionError:
                break
        ended = []
        while not peer.socket.closed:
            frame = await peer.receive()
            if isinstance(frame, Bye):
                ended.append(frame)
        assert ended == [Bye(reason="protocol")]
        assert peer.socket.close_code == 1008


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://evil.example", 403), ("null", 403), ("http://127.0.0.1:1", 403), ("http://127.0.0.1.evil.example", 403)],
)
async def test_pages_of_others_may_not_connect(stranger, origin, status):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await stranger.ws_connect("/api/v1/ws", origin=origin)
    assert refused.value.status == status


async def test_a_plain_request_needs_the_token_and_is_told_to_upgrade(client, stranger):
    async with stranger.get("/api/v1/ws") as response:
        assert response.status == 401
    async with client.get("/api/v1/ws") as response:
        assert response.status == 400
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "99"}
    async with client.get("/api/v1/ws", headers=headers) as response:
        assert response.status == 400


async def test_commands_answer_by_id(engine, connect):
    peer = await connect()
    await peer.greet()
    assert await peer.ask("ping", number=7) == Result(id=7, ok=True)
    event = await peer.ask("get_event", {"event_id": "e1"})
    assert event.data["event_id"] == "e1"
    page = await peer.ask("list_events", {"limit": 2, "camera": "front_door"})
    assert [item["event_id"] for item in page.data["items"]] == ["e3", "e2"]
    assert (await peer.ask("get_status")).data["mode"] == "normal"
    assert (await peer.ask("get_info")).data["instance_id"] == "engine-1"
    assert (await peer.ask("list_cameras")).data["total"] == 1
    assert (await peer.ask("get_camera", {"camera_id": "front_door"})).data["name"] == "Front Door"
    assert len((await peer.ask("list_event_detections", {"event_id": "e1"})).data["items"]) == 5
    await peer.send(Command(id=9, name="review_event", args={"event_id": "e1", "reviewed": True}))
    answers = [await peer.receive(), await peer.receive()]
    assert {type(answer) for answer in answers} == {EventUpdated, Result}
    assert engine.events["e1"].reviewed


@pytest.mark.parametrize(
    ("name", "args", "code"),
    [
        ("nonsense", {}, "invalid_request"),
        ("get_event", {}, "invalid_request"),
        ("get_event", {"event_id": 5}, "invalid_request"),
        ("get_event", {"event_id": "../e1"}, "invalid_request"),
        ("get_event", {"event_id": "e9"}, "not_found"),
        ("get_camera", {"camera_id": "nowhere"}, "not_found"),
        ("list_events", {"limit": "2"}, "invalid_request"),
        ("list_events", {"limit": True}, "invalid_request"),
        ("list_events", {"limit": 10**18}, "invalid_request"),
        ("review_event", {"event_id": "e1"}, "invalid_request"),
        ("ping", {"more": 1}, "invalid_request"),
    ],
)
async def test_a_failed_command_names_its_reason_and_the_connection_stays(connect, name, args, code):
    peer = await connect()
    await peer.greet()
    result = await peer.ask(name, args)
    assert (result.ok, result.code) == (False, code)
    assert (await peer.ask("ping", number=2)).ok


async def test_a_command_ends_at_its_deadline_and_a_fault_stays_inside(engine, connect, caplog):
    peer = await connect()
    await peer.greet()
    engine.delay_s = 3600
    result = await peer.ask("list_events", deadline_s=0.05)
    assert result.code == "deadline"
    engine.delay_s = 0
    engine.failure = RuntimeError("/data/secret")
    result = await peer.ask("list_events")
    assert result.code == "internal"
    assert "/data" not in f"{result.message}{result.details}"
    assert any(record.exc_info for record in caplog.records)


async def test_commands_are_counted():
    engine = FakeEngine()
    limits = Limits(classes=dict(GENEROUS.classes) | {LimitClass.SOCKET: Limit(per_minute=3)})
    async with serving(engine, limits=limits, pace=QUIET) as server, aiohttp.ClientSession(server.url) as session:
        peer = Peer(await session.ws_connect("/api/v1/ws"))
        await peer.greet()
        results = [await peer.ask("ping", number=number) for number in range(5)]
        assert [result.ok for result in results] == [True] * 3 + [False] * 2
        assert results[-1].code == "rate_limited"
        assert results[-1].details["retry_after_s"] > 0
        await peer.socket.close()


async def test_the_status_comes_regularly_and_at_once_when_it_changes():
    engine = FakeEngine()
    pace = Pace(status_every_s=0.2, status_pause_s=0.02)
    async with serving(engine, pace=pace) as server, aiohttp.ClientSession(server.url) as session:
        peer = Peer(await session.ws_connect("/api/v1/ws"))
        await peer.greet()
        for _ in range(3):
            assert isinstance(await peer.receive(statuses=True), SystemStatus)
        engine.change_status(Mode.DEGRADED)
        while (status := await peer.receive(statuses=True)).status.mode is Mode.NORMAL:
            pass
        assert status.status.mode is Mode.DEGRADED
        await peer.socket.close()


async def test_a_status_that_cannot_be_read_does_not_stop_the_feed(engine):
    pace = Pace(status_every_s=0.05, status_pause_s=0.01)
    async with serving(engine, pace=pace) as server, aiohttp.ClientSession(server.url) as session:
        peer = Peer(await session.ws_connect("/api/v1/ws"))
        await peer.greet()
        engine.failure = TimeoutError()
        await asyncio.sleep(0.1)
        engine.announce()
        assert (await peer.receive()).seq == 1
        await peer.socket.close()


async def test_clients_are_told_when_the_engine_stops(engine):
    async with aiohttp.ClientSession() as session:
        async with serving(engine, pace=QUIET) as server:
            peers = [Peer(await session.ws_connect(f"{server.url}/api/v1/ws")) for _ in range(5)]
            for peer in peers:
                await peer.greet()
            endings = [asyncio.create_task(peer.rest()) for peer in peers]
        assert await asyncio.gather(*endings) == [([Bye(reason="shutdown")], 1001)] * 5


async def test_an_unknown_engine_failure_closes_with_1011(engine, connect, caplog):
    peer = await connect()
    await peer.receive()
    engine.feed.snapshot = _failing
    await peer.send(Auth(token=TOKEN))
    assert await peer.rest() == ([], 1011)
    assert any(record.exc_info for record in caplog.records)


async def _failing():
    raise RuntimeError("broken")


async def test_the_connection_survives_what_a_later_version_adds(connect):
    peer = await connect()
    await peer.receive()
    await peer.socket.send_json({"type": "auth", "token": TOKEN, "schema": 7, "colour": "red"})
    assert isinstance(await peer.receive(), Snapshot)
    await peer.socket.send_json({"type": "command", "id": 1, "name": "ping", "trace": "x"})
    assert (await peer.receive()).ok


async def test_a_client_of_an_older_schema_is_sent_away(connect):
    peer = await connect()
    await peer.receive()
    await peer.send(replace(Auth(token=TOKEN), schema=0))
    assert await peer.rest() == ([Bye(reason="protocol")], 1008)
