"""Events: one row per visit, revised in place, with every change on record."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import (
    AnalysisReason,
    AnalysisState,
    Event,
    EventChange,
    Factor,
    Identity,
    ObjectGroup,
    RiskLevel,
    Transition,
    VisualVerdict,
    from_plain,
    to_plain,
)
from home_sentry_engine.storage.errors import StaleRevision, UnknownRow
from home_sentry_engine.storage.gathered import leave, settle
from home_sentry_engine.storage.joint import JointInsert
from home_sentry_engine.storage.query import EventQuery, Keyset, Page, fetch_page, of_cameras, time_range
from home_sentry_engine.storage.quick import QuickInsert
from home_sentry_engine.storage.schema import cameras, event_objects, event_words, events, transitions
from home_sentry_engine.storage.search_index import add_many_words, add_words, change_words, remove_words

_PLAIN: Final = (
    *("batch_id", "camera_id", "camera_name", "started_at", "ended_at", "risk_score", "rule_score", "llm_score"),
    *("floor", "floor_reason", "ceiling", "ceiling_reason", "analysis_detail", "summary", "reasoning"),
    *("recommended_action", "confidence", "detection_count", "media_id", "model_id", "prompt_version"),
    *("is_fast_path", "revision"),
)
_WORDS: Final = ("risk_level", "analysis_state", "analysis_reason", "visual_verdict")
_CHUNK: Final = 500
_MARKS: Final = ("flagged", "favourite")
_LISTS: Final = ("flags", "unsupported", "object_types")
_JSON: Final = ("object_groups", "factors", "identities")
_SAID: Final = ("reviewed", "notes", *_MARKS, "snoozed_until")
_SAME: Final = (*_PLAIN, *_WORDS, *_LISTS)
_SAME_OF: Final = attrgetter(*_SAME)
_SAID_OF: Final = attrgetter(*_SAID)
_INSERT: Final = QuickInsert(events, (*_PLAIN, *_WORDS, *_LISTS, *_JSON, "id", *_SAID), number="number")
_OF_EVENT: Final = "id = {event_id}"
_ADD_CHANGES: Final = JointInsert(
    transitions, ("event_id", "revision", "change", "at", "score", "level", "state"), _OF_EVENT
)
_ADD_OBJECTS: Final = JointInsert(event_objects, ("event_id", "label"), _OF_EVENT)
_FILTERED: Final = tuple(events.c[name] for name in ("reviewed", *_MARKS))
_AT_PLACES: Final = (
    sa.select(events, event_words.c.place)
    .join(event_words, event_words.c.number == events.c.number)
    .where(event_words.c.place.in_(sa.bindparam("places", expanding=True)))
)
_CHANGES: Final = (
    sa.select(transitions)
    .where(transitions.c.event_id.in_(sa.bindparam("events", expanding=True)))
    .order_by(transitions.c.revision)
)


class Events:
    """Visits with their verdict; rows in the trash are not shown."""

    def insert(self, conn: Connection, event: Event) -> None:
        """Store a new event with its transitions."""
        add_words(conn, event, _INSERT.number(conn, _row(event)))
        self._keep_parts(conn, event)

    def insert_many(self, conn: Connection, new: Sequence[Event]) -> None:
        """Store new events with their transitions in a few statements, for imports and measurements."""
        rows = [_row(event) for event in new]
        numbers: dict[str, int] = {}
        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK]
            conn.execute(events.insert(), part)
            stored = sa.select(events.c.id, events.c.number).where(events.c.id.in_([row["id"] for row in part]))
            numbers |= {row.id: row.number for row in conn.execute(stored)}
        add_many_words(conn, [(event, numbers[event.event_id]) for event in new])
        self._keep_parts(conn, *new)

    def save(self, conn: Connection, event: Event) -> None:
        """Store a revised event; what people say of it (``notes``, ``flagged``...) has its own verbs and stays.

        Raises ``UnknownRow``, or ``StaleRevision`` if the stored revision is newer.
        """
        chosen = sa.and_(events.c.id == event.event_id, events.c.revision <= event.revision)
        changing = events.update().where(chosen).values(_columns(event))
        said = conn.execute(changing.returning(*_FILTERED)).one_or_none()
        if said is None:
            stored = conn.execute(
                sa.select(events.c.revision).where(events.c.id == event.event_id)
            ).scalar_one_or_none()
            if stored is None:
                raise UnknownRow(f"there is no event {event.event_id!r}")
            raise StaleRevision(f"event {event.event_id} is at revision {stored}, not {event.revision}")
        change_words(conn, replace(event, **said._mapping))  # noqa: SLF001 SQLAlchemy's public name for the row as a mapping
        self._keep_parts(conn, event)

    def get(self, conn: Connection, event_id: str, *, trashed: bool = False) -> Event | None:
        """Give one event; one in the trash only if ``trashed`` allows it."""
        chosen = sa.select(events) if trashed else _live()
        rows = conn.execute(chosen.where(events.c.id == event_id)).all()
        return next(iter(_with_transitions(conn, rows)), None)

    def at_places(self, conn: Connection, places: Sequence[int]) -> tuple[Event, ...]:
        """Give events by their places in the index of the search, in that order."""
        rows = {row.place: row for row in conn.execute(_AT_PLACES, {"places": places}).all()}
        return tuple(_with_transitions(conn, [rows[place] for place in places]))

    def ongoing(self, conn: Connection) -> tuple[Event, ...]:
        """Give the events that have not ended, oldest first."""
        rows = conn.execute(_live().where(events.c.ended_at.is_(None)).order_by(events.c.started_at, events.c.id)).all()
        return tuple(_with_transitions(conn, rows))

    def newest_per_camera(self, conn: Connection) -> tuple[Event, ...]:
        """Give each camera's newest event, by camera."""
        newest = (
            sa.select(events.c.id)
            .where(events.c.camera_id == cameras.c.id, events.c.deleted_at.is_(None))
            .order_by(events.c.started_at.desc(), events.c.id.desc())
            .limit(1)
            .correlate(cameras)
            .scalar_subquery()
        )
        chosen = events.c.id.in_(sa.select(newest).select_from(cameras))
        rows = conn.execute(_live().where(chosen).order_by(events.c.camera_id)).all()
        return tuple(_with_transitions(conn, rows))

    def page(self, conn: Connection, query: EventQuery, *, trashed: bool = False) -> Page[Event]:
        """Give events by start, newest first, or those in the trash; raises ``InvalidCursor``."""
        settle(conn)
        chosen = sa.select(events).where(events.c.deleted_at.is_not(None)) if trashed else _live()
        statement = chosen.where(*time_range(query, events.c.started_at), *event_filters(query))
        keyset = Keyset(at=events.c.started_at, id=events.c.id)
        return fetch_page(conn, query, statement, keyset, lambda rows: _with_transitions(conn, rows))

    def review(self, conn: Connection, event_id: str, *, reviewed: bool, user: str | None, now: datetime) -> Event:
        """Mark an event as reviewed or not; raises ``UnknownRow``."""
        by, at = (user, now) if reviewed else (None, None)
        return self._change(conn, event_id, reviewed=reviewed, reviewed_by=by, reviewed_at=at)

    def notes(self, conn: Connection, event_id: str, notes: str | None) -> Event:
        """Replace the user's notes; raises ``UnknownRow``."""
        return self._change(conn, event_id, notes=notes)

    def mark(
        self,
        conn: Connection,
        event_id: str,
        *,
        flagged: bool | None = None,
        favourite: bool | None = None,
        snoozed_until: datetime | None = None,
    ) -> Event:
        """Set the marks that are given; raises ``UnknownRow``."""
        given = {"flagged": flagged, "favourite": favourite, "snoozed_until": snoozed_until}
        return self._change(conn, event_id, **{name: value for name, value in given.items() if value is not None})

    def trash(self, conn: Connection, event_id: str, now: datetime | None) -> bool:
        """Put an event into the trash, or with None take it out; False if there is no such event."""
        stored = conn.execute(
            sa.select(events.c.number, events.c.deleted_at).where(events.c.id == event_id)
        ).one_or_none()
        if stored is None:
            return False
        conn.execute(events.update().where(events.c.id == event_id).values(deleted_at=now))
        # a search then needs no look at the events to know what is in the trash
        if now is not None:
            remove_words(conn, event_id)
        elif stored.deleted_at is not None and (event := self.get(conn, event_id)) is not None:
            add_words(conn, event, stored.number)
        return True

    def _change(self, conn: Connection, event_id: str, **values: Any) -> Event:
        conn.execute(events.update().where(events.c.id == event_id).values(values))
        event = self.get(conn, event_id)
        if event is None:
            raise UnknownRow(f"there is no event {event_id!r}")
        change_words(conn, event)
        return event

    def _keep_parts(self, conn: Connection, *changed: Event) -> None:
        for event in changed:
            key = event.event_id
            for one in event.transitions:
                leave(
                    conn, _ADD_CHANGES.write, (key, one.revision, one.change, one.at, one.score, one.level, one.state)
                )
            for label in event.object_types:
                leave(conn, _ADD_OBJECTS.write, (key, label))


