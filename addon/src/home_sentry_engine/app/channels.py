"""``api.notification_ports.Notifications`` over the rows, and the file that holds what is secret."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from home_sentry_engine.alerting.channels.errors import SendFailed
from home_sentry_engine.alerting.channels.keychain import Keychain
from home_sentry_engine.alerting.channels.targets import (
    SECRET_KEYS,
    InvalidTarget,
    Target,
    check,
    missing,
    named,
    target_of,
)
from home_sentry_engine.alerting.message import test_message
from home_sentry_engine.api.notification_ports import ChannelDraft
from home_sentry_engine.contract import (
    Channel,
    ChannelList,
    Delivery,
    DeliveryPage,
    NotificationStats,
)
from home_sentry_engine.contract.errors import Conflict, Unprocessable
from home_sentry_engine.contract.notifications import ChannelKind, DeliveryReason, DeliveryState
from home_sentry_engine.contract.vocabulary import RiskLevel
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.identity import IdSource
from home_sentry_engine.pipeline.stages.notify import Send
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.query import PageQuery
from home_sentry_engine.storage.repositories.channels import Channels, StoredChannel
from home_sentry_engine.storage.repositories.deliveries import Deliveries, DeliveryQuery

MOST_CHANNELS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """The engine that keeps channels: its lasting name and its spoken one, time, new ids, and what is secret."""

    node: str
    name: str
    clock: Clock
    ids: IdSource
    keychain: Keychain


class ChannelDesk:
    """What is secret is written to the file before the row names it; ``changed`` hears of each changed channel."""

    def __init__(self, database: Database, keeper: Keeper, senders: Send, changed: Callable[[str], None]) -> None:
        """Take the rows, who keeps them, and the ways that a test takes."""
        self._database = database
        self._keeper = keeper
        self._senders = senders
        self._changed = changed
        self._rows = Channels()
        self._deliveries = Deliveries()
        self._writing = asyncio.Lock()

    async def channels(self) -> ChannelList:
        """Give all channels by name."""
        stored = await self._database.read(self._rows.all)
        return ChannelList(items=tuple(one.channel for one in stored))

    async def channel(self, channel_id: str) -> Channel | None:
        """Give one channel."""
        stored = await self._stored(channel_id)
        return stored.channel if stored is not None else None

    async def create(self, draft: ChannelDraft) -> Channel:
        """Add a channel; raises ``Unprocessable`` for what leads nowhere, ``Conflict`` for too many."""
        async with self._writing:
            if len(await self._database.read(self._rows.all)) >= MOST_CHANNELS:
                raise Conflict(f"there are {MOST_CHANNELS} channels already")
            now = self._keeper.clock.now()
            fresh = Channel(
                id=self._keeper.ids(),
                kind=draft.kind or ChannelKind.UNKNOWN,
                name=draft.name or "",
                created_at=now,
                updated_at=now,
            )
            return await self._save(StoredChannel(channel=fresh, node=self._keeper.node), draft, {})

    async def change(self, channel_id: str, draft: ChannelDraft) -> Channel | None:
        """Change a channel, None without one."""
        async with self._writing:
            stored = await self._stored(channel_id)
            if stored is None:
                return None
            self._own(stored)
            secrets = await asyncio.to_thread(self._keeper.keychain.of, channel_id)
            return await self._save(stored, draft, secrets)

    async def remove(self, channel_id: str) -> bool:
        """Delete a channel with its secrets and deliveries; False without one."""
        async with self._writing:
            gone = await self._database.write(lambda conn: self._rows.remove(conn, channel_id))
            await asyncio.to_thread(self._keeper.keychain.drop, channel_id)
        self._changed(channel_id)
        return gone

    async def test(self, channel_id: str) -> Delivery | None:
        """Really send a message that says it is a test; None without such a channel."""
        stored = await self._stored(channel_id)
        if stored is None:
            return None
        self._own(stored)
        secrets = await asyncio.to_thread(self._keeper.keychain.of, channel_id)
        target = target_of(stored.channel.kind, stored.settings | secrets)
        delivery = await self._tried(stored.channel, target)
        await self._database.write(lambda conn: self._note(conn, delivery))
        self._changed(channel_id)
        return delivery

    async def deliveries(self, query: DeliveryQuery) -> DeliveryPage:
        """Give deliveries, the newest first; raises ``InvalidCursor``."""

        def work(conn: Connection) -> DeliveryPage:
            page = self._deliveries.page(conn, query)
            whole = self._deliveries.all_successful(conn, query)
            return DeliveryPage(items=page.items, next_cursor=page.next_cursor, total=page.total, all_successful=whole)

        return await self._database.read(work)

    async def stats(self, since: datetime | None, until: datetime | None) -> NotificationStats:
        """Count deliveries."""
        query = PageQuery(since=since, until=until)
        return await self._database.read(lambda conn: self._deliveries.stats(conn, query))

    async def _stored(self, channel_id: str) -> StoredChannel | None:
        return await self._database.read(lambda conn: self._rows.get(conn, channel_id))

    def _own(self, stored: StoredChannel) -> None:
        if stored.node != self._keeper.node:
            raise Conflict("another engine has what is secret of this channel: change it there, or add it anew")

    async def _save(self, stored: StoredChannel, draft: ChannelDraft, secrets: Mapping[str, Any]) -> Channel:
        kind = stored.channel.kind
        try:
            check(kind, {name: value for name, value in draft.given.items() if value not in ("", ())})
        except InvalidTarget as err:
            raise Unprocessable(str(err), details={"field": err.field}) from err
        before = {**stored.settings, **secrets}
        given = {name: value for name, value in {**before, **draft.given}.items() if value not in ("", [], ())}
        kept = {name: value for name, value in given.items() if name in SECRET_KEYS}
        channel = _drafted(stored.channel, draft, given, self._keeper.clock.now())
        open_parts = {name: value for name, value in given.items() if name not in SECRET_KEYS}
        await asyncio.to_thread(self._keeper.keychain.put, channel.id, kept)
        changed = replace(stored, channel=channel, settings=open_parts)
        await self._database.write(lambda conn: self._rows.save(conn, changed))
        self._changed(channel.id)
        return channel

    async def _tried(self, channel: Channel, target: Target | None) -> Delivery:
        clock = self._keeper.clock
        delivery = Delivery(
            id=self._keeper.ids(),
            channel_id=channel.id,
            level=RiskLevel.LOW,
            state=DeliveryState.FAILED,
            reason=DeliveryReason.NOT_SET_UP,
            detail=f"the channel is not set up: it lacks {', '.join(channel.missing) or 'what is secret of it'}",
            created_at=clock.steady(),
            test=True,
        )
        if target is None:
            return delivery
        message = test_message(delivery.id, channel.name, engine=self._keeper.name, now=clock.now())
        tried = replace(delivery, attempts=1, tried_at=clock.steady(), detail=None)
        try:
            await self._senders.send(target, message)
        except SendFailed as err:
            return replace(tried, reason=err.reason, detail=err.detail)
        return replace(
            tried, state=DeliveryState.DELIVERED, reason=DeliveryReason.DELIVERED, delivered_at=clock.steady()
        )

    def _note(self, conn: Connection, delivery: Delivery) -> None:
        if self._rows.get(conn, delivery.channel_id) is None:
            return
        self._deliveries.add(conn, delivery)
        if delivery.state is DeliveryState.DELIVERED:
            self._rows.worked(conn, delivery.channel_id, delivery.created_at)
        else:
            failure = delivery.detail or delivery.reason.value
            self._rows.failed(conn, delivery.channel_id, delivery.created_at, failure)


def _drafted(channel: Channel, draft: ChannelDraft, given: Mapping[str, Any], now: datetime) -> Channel:
    return replace(
        channel,
        name=draft.name if draft.name is not None else channel.name,
        enabled=draft.enabled if draft.enabled is not None else channel.enabled,
        filters=draft.filters if draft.filters is not None else channel.filters,
        target=named(target_of(channel.kind, given)),
        missing=missing(channel.kind, given),
        signed=bool(given.get("signing_key")),
        updated_at=now,
    )
