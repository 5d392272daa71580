"""The words of the events as they are searched: one row of ``event_words`` for each outside the trash, for the index.

Both are derived: they are always made in this form, also by the migration, and may be made again at any time. ``place``
orders events: milliseconds since 1970 of the start, counted up where another event has them already. Between two object
types stands a sign that no query can name, so that no phrase begins in one and ends in the next. ``marks`` stand for
what can be filtered by.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import Event

from .gathered import leave, settle
from .joint import JointInsert
from .marks import SIGN, Marked, marks_of
from .schema import event_words, events
from .search_tables import drop_index, index_words, make_index
from .search_terms import add_terms, forget_all_terms
from .types import to_micros
from .words import words_of

_CHUNK: Final = 1000
_LOOK_AHEAD: Final = 100
_SPOKEN: Final = ("summary", "reasoning", "objects", "camera")
_TEXTS: Final = (*_SPOKEN, "marks")
_NUMBER_OF: Final = sa.select(events.c.number).where(events.c.id == sa.bindparam("event_id")).scalar_subquery()
_TAKEN: Final = (
    sa.select(event_words.c.place)
    .where(event_words.c.place >= sa.bindparam("first"))
    .order_by(event_words.c.place)
    .limit(_LOOK_AHEAD)
)
_CHANGED: Final = (
    event_words.update()
    .where(event_words.c.number == _NUMBER_OF)
    .where(sa.or_(*(event_words.c[name] != sa.bindparam(f"new_{name}") for name in _TEXTS)))
    .values({name: sa.bindparam(f"new_{name}") for name in _TEXTS})
)
_NAMES: Final = ("place", "number", *_TEXTS)
_MISSING: Final = sa.select(events.c.number).where(
    events.c.number.in_(sa.bindparam("numbers", expanding=True)),
    events.c.deleted_at.is_(None),
    ~sa.exists().where(event_words.c.number == events.c.number),
)
_ADD: Final = JointInsert(event_words, _NAMES, "number = {number} AND deleted_at IS NULL")
_SOURCE: Final = tuple(
    events.c[name]
    for name in (
        *("number", "started_at", "summary", "reasoning", "object_types", "camera_name"),
        *("camera_id", "risk_level", "reviewed", "flagged", "favourite", "ended_at"),
    )
)


def add_words(conn: Connection, event: Event, number: int) -> None:
    """Make a new event, whose row has this number, known to the search at the end of the transaction."""
    leave(conn, _write_words, {"place": to_micros(event.started_at) // 1000, "number": number, **_texts_of(event)})


def add_many_words(conn: Connection, new: Sequence[tuple[Event, int]]) -> None:
    """Make new events, each with the number of its row, known to the search."""
    if not new:
        return
    wanted = [to_micros(event.started_at) // 1000 for event, _ in new]
    # one that finds its millisecond taken goes on to the next, so the last may stand that much later
    bound = max(wanted) + 2 * len(new)
    within = event_words.c.place.between(min(wanted), bound)
    taken = set(conn.execute(sa.select(event_words.c.place).where(within)).scalars())
    rows: list[dict[str, Any]] = []
    for place, (event, number) in zip(wanted, new, strict=True):
        free = place
        while free in taken:
            free += 1
        taken.add(free)
        rows.append({"place": free, "number": number, **_texts_of(event)})
    if max(row["place"] for row in rows) <= bound:
        conn.execute(event_words.insert(), rows)
        add_terms(conn, *map(_spoken, rows))
        return
    for event, number in new:
        add_words(conn, event, number)


def change_words(conn: Connection, event: Event) -> None:
    """Follow a change of an event; without a change of its words nothing is written."""
    settle(conn)
    texts = _texts_of(event)
    named = {f"new_{name}": text for name, text in texts.items()}
    if conn.execute(_CHANGED, {"event_id": event.event_id} | named).rowcount:
        add_terms(conn, _spoken(texts))


def remove_words(conn: Connection, event_id: str) -> None:
    """Make an event unknown to the search."""
    settle(conn)
    conn.execute(event_words.delete().where(event_words.c.number == _NUMBER_OF), {"event_id": event_id})


def rebuild_index(conn: Connection) -> int:
    """Make words and index anew from the events, whatever was there; gives how many events."""
    settle(conn)
    drop_index(conn)
    forget_all_terms(conn)
    conn.execute(event_words.delete())
    made = fill_words(conn)
    make_index(conn)
    index_words(conn)
    return made


def fill_words(conn: Connection) -> int:
    """Write the words of every event that is not in the trash into the empty table; gives how many events."""
    made, last = 0, 0
    taken: set[int] = set()
    while rows := conn.execute(
        sa.select(*_SOURCE)
        .where(events.c.number > last, events.c.deleted_at.is_(None))
        .order_by(events.c.number)
        .limit(_CHUNK)
    ).all():
        conn.execute(event_words.insert(), [_words_row(row, taken) for row in rows])
        made += len(rows)
        last = rows[-1].number
    return made


def _write_words(conn: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write words of new events; those that were deleted meanwhile have none."""
    written = _ADD.write(conn, [list(row.values()) for row in rows])
    if written < len(rows):
        missing = set(conn.execute(_MISSING, {"numbers": [row["number"] for row in rows]}).scalars())
        for row in rows:
            if row["number"] in missing:
                conn.execute(event_words.insert(), row | {"place": _free_place(conn, row["place"])})
    add_terms(conn, *map(_spoken, rows))


def _words_row(row: Row[Any], taken: set[int]) -> dict[str, Any]:
    place = to_micros(row.started_at) // 1000
    while place in taken:
        place += 1
    taken.add(place)
    return {"place": place, "number": row.number, **_texts_of(row)}


def _texts_of(event: Event | Row[Any]) -> dict[str, str]:
    flags = (event.reviewed, event.flagged, event.favourite, event.ended_at is None)
    return {
        "summary": " ".join(words_of(event.summary)),
        "reasoning": " ".join(words_of(event.reasoning or "")),
        "objects": f" {SIGN} ".join(map(_name, event.object_types)),
        "camera": _name(event.camera_name),
        "marks": marks_of(Marked(event.camera_id, event.risk_level, tuple(event.object_types), *flags)),
    }


@lru_cache(maxsize=1024)
def _name(text: str) -> str:
    return " ".join(words_of(text))


def _spoken(row: Mapping[str, Any]) -> str:
    return " ".join(row[name] for name in _SPOKEN)


def _free_place(conn: Connection, place: int) -> int:
    while True:
        taken = conn.execute(_TAKEN, {"first": place}).scalars().all()
        free = next((place + step for step, found in enumerate(taken) if found != place + step), None)
        if free is not None:
            return free
        place += len(taken)
        if len(taken) < _LOOK_AHEAD:
            return place
