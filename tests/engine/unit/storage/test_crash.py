"""Killed in the middle of a write: everything acknowledged is there, nothing is there by halves."""

from pathlib import Path
import random
import sqlite3
import subprocess
import sys
import time

from home_sentry_engine.storage import migrate
from home_sentry_engine.storage.database import Database, sqlite_url

ROUNDS = 8
PROGRAM = Path(__file__).with_name("writer.py")


def killed_writer(file: Path, first: int, after_s: float) -> list[int]:
    """Run the writer, kill it that long after its first acknowledgement and give what it acknowledged."""
    root = Path(__file__).parents[4]
    with subprocess.Popen([sys.executable, PROGRAM, file, str(first)], stdout=subprocess.PIPE, cwd=root) as child:
        assert child.stdout is not None
        text = child.stdout.readline()
        time.sleep(after_s)
        child.kill()
        text += child.stdout.read()
    # the last line may be cut off by the kill
    return [int(line) for line in text.split(b"\n")[:-1]]


async def test_no_acknowledged_row_is_lost_to_sigkill(file, clock, subtests, record_property):
    chance = random.Random(20261120)
    acknowledged: set[int] = set()
    for number in range(ROUNDS):
        with subtests.test(round=number):
            fresh = killed_writer(file, number * 1_000_000, chance.uniform(0.0, 0.3))
            assert fresh
            acknowledged.update(fresh)
            async with Database(sqlite_url(file), clock) as database:
                await database.check()
            with sqlite3.connect(file) as raw:
                kept = {int(key) for (key,) in raw.execute("SELECT key FROM meta")}
                announced = [int(body) for (body,) in raw.execute("SELECT body FROM outbox ORDER BY seq")]
                jobs = {int(name) for (name,) in raw.execute("SELECT uniq FROM jobs")}
                (count,) = raw.execute("SELECT value FROM counters WHERE name = 'written'").fetchone()
            raw.close()
            assert acknowledged <= kept
            assert kept == set(announced) == jobs
            assert count == len(announced) == len(kept)
    record_property("acknowledged", len(acknowledged))


def test_killed_while_it_migrates_the_schema_is_old_or_new(tmp_path, subtests):
    chance = random.Random(7)
    root = Path(__file__).parents[4]
    for number in range(ROUNDS):
        file = tmp_path / f"{number}.db"
        with subtests.test(round=number):
            with subprocess.Popen([sys.executable, PROGRAM, file, "0"], stdout=subprocess.PIPE, cwd=root) as child:
                while not file.exists():
                    time.sleep(0.001)
                    assert child.poll() is None
                time.sleep(chance.uniform(0.0, 0.5))
                child.kill()
            with sqlite3.connect(file) as raw:
                names = {name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
                version = raw.execute("SELECT version_num FROM alembic_version").fetchall() if names else []
            raw.close()
            assert version in ([], [(migrate.REVISIONS[-1],)])
            assert ("dead_letters" in names) == bool(version)
