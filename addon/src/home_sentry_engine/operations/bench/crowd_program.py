"""Many WebSocket clients in one process, told what to do by lines of JSON; started by ``fanout``, never imported.

The first line names port, token and number of clients; the answer is ``ready`` when all of them are connected, and
have their snapshot where there is a token. ``{"expect": n}`` is answered by ``done`` once n frames more have arrived in
all, counted from the last answer; 0 forgets what has come so far.
"""

import asyncio
import base64
import contextlib
import json
import os
import sys
from typing import Any, Final

GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_AT_ONCE: Final = 50
_LONG, _LONGER = 126, 127


class _Count:
    def __init__(self) -> None:
        self._frames = 0
        self._wanted: int | None = None
        self._reached = asyncio.Event()

    def add(self, frames: int) -> None:
        self._frames += frames
        if self._wanted is not None and self._frames >= self._wanted:
            self._reached.set()

    async def wait(self, frames: int) -> None:
        self._wanted = frames
        self._reached.clear()
        self.add(0)
        await self._reached.wait()
        self._frames, self._wanted = max(0, self._frames - frames) if frames else 0, None


class _Client(asyncio.Protocol):
    """Shakes hands, sends its token, counts frames by their lengths."""

    def __init__(self, count: _Count, port: int, token: str) -> None:
        self._count = count
        self._port = port
        self._token = token
        self._head: bytes | None = b""
        self._rest = b""
        self._skip = 0
        self.ready = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            "GET /api/v1/ws HTTP/1.1",
            f"Host: 127.0.0.1:{self._port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        )
        transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self._fail(head)
                return
            self._head = None
            self._shaken()
        if not self.ready.done() and b'"snapshot"' in data:
            self.ready.set_result(None)
        self._frames(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 asyncio names it
        self._fail(b"lost")

    def _fail(self, why: bytes) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(why.decode(errors="replace")))

    def _shaken(self) -> None:
        if not self._token:
            self.ready.set_result(None)
            return
        body = json.dumps({"type": "auth", "token": self._token, "schema": 1}).encode()
        size = bytes([0x80 | len(body)]) if len(body) < _LONG else bytes([0x80 | _LONG]) + len(body).to_bytes(2)
        assert self._transport is not None
        # masked with zeros, which changes nothing
        self._transport.write(b"\x81" + size + b"\0\0\0\0" + body)

    def _frames(self, data: bytes) -> None:
        at, found = 0, 0
        if self._skip >= len(data):
            self._skip -= len(data)
            return
        at, self._skip = self._skip, 0
        if self._rest:
            data, at, self._rest = self._rest + data[at:], 0, b""
        while at < len(data):
            end = _end(data, at)
            if end is None:
                self._rest = data[at:]
                break
            found += 1
            at = end
        if at > len(data):
            self._skip = at - len(data)
        if found:
            self._count.add(found)


def _end(data: bytes, at: int) -> int | None:
    """Give where the frame that begins at ``at`` ends, perhaps beyond the data; None without its whole header."""
    if len(data) < at + 2:
        return None
    size = data[at + 1] & 0x7F
    extra = {_LONG: 2, _LONGER: 8}.get(size, 0)
    if len(data) < at + 2 + extra:
        return None
    if extra:
        size = int.from_bytes(data[at + 2 : at + 2 + extra])
    return at + 2 + extra + size


async def _connect(order: dict[str, Any], count: _Count) -> list[_Client]:
    loop = asyncio.get_running_loop()
    clients: list[_Client] = []
    for first in range(0, order["clients"], _AT_ONCE):
        part = [_Client(count, order["port"], order["token"]) for _ in range(min(_AT_ONCE, order["clients"] - first))]
        for client in part:
            await loop.create_connection(lambda client=client: client, "127.0.0.1", order["port"])  # type: ignore[misc]
        await asyncio.gather(*(client.ready for client in part))
        clients += part
    return clients


async def _main() -> None:
    loop = asyncio.get_running_loop()
    count = _Count()
    order = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    clients = await _connect(order, count)
    _say("ready")
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await count.wait(json.loads(line)["expect"])
        _say("done")
    clients.clear()


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main())
