"""One connection to an MQTT 5 broker, driven by the event loop; the address is guarded like every other one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
import itertools
from pathlib import Path
import socket
import ssl
import struct
from typing import Any, Final, override

from paho.mqtt.client import MQTT_ERR_SUCCESS, Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import MQTTException

from home_sentry_engine.resilience.outbound import connect

from .ports import BrokerRefused, BrokerUnavailable, BrokerUntrusted
from .posts import Post

_CONNECT_S: Final = 10.0
_CONFIRM_S: Final = 15.0
_FAREWELL_S: Final = 2.0
_KEEPALIVE_S: Final = 20
_TICK_S: Final = 1.0
# unconfirmed messages at a time, which is the library's own limit; a broker may bear fewer
_WINDOW: Final = 20
# how a handshake ends with who does not know what a handshake is
_PLAIN: Final = (None, "WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING")
_MALFORMED: Final = (MQTTException, ValueError, LookupError, TypeError, struct.error, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where a broker is and who calls; ``ca`` is a PEM file, None for the authorities of the system."""

    host: str
    port: int
    client_id: str
    secure: bool = False
    ca: Path | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@asynccontextmanager
async def connected(broker: Broker, *, farewell: Post | None) -> AsyncIterator[_Link]:
    """Hold a connection; ``farewell``, if any, is told at its end, by the broker itself where this engine cannot.

    Raises ``BrokerUnavailable`` or ``BrokerRefused`` when there is no connection within ten seconds.
    """
    link = _Link(await _opened(broker), broker, farewell)
    try:
        await link.greet()
        yield link
    finally:
        await link.close()


class _Client(Client):
    """The library's client over a socket that is open already."""

    def __init__(self, opened: socket.socket, client_id: str) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTv5, reconnect_on_failure=False)
        self._opened = opened

    @override
    def _create_socket(self) -> socket.socket:
        return self._opened


