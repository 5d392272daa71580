"""S8: addresses that a setting or a name server may try to lead the engine to."""

import asyncio
import socket
import threading

import aiohttp
from aiohttp import web
import numpy as np
import pytest

from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.language.backends.http import JsonClient
from home_sentry_engine.language.errors import ModelUnreachable
from home_sentry_engine.resilience.outbound import ForbiddenAddress, GuardedResolver, connect, why_forbidden
from home_sentry_engine.settings import InvalidSettings, load_settings
from home_sentry_engine.vision.remote import RemoteEye
from home_sentry_engine.vision.services.transport import Service
from home_sentry_engine.vision.store.download import Order, download
from home_sentry_engine.vision.store.errors import DownloadFailed
from home_sentry_engine.vision.tasks.boxes import BoxRules
from home_sentry_engine.vision.tasks.pictures import RgbFrame

FORBIDDEN = (
    "169.254.169.254",
    "169.254.0.1",
    "2852039166",
    "0xa9fea9fe",
    "0xA9.0xFE.0xA9.0xFE",
    "0251.0376.0251.0376",
    "169.254.43518",
    "fe80::1",
    "fe80::1%eth0",
    "[fe80::1]",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "100.100.100.200",
    "168.63.129.16",
    "fd00:ec2::254",
    "224.0.0.1",
    "ff02::1",
    "0.0.0.0",
    "0",
    "::",
    "255.255.255.255",
)
HOUSEHOLD = ("127.0.0.1", "::1", "192.168.1.20", "10.0.0.5", "fd12:3456::1", "example.org", "nas.local", "8.8.8.8")


@pytest.mark.parametrize("host", FORBIDDEN)
def test_forbidden_addresses_in_every_spelling(host):
    assert why_forbidden(host)


@pytest.mark.parametrize("host", HOUSEHOLD)
def test_the_households_own_servers_may_be_asked(host):
    assert why_forbidden(host) is None


@pytest.mark.parametrize("host", [host for host in FORBIDDEN if "%" not in host and "[" not in host])
async def test_no_spelling_gets_through_the_client(host, monkeypatch):
    def never(*_args, **_more):
        raise AssertionError(f"a connection to {host} was tried")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", never)
    client = JsonClient(
        f"http://[{host}]:80" if ":" in host else f"http://{host}:80", api_key=None, connect_timeout_s=60
    )
    with pytest.raises(ModelUnreachable, match="never asked"):
        await client.get("/latest/meta-data", timeout_s=60)
    await client.aclose()


def led_to(monkeypatch, *addresses):
    """Make every name lead to these addresses, one after the other at each question, the last one for good."""
    left = list(addresses)
    asked = []

    def resolve(host, port, *_args, **_more):
        address = left.pop(0) if len(left) > 1 else left[0]
        asked.append(host)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        there = (address, port, 0, 0) if family is socket.AF_INET6 else (address, port)
        return [(family, socket.SOCK_STREAM, 6, "", there)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "100.100.100.200", "::ffff:169.254.169.254"])
async def test_a_name_that_leads_there_is_not_followed(address, monkeypatch):
    led_to(monkeypatch, address)
    client = JsonClient("http://rebind.example:8091", api_key=None, connect_timeout_s=60)
    with pytest.raises(ModelUnreachable, match="never asked") as refused:
        await client.get("/health", timeout_s=60)
    assert not refused.value.retryable
    await client.aclose()
    with pytest.raises(ForbiddenAddress, match="never asked"):
        connect("rebind.example", 80, 1)


async def test_a_name_that_changes_its_mind_is_checked_at_each_connection(monkeypatch):
    async def answer(_request):
        return web.json_response({"ok": True})

    app = web.Application()
    app.router.add_get("/health", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    led_to(monkeypatch, "127.0.0.1", "169.254.169.254")
    connector = aiohttp.TCPConnector(resolver=GuardedResolver(), use_dns_cache=False, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.get(f"http://rebind.example:{port}/health") as response:
            assert response.status == 200
        with pytest.raises(aiohttp.ClientConnectorError) as refused:
            await session.get(f"http://rebind.example:{port}/health")
    assert isinstance(refused.value.os_error, ForbiddenAddress)
    await runner.cleanup()


def test_the_address_that_is_connected_to_is_the_one_that_was_checked(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        taken = []
        thread = threading.Thread(target=lambda: taken.append(server.accept()), daemon=True)
        thread.start()
        asked = led_to(monkeypatch, "127.0.0.1", "169.254.169.254")
        with connect("rebind.example", port, 60) as link:
            assert link.getpeername() == ("127.0.0.1", port)
        thread.join(60)
    for one, _ in taken:
        one.close()
    assert asked == ["rebind.example"]


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/", "http://127.0.0.1:1/", "gopher://127.0.0.1/", "file:///etc/passwd", "//x.example/"],
)
async def test_redirects_are_not_followed(target):
    asked = []

    async def answer(request):
        asked.append(request.path)
        raise web.HTTPTemporaryRedirect(target)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    client = JsonClient(f"http://127.0.0.1:{runner.addresses[0][1]}", api_key=None, connect_timeout_s=60)
    with pytest.raises(ModelUnreachable, match="not followed"):
        await client.post("/completion", {"prompt": "x"}, timeout_s=60)
    assert asked == ["/completion"]
    await client.aclose()
    await runner.cleanup()


@pytest.mark.parametrize("url", ["http://169.254.169.254/x", "http://2852039166/x", "{server}/redirect"])
async def test_a_model_is_not_fetched_from_there_nor_by_a_redirect(url, tmp_path):
    async def answer(_request):
        raise web.HTTPTemporaryRedirect("http://169.254.169.254/latest/meta-data")

    app = web.Application()
    app.router.add_get("/redirect", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    order = Order(
        url=url.format(server=f"http://127.0.0.1:{runner.addresses[0][1]}"),
        target=tmp_path / "model.onnx",
        sha256=None,
        size_bytes=None,
        timeout_s=60.0,
        disk_floor_bytes=0,
        report=lambda _done, _all: None,
    )
    with pytest.raises(DownloadFailed, match="never asked"):
        await download(order)
    assert not order.target.exists()
    await runner.cleanup()


def test_no_detector_or_service_is_asked_there():
    frame = RgbFrame.of(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(Unavailable, match="never asked"):
        RemoteEye("http://2852039166:9").look([frame], BoxRules())
    with pytest.raises(Unavailable, match="never asked"):
        Service("Florence", "http://[::ffff:169.254.169.254]:9", Unavailable).health()


@pytest.mark.parametrize("key", ["llm_url", "vlm_url", "detector_url", "enrichment_url", "florence_url", "clip_url"])
@pytest.mark.parametrize("url", ["gopher://127.0.0.1/", "file:///etc/passwd", "ftp://127.0.0.1/", "unix:///run/x"])
def test_only_web_addresses_are_settings(key, url, tmp_path):
    with pytest.raises(InvalidSettings, match=key):
        load_settings(data=tmp_path, overrides={key: url})
