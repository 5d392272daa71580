"""What people do with events, over a dictionary."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from home_sentry_engine.api.triage_ports import Opinion, Review, Story
from home_sentry_engine.contract import BulkReviewed, Event, EventHop, EventUpdated, Feedback
from home_sentry_engine.contract.errors import Conflict
from home_sentry_engine.storage.query import EventQuery, Page
from tests.fakes.clock import START
from tests.fakes.feed import FakeFeed


class FakeTriage:
    def __init__(self, pause: Callable[[], Awaitable[None]], events: dict[str, Event], feed: FakeFeed) -> None:
        self._pause, self._events, self._feed = pause, events, feed
        self.thrown_away: dict[str, Event] = {}
        self.reviewers: dict[str, str] = {}
        self.said: dict[str, list[Feedback]] = {}

    def seed(self) -> None:
        """Let e1 be an event that has ended and also lie in the trash, so that every route can be tried."""
        event = self._events.get("e1") or self.thrown_away["e1"]
        self._events["e1"] = replace(event, ended_at=START, deleted_at=None)
        self.thrown_away["e1"] = replace(event, ended_at=START, deleted_at=START)

    async def review(self, event_id: str, review: Review) -> Event | None:
        await self._pause()
        found = self._events.get(event_id)
        if found is None:
            return None
        if review.user is not None:
            self.reviewers[event_id] = review.user
        marks = {name: value for name in ("reviewed", "flagged", "favourite", "snoozed_until")
                 if (value := getattr(review, name)) is not None}  # fmt: skip
        notes = found.notes if review.notes is None else review.notes or None
        changed = replace(found, **marks, notes=notes, revision=found.revision + 1)
        self._events[event_id] = changed
        self._feed.publish(EventUpdated(seq=self._feed.last + 1, event=changed))
        return changed

    async def review_all(self, event_ids: Sequence[str], review: Review) -> BulkReviewed:
        found = [await self.review(event_id, review) for event_id in event_ids]
        missing = tuple(one for one, event in zip(event_ids, found, strict=True) if event is None)
        return BulkReviewed(changed=len(found) - len(missing), missing=missing)

    async def say(self, event_id: str, opinion: Opinion) -> Feedback | None:
        await self._pause()
        if event_id not in self._events:
            return None
        said = self.said.setdefault(event_id, [])
        words = {"subject": opinion.subject, "comment": opinion.comment}
        said.append(Feedback(id=len(said) + 1, at=START, user=opinion.user, kind=opinion.kind, **words))
        return said[-1]

    async def discard(self, event_id: str) -> Event | None:
        await self._pause()
        if event_id not in self._events:
            return None
        if self._events[event_id].ended_at is None:
            raise Conflict("the event goes on")
        self.thrown_away[event_id] = replace(self._events.pop(event_id), deleted_at=START)
        return self.thrown_away[event_id]

    async def restore(self, event_id: str) -> Event | None:
        await self._pause()
        if event_id not in self.thrown_away:
            return None
        self._events[event_id] = replace(self.thrown_away.pop(event_id), deleted_at=None)
        return self._events[event_id]

    async def trash(self, query: EventQuery) -> Page[Event]:
        await self._pause()
        return Page(items=tuple(self.thrown_away.values())[: query.limit])

    async def story(self, event_id: str) -> Story:
        await self._pause()
        users = tuple(user for one, user in self.reviewers.items() if one == event_id)
        hops = (EventHop(hop="file", at=START, outcome="accepted", detail="m1"),)
        return Story(reviewed_by=users, feedback=tuple(self.said.get(event_id, ())), hops=hops)
