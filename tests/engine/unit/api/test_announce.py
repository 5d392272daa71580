"""DNS service discovery, on this machine alone."""

import asyncio
from dataclasses import replace

import pytest
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from home_sentry_engine.api import announce
from home_sentry_engine.api.announce import SERVICE_TYPE, Announcement
from tests.fakes.api import TOKEN, FakeEngine


@pytest.fixture
def info():
    return replace(FakeEngine().info_now, instance_id="ABCdef0123456789", name="Home. Sentry & Söhne" + "x" * 60)


async def test_it_is_found_with_all_that_home_assistant_needs_and_without_the_token(info):
    async with Announcement(info, host="127.0.0.1", port=8093, force=True) as announcement:
        assert announcement.announced
        listener = AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
        try:
            name = announcement._service(["127.0.0.1"]).name
            found = AsyncServiceInfo(SERVICE_TYPE, name)
            async with asyncio.timeout(60):
                assert await found.async_request(listener.zeroconf, 10_000)
        finally:
            await listener.async_close()
        assert found.port == 8093
        assert found.parsed_addresses() == ["127.0.0.1"]
        properties = {key.decode(): (value or b"").decode() for key, value in found.properties.items()}
        assert properties == {
            "instance_id": "ABCdef0123456789",
            "version": info.version,
            "schema": "1",
            "min_schema": "1",
            "path": "/api/v1",
        }
        assert all(key == key.lower() for key in properties)
        assert TOKEN not in str(found)
    assert not announcement.announced


async def test_an_api_on_this_machine_alone_is_not_announced(info):
    async with Announcement(info, host="127.0.0.1", port=8093) as announcement:
        assert announcement.reason == "the API listens on this machine only"


async def test_a_failure_is_told_and_never_fatal(info, monkeypatch, caplog):
    def refuse(*args, **kwargs):
        raise OSError("no multicast here")

    monkeypatch.setattr(announce, "AsyncZeroconf", refuse)
    async with Announcement(info, host="127.0.0.1", port=8093, force=True) as announcement:
        assert announcement.reason == "cannot announce on the network: OSError"
    assert any("not announced" in record.message for record in caplog.records)


def test_the_name_fits_and_has_no_dots(info):
    service = Announcement(info, host="192.0.2.1", port=1)._service(["192.0.2.1"])
    label = service.name.removesuffix(f".{SERVICE_TYPE}")
    assert "." not in label
    assert len(label.encode()) <= 40
    assert service.server == "home-sentry-abcdef012345.local."
