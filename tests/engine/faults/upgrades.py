"""A program: dies by SIGKILL at each step of an upgrade of an older database in turn, then starts again.

``upgrades.py sqlite FOLDER DUMP POINTS`` and ``upgrades.py postgresql URL TEMPLATE POINTS``. Steps are counted before
each SQL statement and each commit of the upgrade, and before and after the copy of the file. Prints one JSON line for
each fail-point: which one, whether it killed, and where the database was left.
"""

import asyncio
from contextlib import closing
from functools import partial
import gzip
import json
import os
from pathlib import Path
import signal
import sqlite3
import sys
from typing import Any

from alembic import command  # noqa: F401 it takes long to import, which the children are spared by
from alembic.config import Config  # noqa: F401 same
import asyncpg
import sqlalchemy as sa

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.storage import sqlite
from home_sentry_engine.storage.database import Database, sqlite_url
from tests.engine.faults.failpoints import FAR, Fuse, forked


def arm(fuse: Fuse) -> None:
    """Count every step of what follows in this process."""
    copy = sqlite._copy

    def fused(source: Path, target: Path) -> None:
        fuse.step()
        copy(source, target)
        fuse.step()

    sqlite._copy = fused
    for name in ("before_cursor_execute", "commit"):
        sa.event.listen(sa.Engine, name, lambda *_: fuse.step())


async def opened(url: str) -> None:
    async with Database(url, SystemClock()) as database:
        await database.check()


def upgrade(url: str, fuse: Fuse) -> None:
    arm(fuse)
    asyncio.run(opened(url))


def again(url: str) -> None:
    """Start as if nothing had happened."""
    asyncio.run(opened(url))


def steps(url: str, record: Path) -> int:
    """Run the upgrade of a database once, unharmed, and give how many steps that took."""

    def work() -> None:
        fuse = Fuse(FAR)
        upgrade(url, fuse)
        record.write_text(str(FAR - fuse.left))

    assert forked(work) == 0
    return int(record.read_text())


def chosen(total: int, points: int) -> list[int]:
    return sorted({round(number * (total - 1) / max(1, points - 1)) for number in range(points)})


def tell(point: int, status: int, **left: Any) -> None:
    assert status in {0, -signal.SIGKILL}, f"point {point} ended with {status}"
    print(json.dumps({"point": point, "died": status != 0, **left}), flush=True)


def on_sqlite(folder: Path, dump: Path, points: int) -> None:
    old = gzip.decompress(dump.read_bytes())

    def fresh(name: str) -> Path:
        file = folder / name / "home.db"
        file.parent.mkdir()
        file.write_bytes(old)
        return file

    total = steps(sqlite_url(fresh("whole")), folder / "steps")
    for point in chosen(total, points):
        file = fresh(f"point{point:03d}")
        status = forked(partial(upgrade, sqlite_url(file), Fuse(point)))
        with closing(sqlite3.connect(file)) as raw:
            assert raw.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            (revision,) = raw.execute("SELECT version_num FROM alembic_version").fetchone()
            tables = sorted(name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))
        assert forked(partial(again, sqlite_url(file))) == 0
        tell(point, status, revision=revision, tables=tables, file=str(file))


async def _asked(url: str, query: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [row[0] for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def _cloned(server: str, template: str, name: str) -> str:
    connection = await asyncpg.connect(f"{server}/postgres")
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    finally:
        await connection.close()
    return f"{server}/{name}"


def on_postgresql(server: str, template: str, points: int) -> None:
    fresh = lambda name: asyncio.run(_cloned(server, template, name))  # noqa: E731
    record = Path(f"/tmp/home-sentry-steps-{os.getpid()}")
    total = steps(fresh("upgrade_whole"), record)
    record.unlink()
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    for point in chosen(total, points):
        url = fresh(f"upgrade_{point}")
        status = forked(partial(upgrade, url, Fuse(point)))
        (revision,) = asyncio.run(_asked(url, "SELECT version_num FROM alembic_version"))
        found = asyncio.run(_asked(url, tables))
        assert forked(partial(again, url)) == 0
        tell(point, status, revision=revision, tables=found, file=url)


if __name__ == "__main__":
    kind, place, source, points = sys.argv[1:]
    if kind == "sqlite":
        on_sqlite(Path(place), Path(source), int(points))
    else:
        on_postgresql(place, source, int(points))
