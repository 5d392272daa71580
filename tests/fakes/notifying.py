"""Channels in memory."""

from dataclasses import replace
from datetime import UTC, datetime

from home_sentry_engine.api.notification_ports import ChannelDraft
from home_sentry_engine.contract import (
    Channel,
    ChannelList,
    Delivery,
    DeliveryPage,
    NotificationStats,
    RiskLevel,
)
from home_sentry_engine.contract.notifications import ChannelKind, ChannelStats, DeliveryReason, DeliveryState
from home_sentry_engine.storage.repositories.deliveries import DeliveryQuery

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class FakeNotifications:
    """Keeps what it is given; a test always gets through."""

    def __init__(self) -> None:
        self.kept: dict[str, Channel] = {}
        self.seed()
        self.drafts: list[ChannelDraft] = []
        self.queries: list[DeliveryQuery] = []

    def seed(self) -> None:
        """Let there be one webhook."""
        self.kept = {"c1": Channel(id="c1", kind=ChannelKind.WEBHOOK, name="Phone", created_at=NOW, updated_at=NOW)}

    async def channels(self) -> ChannelList:
        return ChannelList(items=tuple(self.kept.values()))

    async def channel(self, channel_id: str) -> Channel | None:
        return self.kept.get(channel_id)

    async def create(self, draft: ChannelDraft) -> Channel:
        self.drafts.append(draft)
        name = f"c{len(self.kept) + 1}"
        self.kept[name] = Channel(
            id=name, kind=draft.kind or ChannelKind.UNKNOWN, name=draft.name or "", created_at=NOW, updated_at=NOW
        )
        return self.kept[name]

    async def change(self, channel_id: str, draft: ChannelDraft) -> Channel | None:
        self.drafts.append(draft)
        if channel_id not in self.kept:
            return None
        self.kept[channel_id] = replace(self.kept[channel_id], name=draft.name or self.kept[channel_id].name)
        return self.kept[channel_id]

    async def remove(self, channel_id: str) -> bool:
        return self.kept.pop(channel_id, None) is not None

    async def test(self, channel_id: str) -> Delivery | None:
        if channel_id not in self.kept:
            return None
        return Delivery(
            id="d1",
            channel_id=channel_id,
            level=RiskLevel.LOW,
            state=DeliveryState.DELIVERED,
            reason=DeliveryReason.DELIVERED,
            attempts=1,
            created_at=NOW,
            delivered_at=NOW,
            test=True,
        )

    async def deliveries(self, query: DeliveryQuery) -> DeliveryPage:
        self.queries.append(query)
        return DeliveryPage(items=(), all_successful=None)

    async def stats(self, since: datetime | None, until: datetime | None) -> NotificationStats:
        del since, until
        return NotificationStats(channels=tuple(ChannelStats(channel_id=name) for name in self.kept))