def event_filters(query: EventQuery) -> list[sa.ColumnElement[bool]]:
    """Give the conditions of the query, without its times."""
    conditions = of_cameras(query, events.c.camera_id)
    if query.event_id is not None:
        conditions.append(events.c.id == query.event_id)
    if query.level is not None:
        conditions.append(events.c.risk_level == query.level)
    if query.reviewed is not None:
        conditions.append(events.c.reviewed.is_(query.reviewed))
    conditions += [events.c[name].is_(value) for name in _MARKS if (value := getattr(query, name)) is not None]
    if query.ongoing is not None:
        ended = events.c.ended_at
        conditions.append(ended.is_(None) if query.ongoing else ended.is_not(None))
    if query.object_type is not None:
        has = sa.exists().where(event_objects.c.event_id == events.c.id, event_objects.c.label == query.object_type)
        conditions.append(has)
    return conditions


def _live() -> sa.Select[Any]:
    return sa.select(events).where(events.c.deleted_at.is_(None))


def _row(event: Event) -> dict[str, Any]:
    values = _columns(event)
    values["id"] = event.event_id
    values.update(zip(_SAID, _SAID_OF(event), strict=True))
    return values


def _columns(event: Event) -> dict[str, Any]:
    values = dict(zip(_SAME, _SAME_OF(event), strict=True))
    for name in _LISTS:
        values[name] = list(values[name])
    values["object_groups"] = [group.value for group in event.groups]
    values["factors"] = [to_plain(factor) for factor in event.factors]
    values["identities"] = [to_plain(identity) for identity in event.identities]
    return values


