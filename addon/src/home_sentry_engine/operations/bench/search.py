"""Benchmark ``search``: how long a page of matches with its total takes, newest first and ranked, among many events.

Each search is run through the repository on the store's own readers, as the API does it. Its limit is the same match
by bare ``sqlite3``: the ids of a page, newest first, without any filter, total or event.
"""

import asyncio
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
import sqlite3
from tempfile import TemporaryDirectory
import time
from typing import Any, Final

from home_sentry_engine.contract import Event, RiskLevel
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.storage.database import Connection, Database, sqlite_url
from home_sentry_engine.storage.query import Page, SearchOrder, SearchQuery
from home_sentry_engine.storage.repositories.cameras import Cameras
from home_sentry_engine.storage.repositories.events import Events
from home_sentry_engine.storage.repositories.search import Search
from home_sentry_engine.storage.search import parse, to_fts5

from .made_events import CAMERAS, COMMON, RARE, START, STEP, made_events
from .spread import Spread

NEWEST_MS: Final = 5.0
RANKED_MS: Final = 250.0
_CHUNK: Final = 5000
_TEXTS: Final = (
    f"{COMMON[0]} {COMMON[1]}",
    f'"{COMMON[0]} {COMMON[4]}"',
    "driv*",
    RARE,
    f"{RARE} {COMMON[0]}",
    f"{COMMON[2]} OR {COMMON[5]}",
    f"{COMMON[3]} NOT {COMMON[1]}",
)
_PAGE: Final = "SELECT rowid FROM event_index WHERE event_index MATCH ? ORDER BY rowid DESC LIMIT 51"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTimes:
    """How long one kind of search took in milliseconds, bare and through the engine; ``found`` is the last total.

    ``cpu_ms`` is the processor time of the engine's reader, which other work on the machine does not lengthen.
    """

    what: str
    bare_ms: Spread
    engine_ms: Spread
    cpu_ms: Spread
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchBench:
    """Result: every search in both orders; the targets are for 1,000,000 events."""

    events: int
    rounds: int
    build_s: float
    size_mb: float
    searches: tuple[SearchTimes, ...]
    newest_ms: Spread
    newest_cpu_ms: Spread
    ranked_ms: Spread
    ranked_cpu_ms: Spread
    newest_target_ms: float = NEWEST_MS
    ranked_target_ms: float = RANKED_MS

    @property
    def passed(self) -> bool:
        """Whether 95 of 100 searches are as fast as wanted."""
        return self.newest_ms.p95 <= self.newest_target_ms and self.ranked_ms.p95 <= self.ranked_target_ms

    def document(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"bench": "search", **asdict(self), "passed": self.passed}

    def rows(self) -> list[tuple[str, str, str]]:
        """Give the table: what, figure, times of the bare match."""
        head = (
            f"{self.events:,} events, {self.size_mb:,.0f} MB",
            f"built in {self.build_s:.0f} s, {self.events / self.build_s:,.0f}/s",
            "",
        )
        single = [
            (
                f"{one.what} ({one.found})",
                f"{_figure(one.engine_ms)}, processor {_figure(one.cpu_ms)}, n {one.engine_ms.n}",
                f"{one.engine_ms.p50 / one.bare_ms.p50:.1f}",
            )
            for one in self.searches
        ]
        newest = f"{_figure(self.newest_ms)}, processor {_figure(self.newest_cpu_ms)}"
        ranked = f"{_figure(self.ranked_ms)}, processor {_figure(self.ranked_cpu_ms)}"
        return [
            head,
            *single,
            ("newest first, all, with totals", newest, f"target p95 {self.newest_target_ms:g}"),
            ("ranked, all, with totals", ranked, f"target p95 {self.ranked_target_ms:g}"),
        ]


def _figure(spread: Spread) -> str:
    return f"p50 {spread.p50:.2f} p95 {spread.p95:.2f} ms"


