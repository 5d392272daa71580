"""``db`` over real SQLite files."""

import asyncio
from contextlib import closing
import gzip
from pathlib import Path
import sqlite3

import pytest

from home_sentry_engine.app.lock import DataFolder
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.storage.database import Database, sqlite_url
from home_sentry_engine.storage.migrate import REVISIONS
from home_sentry_engine.storage.query import SearchQuery
from home_sentry_engine.storage.repositories.events import Events
from home_sentry_engine.storage.repositories.meta import Meta
from home_sentry_engine.storage.repositories.search import Search
from tests.engine.unit.storage.samples import event, with_camera

DUMPS = sorted((Path(__file__).parents[2] / "dumps").glob("schema-*.db.gz"))


def write(data: Path, word: str) -> None:
    async def work() -> None:
        async with Database(sqlite_url(data / "home_sentry.db"), SystemClock()) as database:
            await database.write(lambda conn: Meta().set(conn, "word", word))

    asyncio.run(work())


def read(data: Path) -> object:
    async def work() -> object:
        async with Database(sqlite_url(data / "home_sentry.db"), SystemClock()) as database:
            return await database.read(lambda conn: Meta().get(conn, "word"))

    return asyncio.run(work())


def damage(file: Path) -> None:
    body = bytearray(file.read_bytes())
    body[4096:8192] = b"\xa5" * 4096
    file.write_bytes(body)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write(folder, "first")
    return folder


def test_check_of_a_sound_database(run, data):
    outcome = run("db", "check", "--data", data, "--json")
    assert outcome.status == 0
    assert outcome.document["ok"] is True
    assert outcome.document["size_bytes"] > 0


def test_check_of_a_damaged_one_says_so(run, data):
    damage(data / "home_sentry.db")
    outcome = run("db", "check", "--data", data)
    assert outcome.status == 1
    assert "damaged" in outcome.err


@pytest.mark.parametrize("verb", ["check", "backup", "upgrade", "reindex"])
def test_without_a_database_nothing_is_made(run, tmp_path, verb):
    outcome = run("db", verb, "--data", tmp_path / "none")
    assert outcome.status == 1
    assert f"there is no database at {tmp_path / 'none' / 'home_sentry.db'}" in outcome.err
    assert not (tmp_path / "none").exists()


def test_backup_and_restore_bring_the_rows_back(run, data):
    made = run("db", "backup", "--data", data, "--json").document
    assert Path(made["path"]).parent == data / "backups"
    assert made["revision"] == REVISIONS[-1]
    write(data, "second")
    restored = run("db", "restore", made["path"], "--data", data, "--json")
    assert restored.status == 0
    assert read(data) == "first"
    kept = Path(restored.document["kept"])
    with closing(sqlite3.connect(kept)) as before:
        assert before.execute("SELECT count(*) FROM meta WHERE key = 'word'").fetchone() == (1,)


def test_backup_works_while_the_database_is_in_use(run, data):
    with closing(sqlite3.connect(data / "home_sentry.db")) as busy:
        busy.execute("BEGIN IMMEDIATE")
        busy.execute("DELETE FROM meta")
        outcome = run("db", "backup", data / "copy.db", "--data", data)
    assert outcome.status == 0
    assert outcome.out.startswith(f"{data / 'copy.db'} (")


def test_backup_never_replaces_a_file(run, data):
    (data / "copy.db").write_bytes(b"mine")
    outcome = run("db", "backup", data / "copy.db", "--data", data)
    assert outcome.status == 1
    assert "exists already; a backup never replaces a file" in outcome.err
    assert (data / "copy.db").read_bytes() == b"mine"


def test_restore_is_refused_while_an_engine_has_the_folder(run, data):
    made = run("db", "backup", "--data", data, "--json").document
    write(data, "second")
    with DataFolder(data):
        outcome = run("db", "restore", made["path"], "--data", data)
    assert outcome.status == 1
    assert f"another engine works in the data folder {data}" in outcome.err
    assert read(data) == "second"


def test_a_foreign_file_is_not_restored(run, data, tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"\xff\xd8" * 4096)
    outcome = run("db", "restore", tmp_path / "holiday.jpg", "--data", data)
    assert outcome.status == 1
    assert "holiday.jpg is no database of Home Sentry" in outcome.err
    assert read(data) == "first"


def test_a_damaged_backup_is_not_restored(run, data):
    made = Path(run("db", "backup", "--data", data, "--json").document["path"])
    damage(made)
    assert run("db", "restore", made, "--data", data).status == 1
    assert read(data) == "first"