class _Link:
    def __init__(self, opened: socket.socket, broker: Broker, farewell: Post | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = opened
        self._broker = broker
        self._farewell = farewell
        self._greeted: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[BrokerUnavailable] = self._loop.create_future()
        self._waiting: dict[int, tuple[str, asyncio.Future[None]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._sending = asyncio.Lock()
        self._window = _WINDOW
        self._client = _Client(opened, broker.client_id)

    async def greet(self) -> None:
        """Introduce this engine and wait until the broker lets it in."""
        client, farewell = self._client, self._farewell
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_socket_open = lambda _client, _data, one: self._loop.add_reader(one, self._read)
        client.on_socket_close = lambda _client, _data, one: self._unwatch(one)
        client.on_socket_register_write = lambda _client, _data, one: self._loop.add_writer(one, self._write)
        client.on_socket_unregister_write = lambda _client, _data, one: self._mute(one)
        if farewell is not None:
            client.will_set(farewell.topic, farewell.payload, qos=1, retain=farewell.retained)
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._broker.password)
        client.connect(self._broker.host, self._broker.port, _KEEPALIVE_S)
        self._timer = self._loop.call_later(_TICK_S, self._tick)
        try:
            async with asyncio.timeout(_CONNECT_S):
                await self._greeted
        except TimeoutError as err:
            raise BrokerUnavailable("the MQTT broker does not answer") from err

    async def send(self, posts: Sequence[Post]) -> None:
        """Return when the broker has confirmed them all; raises ``BrokerUnavailable``."""
        async with self._sending:
            for some in itertools.batched(posts, self._window, strict=False):
                await self._confirmed([self._publish(post) for post in some])

    async def lost(self) -> None:
        """Wait for the end of the connection, which raises ``BrokerUnavailable``."""
        raise await asyncio.shield(self._ended)

    async def close(self) -> None:
        """Say farewell if there is still somebody to say it to, and hang up."""
        try:
            if self._greeted.done() and not self._greeted.cancelled() and not self._ended.done():
                with suppress(BrokerUnavailable, TimeoutError):
                    async with asyncio.timeout(_FAREWELL_S):
                        await self.send([self._farewell] if self._farewell is not None else [])
                    self._client.disconnect()
                    self._client.loop_write()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._end(BrokerUnavailable("the connection was closed"))
            self._client.on_socket_close = None
            self._unwatch(self._socket)
            self._socket.close()

    async def _confirmed(self, sent: Sequence[asyncio.Future[None]]) -> None:
        try:
            async with asyncio.timeout(_CONFIRM_S):
                outcomes = await asyncio.gather(*sent, return_exceptions=True)
        except TimeoutError as err:
            raise BrokerUnavailable("the MQTT broker does not confirm what it is told") from err
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    def _publish(self, post: Post) -> asyncio.Future[None]:
        told: asyncio.Future[None] = self._loop.create_future()
        if self._ended.done():
            told.set_exception(self._ended.result())
            return told
        info = self._client.publish(post.topic, post.payload, qos=1, retain=post.retained)
        if info.rc == MQTT_ERR_SUCCESS:
            self._waiting[info.mid] = (post.topic, told)
        else:
            told.set_exception(BrokerUnavailable("the MQTT broker was lost"))
        return told

    def _on_connect(self, _client: Client, _data: Any, _flags: Any, reason: Any, properties: Any) -> None:
        self._window = min(_WINDOW, getattr(properties, "ReceiveMaximum", _WINDOW))
        if reason.is_failure:
            self._end(BrokerRefused(f"the MQTT broker refuses this engine: {reason}"))
        elif not self._greeted.done():
            self._greeted.set_result(None)

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._end(BrokerUnavailable(f"the MQTT broker was lost: {reason}"))

    def _on_publish(self, _client: Client, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        topic, told = self._waiting.pop(mid, ("", None))
        if told is None or told.done():
            return
        if reason.is_failure:
            told.set_exception(BrokerRefused(f"the MQTT broker refuses the topic {topic}: {reason}"))
        else:
            told.set_result(None)

    def _read(self) -> None:
        try:
            self._client.loop_read()
            # what a TLS connection has decrypted already wakes nobody
            while isinstance(self._socket, ssl.SSLSocket) and not self._ended.done() and self._socket.pending():
                self._client.loop_read()
        except _MALFORMED as err:
            self._end(BrokerUnavailable(f"the MQTT broker is not understood: {type(err).__name__}"))

    def _write(self) -> None:
        try:
            self._client.loop_write()
        except _MALFORMED as err:
            self._end(BrokerUnavailable(f"the MQTT broker was lost: {type(err).__name__}"))

    def _tick(self) -> None:
        try:
            self._client.loop_misc()
        except _MALFORMED as err:
            self._end(BrokerUnavailable(f"the MQTT broker was lost: {type(err).__name__}"))
        if not self._ended.done():
            self._timer = self._loop.call_later(_TICK_S, self._tick)

    def _unwatch(self, one: Any) -> None:
        if one.fileno() >= 0:
            self._loop.remove_reader(one)
            self._loop.remove_writer(one)

    def _mute(self, one: Any) -> None:
        self._loop.remove_writer(one)

    def _end(self, why: BrokerUnavailable) -> None:
        if self._ended.done():
            return
        self._ended.set_result(why)
        self._unwatch(self._socket)
        waiting = [told for _topic, told in self._waiting.values()]
        self._waiting.clear()
        for told in (self._greeted, *waiting):
            if not told.done():
                told.set_exception(why)
                # nobody may be waiting any more
                told.exception()


async def _opened(broker: Broker) -> socket.socket:
    opening = asyncio.ensure_future(asyncio.to_thread(_open, broker))
    try:
        async with asyncio.timeout(_CONNECT_S):
            return await asyncio.shield(opening)
    except TimeoutError as err:
        opening.add_done_callback(_abandoned)
        raise BrokerUnavailable("the MQTT broker cannot be reached in time") from err
    except asyncio.CancelledError:
        opening.add_done_callback(_abandoned)
        raise
    except BrokerUnavailable:
        raise
    except OSError as err:
        raise BrokerUnavailable(f"the MQTT broker cannot be reached: {err}") from err


def _open(broker: Broker) -> socket.socket:
    context = _context(broker.ca) if broker.secure else None
    link = connect(broker.host, broker.port, _CONNECT_S / 2)
    if context is None:
        return link
    try:
        return context.wrap_socket(link, server_hostname=broker.host)
    except (ssl.SSLError, ConnectionError) as err:
        link.close()
        raise BrokerUntrusted(f"the MQTT broker's encryption is not trusted: {_words(err)}") from err
    except BaseException:
        link.close()
        raise


def _words(err: OSError) -> str:
    if isinstance(err, ssl.SSLCertVerificationError):
        return err.verify_message
    reason = err.reason if isinstance(err, ssl.SSLError) else None
    return "it does not encrypt at this port" if reason in _PLAIN else reason.lower().replace("_", " ")


def _context(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as err:
        raise OSError(f"the authority in mqtt_ca cannot be read: {err}") from err


def _abandoned(opening: asyncio.Future[socket.socket]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