def _with_transitions(conn: Connection, rows: Sequence[Row[Any]]) -> list[Event]:
    settle(conn)
    ids = [row.id for row in rows]
    changes: dict[str, list[Transition]] = {event_id: [] for event_id in ids}
    if ids:
        for row in conn.execute(_CHANGES, {"events": ids}).all():
            changes[row.event_id].append(_transition(row))
    return [_event(row, tuple(changes[row.id])) for row in rows]


def _transition(row: Row[Any]) -> Transition:
    return Transition(
        revision=row.revision,
        change=EventChange(row.change),
        at=row.at,
        score=row.score,
        level=RiskLevel(row.level),
        state=AnalysisState(row.state),
    )


def _event(row: Row[Any], changes: tuple[Transition, ...]) -> Event:
    stored = row._mapping  # noqa: SLF001 SQLAlchemy's public name for the row as a mapping
    plain: dict[str, Any] = {name: stored[name] for name in _PLAIN}
    lists: dict[str, Any] = {name: tuple(stored[name]) for name in _LISTS}
    return Event(
        event_id=row.id,
        **plain,
        **lists,
        risk_level=RiskLevel(row.risk_level),
        analysis_state=AnalysisState(row.analysis_state),
        analysis_reason=None if row.analysis_reason is None else AnalysisReason(row.analysis_reason),
        visual_verdict=None if row.visual_verdict is None else VisualVerdict(row.visual_verdict),
        groups=tuple(ObjectGroup(word) for word in row.object_groups),
        factors=tuple(from_plain(Factor, factor) for factor in row.factors),
        reviewed=row.reviewed,
        notes=row.notes,
        **{name: stored[name] for name in (*_MARKS, "snoozed_until", "deleted_at")},
        identities=tuple(from_plain(Identity, identity) for identity in row.identities),
        transitions=changes,
    )
