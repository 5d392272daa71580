"""A program: many WebSocket clients of one engine, some of which do not read and some of which come and go.

The first line of its input names ``port``, ``token`` and how many listen calmly, are deaf, and are restless; ``ready``
tells that all have their snapshot. Then each line is an order: ``break`` (so many connections of the restless a second,
0 for no more) tells how many were broken, ``hear`` waits until all but the deaf have heard the announcement of that
number, ``wake`` lets the deaf read, too, and waits for them, ``report`` tells who missed one up to that number or heard
one twice, and how late announcements were (their summaries begin with the monotonic time in ns), for the calm alone.
"""

import asyncio
import base64
from collections.abc import Iterator
import itertools
import json
import os
import socket
import sys
import time
from typing import Any

_SHORT, _LONG, _LONGER = 125, 126, 127
_STAMP = 20
_AT_ONCE = 50


class Client(asyncio.Protocol):
    """A listener that keeps every number it heard, and resumes there when its connection ends."""

    def __init__(self, crowd: Crowd, *, narrow: bool = False) -> None:
        self.crowd = crowd
        self.narrow = narrow
        self.seen: list[int] = []
        self.late_ns: list[int] = []
        self.transport: Any = None
        self._shaken = False
        self._rest = b""
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self) -> None:
        """Connect; a narrow one has a receive buffer so small that it stalls soon when it does not read."""
        made = socket.socket()
        if self.narrow:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        made.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(made, ("127.0.0.1", self.crowd.port))
        await loop.create_connection(lambda: self, sock=made)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self._shaken, self._rest = transport, False, b""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            "GET /api/v1/ws HTTP/1.1",
            "Host: engine",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        )
        self.transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.crowd.over:
            again = asyncio.get_running_loop().create_task(self.join())
            self._tasks.add(again)
            again.add_done_callback(self._tasks.discard)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        data = self._rest + data
        if not self._shaken:
            head, end, rest = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = data
                return
            assert b" 101 " in head, head
            self._shaken, data = True, rest
            self._authenticate()
        at = 0
        for first, last in _bodies(data):
            at = last
            self._hear(data, first, last, now)
        self._rest = data[at:]

    def _authenticate(self) -> None:
        since = self.seen[-1] if self.seen else 0
        body = json.dumps({"type": "auth", "token": self.crowd.token, "schema": 1, "since": since}).encode()
        size = bytes([0x80 | len(body)]) if len(body) <= _SHORT else bytes([0x80 | _LONG]) + len(body).to_bytes(2)
        # masked with zeros, which changes nothing
        self.transport.write(b"\x81" + size + b"\0\0\0\0" + body)

    def _hear(self, data: bytes, start: int, end: int, now: int) -> None:
        if data.startswith(b'{"type":"event_created","seq":', start):
            first = start + len(b'{"type":"event_created","seq":')
            number = int(data[first : data.index(b",", first)])
            self.seen.append(number)
            stamp = data.index(b'"summary":"', start, end) + len(b'"summary":"')
            self.late_ns.append(now - int(data[stamp : stamp + _STAMP]))
            self.crowd.heard(number)
        elif data.startswith(b'{"type":"snapshot"', start):
            self.crowd.joined.release()


def _bodies(data: bytes) -> Iterator[tuple[int, int]]:
    """Give where the body of each whole frame begins and ends."""
    at = 0
    while len(data) >= at + 2:
        size, start = data[at + 1] & 0x7F, at + 2
        extra = {_LONG: 2, _LONGER: 8}.get(size, 0)
        if extra:
            size, start = int.from_bytes(data[start : start + extra]), start + extra
        if len(data) < start + size:
            return
        at = start + size
        yield start, at


class Crowd:
    """All clients of this process."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.port, self.token = order["port"], order["token"]
        self.calm = [Client(self) for _ in range(order["calm"])]
        self.deaf = [Client(self, narrow=True) for _ in range(order["deaf"])]
        self.restless = [Client(self) for _ in range(order["restless"])]
        self.everybody = (*self.calm, *self.deaf, *self.restless)
        self.joined = asyncio.Semaphore(0)
        self.over = False
        self.broken = 0
        self._last = 0
        self._news = asyncio.Event()
        self._breaking: asyncio.Task[None] | None = None

    async def join(self) -> None:
        for some in itertools.batched(self.everybody, _AT_ONCE, strict=False):
            for client in some:
                await client.join()
            for _ in some:
                await self.joined.acquire()
        for client in self.deaf:
            client.transport.pause_reading()

    def heard(self, number: int) -> None:
        if number >= self._last:
            self._news.set()

    async def hear(self, number: int, clients: tuple[Client, ...]) -> None:
        self._last = number
        while not all(client.seen and client.seen[-1] >= number for client in clients):
            self._news.clear()
            await self._news.wait()

    async def _break(self, per_s: float) -> None:
        began = time.monotonic()
        for turn in itertools.count(1):
            self.restless[turn % len(self.restless)].transport.abort()
            self.broken += 1
            await asyncio.sleep(max(0.0, began + turn / per_s - time.monotonic()))

    async def do(self, order: dict[str, Any]) -> object:
        if "break" in order:
            if self._breaking is not None:
                self._breaking.cancel()
            self._breaking = asyncio.create_task(self._break(order["break"])) if order["break"] else None
            return self.broken
        if "hear" in order:
            await self.hear(order["hear"], (*self.calm, *self.restless))
            return "heard"
        if "wake" in order:
            for client in self.deaf:
                client.transport.resume_reading()
            await self.hear(order["wake"], self.everybody)
            return "heard"
        return self.report(order["report"])

    def report(self, count: int) -> dict[str, Any]:
        whole = list(range(1, count + 1))
        late_ms = sorted(late / 1e6 for client in self.calm for late in client.late_ns[:count])
        return {
            "astray": sum(client.seen[:count] != whole for client in self.everybody),
            "p50_ms": late_ms[len(late_ms) // 2],
            "p99_ms": late_ms[len(late_ms) * 99 // 100],
            "worst_ms": late_ms[-1],
            "cpu_s": time.process_time(),
        }


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


async def main() -> None:
    loop = asyncio.get_running_loop()
    crowd = Crowd(json.loads(await loop.run_in_executor(None, sys.stdin.readline)))
    await crowd.join()
    _say("ready")
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        _say(await crowd.do(json.loads(line)))
    crowd.over = True
    for client in crowd.everybody:
        client.transport.abort()


if __name__ == "__main__":
    asyncio.run(main())
