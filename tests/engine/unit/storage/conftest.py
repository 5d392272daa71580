"""An empty migrated database for each test, of each kind where the test asks for ``database``."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
import shutil

import pytest

from home_sentry_engine.storage.database import Database, sqlite_url
from tests.fakes.clock import FakeClock


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("empty") / "engine.db"

    async def make() -> None:
        async with Database(sqlite_url(file), FakeClock()):
            pass

    asyncio.run(make())
    return file


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def file(empty_file, tmp_path) -> Path:
    return Path(shutil.copy(empty_file, tmp_path / "engine.db"))


@pytest.fixture
async def sqlite(file, clock) -> AsyncIterator[Database]:
    async with Database(sqlite_url(file), clock) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request, clock, tmp_path, empty_file) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        url = sqlite_url(Path(shutil.copy(empty_file, tmp_path / "engine.db")))
    else:
        url = await request.getfixturevalue("postgres_server").migrated()
    async with Database(url, clock) as opened:
        yield opened
