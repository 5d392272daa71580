"""Search over what events say: summary, reasoning, object types, name of the camera."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import TSQUERY

from home_sentry_engine.contract import Event
from home_sentry_engine.storage.query import (
    Page,
    SearchOrder,
    SearchQuery,
    make_place_cursor,
    read_place_cursor,
    time_range,
)
from home_sentry_engine.storage.schema import event_words, events
from home_sentry_engine.storage.search import parse, to_fts5, to_tsquery
from home_sentry_engine.storage.types import to_micros

from .events import Events, event_filters

WINDOW: Final = 2000
"""Newest matches among which is ranked."""
MOST_COUNTED: Final = 1000
# an event that shares its millisecond with others stands a little after its start
_SLACK_MS: Final = 60_000
_SQLITE: Final = sa.table("event_index", sa.column("rowid", sa.BigInteger), sa.column("event_index"))
_POSTGRES: Final = sa.table("event_index", sa.column("place", sa.BigInteger), sa.column("vector"))


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
            total = matches.count() if found.counted is None else found.counted
        return Page(
            items=self._events.of_numbers(conn, found.numbers),
            next_cursor=found.next_cursor,
            total=None if total is None else min(total, MOST_COUNTED),
            total_capped=total is not None and total > MOST_COUNTED,
        )


class _Found(NamedTuple):
    """Rows of a page; ``counted`` tells how many matches there are where that was seen on the way."""

    numbers: list[int]
    next_cursor: str | None
    counted: int | None


class _Matches:
    def __init__(self, conn: Connection, query: SearchQuery) -> None:
        self._conn = conn
        self._query = query
        # without them the index alone answers: what is in the trash is not in it
        self._filters = [*event_filters(query), *time_range(query, events.c.started_at)]
        self._filtered = bool(self._filters)
        tree = parse(query.text)
        if conn.dialect.name == "sqlite":
            self._place: sa.ColumnElement[int] = _SQLITE.c.rowid
            # the sign keeps the planner from going through events or words first and asking the index for each of them
            self._joined: sa.ColumnElement[int] = sa.literal_column("+event_index.rowid", sa.BigInteger)
            self._index = _SQLITE
            self._found = _SQLITE.c.event_index.op("MATCH")(to_fts5(tree))
            # the lower, the better; the summary weighs most
            self._score: sa.ColumnElement[float] = sa.literal_column("bm25(event_index, 4.0, 1.0, 3.0, 2.0)", sa.Float)
        else:
            wanted = sa.cast(to_tsquery(tree), TSQUERY)
            self._place = self._joined = _POSTGRES.c.place
            self._index = _POSTGRES
            self._found = _POSTGRES.c.vector.op("@@")(wanted)
            self._score = -sa.func.ts_rank(sa.text("'{0.25, 0.5, 0.75, 1.0}'::real[]"), _POSTGRES.c.vector, wanted)

    def newest(self) -> _Found:
        """Give the numbers of one page and the next cursor."""
        query = self._query
        statement = self._matching(self._place.label("place"))
        # the first page of filtered matches counts what it walks through anyway
        counting = self._filtered and query.with_total and query.cursor is None
        most = max(query.limit, MOST_COUNTED if counting else 0) + 1
        if query.cursor is not None:
            statement = statement.where(self._place < read_place_cursor(query)[0])
        places = self._conn.execute(statement.order_by(self._place.desc()).limit(most)).scalars().all()
        shown = places[: query.limit]
        cursor = make_place_cursor(query, shown[-1]) if len(places) > query.limit else None
        return _Found(self._numbers(shown), cursor, len(places) if counting else None)

    def best(self) -> _Found:
        """Give the numbers of one page by rank and the next cursor, which stays with the first page's window."""
        query = self._query
        statement = self._matching(self._place.label("place"), self._score.label("score"))
        skip = 0
        if query.cursor is not None:
            newest, skip = read_place_cursor(query)
            statement = statement.where(self._place <= newest)
        rows = self._conn.execute(statement.order_by(self._place.desc()).limit(WINDOW)).all()
        ordered = sorted(rows, key=lambda row: (row.score, -row.place))
        shown = ordered[skip : skip + query.limit]
        more = len(ordered) > skip + query.limit
        cursor = make_place_cursor(query, rows[0].place, skip + query.limit) if more else None
        counted = len(rows) if query.cursor is None else None
        return _Found(self._numbers([row.place for row in shown]), cursor, counted)

    def count(self) -> int:
        """Count all matches, but only a few more than are told."""
        some = self._matching(sa.literal(1).label("one")).limit(MOST_COUNTED + 1).subquery()
        return self._conn.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()

    def _numbers(self, places: Sequence[int]) -> list[int]:
        stored = sa.select(event_words.c.place, event_words.c.number).where(event_words.c.place.in_(places))
        number_at: dict[int, int] = {row.place: row.number for row in self._conn.execute(stored)}
        return [number_at[place] for place in places]

    def _matching(self, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
        query = self._query
        conditions = [self._found, *self._filters]
        if query.since is not None:
            conditions.append(self._place >= to_micros(query.since) // 1000)
        if query.until is not None:
            conditions.append(self._place <= to_micros(query.until) // 1000 + _SLACK_MS)
        source: sa.FromClause = self._index
        if self._filtered:
            source = self._index.join(event_words, event_words.c.place == self._joined).join(
                events, events.c.number == event_words.c.number
            )
        return sa.select(*columns).select_from(source).where(*conditions)
