"""What the API asks of the engine about telling people; ``app`` implements it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from home_sentry_engine.contract import Channel, ChannelFilters, ChannelList, Delivery, DeliveryPage, NotificationStats
from home_sentry_engine.contract.notifications import ChannelKind
from home_sentry_engine.storage.repositories.deliveries import DeliveryQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelDraft:
    """A channel as a person wants it; None leaves a part as it is.

    ``given`` is where it leads to, secrets included; an empty text takes a part away.
    """

    kind: ChannelKind | None = None
    name: str | None = None
    enabled: bool | None = None
    filters: ChannelFilters | None = None
    given: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Notifications(Protocol):
    """Channels without their secrets, and deliveries."""

    async def channels(self) -> ChannelList:
        """Give all channels by name."""
        ...

    async def channel(self, channel_id: str) -> Channel | None:
        """Give one channel."""
        ...

    async def create(self, draft: ChannelDraft) -> Channel:
        """Add a channel; raises ``Unprocessable`` for what leads nowhere, ``Conflict`` for too many."""
        ...

    async def change(self, channel_id: str, draft: ChannelDraft) -> Channel | None:
        """Change a channel, None without one; raises as ``create``, ``Conflict`` for one of another engine."""
        ...

    async def remove(self, channel_id: str) -> bool:
        """Delete a channel with its secrets and deliveries; False without one."""
        ...

    async def test(self, channel_id: str) -> Delivery | None:
        """Really send a message that says it is a test; None without such a channel, raises as ``change``."""
        ...

    async def deliveries(self, query: DeliveryQuery) -> DeliveryPage:
        """Give deliveries, the newest first; raises ``InvalidCursor``."""
        ...

    async def stats(self, since: datetime | None, until: datetime | None) -> NotificationStats:
        """Count deliveries."""
        ...
