"""What the publisher needs of others."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from home_sentry_engine.contract import Snapshot, Status
from home_sentry_engine.domain.errors import HomeSentryError

from .posts import Post

# HomeSentryError
# └── BrokerUnavailable (ConnectionError)
#     ├── BrokerRefused
#     ├── BrokerUntrusted
#     └── MissingLibrary


class BrokerUnavailable(HomeSentryError, ConnectionError):
    """The MQTT broker does not answer or was lost; ``fix`` says what to do."""

    fix = "start the MQTT broker, or correct mqtt_url"


class BrokerRefused(BrokerUnavailable):
    """The MQTT broker does not let this engine in, or not write there."""

    fix = "correct mqtt_username and mqtt_password, and what the broker allows this user to write"


class BrokerUntrusted(BrokerUnavailable):
    """The MQTT broker shows no certificate that counts, or does not encrypt at all."""

    fix = "set mqtt_ca to the authority of the broker's certificate, and mqtt_url to a name that stands in it"


class MissingLibrary(BrokerUnavailable):
    """The engine was installed without what speaks MQTT."""

    fix = "install the engine with its extra mqtt, or remove mqtt_url"


class News(Protocol):
    """One sequenced message of the wire."""

    @property
    def seq(self) -> int:
        """Sequence number, rising."""
        ...

    @property
    def body(self) -> bytes:
        """The encoded message."""
        ...


class Feed(Protocol):
    """Sequenced messages: what was announced, and what will be."""

    async def snapshot(self) -> Snapshot:
        """Give the whole state and the sequence number that it includes."""
        ...

    async def since(self, seq: int, limit: int) -> Sequence[News]:
        """Give up to ``limit`` messages after ``seq``, in order."""
        ...

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[News]]:
        """Receive messages, in order, from the moment of entering."""
        ...


class Health(Protocol):
    """How the engine does."""

    async def status(self) -> Status:
        """Give the state of every component."""
        ...


class Bookmark(Protocol):
    """How far the broker was told, kept for good."""

    async def read(self) -> int | None:
        """Give the last sequence number that it confirmed, None if there is none."""
        ...

    async def write(self, seq: int) -> None:
        """Keep it."""
        ...


class Link(Protocol):
    """An open connection to a broker."""

    async def send(self, posts: Sequence[Post]) -> None:
        """Return when the broker has confirmed them all; raises ``BrokerUnavailable``."""
        ...

    async def lost(self) -> None:
        """Wait for the end of the connection, which raises ``BrokerUnavailable``."""
        ...


type Connect = Callable[[], AbstractAsyncContextManager[Link]]
