"""Channels: what is not secret of them, and how they do."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import Channel, ChannelFilters, from_plain, to_plain
from home_sentry_engine.contract.notifications import ChannelKind
from home_sentry_engine.storage.notify_schema import channels
from home_sentry_engine.storage.rows import insert_into

_SHOWN = tuple(name for name in Channel.__dataclass_fields__ if name not in {"kind", "filters", "missing"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChannel:
    """A channel, its settings that are no secret, and the engine that has those that are."""

    channel: Channel
    node: str
    settings: dict[str, Any] = field(default_factory=dict)


class Channels:
    """They stay until somebody deletes them."""

    def all(self, conn: Connection) -> tuple[StoredChannel, ...]:
        """Give all channels by name."""
        return tuple(_stored(row) for row in conn.execute(sa.select(channels).order_by(channels.c.name, channels.c.id)))

    def get(self, conn: Connection, channel_id: str) -> StoredChannel | None:
        """Give one channel."""
        row = conn.execute(sa.select(channels).where(channels.c.id == channel_id)).one_or_none()
        return None if row is None else _stored(row)

    def save(self, conn: Connection, stored: StoredChannel) -> None:
        """Store a channel in the place of the former one; how it does stays as it was."""
        shown = stored.channel
        values = {name: getattr(shown, name) for name in _SHOWN if name != "id"}
        values |= {"kind": shown.kind, "node": stored.node, "settings": stored.settings}
        values |= {"filters": to_plain(shown.filters), "missing": list(shown.missing)}
        statement = insert_into(conn, channels).values(id=shown.id, **values)
        kept = {"created_at", "delivered_at", "failing_since", "failure"}
        changed = {name: value for name, value in values.items() if name not in kept}
        conn.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed))

    def remove(self, conn: Connection, channel_id: str) -> bool:
        """Delete a channel with its deliveries; False if there is none."""
        return conn.execute(channels.delete().where(channels.c.id == channel_id)).rowcount > 0

    def worked(self, conn: Connection, channel_id: str, at: datetime) -> None:
        """Note that something got through, which ends every failure."""
        chosen = channels.update().where(channels.c.id == channel_id)
        conn.execute(chosen.values(delivered_at=at, failing_since=None, failure=None))

    def failed(self, conn: Connection, channel_id: str, at: datetime, failure: str) -> None:
        """Note why nothing gets through; the time is that of the first failure since something did."""
        since = sa.func.coalesce(channels.c.failing_since, sa.literal(at, channels.c.failing_since.type))
        chosen = channels.update().where(channels.c.id == channel_id)
        conn.execute(chosen.values(failing_since=since, failure=failure))


def _stored(row: Row[Any]) -> StoredChannel:
    channel = Channel(
        kind=ChannelKind(row.kind),
        filters=from_plain(ChannelFilters, row.filters),
        missing=tuple(row.missing),
        **{name: getattr(row, name) for name in _SHOWN},
    )
    return StoredChannel(channel=channel, node=row.node, settings=dict(row.settings))
