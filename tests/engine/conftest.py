"""The engine's tests reach no other machine, and a warning fails them."""

from collections.abc import Iterator
import ipaddress
import logging
from pathlib import Path
import socket
from typing import Any

from hypothesis import HealthCheck, settings
import pytest

from home_sentry_engine.operations.thrift import share_heaps
from tests.engine import servers

HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    # as the engine does: tests start thousands of threads, and each of many heaps keeps what they leave
    share_heaps()
    # examples take as long as the machine is busy; without --full they are the same in every run
    slow = [HealthCheck.too_slow]
    by_chance = config.getoption("--full")
    settings.register_profile("engine", deadline=None, suppress_health_check=slow, derandomize=not by_chance)
    settings.load_profile("engine")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo what a command does to logging when it runs inside a test."""
    loggers = [logging.getLogger(), logging.getLogger("home_sentry_engine")]
    before = [(one, one.level, one.handlers[:]) for one in loggers]
    yield
    for one, level, handlers in before:
        one.setLevel(level)
        one.handlers[:] = handlers


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.PostgresServer]:
    """A real PostgreSQL for this run."""
    with servers.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[servers.RedisServer]:
    """A real Redis for this run."""
    with servers.redis() as server:
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            # first, so that a test's own filter is stronger
            item.add_marker(pytest.mark.filterwarnings("error"), append=False)


def _is_local(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True
    try:
        target = ipaddress.ip_address(address[0])
    except ValueError:
        return address[0] in {"localhost", ""}
    return target.is_loopback or target.is_unspecified or target.is_multicast


@pytest.fixture(autouse=True, scope="session")
def offline():
    """Refuse connections to anything but this machine."""
    real_connect, real_connect_ex = socket.socket.connect, socket.socket.connect_ex

    def connect(self, address):
        if not _is_local(address):
            raise PermissionError(f"a test may not reach {address}")
        return real_connect(self, address)

    def connect_ex(self, address):
        if not _is_local(address):
            raise PermissionError(f"a test may not reach {address}")
        return real_connect_ex(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        patch.setattr(socket.socket, "connect_ex", connect_ex)
        yield
