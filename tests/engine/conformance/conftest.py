"""The back-ends that the suites run against."""

from collections.abc import AsyncIterator

import pytest

from tests.engine.conformance.backends import BACKENDS, Backend, address, opened
from tests.fakes.clock import FakeClock


@pytest.fixture(params=BACKENDS)
async def backend(request, tmp_path) -> AsyncIterator[Backend]:
    limits = getattr(request.node.get_closest_marker("limits"), "args", (None,))[0]
    at = await address(request, request.param, tmp_path)
    async with opened(request.param, at, FakeClock(), limits) as one:
        yield one


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "limits(limits): bounds of the queue under test")
