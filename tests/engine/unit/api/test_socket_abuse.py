"""The WebSocket: wrong tokens, nonsense, floods, foreign pages."""

import aiohttp
from aiohttp import WSMsgType
import pytest

from home_sentry_engine.api import seats
from home_sentry_engine.api.limits import Limit, Limits
from home_sentry_engine.api.peer import Patience
from home_sentry_engine.contract import (
    AuthFailed,
    Bye,
    Command,
    Hello,
    KeyRole,
    Snapshot,
    encode,
)
from tests.fakes.api import QUIET, TOKEN, FakeEngine, serving
from tests.fakes.peer import Peer

KEY = "viewer-" + "v" * 43


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
            answers.append(await peer.greet(token="guess"))
            await peer.socket.close()
        assert answers == [AuthFailed(message="the token is wrong")] * 5 + [Bye(reason="rate_limited")] * 2
        peer = Peer(await session.ws_connect("/api/v1/ws"))
        assert isinstance(await peer.greet(), Snapshot)
        await peer.socket.close()


async def test_strangers_never_keep_a_client_out(connect, monkeypatch):
    monkeypatch.setattr(seats, "_MOST_STRANGERS", 2)
    monkeypatch.setattr(seats, "_MOST_CLIENTS", 2)
    client = await connect()
    assert isinstance(await client.greet(), Snapshot)
    strangers = [await connect() for _ in range(4)]
    for cut in strangers[:2]:
        messages, code = await cut.rest()
        assert [type(message) for message in messages] == [Hello]
        assert code == 1006
    assert isinstance(await strangers[2].greet(), Snapshot)
    assert (await client.ask("ping")).ok
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await connect()
    assert refused.value.status == 503


async def test_a_key_has_only_so_many_connections(engine, monkeypatch):
    monkeypatch.setattr(seats, "_MOST_OF_A_KEY", 1)
    engine.api_keys.add(KEY, KeyRole.VIEWER)
    async with serving(engine, pace=QUIET) as server, aiohttp.ClientSession(server.url) as session:
        peers = [Peer(await session.ws_connect("/api/v1/ws")) for _ in range(4)]
        assert isinstance(await peers[0].greet(token=KEY), Snapshot)
        assert await peers[1].greet(token=KEY) == Bye(reason="rate_limited")
        for owner in peers[2:]:
            assert isinstance(await owner.greet(), Snapshot)
        for peer in peers:
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
        ended: list[object] = []
        while not peer.socket.closed:
            frame = await peer.receive()
            if isinstance(frame, Bye):
                ended.append(frame)
            elif isinstance(frame, aiohttp.WSMessage) and frame.type is WSMsgType.CLOSE:
                ended.append(frame.data)
        assert ended == [Bye(reason="protocol"), 1008]


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
