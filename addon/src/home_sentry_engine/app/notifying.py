"""Alerts on their way to channels: the gates and the job of each, in the transaction that stores the alert."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
import uuid
from zoneinfo import ZoneInfo

from home_sentry_engine.alerting.gates import RATE_WINDOW, Telling, held_by, pass_gates
from home_sentry_engine.broker.queue import PutOutcome, Queue
from home_sentry_engine.contract import Alert, Channel, Delivery, Event
from home_sentry_engine.contract.notifications import DeliveryReason, DeliveryState
from home_sentry_engine.contract.vocabulary import RiskLevel
from home_sentry_engine.domain.jobs import NOTIFY, PRIORITY_NORMAL, PRIORITY_URGENT, NewJob
from home_sentry_engine.storage.database import Connection
from home_sentry_engine.storage.repositories.channels import Channels
from home_sentry_engine.storage.repositories.deliveries import Deliveries
from home_sentry_engine.storage.repositories.media import MediaFiles

from .home import HomeRows

_IDS: Final = uuid.UUID("3a1f0c4e-8a43-4f6f-9d1b-5c2c07a3b1d9")
_REFUSED: Final = frozenset({PutOutcome.DEAD_LETTERED, PutOutcome.REJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPosts:
    """``app.alert_parts.AlertSink`` over the queue: what passes the gates of a channel becomes a job."""

    queue: Queue[Connection]
    zone: ZoneInfo
    channels: Channels = field(default_factory=Channels)
    deliveries: Deliveries = field(default_factory=Deliveries)
    media: MediaFiles = field(default_factory=MediaFiles)
    home: HomeRows = field(default_factory=HomeRows)

    def raised(self, conn: Connection, alert: Alert, event: Event, now: datetime) -> None:
        """Decide for each channel that the alert is meant for, and keep every decision."""
        del event
        meant = [
            stored.channel
            for stored in self.channels.all(conn)
            if not alert.channels or stored.channel.id in alert.channels
        ]
        if not meant:
            return
        telling = Telling(
            level=alert.severity,
            camera_id=alert.camera_id,
            at=now,
            home=self.home.zone(conn, self.zone),
            lag=self._lag(conn, alert),
        )
        for channel in meant:
            self._tell(conn, channel, alert, telling)

    def revised(self, conn: Connection, alerts: Sequence[Alert], event: Event, now: datetime) -> None:
        """Do nothing: a higher level raises an alert of its own, and what else changes is no reason to call again."""

    def _tell(self, conn: Connection, channel: Channel, alert: Alert, telling: Telling) -> None:
        told = self.deliveries.told(conn, alert.event_id, channel.id)
        since = telling.at - RATE_WINDOW
        recent = self.deliveries.recent(conn, channel.id, alert.camera_id, alert.severity, since)
        results = pass_gates(replace(telling, told=told, recent=recent), channel.filters, enabled=channel.enabled)
        held = held_by(results)
        delivery = Delivery(
            id=uuid.uuid5(_IDS, f"{alert.id} {channel.id}").hex,
            channel_id=channel.id,
            alert_id=alert.id,
            event_id=alert.event_id,
            camera_id=alert.camera_id,
            level=alert.severity,
            state=DeliveryState.PENDING if held is None else DeliveryState.SKIPPED,
            reason=held or DeliveryReason.WAITING,
            gates=results,
            created_at=telling.at,
        )
        if self.deliveries.add(conn, delivery) and held is None:
            self._queue(conn, delivery, telling.at)

    def _queue(self, conn: Connection, delivery: Delivery, now: datetime) -> None:
        urgent = delivery.level is RiskLevel.CRITICAL
        job = NewJob(
            queue=NOTIFY,
            payload={
                "delivery_id": delivery.id,
                "event_id": delivery.event_id,
                "camera_id": delivery.camera_id,
            },
            key=delivery.channel_id,
            unique=delivery.id,
            priority=PRIORITY_URGENT if urgent else PRIORITY_NORMAL,
        )
        result = self.queue.put(conn, job, now)
        if result.outcome in _REFUSED:
            failed = replace(delivery, state=DeliveryState.FAILED, reason=DeliveryReason.UNKNOWN, detail=result.reason)
            self.deliveries.settle(conn, failed)

    def _lag(self, conn: Connection, alert: Alert) -> timedelta:
        stored = self.media.get(conn, alert.media_id)
        return stored.media.received_at - stored.media.captured_at if stored is not None else timedelta()
