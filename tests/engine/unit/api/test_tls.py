"""The API behind a real certificate."""

import asyncio
from datetime import UTC, datetime
import ssl

import aiohttp
import pytest

from home_sentry_engine.api.server import InsecureBinding
from home_sentry_engine.contract import Hello, decode_server
from home_sentry_engine.operations.certificate import Keeper, own_certificate, server_context
from home_sentry_engine.settings import ApiSettings
from tests.fakes.api import TOKEN, FakeEngine, serving

NOW = datetime.now(UTC)


@pytest.fixture
def certificate(tmp_path):
    return own_certificate(tmp_path, ("localhost", "127.0.0.1"), NOW)


def pinned(certificate):
    return aiohttp.Fingerprint(bytes.fromhex(certificate.fingerprint))


async def test_requests_and_websockets_go_over_tls_for_who_pins_the_certificate(certificate):
    async with serving(FakeEngine(), tls=server_context(certificate)) as server, aiohttp.ClientSession() as session:
        assert server.url.startswith("https://127.0.0.1:")
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with session.get(f"{server.url}/api/v1/info", headers=headers, ssl=pinned(certificate)) as response:
            assert response.status == 200
        async with session.ws_connect(f"{server.url}/api/v1/ws", ssl=pinned(certificate)) as socket:
            assert isinstance(decode_server((await socket.receive()).data), Hello)


async def test_a_certificate_that_nobody_vouches_for_is_refused_unless_it_is_the_pinned_one(certificate, tmp_path):
    other = own_certificate(tmp_path / "other", ("127.0.0.1",), NOW)
    async with serving(FakeEngine(), tls=server_context(certificate)) as server, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(f"{server.url}/health")
        with pytest.raises(aiohttp.ServerFingerprintMismatch) as caught:
            await session.get(f"{server.url}/health", ssl=pinned(other))
        assert caught.value.got.hex() == certificate.fingerprint


async def test_its_names_are_valid_for_who_trusts_it(certificate):
    trusting = ssl.create_default_context(cafile=certificate.chain)
    async with serving(FakeEngine(), tls=server_context(certificate)) as server, aiohttp.ClientSession() as session:
        for host in ("127.0.0.1", "localhost"):
            async with session.get(f"https://{host}:{server.port}/health", ssl=trusting) as response:
                assert await response.text() == "alive"


async def test_tls_1_1_and_plain_http_find_nobody(certificate):
    async with serving(FakeEngine(), tls=server_context(certificate)) as server:
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", server.port, ssl=old)
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                await session.get(f"http://127.0.0.1:{server.port}/health")


async def test_callers_need_a_certificate_of_the_authority(certificate, tmp_path):
    caller = own_certificate(tmp_path / "caller", ("caller",), NOW)
    context = server_context(certificate, caller.chain)
    async with serving(FakeEngine(), tls=context) as server, aiohttp.ClientSession() as session:
        stranger = ssl.create_default_context(cafile=certificate.chain)
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            async with session.get(f"{server.url}/health", ssl=stranger) as response:
                await response.text()


async def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path):
    names = ("127.0.0.1",)
    folder = tmp_path / "a"
    keeper = Keeper(lambda: own_certificate(folder, names, NOW))
    async with serving(FakeEngine(), tls=keeper.context) as server, aiohttp.ClientSession() as session:
        folder = tmp_path / "b"
        assert keeper.review()
        async with session.get(f"{server.url}/health", ssl=pinned(keeper.certificate)) as response:
            assert response.status == 200


async def test_beyond_this_machine_tls_needs_no_further_word(certificate):
    settings = ApiSettings(host="0.0.0.0", port=0)
    async with serving(FakeEngine(), settings=settings, tls=server_context(certificate)) as server:
        assert server.port > 0
    with pytest.raises(InsecureBinding):
        async with serving(FakeEngine(), settings=settings):
            pass
