"""``pipeline.stages.notify.Book`` over the rows, the secrets of channels and the pictures of events."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Protocol

from home_sentry_engine.alerting.channels.keychain import Keychain
from home_sentry_engine.alerting.channels.targets import MailTarget, target_of
from home_sentry_engine.alerting.gates import STALE_AFTER
from home_sentry_engine.alerting.message import Message, alert_message
from home_sentry_engine.api.ports import Picture
from home_sentry_engine.contract import Alert, Delivery
from home_sentry_engine.contract.notifications import DeliveryReason, DeliveryState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.pipeline.stages.notify import Errand
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.channels import Channels, StoredChannel
from home_sentry_engine.storage.repositories.deliveries import Deliveries, DeliveryQuery

from .alerting import mark_delivered, release
from .tables import Tables

_PICTURE_S: Final = 10.0
_SLACK: Final = timedelta(minutes=5)
# what tells nothing of the target
_NOT_ITS_FAULT: Final = frozenset({DeliveryReason.EVENT_GONE, DeliveryReason.UNKNOWN})


class Pictures(Protocol):
    """Pictures of events."""

    async def snapshot_of(self, event_id: str) -> Picture | None:
        """Give the picture of an event, None where its file is gone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryBook:
    """Deliveries of the engine ``node``, which is called ``name``; ``changed`` is called after channels changed."""

    database: Database
    tables: Tables
    keychain: Keychain
    pictures: Pictures
    clock: Clock
    node: str
    name: str
    changed: Callable[[], None]
    announced: Callable[[], None]
    channels: Channels
    deliveries: Deliveries

    async def open(self, delivery_id: str) -> Errand | None:
        """Give a delivery that is under way, None for one that is settled or gone."""
        found = await self.database.read(lambda conn: self._found(conn, delivery_id))
        if found is None:
            return None
        delivery, stored, alert = found
        if stored.node != self.node:
            return Errand(delivery=delivery, alert=alert, target=None, elsewhere=True)
        secrets = await asyncio.to_thread(self.keychain.of, stored.channel.id)
        target = target_of(stored.channel.kind, stored.settings | secrets)
        return Errand(delivery=delivery, alert=alert, target=target)

    async def message(self, errand: Errand, alert: Alert) -> Message:
        """Write what is sent; a mail has the picture of its event where that can be had soon."""
        picture: bytes | None = None
        if isinstance(errand.target, MailTarget):
            try:
                async with asyncio.timeout(_PICTURE_S):
                    found = await self.pictures.snapshot_of(alert.event_id)
                picture = found.body if found is not None else None
            except TimeoutError:
                picture = None
        return alert_message(errand.delivery.id, alert, engine=self.name, now=self.clock.now(), picture=picture)

    async def settle(self, delivery: Delivery) -> None:
        """Keep how a delivery stands, and what follows for its channel and alert."""
        if await self.database.write(lambda conn: self._settle(conn, delivery)):
            self.changed()

    async def sweep(self) -> int:
        """Close deliveries that nobody worked on in time, such as those of a lost job; gives how many."""
        before = self.clock.steady() - STALE_AFTER - _SLACK

        def work(conn: Connection) -> int:
            late = self.deliveries.left(conn, before)
            for delivery in late:
                self._settle(conn, _too_late(delivery))
            return len(late)

        return await self.database.write(work)

    def _found(self, conn: Connection, delivery_id: str) -> tuple[Delivery, StoredChannel, Alert | None] | None:
        delivery = self.deliveries.get(conn, delivery_id)
        if delivery is None or delivery.state is not DeliveryState.PENDING:
            return None
        stored = self.channels.get(conn, delivery.channel_id)
        if stored is None:
            return None
        event = self.tables.events.get(conn, delivery.event_id) if delivery.event_id is not None else None
        alert = self.tables.alerting.raised.get(conn, delivery.alert_id) if delivery.alert_id is not None else None
        return delivery, stored, alert if event is not None else None

    def _settle(self, conn: Connection, delivery: Delivery) -> bool:
        if not self.deliveries.settle(conn, delivery):
            return False
        now = self.clock.steady()
        if delivery.state is DeliveryState.DELIVERED:
            self.channels.worked(conn, delivery.channel_id, now)
            if delivery.alert_id is not None and mark_delivered(conn, self.tables, delivery.alert_id, now) is not None:
                self.database.after_commit(conn, self.announced)
        elif delivery.state is DeliveryState.FAILED:
            if _blamed(delivery):
                self.channels.failed(conn, delivery.channel_id, now, delivery.detail or delivery.reason.value)
            self._release(conn, delivery)
        return delivery.state is not DeliveryState.PENDING

    def _release(self, conn: Connection, delivery: Delivery) -> None:
        if delivery.alert_id is None:
            return
        query = DeliveryQuery(alert_id=delivery.alert_id)
        states = {one.state for one in self.deliveries.page(conn, query).items}
        if not states & {DeliveryState.PENDING, DeliveryState.DELIVERED}:
            release(conn, self.tables, delivery.alert_id, self.clock.steady())


def _too_late(delivery: Delivery) -> Delivery:
    return replace(
        delivery, state=DeliveryState.FAILED, reason=DeliveryReason.TOO_LATE, detail="nobody sent it in time"
    )


def _blamed(delivery: Delivery) -> bool:
    if delivery.reason is DeliveryReason.TOO_LATE:
        return delivery.attempts > 0
    return delivery.reason not in _NOT_ITS_FAULT
