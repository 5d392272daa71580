from collections.abc import AsyncGenerator, Awaitable, Callable

import aiohttp
import pytest

from home_sentry_engine.api.server import ApiServer
from tests.fakes.api import QUIET, FakeEngine, serving, speaking
from tests.fakes.peer import Peer


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def server(engine: FakeEngine) -> AsyncGenerator[ApiServer]:
    async with serving(engine) as running:
        yield running


@pytest.fixture
async def client(server: ApiServer) -> AsyncGenerator[aiohttp.ClientSession]:
    """Speaks with the token."""
    async with speaking(server) as session:
        yield session


@pytest.fixture
async def stranger(server: ApiServer) -> AsyncGenerator[aiohttp.ClientSession]:
    """Speaks without a token."""
    async with aiohttp.ClientSession(server.url) as session:
        yield session


@pytest.fixture
async def connect(engine: FakeEngine) -> AsyncGenerator[Callable[..., Awaitable[Peer]]]:
    """Opens WebSockets to a server that tells its status at the beginning only."""
    sockets: list[aiohttp.ClientWebSocketResponse] = []
    async with serving(engine, pace=QUIET) as server, aiohttp.ClientSession(server.url) as session:

        async def open_one() -> Peer:
            socket = await session.ws_connect("/api/v1/ws")
            sockets.append(socket)
            return Peer(socket)

        yield open_one
        for socket in sockets:
            await socket.close()
