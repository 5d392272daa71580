"""Benchmark ``store``: new events per second, each caller going on after the commit, beside two other ways.

An event is its row, its words with their index, its first change and its object types, in tables with every index and
trigger of the engine. The limit is a thread with bare ``sqlite3`` that writes the very same rows into the same tables
and commits together what waits. The common way is SQLAlchemy Core in a thread with one commit per event.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
import shutil
import sqlite3
from tempfile import TemporaryDirectory
from typing import Any, Final

from home_sentry_engine.contract import Event
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.storage.database import Connection, Database, sqlite_url
from home_sentry_engine.storage.repositories.cameras import Cameras
from home_sentry_engine.storage.repositories.events import Events
from home_sentry_engine.storage.rowwise import RowByRow
from home_sentry_engine.storage.schema import event_objects, event_words, events, transitions

from .bare_writer import BareWriter
from .contest import Contest, Lap, Side, in_turn
from .made_events import CAMERAS, START, made_events
from .queue import CALLERS, crowd

PER_ROW_TARGET: Final = 5.0
_LIMIT_TARGET: Final = 0.3
_ALONE_SHARE: Final = 4
_TABLES: Final = ((events, "number"), (event_words, "number"), (transitions, "event_id"), (event_objects, "event_id"))

# what one event is in each of the tables: as the driver takes it, and as SQLAlchemy takes it
type _Plain = list[tuple[str, list[tuple[Any, ...]]]]
type _Typed = list[list[dict[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreBench:
    """Result: with many callers and with one."""

    rounds: int
    events: int
    callers: int
    contests: tuple[Contest, ...]

    @property
    def passed(self) -> bool:
        """Whether every target is reached."""
        return all(one.passed for one in self.contests)

    def document(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"bench": "store", **asdict(self), "passed": self.passed}

    def rows(self) -> list[tuple[str, str, str]]:
        """Give the table: what, figure, ratio."""
        return [row for one in self.contests for row in one.rows()]


async def bench_store(*, rounds: int, events: int = 2000) -> StoreBench:
    """Measure in databases of its own; raises the errors of ``storage.errors``."""
    with TemporaryDirectory(prefix="home-sentry-bench-") as folder:
        made = tuple(made_events(events))
        empty = await _empty(Path(folder))
        scratch = _Scratch(empty, made, *await _stored(_copied(empty, Path(folder) / "first.db"), made))
        few = max(1, events // _ALONE_SHARE)

        async def compare(what: str, limit: str, sides: tuple[Side, Side], target: float) -> Contest:
            return Contest.of(what, limit, await in_turn(*sides, rounds), target)

        many = partial(scratch.engine, events, CALLERS)
        bare = "bare sqlite3 writer thread with group commit, the same rows"
        contests = (
            await compare(
                f"new events, {CALLERS} callers",
                f"{bare}, {CALLERS} callers",
                (many, partial(scratch.bare, events, CALLERS)),
                _LIMIT_TARGET,
            ),
            await compare(
                "new events, one caller",
                f"{bare}, one caller",
                (partial(scratch.engine, few, 1), partial(scratch.bare, few, 1)),
                _LIMIT_TARGET,
            ),
            await compare(
                f"new events, {CALLERS} callers",
                "SQLAlchemy Core in a thread, one commit per event",
                (many, partial(scratch.row_by_row, few)),
                PER_ROW_TARGET,
            ),
        )
    return StoreBench(rounds=rounds, events=events, callers=CALLERS, contests=contests)


class _Scratch:
    """The three sides; each lap writes into an empty database of its own."""

    def __init__(self, empty: Path, made: tuple[Event, ...], plain: list[_Plain], typed: list[_Typed]) -> None:
        self._empty = empty
        self._made = made
        self._plain = plain
        self._typed = typed

    async def engine(self, count: int, callers: int) -> Lap:
        table, lap = Events(), Lap(done=count)
        with self._fresh() as file:
            async with Database(sqlite_url(file), SystemClock()) as database:
                with lap.timed():
                    await crowd(
                        lambda one: database.write(partial(table.insert, event=self._made[one])), count, callers
                    )
        return lap

    async def bare(self, count: int, callers: int) -> Lap:
        lap = Lap(done=count)
        with self._fresh() as file:
            async with BareWriter(file) as writer:
                with lap.timed():
                    await crowd(lambda one: writer.write(partial(_write_plain, self._plain[one])), count, callers)
        return lap

    async def row_by_row(self, count: int) -> Lap:
        lap = Lap(done=count)
        with self._fresh() as file, RowByRow(file) as writer:

            async def write(one: int) -> None:
                await asyncio.to_thread(writer.write, partial(_write_typed, self._typed[one]))

            with lap.timed():
                await crowd(write, count, 1)
        return lap

    @contextmanager
    def _fresh(self) -> Iterator[Path]:
        with TemporaryDirectory(dir=self._empty.parent) as folder:
            yield _copied(self._empty, Path(folder) / "engine.db")


async def _empty(folder: Path) -> Path:
    file = folder / "empty.db"
    async with Database(sqlite_url(file), SystemClock()) as database:
        await database.write(_cameras)
    return file


def _copied(file: Path, to: Path) -> Path:
    return Path(shutil.copyfile(file, to))


def _cameras(conn: Connection) -> None:
    for camera in CAMERAS:
        Cameras().ensure(conn, camera_id=camera, name=camera, folder=camera, now=START)


async def _stored(file: Path, made: tuple[Event, ...]) -> tuple[list[_Plain], list[_Typed]]:
    """Let the engine write the events into an empty database and give what each of them then is in the tables."""
    async with Database(sqlite_url(file), SystemClock()) as database:
        for event in made:
            await database.write(partial(Events().insert, event=event))
        typed = await database.read(
            lambda conn: [_grouped(conn.execute(table.select()).mappings(), key) for table, key in _TABLES]
        )
    with closing(sqlite3.connect(file)) as raw:
        raw.row_factory = sqlite3.Row
        plain = [_grouped(raw.execute(f"SELECT * FROM {table.name}"), key) for table, key in _TABLES]  # noqa: S608
    marks = [", ".join("?" * len(table.c)) for table, _ in _TABLES]
    inserts = [f"INSERT INTO {table.name} VALUES ({mark})" for (table, _), mark in zip(_TABLES, marks, strict=True)]  # noqa: S608
    return (
        [
            [(insert, [tuple(row) for row in rows]) for insert, rows in zip(inserts, parts, strict=True)]
            for parts in zip(*plain, strict=True)
        ],
        [[[dict(row) for row in rows] for rows in parts] for parts in zip(*typed, strict=True)],
    )


def _grouped(rows: Iterable[Any], key: str) -> list[list[Any]]:
    return [list(part) for _, part in groupby(sorted(rows, key=itemgetter(key)), key=itemgetter(key))]


def _write_plain(parts: _Plain, conn: sqlite3.Connection) -> None:
    for insert, rows in parts:
        conn.executemany(insert, rows)


def _write_typed(parts: _Typed, conn: Connection) -> None:
    for (table, _), rows in zip(_TABLES, parts, strict=True):
        conn.execute(table.insert(), rows)
