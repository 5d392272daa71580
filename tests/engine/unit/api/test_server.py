"""Binding, and the end."""

import pytest

from home_sentry_engine.api.addresses import is_loopback, reachable_addresses
from home_sentry_engine.api.server import InsecureBinding
from home_sentry_engine.settings import ApiSettings
from tests.fakes.api import FakeEngine, serving, speaking


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
async def test_beyond_this_machine_needs_the_users_word(host):
    with pytest.raises(InsecureBinding, match="allow_insecure"):
        async with serving(FakeEngine(), settings=ApiSettings(host=host, port=0)):
            pass


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("0.0.0.0", "127.0.0.1")]
)
async def test_a_free_port_is_told(host, shown):
    settings = ApiSettings(host=host, port=0, allow_insecure=True)
    async with serving(FakeEngine(), settings=settings) as server:
        assert server.port > 0
        assert server.url == f"http://{shown}:{server.port}"
        async with speaking(server) as session, session.get("/api/v1/info") as response:
            assert response.status == 200
    with pytest.raises(RuntimeError):
        assert server.port


async def test_a_taken_port_is_an_error_and_leaves_nothing_open():
    async with serving(FakeEngine()) as first:
        with pytest.raises(OSError, match="address already in use"):
            async with serving(FakeEngine(), settings=ApiSettings(port=first.port)):
                pass


def test_loopback():
    assert [is_loopback(host) for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost")] == [True] * 4
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "localhost.example.org", ""))


def test_reachable_addresses():
    assert reachable_addresses("127.0.0.1") == []
    assert reachable_addresses("127.0.0.1", loopback=True) == ["127.0.0.1"]
    assert reachable_addresses("192.0.2.5") == ["192.0.2.5"]
    assert reachable_addresses("169.254.3.4") == []
    assert "127.0.0.1" in reachable_addresses("0.0.0.0", loopback=True)
    assert not any(":" in address for address in reachable_addresses("0.0.0.0"))
    assert "::1" not in reachable_addresses("::")
