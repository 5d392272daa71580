"""From nothing to this release's schema, and never from a newer one."""

from pathlib import Path
import sqlite3
import subprocess
import sys

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
import pytest
import sqlalchemy as sa

from home_sentry_engine.broker.sql import tables
from home_sentry_engine.storage import migrate, migrations
from home_sentry_engine.storage.database import Database, sqlite_url
from home_sentry_engine.storage.errors import NetworkFileSystem, SchemaTooNew
from home_sentry_engine.storage.repositories.meta import Meta
from tests.engine.unit.storage.samples import described_tables, is_described

META = Meta()


@pytest.fixture
def database(sqlite) -> Database:
    """These tests are about SQLite."""
    return sqlite


async def test_the_migrations_make_exactly_the_tables_that_the_rooms_describe(database):
    def differences(conn):
        context = MigrationContext.configure(conn, opts={"compare_type": True, "include_name": is_described})
        return compare_metadata(context, [described_tables(), tables.metadata])  # type: ignore[arg-type]

    assert await database.read(differences) == []


async def test_the_checks_and_keys_are_those_that_the_rooms_describe(database, tmp_path):
    other = sa.create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    described_tables().create_all(other)
    tables.metadata.create_all(other)

    def described(conn):
        found = sa.inspect(conn)
        return {
            name: (
                sorted((check["name"], check["sqltext"]) for check in found.get_check_constraints(name)),
                sorted(map(str, found.get_foreign_keys(name))),
                sorted(map(str, found.get_unique_constraints(name))),
                found.get_pk_constraint(name)["constrained_columns"],
            )
            for name in found.get_table_names()
            if name != "alembic_version" and not name.startswith("event_index")
        }

    with other.connect() as conn:
        wanted = described(conn)
    other.dispose()
    assert await database.read(described) == wanted


def test_the_known_revisions_are_the_scripts_in_order():
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    found = [script.revision for script in scripts.walk_revisions()][::-1]
    assert tuple(found) == migrate.REVISIONS


async def test_an_older_file_is_copied_before_it_is_upgraded(tmp_path, clock, monkeypatch):
    file = tmp_path / "engine.db"
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "REVISIONS", migrate.REVISIONS[:1])
        async with Database(sqlite_url(file), clock) as database:
            await database.write(lambda conn: META.set(conn, "kept", True))
    assert not list(tmp_path.glob("*.schema-*"))
    async with Database(sqlite_url(file), clock) as database:
        assert await database.read(lambda conn: META.get(conn, "kept")) is True
        assert await database.read(migrate.revision_of) == migrate.REVISIONS[-1]
    with sqlite3.connect(f"{file}.schema-0001") as copy:
        assert copy.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        assert copy.execute("SELECT key FROM meta").fetchall() == [("kept",)]
    copy.close()


async def test_a_newer_file_is_refused_and_left_alone(file, clock):
    with sqlite3.connect(file) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    before = file.read_bytes()
    with pytest.raises(SchemaTooNew, match="9999"):
        async with Database(sqlite_url(file), clock):
            pass
    assert file.read_bytes() == before


async def test_a_failing_revision_leaves_the_old_schema(tmp_path, clock, monkeypatch):
    file = tmp_path / "engine.db"
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "REVISIONS", migrate.REVISIONS[:1])
        async with Database(sqlite_url(file), clock):
            pass
    with sqlite3.connect(file) as raw:
        raw.execute("CREATE TABLE dead_letters (in_the_way INTEGER)")
    raw.close()
    with pytest.raises(Exception, match="already exists"):
        async with Database(sqlite_url(file), clock):
            pass
    with sqlite3.connect(file) as raw:
        names = {name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert raw.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        raw.execute("DROP TABLE dead_letters")
    raw.close()
    assert not names & {"events", "jobs"}
    async with Database(sqlite_url(file), clock) as database:
        assert await database.read(migrate.revision_of) == migrate.REVISIONS[-1]


def test_an_up_to_date_database_opens_without_alembic(file):
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from home_sentry_engine.domain.clock import SystemClock\n"
        "from home_sentry_engine.storage.database import Database, sqlite_url\n"
        "async def main():\n"
        "    async with Database(sqlite_url(Path(sys.argv[1])), SystemClock()): pass\n"
        "asyncio.run(main())\n"
        "print('alembic' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


async def test_a_network_file_system_is_refused_before_anything_is_made(tmp_path, clock, monkeypatch):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 0 0:1 / / rw - ext4 /dev/sda rw\n2 1 0:2 / {tmp_path}/share rw - cifs //nas/share rw\n")
    monkeypatch.setattr("home_sentry_engine.storage.location._MOUNTS", mounts)
    with pytest.raises(NetworkFileSystem, match="cifs"):
        async with Database(sqlite_url(tmp_path / "share" / "engine.db"), clock):
            pass
    assert not (tmp_path / "share" / "engine.db").exists()
