"""The WebSocket route: who may connect, how many, and the end of all connections."""

import asyncio
from dataclasses import replace
from functools import partial
from socket import SO_SNDBUF, SOL_SOCKET
import sys
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from home_sentry_engine.contract import Hello
from home_sentry_engine.contract.errors import Forbidden, InvalidRequest, ServiceUnavailable

from .auth import Gate, address_of
from .connection import Connection
from .peer import Peer, Services
from .protocol import HttpProtocol
from .routing import Access, Answer, Call, Route
from .seats import Seats

_LARGEST_MESSAGE: Final = 64 * 1024
_HEARTBEAT_S: Final = 30.0
# the kernel would take 4 MB for a peer that does not read, unseen by whoever counts how far it is behind
_KERNEL_BYTES: Final = 256 * 1024


class SocketRoute:
    """Upgrades requests to WebSockets; authentication follows in the first message."""

    def __init__(self, gate: Gate, shared: Services) -> None:
        """Take what every connection shares."""
        self._gate = gate
        self._shared = shared
        self._seats = Seats(shared.admit)
        self._open: set[Connection] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def routes(self) -> tuple[Route, ...]:
        """Declare the operation."""
        return (
            Route(
                method="GET",
                path="/api/v1/ws",
                name="connect",
                text="WebSocket: hello, auth with the token, snapshot, sequenced messages; see the contract's messages",
                respond=self._respond,
                answer=Answer(status=101, text="Switching protocols"),
                errors=(Forbidden, ServiceUnavailable),
                limit=None,
                access=Access.IN_BAND,
            ),
        )

    def recheck(self) -> None:
        """Ask again whether what each client showed still counts, and end those for which it does not."""
        for connection in tuple(self._open):
            connection.recheck()

    async def close(self, within_s: float) -> None:
        """Tell every client that the engine stops, and wait for them to go."""
        for connection in tuple(self._open):
            connection.drop("shutdown")
        try:
            async with asyncio.timeout(within_s):
                await self._empty.wait()
        except TimeoutError:
            return

    async def _respond(self, call: Call) -> web.StreamResponse:
        request = call.request
        if request.headers.get("Upgrade", "").lower() != "websocket":
            self._gate.open(request)
            raise InvalidRequest("this path speaks WebSocket")
        _refuse_foreign(request)
        self._seats.refuse_full()
        info = await self._shared.health.info()
        socket = web.WebSocketResponse(
            autoping=False,
            heartbeat=_HEARTBEAT_S,
            max_msg_size=_LARGEST_MESSAGE,
            # per connection it costs memory: only for those who ask, and then without a context between messages
            compress=True,
            timeout=self._shared.patience.goodbye_s,
            # the connection waits for room by itself
            writer_limit=sys.maxsize,
        )
        if not socket.can_prepare(request):
            raise InvalidRequest("this is not a proper WebSocket handshake")
        await socket.prepare(request)
        protocol, transport = request.protocol, request.transport
        if transport is None or not isinstance(protocol, HttpProtocol):
            return socket
        _bound_kernel(transport)
        peer = Peer(
            socket=socket,
            transport=transport,
            writable=protocol.writable,
            address=address_of(request),
            deflate_bits=_deflate_bits(socket),
        )
        seat = self._seats.take(transport)
        connection = Connection(peer, replace(self._shared, admit=partial(self._seats.admit, seat)))
        self._open.add(connection)
        self._empty.clear()
        try:
            await connection.serve(Hello(engine_id=info.instance_id, name=info.name, version=info.version))
        finally:
            self._seats.leave(seat)
            self._open.discard(connection)
            if not self._open:
                self._empty.set()
        return socket


def _deflate_bits(socket: web.WebSocketResponse) -> int:
    """Tell which window the peer asked for, and leave it to us which messages are compressed."""
    bits = int(socket.compress)
    if bits and socket._writer is not None:  # noqa: SLF001 - aiohttp knows all or nothing
        socket._writer.compress = 0  # noqa: SLF001
    return bits


def _bound_kernel(transport: asyncio.Transport) -> None:
    bare = transport.get_extra_info("socket")
    if bare is not None:
        bare.setsockopt(SOL_SOCKET, SO_SNDBUF, _KERNEL_BYTES)


def _refuse_foreign(request: web.BaseRequest) -> None:
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("Host", "").lower():
        raise Forbidden("browsers on other pages may not connect")
