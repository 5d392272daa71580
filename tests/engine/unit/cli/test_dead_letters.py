"""``dead-letters`` over a real queue in a real database."""

import asyncio
from contextlib import closing
import json
from pathlib import Path
import sqlite3

import pytest

from home_sentry_engine.broker.sql.queue import SqlQueue
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.jobs import ASSESS, DETECT, NewJob
from home_sentry_engine.operations.dead_letters import DeadLetterDesk
from home_sentry_engine.storage.database import Database, sqlite_url
from home_sentry_engine.storage.repositories.cameras import Cameras
from home_sentry_engine.storage.repositories.media import MediaFiles
from tests.engine.unit.storage.samples import media


async def _bury(database: Database, queue: SqlQueue, name: str, key: str, **more: str) -> None:
    now = SystemClock().steady()
    new = NewJob(queue=name, payload={"media_id": f"m-{key}", **more}, key=key)
    await database.write(lambda conn: queue.put(conn, new, now))
    (leased,) = await queue.claim(name, 1, 60.0)
    await database.write(lambda conn: queue.retry(conn, leased, after_s=0.0, error="busy"))
    (leased,) = await queue.claim(name, 1, 60.0)
    await database.write(lambda conn: queue.bury(conn, leased, error=f"no {key}\nat all", error_type="corrupt"))


async def _bury_all(data: Path) -> None:
    clock = SystemClock()
    async with Database(sqlite_url(data / "home_sentry.db"), clock) as database:
        queue = SqlQueue(database, clock, owner="engine")
        await _bury(database, queue, DETECT, "front_door")
        await _bury(database, queue, ASSESS, "garage", batch_id="ü" * 5000)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    asyncio.run(_bury_all(tmp_path))
    return tmp_path


def pending(data: Path, queue: str) -> int:
    async def count() -> int:
        clock = SystemClock()
        async with Database(sqlite_url(data / "home_sentry.db"), clock) as database:
            return (await SqlQueue(database, clock, owner="engine").depth(queue)).pending

    return asyncio.run(count())


def payloads(data: Path, queue: str) -> list[dict]:
    with closing(sqlite3.connect(data / "home_sentry.db")) as raw:
        found = raw.execute("SELECT payload FROM jobs WHERE queue = ?", (queue,)).fetchall()
    return [json.loads(payload) for (payload,) in found]


def listed(run, data: Path, *words: str) -> list[dict]:
    return run("dead-letters", "list", "--data", data, "--json", *words).document["dead_letters"]


def test_the_list_tells_why_newest_first(run, data):
    letters = listed(run, data)
    assert [(one["queue"], one["key"], one["error_type"]) for one in letters] == [
        (ASSESS, "garage", "corrupt"),
        (DETECT, "front_door", "corrupt"),
    ]
    (tried,) = letters[0]["tries"]
    assert (tried["error"], tried["after_s"]) == ("busy", 0.0)
    assert (len(letters[0]["body"]), letters[0]["body"][-2:], letters[0]["payload"]) == (2048, "ü…", {})
    assert letters[1]["body"] == '{"media_id": "m-front_door"}'
    assert letters[1]["payload"] == {"media_id": "m-front_door"}
    table = run("dead-letters", "list", "--data", data).out.splitlines()
    assert table[1].endswith("corrupt: no garage at all")


def test_the_list_of_one_queue(run, data):
    assert [one["key"] for one in listed(run, data, "--queue", DETECT)] == ["front_door"]


def test_requeue_one(run, data):
    number = listed(run, data, "--queue", DETECT)[0]["id"]
    outcome = run("dead-letters", "requeue", number, "--data", data, "--json")
    assert (outcome.status, outcome.document) == (0, {"requeued": [number], "stays": []})
    assert pending(data, DETECT) == 1
    assert [one["key"] for one in listed(run, data)] == ["garage"]


def test_requeue_all_of_one_queue(run, data):
    assert run("dead-letters", "requeue", "--all", "--queue", ASSESS, "--data", data).out == "1 put back\n"
    # only what is shown is cut
    assert payloads(data, ASSESS) == [{"media_id": "m-garage", "batch_id": "ü" * 5000}]
    assert [one["key"] for one in listed(run, data)] == ["front_door"]


def test_an_unknown_id_undoes_the_whole_command(run, data):
    number = listed(run, data)[0]["id"]
    outcome = run("dead-letters", "requeue", number, "999", "--data", data)
    assert outcome.status == 1
    assert "there is no dead letter 999" in outcome.err
    assert len(listed(run, data)) == 2


def test_drop_one_and_all(run, data):
    number = listed(run, data)[0]["id"]
    assert run("dead-letters", "drop", number, "--data", data).out == "1 deleted\n"
    assert run("dead-letters", "drop", "--all", "--data", data, "--json").document == {"dropped": 1}
    assert run("dead-letters", "list", "--data", data).out == "no job was given up\n"


def test_a_drop_with_an_unknown_id_drops_nothing(run, data):
    outcome = run("dead-letters", "drop", listed(run, data)[0]["id"], 999, "--data", data)
    assert outcome.status == 1
    assert len(listed(run, data)) == 2


@pytest.mark.parametrize("words", [(), ("1", "--all")])
@pytest.mark.parametrize("verb", ["requeue", "drop"])
def test_ids_or_all(run, data, verb, words):
    outcome = run("dead-letters", verb, *words, "--data", data)
    assert (outcome.status, outcome.err) == (1, "home-sentry: name the ids, or --all\n")


def test_without_a_database(run, tmp_path):
    outcome = run("dead-letters", "list", "--data", tmp_path / "none")
    assert outcome.status == 1
    assert "name the engine's data folder with --data" in outcome.err


async def test_a_requeued_picture_counts_as_queued_again(tmp_path):
    clock = SystemClock()
    async with Database(sqlite_url(tmp_path / "home_sentry.db"), clock) as database:
        queue, files = SqlQueue(database, clock, owner="engine"), MediaFiles()
        desk = DeadLetterDesk(queue=queue, media=files)
        job = NewJob(queue=DETECT, payload={"media_id": "m1"}, key="yard")
        cameras = Cameras(clock.now)
        await database.write(
            lambda conn: cameras.ensure(conn, camera_id="yard", name="Yard", folder=None, now=clock.now())
        )
        await database.write(lambda conn: files.insert(conn, media("m1"), source_key=None, origin="folder"))
        await database.write(lambda conn: queue.put(conn, job, clock.steady()))
        (leased,) = await queue.claim(DETECT, 1, 60.0)
        await database.write(lambda conn: queue.bury(conn, leased, error="e", error_type="t"))
        await database.write(lambda conn: files.mark_failed(conn, "m1", "e"))
        before = await database.read(files.accounting)
        await database.write(lambda conn: desk.requeue_all(conn, None))
        after = await database.read(files.accounting)
    assert (before.queued, before.quarantined) == (0, 1)
    assert (after.queued, after.quarantined, after.accepted) == (1, 0, before.accepted)
