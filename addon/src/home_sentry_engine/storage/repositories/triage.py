"""What people say about events, by whom and when; and the way that an event took, read from its rows."""

from dataclasses import replace
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.contract import Enrichment, EventHop, Feedback, FeedbackKind, from_plain
from home_sentry_engine.storage.context_schema import enrichments
from home_sentry_engine.storage.notify_schema import deliveries
from home_sentry_engine.storage.operations_schema import feedback, reviews
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.schema import assessments, batches, detections, events, inspections, media, transitions

_MOST: Final = 200


class Triage:
    """Reviews and feedback; both go with their event."""

    def review(self, conn: Connection, event_id: str, user: str | None, now: datetime | None) -> bool:
        """Note a user's review, or with no time take it back (without a user: everybody's); True if any is left."""
        if now is None:
            mine = reviews.c.user_id == user if user is not None else sa.true()
            conn.execute(reviews.delete().where(reviews.c.event_id == event_id, mine))
        elif user is not None:
            row = insert_into(conn, reviews).values(event_id=event_id, user_id=user, at=now)
            conn.execute(row.on_conflict_do_nothing())
        return bool(now) or bool(self.reviewers(conn, event_id))

    def reviewers(self, conn: Connection, event_id: str) -> tuple[str, ...]:
        """Give the users who reviewed an event, the first of them first."""
        chosen = sa.select(reviews.c.user_id).where(reviews.c.event_id == event_id)
        return tuple(conn.execute(chosen.order_by(reviews.c.at, reviews.c.user_id)).scalars())

    def say(self, conn: Connection, event_id: str, said: Feedback) -> Feedback:
        """Keep feedback on an event and give it with its id; the one given is not looked at.

        Who says the same again only changes comment and time: a button that is pressed twice counts once.
        """
        conn.execute(sa.select(events.c.id).where(events.c.id == event_id).with_for_update())
        same = [
            column.is_not_distinct_from(value)
            for column, value in (
                (feedback.c.event_id, event_id),
                (feedback.c.user_id, said.user),
                (feedback.c.kind, said.kind),
                (feedback.c.subject, said.subject),
            )
        ]
        known = sa.select(feedback.c.id).where(*same)
        number: int | None = conn.execute(known).scalar_one_or_none()
        if number is None:
            values = {"kind": said.kind, "subject": said.subject, "comment": said.comment, "at": said.at}
            row = feedback.insert().values(event_id=event_id, user_id=said.user, **values).returning(feedback.c.id)
            number = conn.execute(row).scalar_one()
        else:
            again = feedback.update().where(feedback.c.id == number)
            conn.execute(again.values(comment=said.comment, at=said.at))
        return replace(said, id=number)

    def said(self, conn: Connection, event_id: str) -> tuple[Feedback, ...]:
        """Give the newest feedback on an event, oldest first."""
        chosen = sa.select(feedback).where(feedback.c.event_id == event_id).order_by(feedback.c.id.desc()).limit(_MOST)
        found = [
            Feedback(
                id=row.id,
                at=row.at,
                user=row.user_id,
                kind=FeedbackKind(row.kind),
                subject=row.subject,
                comment=row.comment,
            )
            for row in conn.execute(chosen)
        ]
        return tuple(reversed(found))

    def hops(self, conn: Connection, event_id: str) -> tuple[EventHop, ...]:
        """Give the steps of an event in the order of time; of very many files the newest."""
        found = [
            *self._files(conn, event_id),
            *self._batches(conn, event_id),
            *self._looks(conn, event_id),
            *self._judgements(conn, event_id),
            *self._announcements(conn, event_id),
            *self._deliveries(conn, event_id),
        ]
        return tuple(sorted(found, key=lambda hop: hop.at))

    def _files(self, conn: Connection, event_id: str) -> list[EventHop]:
        shown = sa.select(detections.c.media_id).where(detections.c.event_id == event_id)
        looked = media.outerjoin(inspections, inspections.c.media_id == media.c.id)
        columns = (media.c.id, media.c.received_at, media.c.state, inspections.c.at, inspections.c.inference_ms)
        chosen = (
            sa.select(*columns, inspections.c.model_id)
            .select_from(looked)
            .where(media.c.id.in_(shown))
            .order_by(media.c.received_at.desc(), media.c.id, inspections.c.at)
            .limit(_MOST)
        )
        found: dict[tuple[str, str | None], EventHop] = {}
        for row in conn.execute(chosen):
            found[row.id, None] = EventHop(hop="file", at=row.received_at, outcome="accepted", detail=row.id)
            if row.at is not None:
                found[row.id, row.model_id] = EventHop(
                    hop="detect", at=row.at, duration_ms=row.inference_ms, outcome=row.state, detail=row.model_id
                )
        return list(found.values())

    def _batches(self, conn: Connection, event_id: str) -> list[EventHop]:
        chosen = sa.select(batches).where(batches.c.event_id == event_id).order_by(batches.c.opened_at).limit(_MOST)
        return [
            EventHop(
                hop="batch",
                at=row.closed_at or row.opened_at,
                duration_ms=_ms_between(row.opened_at, row.closed_at),
                outcome=row.reason or "open",
            )
            for row in conn.execute(chosen)
        ]

    def _looks(self, conn: Connection, event_id: str) -> list[EventHop]:
        rows = conn.execute(sa.select(enrichments).where(enrichments.c.event_id == event_id))
        return [
            EventHop(hop="enrich", at=row.at, duration_ms=_work_ms(row.document), outcome=row.status) for row in rows
        ]

    def _judgements(self, conn: Connection, event_id: str) -> list[EventHop]:
        columns = assessments.c
        chosen = sa.select(
            columns.at, columns.duration_ms, columns.state, columns.reason, columns.model_id, columns.score
        )
        ordered = chosen.where(columns.event_id == event_id).order_by(columns.id.desc()).limit(_MOST)
        return [
            EventHop(
                hop="assess",
                at=row.at,
                duration_ms=row.duration_ms,
                outcome=row.state,
                detail=row.reason or row.model_id,
                score=row.score,
            )
            for row in conn.execute(ordered)
        ]

    def _announcements(self, conn: Connection, event_id: str) -> list[EventHop]:
        chosen = sa.select(transitions).where(transitions.c.event_id == event_id)
        rows = conn.execute(chosen.order_by(transitions.c.revision.desc()).limit(_MOST))
        return [EventHop(hop="announce", at=row.at, outcome=row.change, detail=row.state) for row in rows]

    def _deliveries(self, conn: Connection, event_id: str) -> list[EventHop]:
        chosen = sa.select(deliveries).where(deliveries.c.event_id == event_id, sa.not_(deliveries.c.test))
        rows = conn.execute(chosen.order_by(deliveries.c.created_at.desc(), deliveries.c.id).limit(_MOST))
        return [
            EventHop(
                hop="notify",
                at=row.delivered_at or row.tried_at or row.created_at,
                duration_ms=_ms_between(row.created_at, row.delivered_at),
                outcome=row.state,
                detail=f"{row.channel_id}: {row.reason}",
            )
            for row in rows
        ]


def _work_ms(document: dict[str, object]) -> float:
    return sum(step.duration_ms for step in from_plain(Enrichment, document).steps)


def _ms_between(began: datetime, ended: datetime | None) -> float | None:
    return (ended - began).total_seconds() * 1000 if ended is not None else None
