"""The optional part that tells an MQTT broker what happens; its library is loaded with the first connection."""

from home_sentry_engine.broker.mqtt.discovery import Discovery
from home_sentry_engine.broker.mqtt.opening import opened
from home_sentry_engine.broker.mqtt.posts import Topics, availability
from home_sentry_engine.broker.mqtt.publisher import Publisher, Sources, Terms
from home_sentry_engine.operations.registry import PartPlan, Rank
from home_sentry_engine.storage.database import Database
from home_sentry_engine.storage.repositories.meta import Meta

from .feed import OutboxFeed
from .ground import Ground
from .health import EngineHealth


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


def mqtt_part(ground: Ground, health: EngineHealth) -> PartPlan:
    """Give the part ``mqtt``; nothing but the setting ``mqtt_url`` asks for it."""
    settings, database, node = ground.settings.mqtt, ground.database, ground.node
    topics = Topics(settings.prefix)
    farewell = availability(topics, online=False)
    discovery = None
    if settings.discovery:
        discovery = Discovery(topics, instance_id=ground.instance_id, name=ground.settings.name)
    sources = Sources(
        feed=OutboxFeed(database, ground.tables, ground.relay, health),
        health=health,
        bookmark=StoredBookmark(database, node),
    )
    publisher = Publisher(
        lambda: opened(settings, name=node, farewell=farewell),
        sources,
        Terms(topics=topics, discovery=discovery),
        ground.clock,
        ground.board.report,
    )
    return PartPlan(id="mqtt", jobs={"mqtt": publisher.run}, rank=Rank.OPTIONAL, describe=lambda: None)
