"""Benchmark ``fanout``: one event of 1 KB to many WebSocket clients, beside a bare loop that writes a prepared frame.

The clients are real connections held by a child process, so that their work is not in the loop that is measured. Both
servers run in this process and have the same clients; in every round each sends its messages one after the other and
waits until the last client has the last one.
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
import hashlib
import json
import sys
from typing import Any, Final, Protocol

from .contest import Contest, Lap, in_turn
from .crowd_program import GUID

TARGET: Final = 0.8
BODY_BYTES: Final = 1024
_SLICE: Final = 250
_PATIENCE_S: Final = 120.0
_SETTLE_S: Final = 0.5


class Broadcaster(Protocol):
    """A running API: where clients connect and how an event gets to all of them."""

    @property
    def port(self) -> int:
        """Port on 127.0.0.1."""
        ...

    @property
    def token(self) -> str:
        """What clients authenticate with."""
        ...

    async def broadcast(self, body_bytes: int) -> int:
        """Announce an event of about that size and return when it was handed to every client; gives its real size."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FanoutBench:
    """Result: messages per second over all clients."""

    clients: int
    messages: int
    body_bytes: int
    rounds: int
    contest: Contest

    @property
    def passed(self) -> bool:
        """Whether the engine reaches its share of the bare loop."""
        return self.contest.passed

    def document(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"bench": "fanout", **asdict(self), "passed": self.passed}

    def rows(self) -> list[tuple[str, str, str]]:
        """Give the table: what, figure, ratio."""
        load = f"{self.messages} messages of {self.body_bytes} bytes to {self.clients:,} clients"
        return [(load, f"{self.rounds} rounds in turn", ""), *self.contest.rows()]


async def bench_fanout(
    engine: AbstractAsyncContextManager[Broadcaster], *, rounds: int, clients: int, messages: int
) -> FanoutBench:
    """Measure; entering ``engine`` starts the API."""
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(engine)
        bare = await stack.enter_async_context(_bare_server())
        near = await stack.enter_async_context(_crowd(api.port, api.token, clients))
        far = await stack.enter_async_context(_crowd(bare.port, "", clients))
        size = BODY_BYTES

        async def broadcast() -> Lap:
            nonlocal size
            lap = Lap(done=clients * messages)
            with lap.timed():
                for _ in range(messages):
                    size = await api.broadcast(BODY_BYTES)
                await near.received(clients * messages)
            return lap

        async def prepared() -> Lap:
            lap = Lap(done=clients * messages)
            with lap.timed():
                for _ in range(messages):
                    await bare.send(size)
                await far.received(clients * messages)
            return lap

        laps = await in_turn(broadcast, prepared, rounds)
    contest = Contest.of("engine, messages to clients", "bare loop over a prepared frame", laps, TARGET)
    return FanoutBench(clients=clients, messages=messages, body_bytes=size, rounds=rounds, contest=contest)


class _Bare(asyncio.Protocol):
    """The server side of a WebSocket that only ever sends."""

    def __init__(self, transports: list[asyncio.Transport]) -> None:
        self._transports = transports
        self._request = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._request += data
        if b"\r\n\r\n" not in self._request or self._transport is None:
            return
        head = self._request.decode("ascii").lower()
        start = head.index("sec-websocket-key:") + len("sec-websocket-key:")
        key = self._request.decode("ascii")[start:].split("\r\n", 1)[0].strip()
        accept = base64.b64encode(hashlib.sha1(key.encode() + GUID, usedforsecurity=False).digest()).decode()
        answer = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        self._transport.write(b"HTTP/1.1 101 Switching Protocols\r\n" + answer.encode())
        self._request = b""
        self._transports.append(self._transport)


@dataclass(slots=True)
class _BareServer:
    port: int
    transports: list[asyncio.Transport]

    async def send(self, body_bytes: int) -> None:
        frame = bytes([0x81, 126]) + body_bytes.to_bytes(2) + b"x" * body_bytes
        for count, transport in enumerate(self.transports, start=1):
            transport.write(frame)
            if count % _SLICE == 0:
                await asyncio.sleep(0)


@asynccontextmanager
async def _bare_server() -> AsyncIterator[_BareServer]:
    transports: list[asyncio.Transport] = []
    server = await asyncio.get_running_loop().create_server(lambda: _Bare(transports), "127.0.0.1", 0, backlog=2048)
    try:
        yield _BareServer(server.sockets[0].getsockname()[1], transports)
    finally:
        for transport in transports:
            transport.abort()
        server.close()
        await server.wait_closed()


@dataclass(slots=True)
class _Crowd:
    process: asyncio.subprocess.Process

    async def received(self, frames: int) -> None:
        """Return when the clients have received that many frames more, together."""
        await self.tell({"expect": frames})
        await self.hear("done")

    async def tell(self, order: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        await self.process.stdin.drain()

    async def hear(self, word: str) -> None:
        assert self.process.stdout is not None
        async with asyncio.timeout(_PATIENCE_S):
            line = await self.process.stdout.readline()
        if line.decode().strip() != word:
            raise ConnectionError(f"the clients did not say {word!r} but {line.decode().strip()!r}")


@asynccontextmanager
async def _crowd(port: int, token: str, clients: int) -> AsyncIterator[_Crowd]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "home_sentry_engine.operations.bench.crowd_program"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        crowd = _Crowd(process)
        await crowd.tell({"port": port, "token": token, "clients": clients})
        await crowd.hear("ready")
        # what a server tells a new client by itself comes before the first count
        await asyncio.sleep(_SETTLE_S)
        await crowd.tell({"expect": 0})
        await crowd.hear("done")
        yield crowd
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
