"""F19 and F27: a thousand listeners of which some stall, and one client that asks without an end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
import json
import socket
import statistics
import subprocess
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import WSMsgType
import pytest

from home_sentry_engine.api.hub import Pace
from home_sentry_engine.contract import Auth, decode_server, encode
from tests.engine.faults.invariants import check_invariants
from tests.engine.faults.programs import ROOT, WITHOUT_MODELS, Serve, deliver, engine
from tests.fakes.api import TOKEN, FakeEngine, serving

PACE = Pace(most_messages_behind=60, most_bytes_behind=256 * 1024, status_every_s=3600, status_pause_s=0.01)
LARGE, SMALL = "x" * 30_000, "x" * 800


def _narrow_socket(address: Any) -> socket.socket:
    """Make a socket whose kernel buffer is small, so that a peer that does not read stalls soon."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    return made


@asynccontextmanager
async def narrow() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0, socket_factory=_narrow_socket)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


class Client:
    """A listener that notes every sequence number with the time, and resumes where it was."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session, self.url = session, url
        self.seen: list[int] = []
        self.late_s: list[float] = []
        self.peer: aiohttp.ClientWebSocketResponse | None = None

    async def join(self) -> None:
        self.peer = await self.session.ws_connect(f"{self.url}/api/v1/ws", max_msg_size=0)
        await self.peer.receive()
        since = self.seen[-1] if self.seen else 0
        await self.peer.send_str(encode(Auth(token=TOKEN, since=since)).decode())

    async def listen(self, last: int, said_at: dict[int, float]) -> None:
        while not self.seen or self.seen[-1] < last:
            assert self.peer is not None
            frame = await self.peer.receive()
            if frame.type is not WSMsgType.TEXT:
                await self.join()
                continue
            seq = getattr(decode_server(frame.data), "seq", None)
            if seq:
                self.seen.append(seq)
                self.late_s.append(time.monotonic() - said_at[seq])

    @property
    def transport(self) -> Any:
        """Give the connection, None while there is none."""
        connection = self.peer._conn if self.peer is not None else None
        return connection.transport if connection is not None else None

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


async def _come_and_go(clients: list[Client], per_second: float) -> int:
    """Break one connection after the other until cancelled; each comes back by itself."""
    broken = 0
    with suppress(asyncio.CancelledError):
        while True:
            clients[broken % len(clients)].abort()
            broken += 1
            await asyncio.sleep(1 / per_second)
    return broken


@pytest.mark.timeout(600)
async def test_f19_stalled_clients_are_dropped_and_all_others_hear_everything_once(rounds, within):
    listeners, stalled, restless = rounds(100, 900), rounds(8, 50), rounds(10, 50)
    seconds, rate = rounds(2, 20), 10
    fake = FakeEngine()
    said_at: dict[int, float] = {}
    async with serving(fake, pace=PACE) as server, narrow() as session:
        clients = [Client(session, server.url) for _ in range(listeners + stalled + restless)]
        for client in clients:
            await client.join()
        deaf, nervous, calm = clients[:stalled], clients[stalled : stalled + restless], clients[stalled + restless :]
        for client in deaf:
            client.transport.pause_reading()
        count = seconds * rate
        hearing = [asyncio.create_task(client.listen(count, said_at)) for client in (*nervous, *calm)]
        breaking = asyncio.create_task(_come_and_go(nervous, per_second=restless))
        for number in range(1, count + 1):
            said_at[number] = time.monotonic()
            fake.announce(summary=LARGE if number % 2 else SMALL)
            await asyncio.sleep(1 / rate)
        # whoever does not read is found out by what it leaves unread
        while server._surroundings.metrics.render().count(f'reason="slow"}} {stalled}') == 0:
            fake.announce(summary=LARGE)
            said_at[fake.feed.last] = time.monotonic()
            await asyncio.sleep(1 / rate)
        breaking.cancel()
        broken = await breaking
        async with asyncio.timeout(120):
            await asyncio.gather(*hearing)
        whole = list(range(1, count + 1))
        assert [client for client in (*nervous, *calm) if client.seen[:count] != whole] == []
        for client in deaf:
            client.transport.resume_reading()
        async with asyncio.timeout(120):
            await asyncio.gather(*(client.listen(count, said_at) for client in deaf))
        assert [client for client in deaf if client.seen[:count] != whole] == []
        late_ms = sorted(1000 * late for client in calm for late in client.late_s)
        for client in clients:
            client.abort()
            if client.peer is not None:
                await client.peer.close()
    p50, p99 = (late_ms[int(len(late_ms) * part)] for part in (0.5, 0.99))
    assert p99 <= within(100)
    print(
        f"\n  {listeners} listeners p50 {p50:.0f} ms, p99 {p99:.0f} ms; {stalled} stalled ones dropped, "
        f"{broken} connections broken; 0 of {len(clients)} x {count} announcements lost"
    )


def _p95_ms(served: Serve, source: str, calls: int) -> float:
    """Ask for the status now and then from an address of its own."""

    async def ask() -> list[float]:
        took = []
        token = (served.data / "token").read_text().strip()
        connector = aiohttp.TCPConnector(local_addr=(source, 0))
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(served.url, connector=connector, headers=headers) as session:
            for _ in range(calls):
                began = time.monotonic()
                async with session.get("/api/v1/status") as answer:
                    assert answer.status == 200
                    await answer.read()
                took.append((time.monotonic() - began) * 1000)
                await asyncio.sleep(0.08)
        return took

    return statistics.quantiles(asyncio.run(ask()), n=20)[-1]


@pytest.mark.timeout(300)
def test_f27_a_client_that_asks_without_end_gets_its_budget_and_others_do_not_feel_it(
    tmp_path, model_mirror, stock, rounds, within
):
    seconds, calls = rounds(4, 30), rounds(25, 60)
    with engine(tmp_path / "data", model_mirror, **WITHOUT_MODELS) as served:
        served.start()
        for number, picture in enumerate(stock(10)):
            deliver(served.cameras / "yard", f"{number}.jpg", picture)
        served.drained(10)
        idle_ms = _p95_ms(served, "127.0.0.3", calls)
        token = (served.data / "token").read_text().strip()
        command = [sys.executable, "-m", "tests.engine.faults.flood", str(urlsplit(served.url).port)]
        asked = [*command, "/api/v1/status", token, "127.0.0.2", str(seconds), "10000"]
        with subprocess.Popen(asked, stdout=subprocess.PIPE, cwd=ROOT) as flood:
            time.sleep(1.0)
            busy_ms = _p95_ms(served, "127.0.0.4", calls)
            output, _ = flood.communicate()
        # other work on the machine comes and goes
        idle_ms = max(idle_ms, _p95_ms(served, "127.0.0.5", calls))
        found = json.loads(output)
        for number, picture in enumerate(stock(5, first=10), start=10):
            deliver(served.cameras / "yard", f"{number}.jpg", picture)
        served.drained(15)
        served.stop()
    account = check_invariants(served.data)
    assert account.stored == 15
    answers = found["answers"]
    per_s = sum(answers.values()) / found["seconds"]
    assert answers["200"] <= 70
    assert answers["429"] > 0
    assert busy_ms <= within(2 * idle_ms)
    print(
        f"  {per_s:.0f} calls/s from one client: {answers}; the other client's p95 {busy_ms:.1f} ms, "
        f"{busy_ms / idle_ms:.1f} x that of an idle engine ({idle_ms:.1f} ms)"
    )
