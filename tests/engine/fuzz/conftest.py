from collections.abc import Generator

import pytest

from tests.engine.fuzz.harness import Target


@pytest.fixture(scope="module")
def target() -> Generator[Target]:
    with Target() as running:
        yield running


@pytest.fixture(autouse=True)
def healthy(target: Target, caplog: pytest.LogCaptureFixture) -> Generator[None]:
    """After the cases the server still answers, and nothing failed inside."""
    yield
    assert target.faults == []
    assert [record.getMessage() for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}] == []
    with target.connect() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
