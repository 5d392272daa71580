"""Search over what events say: summary, reasoning, object types, name of the camera."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import TSQUERY

from home_sentry_engine.contract import Event
from home_sentry_engine.storage.marks import narrowed
from home_sentry_engine.storage.query import (
    Page,
    SearchOrder,
    SearchQuery,
    make_place_cursor,
    read_place_cursor,
)
from home_sentry_engine.storage.schema import event_words, events
from home_sentry_engine.storage.search import parse, to_fts5, to_tsquery
from home_sentry_engine.storage.search_terms import with_terms
from home_sentry_engine.storage.types import to_micros

from .events import Events

WINDOW: Final = 2000
"""Newest matches among which is ranked."""
MOST_COUNTED: Final = 1000
# an event that shares its millisecond with others stands a little after its start
_SLACK_MS: Final = 60_000
_FARTHEST: Final = 2**62


class _Dialect(NamedTuple):
    """Statements that give the newest matches; ``ranked`` gives their scores as well, the lower the better."""

    newest: sa.Select[Any]
    ranked: sa.Select[Any]


def _statements(place: sa.ColumnElement[int], found: Any, score: sa.ColumnElement[float]) -> _Dialect:
    within = (found, place >= sa.bindparam("first"), place <= sa.bindparam("last"))
    newest = sa.select(place.label("place")).where(*within).order_by(place.desc()).limit(sa.bindparam("most"))
    return _Dialect(newest, newest.add_columns(score.label("score")))


_FTS5: Final = sa.table("event_index", sa.column("rowid", sa.BigInteger), sa.column("event_index"))
_SQLITE: Final = _statements(
    _FTS5.c.rowid,
    _FTS5.c.event_index.op("MATCH")(sa.bindparam("match")),
    # the summary weighs most, marks nothing
    sa.literal_column("bm25(event_index, 4.0, 1.0, 3.0, 2.0, 0.0)", sa.Float),
)
_VECTORS: Final = sa.table("event_index", sa.column("place", sa.BigInteger), sa.column("vector"))
_POSTGRES: Final = _statements(
    _VECTORS.c.place,
    _VECTORS.c.vector.op("@@")(sa.cast(sa.bindparam("match"), TSQUERY)),
    -sa.func.ts_rank(
        sa.text("'{0.25, 0.5, 0.75, 1.0}'::real[]"), _VECTORS.c.vector, sa.cast(sa.bindparam("words"), TSQUERY)
    ),
)
_EARLY: Final = events.c.started_at < sa.bindparam("at")
_LATE: Final = events.c.started_at >= sa.bindparam("at")
_NEAR: Final = (
    sa.select(event_words.c.place)
    .join(events, events.c.number == event_words.c.number)
    .where(event_words.c.place.between(sa.bindparam("first"), sa.bindparam("last")))
)


class Search:
    """Finds events by words; those in the trash are not found."""

    def __init__(self, events: Events) -> None:
        """Take the rows that are given."""
        self._events = events

    def page(self, conn: Connection, query: SearchQuery) -> Page[Event]:
        """Give a page of matches; raises ``MalformedSearch`` or ``InvalidCursor``.

        By rank the best of the newest ``WINDOW`` matches come first, and pages end with them. Totals are counted up to
        ``MOST_COUNTED``.
        """
        matches = _Matches(conn, query)
        found = matches.best() if query.order is SearchOrder.RANK else matches.newest()
        total = None
        if query.with_total:
            total = len(matches.places(MOST_COUNTED + 1)) if found.counted is None else found.counted
        return Page(
            items=self._events.at_places(conn, found.places),
            next_cursor=found.next_cursor,
            total=None if total is None else min(total, MOST_COUNTED),
            total_capped=total is not None and total > MOST_COUNTED,
        )


class _Found(NamedTuple):
    """Places of a page; ``counted`` tells how many matches there are where that was seen on the way."""

    places: Sequence[int]
    next_cursor: str | None
    counted: int | None


class _Matches:
    def __init__(self, conn: Connection, query: SearchQuery) -> None:
        self._conn = conn
        self._query = query
        tree = parse(query.text)
        wanted = narrowed(tree, query)
        if conn.dialect.name == "sqlite":
            self._statements = _SQLITE
            self._bound: dict[str, Any] = {"match": to_fts5(with_terms(conn, wanted))}
        else:
            self._statements = _POSTGRES
            self._bound = {"match": to_tsquery(wanted), "words": to_tsquery(tree)}
        self._bound |= {
            "first": -_FARTHEST if query.since is None else to_micros(query.since) // 1000,
            "last": _FARTHEST if query.until is None else to_micros(query.until) // 1000 + _SLACK_MS,
        }
        self._outside = self._outside_of_times()

    def newest(self) -> _Found:
        """Give one page and the next cursor; the first page counts on the way."""
        query = self._query
        counting = query.with_total and query.cursor is None
        last = None if query.cursor is None else read_place_cursor(query)[0] - 1
        found = self.places(max(query.limit, MOST_COUNTED if counting else 0) + 1, last)
        shown = found[: query.limit]
        cursor = make_place_cursor(query, shown[-1]) if len(found) > query.limit else None
        return _Found(shown, cursor, len(found) if counting else None)

    def best(self) -> _Found:
        """Give one page by rank and the next cursor, which stays with the first page's window."""
        query = self._query
        newest, skip = (None, 0) if query.cursor is None else read_place_cursor(query)
        rows = self._rows(WINDOW, newest)
        ordered = [row.place for row in sorted(rows, key=lambda row: (row.score, -row.place))]
        shown = ordered[skip : skip + query.limit]
        more = len(ordered) > skip + query.limit
        cursor = make_place_cursor(query, rows[0].place, skip + query.limit) if more else None
        return _Found(shown, cursor, len(rows) if query.cursor is None else None)

    def places(self, most: int, last: int | None = None) -> Sequence[int]:
        """Give the newest matches, those at or before ``last``."""
        found = self._execute(self._statements.newest, most, last).scalars().all()
        return [place for place in found if place not in self._outside][:most] if self._outside else found

    def _rows(self, most: int, last: int | None) -> list[Any]:
        rows = self._execute(self._statements.ranked, most, last)
        return [row for row in rows if row.place not in self._outside][:most]

    def _execute(self, statement: sa.Select[Any], most: int, last: int | None) -> sa.CursorResult[Any]:
        bound = self._bound | {"most": most + len(self._outside)}
        if last is not None:
            bound["last"] = min(last, bound["last"])
        return self._conn.execute(statement, bound)

    def _outside_of_times(self) -> set[int]:
        """Give the places within the bounds of events that began outside of them."""
        outside: set[int] = set()
        for at, wrong in ((self._query.since, _EARLY), (self._query.until, _LATE)):
            if at is not None:
                first = to_micros(at) // 1000
                near = {"at": at, "first": first, "last": first + _SLACK_MS}
                outside.update(self._conn.execute(_NEAR.where(wrong), near).scalars())
        return outside
