"""What people do with events: review, mark, say what is wrong, throw away and take back."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from home_sentry_engine.api.caller import BY_KEY
from home_sentry_engine.api.triage_ports import Opinion, Review, Story
from home_sentry_engine.contract import BulkReviewed, Event, EventChange, Feedback, Transition, encode
from home_sentry_engine.contract.errors import Conflict
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.query import EventQuery, Page
from home_sentry_engine.storage.repositories.audit import Deed
from home_sentry_engine.storage.repositories.keys import ApiKeys
from home_sentry_engine.storage.repositories.triage import Triage

from .alerting import keep_evaluation
from .tables import Tables


class TriageDesk:
    """``api.triage_ports.Triage`` over the repositories; ``announced`` is called after a change is committed."""

    def __init__(self, database: Database, tables: Tables, clock: Clock, announced: Callable[[], None]) -> None:
        """Take the rows, the clock and who wants to know of announcements."""
        self._database = database
        self._tables = tables
        self._clock = clock
        self._announced = announced
        self._said = Triage()

    async def review(self, event_id: str, review: Review) -> Event | None:
        """Change an event as a person wishes and announce it; None when there is no such event."""
        return await self._database.write(lambda conn: self._change(conn, event_id, review))

    async def review_all(self, event_ids: Sequence[str], review: Review) -> BulkReviewed:
        """Change events alike, in one transaction that also audits each of them."""
        given, clock = tuple(dict.fromkeys(event_ids)), self._clock

        def work(conn: Connection) -> BulkReviewed:
            missing = tuple(one for one in given if self._change(conn, one, review) is None)
            deed = _done_by(conn, review.user)
            for one in given:
                if one not in missing:
                    self._tables.audit.add(conn, replace(deed, target=one), clock.now())
            return BulkReviewed(changed=len(given) - len(missing), missing=missing)

        return await self._database.write(work)

    async def say(self, event_id: str, opinion: Opinion) -> Feedback | None:
        """Keep feedback; None when there is no such event."""
        said = Feedback(
            id=0,
            at=self._clock.now(),
            user=opinion.user,
            kind=opinion.kind,
            subject=opinion.subject,
            comment=opinion.comment,
        )

        def work(conn: Connection) -> Feedback | None:
            if self._tables.events.get(conn, event_id) is None:
                return None
            return self._said.say(conn, event_id, said)

        return await self._database.write(work)

    async def discard(self, event_id: str) -> Event | None:
        """Dismiss an event and put it into the trash; raises ``Conflict`` while it goes on."""

        def work(conn: Connection) -> Event | None:
            event = self._tables.events.get(conn, event_id)
            if event is None:
                return None
            if event.ended_at is None:
                raise Conflict("the event goes on; it can be deleted when it has ended")
            now = self._clock.steady()
            self._tables.events.trash(conn, event_id, now)
            return self._announce(conn, _changed(replace(event, deleted_at=now), EventChange.DISMISSED, now))

        return await self._database.write(work)

    async def restore(self, event_id: str) -> Event | None:
        """Take an event out of the trash; None when it is not there."""

        def work(conn: Connection) -> Event | None:
            event = self._tables.events.get(conn, event_id, trashed=True)
            if event is None or event.deleted_at is None:
                return None
            self._tables.events.trash(conn, event_id, None)
            back = replace(event, deleted_at=None)
            return self._announce(conn, _changed(back, EventChange.REVISED, self._clock.steady()))

        return await self._database.write(work)

    async def trash(self, query: EventQuery) -> Page[Event]:
        """Give a page of what lies in the trash."""
        return await self._database.read(lambda conn: self._tables.events.page(conn, query, trashed=True))

    async def story(self, event_id: str) -> Story:
        """Give what was said of an event and the way that it took."""

        def work(conn: Connection) -> Story:
            said = self._said
            return Story(
                reviewed_by=said.reviewers(conn, event_id),
                feedback=said.said(conn, event_id),
                hops=said.hops(conn, event_id),
                alerts=self._tables.alerts.of(conn, event_id),
            )

        return await self._database.read(work)

    def _change(self, conn: Connection, event_id: str, review: Review) -> Event | None:
        now, rows = self._clock.steady(), self._tables.events
        event = rows.get(conn, event_id)
        if event is None:
            return None
        if review.reviewed is not None:
            left = self._said.review(conn, event_id, review.user, now if review.reviewed else None)
            if left is review.reviewed:
                event = rows.review(conn, event_id, reviewed=left, user=review.user, now=now)
        if review.notes is not None:
            event = rows.notes(conn, event_id, review.notes or None)
        marks = {"flagged": review.flagged, "favourite": review.favourite}
        if review.snoozed_until is not None or any(mark is not None for mark in marks.values()):
            event = rows.mark(conn, event_id, **marks, snoozed_until=review.snoozed_until)
        return self._announce(conn, event)

    def _announce(self, conn: Connection, event: Event) -> Event:
        changed = replace(event, revision=event.revision + 1)
        now = self._clock.steady()
        self._tables.events.save(conn, changed)
        keep_evaluation(conn, self._tables, changed, now, by_person=True)
        self._tables.outbox.add(conn, kind="event_updated", camera_id=event.camera_id, body=encode(changed), now=now)
        self._database.after_commit(conn, self._announced)
        return changed


def _done_by(conn: Connection, user: str | None) -> Deed:
    """Give a review by whom the API's audit would name: the name of a key, not its id."""
    key_id = (user or "").removeprefix(BY_KEY)
    if user is not None and user.startswith(BY_KEY):
        actor = f"key {ApiKeys().name_of(conn, key_id) or key_id}"
        return Deed(actor=actor, action="event.review", details={"key_id": key_id})
    return Deed(actor=f"user {user}" if user else "token", action="event.review")


def _changed(event: Event, change: EventChange, now: datetime) -> Event:
    told = Transition(
        revision=event.revision + 1,
        change=change,
        at=now,
        score=event.risk_score,
        level=event.risk_level,
        state=event.analysis_state,
    )
    return replace(event, transitions=(*event.transitions, told))
