"""``db check`` looks and changes nothing."""

import asyncio
from contextlib import closing
from hashlib import sha256
from pathlib import Path
import sqlite3

import pytest

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.storage.database import Database, sqlite_url
from home_sentry_engine.storage.migrate import REVISIONS
from tests.engine.servers import PostgresServer


def made(folder: Path) -> Path:
    async def work() -> None:
        async with Database(sqlite_url(folder / "home_sentry.db"), SystemClock()):
            pass

    folder.mkdir(exist_ok=True)
    asyncio.run(work())
    return folder / "home_sentry.db"


def fingerprint(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("verb", ["check", "backup", "upgrade", "reindex"])
def test_an_empty_file_is_no_database_and_stays_empty(run, tmp_path, verb):
    file = tmp_path / "home_sentry.db"
    file.touch()
    outcome = run("db", verb, "--data", tmp_path)
    assert outcome.status == 1
    assert f"{file} is empty" in outcome.err
    assert "home-sentry db restore" in outcome.err
    assert file.stat().st_size == 0


def test_a_database_without_tables_has_nothing_to_check(run, tmp_path):
    with closing(sqlite3.connect(tmp_path / "home_sentry.db")) as bare:
        bare.execute("PRAGMA journal_mode=WAL")
    outcome = run("db", "check", "--data", tmp_path)
    assert outcome.status == 1
    assert "there is nothing to check" in outcome.err


def test_an_older_database_is_checked_and_left_at_its_schema(run, tmp_path):
    file = made(tmp_path)
    with closing(sqlite3.connect(file)) as older:
        older.execute("UPDATE alembic_version SET version_num = ?", (REVISIONS[-2],))
        older.commit()
        older.execute("PRAGMA journal_mode=DELETE")
    before = fingerprint(file)
    outcome = run("db", "check", "--data", tmp_path, "--json")
    assert outcome.status == 0
    assert (outcome.document["revision"], outcome.document["current"]) == (REVISIONS[-2], False)
    assert f"its schema {REVISIONS[-2]} is an older release's" in run("db", "check", "--data", tmp_path).out
    assert fingerprint(file) == before
    assert [one.name for one in tmp_path.iterdir()] == ["home_sentry.db"]


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "install the newer release again"),
        (
            "INSERT INTO event_objects (event_id, label) VALUES ('nobody', 'dog')",
            "rows without their parent in: event_objects",
        ),
    ],
    ids=["of a newer release", "rows without their parent"],
)
def test_a_database_that_is_not_as_it_should_be_is_told(run, tmp_path, sql, told):
    file = made(tmp_path)
    with closing(sqlite3.connect(file)) as broken:
        broken.execute(sql)
        broken.commit()
    outcome = run("db", "check", "--data", tmp_path)
    assert outcome.status == 1
    assert told in outcome.err


async def test_a_server_without_tables_is_looked_at_and_left_as_it_is(postgres_server: PostgresServer):
    database = Database(await postgres_server.empty(), SystemClock())
    standing = await database.look()
    assert standing.revision is None
    assert standing.size_bytes > 0
    again = await Database(str(database.url.render_as_string(hide_password=False)), SystemClock()).look()
    assert again.revision is None