async def bench_search(*, rounds: int, events: int, folder: Path | None = None) -> SearchBench:
    """Build a database of so many events in a new folder below ``folder`` and search it."""
    with TemporaryDirectory(prefix="home-sentry-bench-", dir=folder) as scratch:
        file = Path(scratch) / "engine.db"
        async with Database(sqlite_url(file), SystemClock()) as database:
            began = time.perf_counter()
            await _build(database, events)
            build_s = time.perf_counter() - began
            searches, whole = await _measure(database, file, rounds, events)
            size = await database.size_bytes()
    return SearchBench(
        events=events,
        rounds=rounds,
        build_s=build_s,
        size_mb=size / 1e6,
        searches=tuple(searches),
        newest_ms=Spread.of([one.wall_ms for one in whole[SearchOrder.NEWEST]]),
        newest_cpu_ms=Spread.of([one.cpu_ms for one in whole[SearchOrder.NEWEST]]),
        ranked_ms=Spread.of([one.wall_ms for one in whole[SearchOrder.RANK]]),
        ranked_cpu_ms=Spread.of([one.cpu_ms for one in whole[SearchOrder.RANK]]),
    )


async def _build(database: Database, events: int) -> None:
    table = Events()

    def cameras(conn: Connection) -> None:
        for camera in CAMERAS:
            Cameras().ensure(conn, camera_id=camera, name=camera, folder=camera, now=START)

    await database.write(cameras)
    for first in range(0, events, _CHUNK):
        made = made_events(min(_CHUNK, events - first), first=first)
        part = await asyncio.to_thread(tuple, made)
        await database.write(partial(table.insert_many, new=part))


def _queries(order: SearchOrder, events: int) -> dict[str, SearchQuery]:
    end = START + events * STEP
    queries = {text: SearchQuery(text=text, order=order, with_total=True) for text in _TEXTS}
    pair = _TEXTS[0]
    queries[f"{pair}, one camera, 7 days"] = SearchQuery(
        text=pair, order=order, with_total=True, camera_id=CAMERAS[0], since=end - timedelta(days=7)
    )
    queries[f"{pair}, level and object"] = SearchQuery(
        text=pair, order=order, with_total=True, level=RiskLevel.HIGH, object_type=COMMON[0]
    )
    return queries


@dataclass(frozen=True, slots=True)
class _Once:
    bare_ms: float
    wall_ms: float
    cpu_ms: float


async def _measure(
    database: Database, file: Path, rounds: int, events: int
) -> tuple[list[SearchTimes], dict[SearchOrder, list[_Once]]]:
    searches: list[SearchTimes] = []
    whole: dict[SearchOrder, list[_Once]] = {order: [] for order in SearchOrder}
    with closing(sqlite3.connect(file, check_same_thread=False)) as bare:
        for order in SearchOrder:
            for name, query in _queries(order, events).items():
                found, times = await _timed(database, bare, query, rounds)
                whole[order] += times
                searches.append(
                    SearchTimes(
                        what=f"{order}: {name}",
                        bare_ms=Spread.of([one.bare_ms for one in times]),
                        engine_ms=Spread.of([one.wall_ms for one in times]),
                        cpu_ms=Spread.of([one.cpu_ms for one in times]),
                        found=found,
                    )
                )
    return searches, whole


async def _timed(
    database: Database, bare: sqlite3.Connection, query: SearchQuery, rounds: int
) -> tuple[str, list[_Once]]:
    search, match = Search(Events()), to_fts5(parse(query.text))

    def work(conn: Connection) -> tuple[Page[Event], float]:
        began = time.thread_time()
        page = search.page(conn, query)
        return page, time.thread_time() - began

    times: list[_Once] = []
    found = ""
    for number in range(rounds + 1):
        began = time.perf_counter()
        await asyncio.to_thread(lambda: bare.execute(_PAGE, (match,)).fetchall())
        middle = time.perf_counter()
        page, cpu_s = await database.read(work)
        ended = time.perf_counter()
        found = f"{page.total}{'+' if page.total_capped else ''} found"
        if number:
            times.append(_Once((middle - began) * 1000, (ended - middle) * 1000, cpu_s * 1000))
    return found, times
