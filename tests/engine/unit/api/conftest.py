from collections.abc import AsyncGenerator

import aiohttp
import pytest

from home_sentry_engine.api.server import ApiServer
from tests.fakes.api import FakeEngine, serving, speaking


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
