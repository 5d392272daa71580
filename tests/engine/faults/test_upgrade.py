"""F24: killed while an older database is upgraded: it is the old one or the new one, and nothing is gone."""

import asyncio
from collections import Counter
from contextlib import closing
import gzip
import json
from pathlib import Path
import sqlite3
import subprocess
import sys
from typing import Any

import asyncpg
import pytest

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.storage import migrate
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.meta import Meta
from tests.engine.faults.invariants import ORPHANS
from tests.engine.faults.programs import ROOT

DUMPS = Path(__file__).parents[1] / "dumps"
ALL = sorted(DUMPS.glob("schema-*.db.gz"))
# a dump of the present schema waits for the next one
OLD = [dump for dump in ALL if dump.name.split("-")[1].split(".")[0] != migrate.REVISIONS[-1]]
MADE_BY_THE_FILE = ("event_index", "sqlite_", "alembic_version")


def run(*arguments: Any) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.engine.faults.upgrades", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=1100, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def rows(
    file: Path, columns: dict[str, list[str]] | None = None
) -> tuple[dict[str, Counter[Any]], dict[str, list[str]]]:
    """Give the rows of every table, of the columns named, or of all with their names."""
    found: dict[str, Counter[Any]] = {}
    known = dict(columns or {})
    with closing(sqlite3.connect(file)) as raw:
        if columns is None:
            for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                if not name.startswith(MADE_BY_THE_FILE):
                    known[name] = [column[1] for column in raw.execute(f"PRAGMA table_info({name})")]
        for name, wanted in known.items():
            found[name] = Counter(raw.execute(f"SELECT {', '.join(wanted)} FROM {name}").fetchall())
    return found, known


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("dump", OLD, ids=lambda dump: dump.name.removesuffix(".db.gz"))
def test_f24_killed_while_it_upgrades_the_file_is_old_or_new_and_whole(tmp_path, rounds, dump):
    before = tmp_path / "before.db"
    before.write_bytes(gzip.decompress(dump.read_bytes()))
    kept, columns = rows(before)
    old = dump.name.split("-")[1].split(".")[0]
    assert sum(kept["media"].values()) > 20
    (tmp_path / "points").mkdir()
    outcomes = run("sqlite", tmp_path / "points", dump, rounds(5, 60))
    # from the newest dump there may be few steps
    assert len(outcomes) >= rounds(5, 10 if dump == ALL[-1] else 45)
    assert sum(one["died"] for one in outcomes) == len(outcomes)
    shapes = {one["revision"]: set(one["tables"]) for one in outcomes}
    for one in outcomes:
        assert one["revision"] in {old, migrate.REVISIONS[-1]}
        assert set(one["tables"]) == shapes[one["revision"]]
        file = Path(one["file"])
        with closing(sqlite3.connect(file)) as raw:
            assert raw.execute("SELECT version_num FROM alembic_version").fetchone() == (migrate.REVISIONS[-1],)
            assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
            for name, query in ORPHANS.items():
                assert raw.execute(query).fetchmany(3) == [], name
        assert rows(file, columns)[0] == kept
    left = Counter("old" if one["revision"] == old else "new" for one in outcomes)
    print(f"\n  {len(outcomes)} of {len(outcomes)} fail-points from {old}: {dict(left)}, never between, 0 rows lost")


def test_f24_the_newest_dump_has_rows_in_every_table(tmp_path):
    file = tmp_path / "newest.db"
    file.write_bytes(gzip.decompress(ALL[-1].read_bytes()))
    found, _ = rows(file)
    assert len(found) > 60
    assert [name for name, kept in found.items() if not kept] == []
    with closing(sqlite3.connect(file)) as raw:
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []


def _fill(conn: Connection) -> None:
    for number in range(50):
        Meta().set(conn, f"kept:{number}", number)


@pytest.fixture
async def older_postgres(postgres_server, monkeypatch) -> str:
    """Give the name of a database with an older schema and some rows."""
    url = await postgres_server.empty()
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "REVISIONS", migrate.REVISIONS[:6])
        async with Database(url, SystemClock()) as database:
            await database.write(_fill)
    return str(url.rpartition("/")[2])


@pytest.mark.timeout(1200)
async def test_f24_killed_while_it_upgrades_postgresql_is_old_or_new(older_postgres, postgres_server, rounds):
    outcomes = await asyncio.to_thread(run, "postgresql", postgres_server.url, older_postgres, rounds(4, 50))
    old, new = migrate.REVISIONS[5], migrate.REVISIONS[-1]
    assert sum(one["died"] for one in outcomes) == len(outcomes) >= rounds(4, 40)
    shapes = {one["revision"]: set(one["tables"]) for one in outcomes}
    for one in outcomes:
        assert one["revision"] in {old, new}
        assert set(one["tables"]) == shapes[one["revision"]]
        connection = await asyncpg.connect(one["file"])
        try:
            assert await connection.fetchval("SELECT version_num FROM alembic_version") == new
            assert await connection.fetchval("SELECT count(*) FROM meta WHERE key LIKE 'kept:%'") == 50
        finally:
            await connection.close()
    left = Counter("old" if one["revision"] == old else "new" for one in outcomes)
    print(f"\n  {len(outcomes)} of {len(outcomes)} fail-points from {old}: {dict(left)}, never between, 0 rows lost")
