"""A connection to a real MQTT broker: order, farewell, passwords, encryption, and brokers that misbehave."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
import logging
from pathlib import Path
import sys

import pytest

from home_sentry_engine.broker.mqtt import link as link_module
from home_sentry_engine.broker.mqtt.link import Broker, connected
from home_sentry_engine.broker.mqtt.opening import opened
from home_sentry_engine.broker.mqtt.ports import BrokerRefused, BrokerUnavailable, BrokerUntrusted, MissingLibrary
from home_sentry_engine.broker.mqtt.posts import Post
from home_sentry_engine.settings import MqttSettings
from tests.engine.mqtt_listener import listening
from tests.engine.servers import MosquittoServer, free_port, server_folder
from tests.fakes.certificates import self_signed

GONE = Post(topic="home/there", payload=b'"no"', retained=True)


@pytest.fixture
def server() -> Iterator[MosquittoServer]:
    with server_folder("mosquitto") as folder:
        yield MosquittoServer(folder)


@pytest.fixture
def encrypted() -> Iterator[tuple[MosquittoServer, Path]]:
    with server_folder("mosquitto") as folder:
        self_signed(folder, "broker")
        chain, key = folder / "broker.pem", folder / "broker.key"
        key.chmod(0o644)
        yield MosquittoServer(folder, (chain, key)), chain


def caller(server: MosquittoServer, **changes) -> Broker:
    known = Broker(host="127.0.0.1", port=server.port, client_id="hs-a", username=server.USER, password=server.PASSWORD)
    return replace(known, **changes)


def news(*numbers: int) -> list[Post]:
    return [Post(topic="home/news", payload=b"%d" % number) for number in numbers]


@asynccontextmanager
async def misbehaving(answer: bytes | None) -> AsyncIterator[int]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        if answer is not None:
            writer.write(answer)
            await writer.drain()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listener:
        yield listener.sockets[0].getsockname()[1]


async def test_what_is_confirmed_is_heard_in_order_and_the_farewell_last(server):
    with server.running(), listening(server) as listener:
        await listener.until(lambda one: one.listening)
        async with connected(caller(server), farewell=GONE) as link:
            await link.send(news(*range(150)))
            await link.send([])
        await listener.until(lambda one: one.on("home/there"))
    assert listener.on("home/news") == list(range(150))
    assert listener.heard[-1][:2] == ("home/there", b'"no"')


async def test_the_broker_says_farewell_for_an_engine_that_died(server):
    with server.running(), listening(server) as listener:
        await listener.until(lambda one: one.listening)
        async with connected(caller(server), farewell=GONE) as link:
            link._socket.shutdown(2)
            with pytest.raises(BrokerUnavailable):
                await link.lost()
        await listener.until(lambda one: one.on("home/there"))


async def test_nothing_is_said_where_there_is_no_farewell(server):
    with server.running(), listening(server) as listener:
        await listener.until(lambda one: one.listening)
        async with connected(caller(server), farewell=None):
            pass
        async with connected(caller(server), farewell=None) as link:
            await link.send(news(1))
        await listener.until(lambda one: one.heard)
    assert listener.heard == [("home/news", b"1", False)]


@pytest.mark.parametrize("wrong", [{"password": "PLANTED-word"}, {"username": "nobody"}, {"username": None}])
async def test_a_wrong_password_is_told_without_it(server, wrong, caplog):
    caplog.set_level(logging.DEBUG)
    with server.running(), pytest.raises(BrokerRefused) as refusal:
        async with connected(caller(server, **wrong), farewell=GONE):
            pass
    assert "mqtt_password" in refusal.value.fix
    told = f"{refusal.value}{refusal.value!r}{caller(server, **wrong)!r}{caplog.text}"
    assert "PLANTED" not in told
    assert server.PASSWORD not in told


async def test_a_topic_that_may_not_be_written_is_named(server):
    server.restrict(f"user {server.USER}", "topic write home/#")
    with server.running():
        async with connected(caller(server), farewell=GONE) as link:
            await link.send(news(1))
            with pytest.raises(BrokerRefused, match="the topic elsewhere"):
                await link.send([*news(2), Post(topic="elsewhere", payload=b"1")])
            await link.send(news(3))


async def test_a_broker_that_goes_ends_what_waits(server):
    with server.running() as child:
        async with connected(caller(server), farewell=GONE) as link:
            waiting = asyncio.ensure_future(link.lost())
            await link.send(news(1))
            child.kill()
            with pytest.raises(BrokerUnavailable, match="lost"):
                await waiting
            with pytest.raises(BrokerUnavailable, match="lost"):
                await link.send(news(2))
    with pytest.raises(BrokerUnavailable, match="cannot be reached"):
        async with connected(caller(server), farewell=GONE):
            pass


async def test_an_encrypted_connection_with_the_right_authority(encrypted):
    server, ca = encrypted
    with server.running(), listening(server, ca=str(ca)) as listener:
        await listener.until(lambda one: one.listening)
        async with connected(caller(server, secure=True, ca=ca), farewell=GONE) as link:
            await link.send([*news(*range(60)), Post(topic="home/much", payload=b"[%s]" % (b" " * 200_000))])
        await listener.until(lambda one: one.on("home/there"))
    assert listener.on("home/news") == list(range(60))
    assert len(listener.raw("home/much")[0]) == 200_002


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(encrypted):
    server, ca = encrypted
    with server.running():
        with pytest.raises(BrokerUntrusted, match="self-signed") as refusal:
            async with connected(caller(server, secure=True), farewell=GONE):
                pass
        assert "mqtt_ca" in refusal.value.fix
        with pytest.raises(BrokerUntrusted, match="localhost"):
            async with connected(caller(server, secure=True, ca=ca, host="localhost"), farewell=GONE):
                pass


async def test_a_broker_that_does_not_encrypt_gets_no_password(server):
    with server.running(), pytest.raises(BrokerUntrusted, match="does not encrypt"):
        async with connected(caller(server, secure=True), farewell=GONE):
            pass


async def test_an_authority_that_cannot_be_read_is_named(server, tmp_path):
    with server.running(), pytest.raises(BrokerUnavailable, match="mqtt_ca"):
        async with connected(caller(server, secure=True, ca=tmp_path / "none.pem"), farewell=GONE):
            pass


async def test_forbidden_addresses_are_not_asked():
    with pytest.raises(BrokerUnavailable, match="link-local"):
        async with connected(Broker(host="169.254.169.254", port=1883, client_id="x"), farewell=GONE):
            pass


async def test_a_broker_that_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(link_module, "_CONNECT_S", 0.3)
    async with misbehaving(None) as port:
        with pytest.raises(BrokerUnavailable, match="does not answer"):
            async with connected(Broker(host="127.0.0.1", port=port, client_id="x"), farewell=GONE):
                pass


# CONNACK of MQTT 5: accepted, and the properties that follow
ACCEPTED = b"\x20\x03\x00\x00\x00"


async def test_a_broker_that_never_confirms_is_given_up(monkeypatch):
    monkeypatch.setattr(link_module, "_CONFIRM_S", 0.2)
    monkeypatch.setattr(link_module, "_FAREWELL_S", 0.2)
    async with (
        misbehaving(ACCEPTED) as port,
        connected(Broker(host="127.0.0.1", port=port, client_id="x"), farewell=GONE) as link,
    ):
        with pytest.raises(BrokerUnavailable, match="does not confirm"):
            await link.send(news(1))


@pytest.mark.parametrize(
    "rubbish", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\xff\xff\xff\xff\xff", b"\x20\x00", b"\x00"]
)
async def test_who_speaks_something_else_is_told(rubbish, monkeypatch):
    monkeypatch.setattr(link_module, "_CONNECT_S", 0.5)
    async with misbehaving(rubbish) as port:
        with pytest.raises(BrokerUnavailable):
            async with connected(Broker(host="127.0.0.1", port=port, client_id="x"), farewell=GONE):
                pass


async def test_a_broker_gets_no_more_unconfirmed_messages_than_it_bears():
    bears, most = 3, 0
    heard: list[int] = []
    waiting: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal most
        await reader.read(1000)
        writer.write(b"\x20\x06\x00\x00\x03\x21\x00" + bytes([bears]))
        while (kind := await reader.read(1)) and kind[0] >> 4 == 3:
            (length,) = await reader.readexactly(1)
            body = await reader.readexactly(length)
            end = 2 + int.from_bytes(body[:2])
            heard.append(int(body[end + 3 :]))
            waiting.append(body[end : end + 2])
            most = max(most, len(waiting))
            # nothing is confirmed before all that it bears are here, or the last of a round of news; then one more has
            # a moment to show itself
            if len(waiting) == bears or len(heard) in {10, 15}:
                asyncio.get_running_loop().call_later(0.02, confirm, writer)
        writer.close()

    def confirm(writer: asyncio.StreamWriter) -> None:
        for mid in waiting:
            writer.write(b"\x40\x02" + mid)
        waiting.clear()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        async with connected(Broker(host="127.0.0.1", port=port, client_id="x"), farewell=None) as link:
            await asyncio.gather(link.send(news(*range(10))), link.send(news(*range(10, 15))))
    assert most == bears
    assert heard == list(range(15))


async def test_a_missing_library_is_a_reason_with_a_way_out(monkeypatch):
    monkeypatch.delitem(sys.modules, link_module.__name__)
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(MissingLibrary, match="paho") as refusal:
        async with opened(MqttSettings(url=f"mqtt://127.0.0.1:{free_port()}"), name="a", farewell=GONE):
            pass
    assert "extra mqtt" in refusal.value.fix
