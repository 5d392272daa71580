"""The API's feed over the outbox."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from home_sentry_engine.api.ports import Health, Published, Span
from home_sentry_engine.contract import Snapshot, SummaryPeriod
from home_sentry_engine.pipeline.relay import Relay, Relayed, to_messages
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.outbox import OutboxRow

from .tables import Tables

_EVENTS: Final = frozenset({"event_created", "event_updated"})
_GRAVE: Final = (b'"risk_level":"high"', b'"risk_level":"critical"')


class OutboxReader:
    """``pipeline.relay.OutboxReader`` over the database."""

    def __init__(self, database: Database, tables: Tables) -> None:
        """Take the database and its tables."""
        self._database = database
        self._outbox = tables.outbox

    async def since(self, seq: int, limit: int) -> Sequence[OutboxRow]:
        """Give rows after ``seq`` in order."""
        return await self._database.read(lambda conn: self._outbox.since(conn, seq, limit))

    async def last_seq(self) -> int:
        """Give the newest sequence number, 0 if there is none."""
        return await self._database.read(self._outbox.last_seq)

    async def first_seq(self) -> int:
        """Give the oldest sequence number that is kept, 0 if there is none."""
        return await self._database.read(self._outbox.first_seq)


class OutboxFeed:
    """``api.ports.Feed``: snapshot from one read, replay from the outbox, news from the relay."""

    def __init__(self, database: Database, tables: Tables, relay: Relay, health: Health) -> None:
        """Take the rows, the relay and the health that a snapshot includes."""
        self._database = database
        self._tables = tables
        self._reader = OutboxReader(database, tables)
        self._relay = relay
        self._health = health

    async def snapshot(self) -> Snapshot:
        """Give the whole state and the sequence number that it includes."""
        info, status = await self._health.info(), await self._health.status()

        def work(conn: Connection) -> Snapshot:
            events = {event.event_id: event for event in self._tables.events.newest_per_camera(conn)}
            events |= {event.event_id: event for event in self._tables.events.ongoing(conn)}
            return Snapshot(
                cursor=self._tables.outbox.last_seq(conn),
                info=info,
                status=status,
                cameras=self._tables.cameras.all(conn),
                events=tuple(events.values()),
                summary=self._tables.summaries.newest(conn, SummaryPeriod.DAILY),
            )

        return await self._database.read(work)

    async def span(self) -> Span:
        """Tell which messages can be replayed."""

        def work(conn: Connection) -> Span:
            last = self._tables.outbox.last_seq(conn)
            return Span(first=self._tables.outbox.first_seq(conn) if last else 1, last=last)

        return await self._database.read(work)

    async def since(self, seq: int, limit: int) -> tuple[Published, ...]:
        """Give up to ``limit`` messages after ``seq``, in order."""
        rows = await self._reader.since(seq, limit)
        return tuple(map(_published, to_messages(rows)))

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[Published]]:
        """Receive messages, in order, from the moment of entering."""
        async with self._relay.follow() as messages:
            yield (_published(message) async for message in messages)


def _published(message: Relayed) -> Published:
    # quotes inside of strings are escaped in JSON, so these bytes are the field and nothing that the scene says
    grave = message.kind in _EVENTS and any(level in message.body for level in _GRAVE)
    return Published(seq=message.seq, body=message.body, kind=message.kind, camera_id=message.camera_id, grave=grave)
