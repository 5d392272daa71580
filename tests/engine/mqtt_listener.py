"""Who listens to an MQTT broker in tests, with a session that the broker keeps."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
import json
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.engine.servers import MosquittoServer


@dataclass(slots=True)
class Listener:
    """What was heard, in order: topic, payload, whether it was retained from before."""

    heard: list[tuple[str, bytes, bool]] = field(default_factory=list)
    listening: bool = False

    def on(self, topic: str) -> list[Any]:
        """Give the decoded payloads of one topic."""
        return [json.loads(body) if body else None for name, body, _ in self.heard if name == topic]

    def raw(self, topic: str) -> list[bytes]:
        """Give the payloads of one topic as they came."""
        return [body for name, body, _ in self.heard if name == topic]

    async def until(self, condition: Callable[[Listener], object], *, timeout_s: float = 60) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition(self):  # noqa: ASYNC110 - the listener hears in a thread of its own
                await asyncio.sleep(0.02)


@contextmanager
def listening(
    server: MosquittoServer, *topics: str, name: str = "listener", ca: str | None = None
) -> Iterator[Listener]:
    """Listen to topics, everything by default, also across restarts of the broker."""
    listener = Listener()
    client = Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
    client.username_pw_set(server.USER, server.PASSWORD)
    client.reconnect_delay_set(1, 1)
    if ca is not None:
        client.tls_set(ca)

    def on_message(_client: Client, _data: Any, message: MQTTMessage) -> None:
        listener.heard.append((message.topic, message.payload, message.retain))

    def on_subscribe(*_: Any) -> None:
        listener.listening = True

    def on_connect(*_: Any) -> None:
        client.subscribe([(topic, 1) for topic in topics or ("#",)])

    client.on_message, client.on_connect, client.on_subscribe = on_message, on_connect, on_subscribe
    client.connect("127.0.0.1", server.port)
    client.loop_start()
    try:
        yield listener
    finally:
        client.disconnect()
        client.loop_stop()
