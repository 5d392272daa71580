"""What the API asks of the engine about people's dealings with events; ``app`` implements it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from home_sentry_engine.contract import AlertEvaluation, BulkReviewed, Event, EventHop, Feedback, FeedbackKind
from home_sentry_engine.storage.query import EventQuery, Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a person changes about an event; None leaves a field as it is, ``user`` is an id of the client's world."""

    reviewed: bool | None = None
    notes: str | None = None
    flagged: bool | None = None
    favourite: bool | None = None
    snoozed_until: datetime | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a person says of a verdict."""

    kind: FeedbackKind
    subject: str | None = None
    comment: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What people said of an event, and the way that it took."""

    reviewed_by: tuple[str, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    hops: tuple[EventHop, ...] = ()
    alerts: tuple[AlertEvaluation, ...] = ()


class Triage(Protocol):
    """Reviews in bulk, feedback, the trash; every change is announced."""

    async def review(self, event_id: str, review: Review) -> Event | None:
        """Change an event; None when there is no such event."""
        ...

    async def review_all(self, event_ids: Sequence[str], review: Review) -> BulkReviewed:
        """Change events alike, in one transaction that also audits each of them."""
        ...

    async def say(self, event_id: str, opinion: Opinion) -> Feedback | None:
        """Keep feedback; None when there is no such event."""
        ...

    async def discard(self, event_id: str) -> Event | None:
        """Dismiss an event and put it into the trash; None without it, raises ``Conflict`` while it goes on."""
        ...

    async def restore(self, event_id: str) -> Event | None:
        """Take an event out of the trash; None when it is not there."""
        ...

    async def trash(self, query: EventQuery) -> Page[Event]:
        """Give a page of what lies in the trash."""
        ...

    async def story(self, event_id: str) -> Story:
        """Give what was said of an event and the way that it took; empty for an unknown one."""
        ...
