"""The HTTP protocol below the routes: aiohttp's parser with our limits and our words for what is not HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
import logging
import resource
from typing import Any, Final

from aiohttp import web

_LOGGER = logging.getLogger(__name__)
_LIMITS: Final[dict[str, Any]] = {
    "access_log": None,
    # also ends connections whose first request never becomes complete
    "keepalive_timeout": 75.0,
    "lingering_time": 2.0,
    "max_line_size": 8190,
    "max_field_size": 8190,
    "max_headers": 64,
    "auto_decompress": False,
}
# with the strangers among the WebSockets fewer than the 1024 files that `select` can wait for
_MOST_SILENT: Final = 512

type Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
type Broken = Callable[[int], web.Response]


def most_silent() -> int:
    """Give how many silent connections leave the engine files enough to work with."""
    return min(_MOST_SILENT, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)


class HttpServer(web.Server):
    """Makes one protocol for each connection; ``broken`` words the answer to a malformed request (by status).

    Of more than ``most_silent`` connections on which nothing is being answered the one that is silent longest is cut.
    """

    def __init__(self, handle: Handle, broken: Broken, *, most_silent: int) -> None:
        """Take who answers requests, and who answers what is none."""
        super().__init__(self._answered)
        self._answer = handle
        self._broken = broken
        self._most_silent = most_silent
        self._silent: dict[asyncio.BaseProtocol, asyncio.Transport] = {}

    def __call__(self) -> web.RequestHandler:
        """Make the protocol of one connection."""
        return HttpProtocol(self, self._broken)

    def silent(self, protocol: asyncio.BaseProtocol, transport: asyncio.BaseTransport | None) -> None:
        """Note that nothing is being answered on a connection."""
        if not isinstance(transport, asyncio.Transport) or transport.is_closing():
            return
        self._silent[protocol] = transport
        if len(self._silent) > self._most_silent:
            self._silent.pop(next(iter(self._silent))).abort()

    def busy(self, protocol: asyncio.BaseProtocol) -> None:
        """Note that something is, or that the connection is over."""
        self._silent.pop(protocol, None)

    async def _answered(self, request: web.BaseRequest) -> web.StreamResponse:
        protocol = request.protocol
        self.busy(protocol)
        try:
            return await self._answer(request)
        finally:
            self.silent(protocol, request.transport)


class HttpProtocol(web.RequestHandler):
    """One connection.

    ``writable`` is set while the peer takes what is sent. aiohttp keeps one future for all who wait for that, and the
    first of them to be cancelled cancels the others; hence our own.
    """

    __slots__ = ("_broken", "_server", "_staying", "writable")

    def __init__(self, server: HttpServer, broken: Broken) -> None:
        """Take who words the answer to a malformed request."""
        super().__init__(server, loop=asyncio.get_running_loop(), **_LIMITS)
        self._broken = broken
        self._server = server
        self._staying: asyncio.Future[None] | None = None
        self.writable = asyncio.Event()
        self.writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self._server.silent(self, transport)

    def pause_writing(self) -> None:
        """Note that the peer does not keep up."""
        super().pause_writing()
        self.writable.clear()

    def resume_writing(self) -> None:
        """Note that there is room again."""
        super().resume_writing()
        self.writable.set()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go who waits for room."""
        super().connection_lost(exc)
        self._server.busy(self)
        self.writable.set()
        _let_go(self._staying)

    def close(self) -> None:
        """Take no more requests, and let go who stays."""
        super().close()
        _let_go(self._staying)

    async def stay(self, seconds: float) -> None:
        """Wait, no longer than the peer stays connected and the server runs; one at a time."""
        loop = asyncio.get_running_loop()
        self._staying = loop.create_future()
        timer = loop.call_later(seconds, _let_go, self._staying)
        try:
            await self._staying
        finally:
            timer.cancel()
            self._staying = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp names it
    ) -> web.StreamResponse:
        """Word the answer to what could not be parsed or sent."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        if status >= 500:
            _LOGGER.error("An answer could not be sent", exc_info=exc)
        else:
            _LOGGER.debug("Not HTTP from %s: %s", request.remote, type(exc).__name__)
        response = self._broken(status)
        response.force_close()
        return response


def _let_go(staying: asyncio.Future[None] | None) -> None:
    if staying is not None and not staying.done():
        staying.set_result(None)