def test_a_backup_of_a_newer_release_is_not_restored(run, data):
    made = Path(run("db", "backup", "--data", data, "--json").document["path"])
    with closing(sqlite3.connect(made)) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.commit()
    outcome = run("db", "restore", made, "--data", data)
    assert outcome.status == 1
    assert f"has schema 9999, this release knows {REVISIONS[-1]}" in outcome.err


def test_a_database_of_a_newer_release_is_named_when_it_is_not_copied(run, data):
    file = data / "home_sentry.db"
    with closing(sqlite3.connect(file)) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.commit()
    outcome = run("db", "backup", "--data", data)
    assert outcome.status == 1
    assert outcome.err.startswith(f"home-sentry: {file} has schema 9999")
    assert not list((data / "backups").iterdir())


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("CREATE TRIGGER wipe AFTER INSERT ON media BEGIN DELETE FROM events; END", "the trigger 'wipe'"),
        ("CREATE VIEW everything AS SELECT * FROM events", "the view 'everything'"),
        (
            """DROP TRIGGER event_words_added;
            CREATE TRIGGER event_words_added AFTER INSERT ON event_words BEGIN DELETE FROM api_keys; END""",
            "the trigger 'event_words_added'",
        ),
    ],
)
def test_a_backup_that_would_act_by_itself_is_not_restored(run, data, sql, named):
    made = Path(run("db", "backup", "--data", data, "--json").document["path"])
    with closing(sqlite3.connect(made)) as hostile:
        hostile.executescript(sql)
    outcome = run("db", "restore", made, "--data", data)
    assert outcome.status == 1
    assert f"has {named}, which no engine makes" in outcome.err
    assert read(data) == "first"


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.name.removesuffix(".db.gz"))
def test_a_backup_of_an_earlier_release_is_restored_and_upgraded(run, data, tmp_path, dump):
    earlier = tmp_path / "earlier.db"
    earlier.write_bytes(gzip.decompress(dump.read_bytes()))
    assert run("db", "restore", earlier, "--data", data).status == 0
    assert run("db", "upgrade", "--data", data).status == 0
    checked = run("db", "check", "--data", data, "--json")
    assert checked.status == 0
    assert checked.document["revision"] == REVISIONS[-1]


def test_restore_replaces_a_damaged_database_and_keeps_it(run, data):
    made = run("db", "backup", "--data", data, "--json").document
    damage(data / "home_sentry.db")
    outcome = run("db", "restore", made["path"], "--data", data, "--json")
    assert outcome.status == 0
    assert read(data) == "first"
    assert Path(outcome.document["kept"]).is_file()


def test_restore_into_an_empty_folder(run, data, tmp_path):
    made = run("db", "backup", "--data", data, "--json").document
    outcome = run("db", "restore", made["path"], "--data", tmp_path / "new", "--json")
    assert (outcome.status, outcome.document["kept"]) == (0, None)
    assert read(tmp_path / "new") == "first"


def test_upgrade_of_a_current_database_changes_nothing(run, data):
    assert run("db", "upgrade", "--data", data).out == "the database has this release's schema and is sound\n"
    assert read(data) == "first"


@pytest.mark.parametrize("verb", [("backup",), ("restore", "x.db")])
def test_a_database_server_has_its_own_tools(run, monkeypatch, tmp_path, verb):
    monkeypatch.setenv("HOME_SENTRY_DATABASE_URL", "postgresql://localhost/home")
    outcome = run("db", *verb, "--data", tmp_path)
    assert outcome.status == 1
    assert "use its own tools, such as pg_dump" in outcome.err


def test_reindex_lets_the_search_find_events_again(run, data):
    def in_database(work):
        async def now():
            async with Database(sqlite_url(data / "home_sentry.db"), SystemClock()) as database:
                return await database.write(work)

        return asyncio.run(now())

    def fill(conn):
        with_camera(conn)
        Events().insert(conn, event())

    def ruin(conn):
        conn.exec_driver_sql("DELETE FROM event_words")

    def found(conn):
        return [one.event_id for one in Search(Events()).page(conn, SearchQuery(text="dog")).items]

    in_database(fill)
    assert in_database(found) == ["e1"]
    in_database(ruin)
    assert in_database(found) == []
    assert run("db", "reindex", "--data", data, "--json").document == {"ok": True, "events": 1}
    assert in_database(found) == ["e1"]
