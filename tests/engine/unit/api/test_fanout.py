"""Many clients, some of them stalled."""

import asyncio
from functools import partial
import socket
from typing import Any

import aiohttp
from aiohttp import WSMsgType

from home_sentry_engine.api.hub import Pace
from home_sentry_engine.api.server import ApiServer
from home_sentry_engine.contract import Auth, Bye, decode_server, encode
from tests.fakes.api import TOKEN, FakeEngine, serving
from tests.fakes.patience import turns, until

CLIENTS = 100
STALLED = 5
MESSAGES = 400
# small limits, so that a stalled client is found out without filling the kernel's buffers for minutes
PACE = Pace(most_messages_behind=60, most_bytes_behind=256 * 1024, status_every_s=3600, status_pause_s=0.01)


async def _joined(session: aiohttp.ClientSession, url: str) -> aiohttp.ClientWebSocketResponse:
    peer = await session.ws_connect(f"{url}/api/v1/ws", max_msg_size=0)
    await peer.receive()
    await peer.send_str(encode(Auth(token=TOKEN)).decode())
    snapshot = await peer.receive()
    assert b'"snapshot"' in snapshot.data.encode()
    return peer


async def _seqs(peer: aiohttp.ClientWebSocketResponse, last: int, seen: list[int] | None = None) -> list[int]:
    seen = [] if seen is None else seen
    while not seen or seen[-1] < last:
        frame = await peer.receive()
        assert frame.type is WSMsgType.TEXT, frame
        message = decode_server(frame.data)
        seen += [seq for seq in (getattr(message, "seq", None),) if seq]
    return seen


def _kept_up(heard: list[list[int]], count: int) -> bool:
    return all(len(seen) >= count for seen in heard)


def _dropped(server: ApiServer, count: int) -> bool:
    return f'home_sentry_websocket_dropped_total{{reason="slow"}} {count}' in server._surroundings.metrics.render()


def _narrow_socket(address: Any) -> socket.socket:
    """A socket whose kernel buffer is small, so that a peer that does not read stalls soon."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    return made


def _narrow_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, socket_factory=_narrow_socket))


def _transport(peer: aiohttp.ClientWebSocketResponse) -> asyncio.Transport:
    assert peer._conn is not None
    assert peer._conn.transport is not None
    return peer._conn.transport


async def test_stalled_clients_are_dropped_and_the_others_miss_nothing():
    engine = FakeEngine()
    async with (
        serving(engine, pace=PACE) as server,
        _narrow_session() as session,
    ):
        peers = [await _joined(session, server.url) for _ in range(CLIENTS)]
        stalled, healthy = peers[:STALLED], peers[STALLED:]
        for peer in stalled:
            _transport(peer).pause_reading()
        heard: list[list[int]] = [[] for _ in healthy]
        reading = [asyncio.create_task(_seqs(peer, MESSAGES, seen)) for peer, seen in zip(healthy, heard, strict=True)]
        # 30 KB each: the stalled peers' kernel buffers are full long before the end
        for number in range(MESSAGES):
            engine.announce(summary="x" * 30_000)
            # whoever reads keeps up, however slow the machine is
            await until(partial(_kept_up, heard, number - 3))
        async with asyncio.timeout(60):
            results = await asyncio.gather(*reading)
        assert all(result == list(range(1, MESSAGES + 1)) for result in results)
        await until(partial(_dropped, server, STALLED))
        for peer in peers:
            _transport(peer).abort()


async def test_a_slow_client_that_wakes_up_is_told_why_and_resumes_without_loss():
    engine = FakeEngine()
    async with serving(engine, pace=PACE) as server, _narrow_session() as session:
        peer = await _joined(session, server.url)
        _transport(peer).pause_reading()
        for number in range(400):
            engine.announce(summary="x" * 30_000)
            if number % 10 == 0:
                await asyncio.sleep(0)
        await until(partial(_dropped, server, 1))
        _transport(peer).resume_reading()
        seen: list[int] = []
        ending = None
        while (frame := await peer.receive()).type is WSMsgType.TEXT:
            message = decode_server(frame.data)
            if isinstance(message, Bye):
                ending = message
            else:
                seen += [seq for seq in (getattr(message, "seq", None),) if seq]
        assert ending == Bye(reason="slow")
        assert (frame.type, frame.data) == (WSMsgType.CLOSE, 1013)
        assert seen == list(range(1, len(seen) + 1))
        again = await session.ws_connect(f"{server.url}/api/v1/ws")
        await again.receive()
        await again.send_str(encode(Auth(token=TOKEN, since=seen[-1])).decode())
        assert seen + await _seqs(again, 400) == list(range(1, 401))
        await again.close()


async def test_a_long_replay_is_not_taken_for_slowness():
    engine = FakeEngine()
    for _ in range(500):
        engine.announce()
    async with serving(engine, pace=PACE) as server, aiohttp.ClientSession() as session:
        peer = await session.ws_connect(f"{server.url}/api/v1/ws")
        await peer.receive()
        await peer.send_str(encode(Auth(token=TOKEN, since=0)).decode())
        for _ in range(200):
            engine.announce()
            await asyncio.sleep(0)
        assert await _seqs(peer, 700) == list(range(1, 701))
        await peer.close()


async def test_nothing_stays_behind_when_clients_come_and_go():
    engine = FakeEngine()
    async with serving(engine, pace=PACE) as server, aiohttp.ClientSession() as session:
        await (await _joined(session, server.url)).close()
        await until(lambda: not server._hub._clients)
        await turns()
        tasks = len(asyncio.all_tasks())
        for number in range(40):
            peer = await _joined(session, server.url)
            engine.announce()
            if number % 2:
                _transport(peer).abort()
            else:
                await peer.close()
        await until(lambda: len(asyncio.all_tasks()) <= tasks and not server._hub._clients)
        assert server._socket is not None
        assert not server._socket._open
