"""Pages: every row once, whatever comes and goes meanwhile."""

import asyncio
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import datetime
from functools import partial
import shutil

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest
import sqlalchemy as sa

from home_sentry_engine.storage.database import Database, sqlite_url
from home_sentry_engine.storage.errors import InvalidCursor
from home_sentry_engine.storage.query import (
    DetectionQuery,
    EventQuery,
    MediaQuery,
    _fingerprint,
    make_cursor,
    read_cursor,
)
from home_sentry_engine.storage.repositories.detections import Detections
from home_sentry_engine.storage.repositories.events import Events
from home_sentry_engine.storage.repositories.media import MediaFiles
from tests.engine.unit.storage import samples
from tests.engine.unit.storage.samples import at
from tests.fakes.clock import FakeClock

EVENTS = Events()


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_outside_1_to_1000_is_refused(limit):
    with pytest.raises(ValueError, match="1 to 1000"):
        EventQuery(limit=limit)


async def fill(database, starts):
    def work(conn):
        conn.exec_driver_sql("DELETE FROM events")
        samples.with_camera(conn)
        for number, start in enumerate(starts):
            EVENTS.insert(conn, samples.event(f"e{number}", started_at=at(start), ended_at=None))

    await database.write(work)


async def disturb(database, newcomers, removed):
    def work(conn):
        for number, start in enumerate(newcomers):
            EVENTS.insert(conn, samples.event(f"n{number}", started_at=at(start), ended_at=None))
        for number in removed:
            EVENTS.trash(conn, f"e{number}", at(0))

    await database.write(work)


async def pages(database, limit):
    cursor = None
    while True:
        query = EventQuery(limit=limit, cursor=cursor)
        page = await database.read(partial(EVENTS.page, query=query))
        assert len(page.items) <= limit
        yield [(one.started_at, one.event_id) for one in page.items]
        if page.next_cursor is None:
            return
        cursor = page.next_cursor


def test_walking_the_pages_gives_every_row_once_in_order(empty_file, tmp_path):
    file = shutil.copy(empty_file, tmp_path / "engine.db")
    with asyncio.Runner() as runner:
        database = runner.run(Database(sqlite_url(file), FakeClock()).__aenter__())

        @settings(max_examples=60, deadline=None)
        @given(
            starts=st.lists(st.integers(0, 5), max_size=25),
            limit=st.integers(1, 7),
            newcomers=st.lists(st.integers(-2, 8), max_size=4),
            removed=st.sets(st.integers(0, 24), max_size=4),
        )
        def check(starts, limit, newcomers, removed):
            async def walk():
                await fill(database, starts)
                seen: list[tuple[datetime, str]] = []
                async for rows in pages(database, limit):
                    if not seen:
                        await disturb(database, newcomers, removed)
                    seen += rows
                return seen

            seen = runner.run(walk())
            assert seen == sorted(seen, reverse=True)
            assert len(seen) == len(set(seen))
            kept = {f"e{number}" for number in range(len(starts)) if number not in removed}
            assert kept <= {event_id for _, event_id in seen}

        check()
        runner.run(database.__aexit__(None, None, None))


async def test_a_page_that_ends_with_the_rows_has_no_next(database):
    await database.write(lambda conn: samples.with_media(conn, "a", "b"))
    page = await database.read(lambda conn: MediaFiles().page(conn, MediaQuery(limit=2, with_total=True)))
    assert (len(page.items), page.next_cursor, page.total) == (2, None, 2)
    page = await database.read(lambda conn: MediaFiles().page(conn, MediaQuery(limit=1)))
    assert (len(page.items), page.total) == (1, None)
    assert page.next_cursor is not None


def packed(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@given(cursor=st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: urlsafe_b64encode(raw).decode()))
def test_no_text_is_a_cursor_by_accident(cursor):
    with pytest.raises(InvalidCursor):
        read_cursor(EventQuery(cursor=cursor), str)


async def test_a_cursor_belongs_to_its_query(database):
    cursor = make_cursor(EventQuery(camera_id="yard"), at(0), "e1")
    await database.read(lambda conn: EVENTS.page(conn, EventQuery(camera_id="yard", limit=7, cursor=cursor)))
    for query in (EventQuery(cursor=cursor), EventQuery(camera_id="door", cursor=cursor)):
        with pytest.raises(InvalidCursor):
            await database.read(lambda conn, query=query: EVENTS.page(conn, query))
    media = MediaQuery(camera_id="yard", cursor=cursor)
    with pytest.raises(InvalidCursor):
        await database.read(lambda conn: MediaFiles().page(conn, media))


@pytest.mark.parametrize("last", ['"7"', "-1", "9223372036854775808", "true", "1.5", "null", "[]"])
async def test_a_forged_row_id_is_refused(database, last):
    honest = make_cursor(DetectionQuery(), at(0), 7)
    forged = packed(f'["{_fingerprint(DetectionQuery())}",0,{last}]')
    await database.read(lambda conn: Detections().page(conn, DetectionQuery(cursor=honest)))
    with pytest.raises(InvalidCursor):
        await database.read(lambda conn: Detections().page(conn, DetectionQuery(cursor=forged)))


@pytest.mark.parametrize("micros", ["1e3", "99999999999999999999", "-99999999999999999999", '"0"', "true"])
async def test_a_forged_time_is_refused(database, micros):
    forged = packed(f'["{_fingerprint(EventQuery())}",{micros},"e1"]')
    with pytest.raises(InvalidCursor):
        await database.read(lambda conn: EVENTS.page(conn, EventQuery(cursor=forged)))


async def test_pages_use_an_index_and_do_not_sort(sqlite):
    def plans(conn):
        found = []

        def noted(_conn, cursor, statement, parameters, _context, _many):
            if statement.startswith("SELECT"):
                cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
                found.append(" / ".join(row[3] for row in cursor.fetchall()))

        engine = conn.engine
        sa.event.listen(engine, "before_cursor_execute", noted)
        try:
            for query in (EventQuery(), EventQuery(camera_id="yard"), EventQuery(since=at(0))):
                EVENTS.page(conn, query)
                EVENTS.page(conn, replace(query, cursor=make_cursor(query, at(0), "e1")))
            for camera_id in (None, "yard"):
                MediaFiles().page(conn, MediaQuery(camera_id=camera_id))
                Detections().page(conn, DetectionQuery(camera_id=camera_id))
            MediaFiles().accounting(conn)
        finally:
            sa.event.remove(engine, "before_cursor_execute", noted)
        return found

    found = await sqlite.read(plans)
    assert len(found) >= 11
    assert [plan for plan in found if "TEMP B-TREE" in plan] == []
    assert [plan for plan in found if plan.startswith("SCAN") and "INDEX" not in plan] == []
    assert any("ix_media_queued" in plan for plan in found)
