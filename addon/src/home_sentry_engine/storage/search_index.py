"""The words of the events as they are searched: one row of ``event_words`` for each outside the trash, for the index.

Both are derived: they are always made in this form, also by the migration, and may be made again at any time. ``place``
orders events: milliseconds since 1970 of the start, counted up where another event has them already. Between two object
types stands a sign that no query can name, so that no phrase begins in one and ends in the next.
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import Event

from .quick import QuickInsert
from .schema import event_words, events
from .search_tables import drop_index, index_words, make_index
from .types import to_micros
from .words import words_of

GAP: Final = "·"
_CHUNK: Final = 1000
_LOOK_AHEAD: Final = 100
_TEXTS: Final = ("summary", "reasoning", "objects", "camera")
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
_ADD: Final = QuickInsert(event_words, ("place", "number", *_TEXTS), skip=("place",))
_SOURCE: Final = tuple(
    events.c[name] for name in ("number", "started_at", "summary", "reasoning", "object_types", "camera_name")
)


def add_words(conn: Connection, event: Event, number: int) -> None:
    """Make a new event, whose row has this number, known to the search."""
    place = to_micros(event.started_at) // 1000
    row: dict[str, Any] = {"place": place, "number": number}
    row |= _texts(event.summary, event.reasoning, event.object_types, event.camera_name)
    if _ADD.count(conn, [row]) == 0:
        conn.execute(event_words.insert(), row | {"place": _free_place(conn, place)})


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
        texts = _texts(event.summary, event.reasoning, event.object_types, event.camera_name)
        rows.append({"place": free, "number": number, **texts})
    if max(row["place"] for row in rows) <= bound:
        conn.execute(event_words.insert(), rows)
        return
    for event, number in new:
        add_words(conn, event, number)


def change_words(conn: Connection, event: Event) -> None:
    """Follow a change of an event; without a change of its words nothing is written."""
    texts = _texts(event.summary, event.reasoning, event.object_types, event.camera_name)
    conn.execute(_CHANGED, {"event_id": event.event_id} | {f"new_{name}": text for name, text in texts.items()})


def remove_words(conn: Connection, event_id: str) -> None:
    """Make an event unknown to the search."""
    conn.execute(event_words.delete().where(event_words.c.number == _NUMBER_OF), {"event_id": event_id})


def rebuild_index(conn: Connection) -> int:
    """Make words and index anew from the events, whatever was there; gives how many events."""
    drop_index(conn)
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


def _words_row(row: Row[Any], taken: set[int]) -> dict[str, Any]:
    place = to_micros(row.started_at) // 1000
    while place in taken:
        place += 1
    taken.add(place)
    texts = _texts(row.summary, row.reasoning, row.object_types, row.camera_name)
    return {"place": place, "number": row.number, **texts}


def _texts(summary: str, reasoning: str | None, object_types: Sequence[str], camera_name: str) -> dict[str, str]:
    objects = f" {GAP} ".join(" ".join(words_of(label)) for label in object_types)
    return {
        "summary": " ".join(words_of(summary)),
        "reasoning": " ".join(words_of(reasoning or "")),
        "objects": objects,
        "camera": " ".join(words_of(camera_name)),
    }


def _free_place(conn: Connection, place: int) -> int:
    while True:
        taken = conn.execute(_TAKEN, {"first": place}).scalars().all()
        free = next((place + step for step, found in enumerate(taken) if found != place + step), None)
        if free is not None:
            return free
        place += len(taken)
        if len(taken) < _LOOK_AHEAD:
            return place
