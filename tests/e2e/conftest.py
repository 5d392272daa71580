"""Both programs, new for each file of tests."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from aiohttp import ClientSession
import pytest

from scripts.demo_home.home_assistant import Home
from tests.e2e.browser import OUTPUT
from tests.e2e.stage import EngineRun, engine_running, home_running

# two programs and a browser start within a test, perhaps on a machine that does much else
_PATIENCE_S: Final = 1200


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.timeout(_PATIENCE_S))


@pytest.fixture(scope="session", autouse=True)
def output() -> Path:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    return OUTPUT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home-sentry")


@pytest.fixture(scope="session")
async def web() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


@pytest.fixture(scope="module")
async def engine_run(web: ClientSession, folder: Path) -> AsyncIterator[EngineRun]:
    async with engine_running(web, folder) as run:
        yield run


@pytest.fixture(scope="module")
async def home(web: ClientSession, folder: Path) -> AsyncIterator[Home]:
    async with home_running(web, folder) as running_home:
        yield running_home
