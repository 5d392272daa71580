"""Inserts that are compiled once fail as SQLAlchemy's own do."""

from datetime import datetime

import pytest
import sqlalchemy as sa

from home_sentry_engine.storage.quick import QuickInsert
from home_sentry_engine.storage.schema import cameras, event_objects
from tests.engine.unit.storage.samples import at

CAMERA = {"id": "yard", "name": "Yard", "status": "online", "created_at": at(0)}
QUICK = QuickInsert(cameras, tuple(CAMERA))
OBJECTS = QuickInsert(event_objects, ("event_id", "label"), skip=())


async def failure(database, work) -> sa.exc.StatementError:
    def refused(conn):
        with pytest.raises(sa.exc.StatementError) as found, conn.begin_nested():
            work(conn)
        return found.value

    return await database.write(refused)


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"id": "other", "status": "happy"},
        {"id": "other", "name": None},
        {"id": "other", "created_at": datetime(2026, 7, 1)},  # noqa: DTZ001
        {"id": "other", "created_at": "today"},
        {"id": "other", "name": object()},
    ],
)
async def test_a_row_that_is_refused_raises_what_sqlalchemy_raises(database, odd):
    await database.write(lambda conn: QUICK.count(conn, [CAMERA]))
    row = CAMERA | odd
    quick = await failure(database, lambda conn: QUICK.count(conn, [row]))
    plain = await failure(database, lambda conn: conn.execute(cameras.insert(), row))
    assert type(quick) is type(plain)
    assert type(quick.orig) is type(plain.orig)
    stored = await database.read(lambda conn: conn.execute(sa.select(sa.func.count()).select_from(cameras)).scalar())
    assert stored == 1


async def test_one_of_many_rows_that_is_refused_undoes_all(database):
    rows = [CAMERA | {"id": "one"}, CAMERA | {"id": "two", "status": "happy"}]
    assert isinstance(await failure(database, lambda conn: QUICK.count(conn, rows)), sa.exc.IntegrityError)
    assert await database.read(lambda conn: conn.execute(sa.select(cameras)).all()) == []


async def test_a_row_without_its_parent_is_refused_also_where_twins_are_skipped(database):
    orphan = [{"event_id": "nothing", "label": "dog"}]
    assert isinstance(await failure(database, lambda conn: OBJECTS.count(conn, orphan)), sa.exc.IntegrityError)
