"""The optional part that tells an MQTT broker what happens; its library is loaded with the first connection."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from home_sentry_engine.broker.mqtt.discovery import Discovery
from home_sentry_engine.broker.mqtt.ports import BrokerUnavailable, Feed, Health, Link
from home_sentry_engine.broker.mqtt.posts import Topics, availability
from home_sentry_engine.broker.mqtt.publisher import Publisher, Sources, Terms
from home_sentry_engine.contract import Component
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.operations.registry import PartPlan, Rank
from home_sentry_engine.settings import MqttSettings
from home_sentry_engine.storage.database import Database
from home_sentry_engine.storage.repositories.meta import Meta

_CLIENT_ID_LENGTH: Final = 23


class StoredBookmark:
    """``broker.mqtt.ports.Bookmark`` in the database, one for each engine that shares it."""

    def __init__(self, database: Database, node: str) -> None:
        """Take the database and the engine's lasting name."""
        self._database = database
        self._key = f"mqtt:{node}"
        self._meta = Meta()

    async def read(self) -> int | None:
        """Give the last sequence number that the broker confirmed, None if there is none."""
        kept = await self._database.read(lambda conn: self._meta.get(conn, self._key))
        return kept if isinstance(kept, int) else None

    async def write(self, seq: int) -> None:
        """Keep it."""
        await self._database.write(lambda conn: self._meta.set(conn, self._key, seq))


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Whose news they are: an engine ``node`` of the installation ``instance_id`` and its ``name``."""

    instance_id: str
    node: str
    name: str


def mqtt_part(
    settings: MqttSettings,
    teller: Teller,
    *,
    sources: tuple[Feed, Health, Database],
    clock: Clock,
    report: Callable[[Component], None],
) -> PartPlan:
    """Give the part ``mqtt``; nothing but a setting asks for it."""
    feed, health, database = sources
    topics = Topics(settings.prefix)
    discovery = Discovery(topics, instance_id=teller.instance_id, name=teller.name) if settings.discovery else None
    bookmark = StoredBookmark(database, teller.node)
    publisher = Publisher(
        lambda: _connected(settings, topics, teller.node),
        Sources(feed=feed, health=health, bookmark=bookmark),
        Terms(topics=topics, discovery=discovery),
        clock,
        report,
    )
    return PartPlan(id="mqtt", jobs={"mqtt": publisher.run}, rank=Rank.OPTIONAL, describe=lambda: None)


@asynccontextmanager
async def _connected(settings: MqttSettings, topics: Topics, node: str) -> AsyncIterator[Link]:
    try:
        # the library is an optional extra
        from home_sentry_engine.broker.mqtt.link import Broker, connected  # noqa: PLC0415
    except ModuleNotFoundError as err:
        raise BrokerUnavailable(f"the library {err.name} is missing: install the engine with its extra mqtt") from err
    broker = Broker(
        host=settings.host,
        port=settings.port,
        client_id=f"hs-{node}"[:_CLIENT_ID_LENGTH],
        secure=settings.secure,
        ca=settings.ca,
        username=settings.username,
        password=settings.password,
    )
    async with connected(broker, farewell=availability(topics, online=False)) as link:
        yield link
