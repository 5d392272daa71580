"""The benchmarks of storage, queue, search and broadcast run and say what they measured; no figure is judged."""

from contextlib import closing
from functools import partial
import sqlite3

import pytest

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.operations.bench.contest import Contest, Lap, in_turn
from home_sentry_engine.operations.bench.made_events import made_events
from home_sentry_engine.operations.bench.queue import bench_queue
from home_sentry_engine.operations.bench.store import _copied, _empty, _stored, _write_plain, _write_typed
from home_sentry_engine.storage.database import Database, sqlite_url
from home_sentry_engine.storage.repositories.events import Events
from home_sentry_engine.storage.rowwise import RowByRow


def is_spread(found):
    assert 0 < found["minimum"] <= found["p50"] <= found["p95"] <= found["p99"] <= found["maximum"]


def is_contest(found, rounds):
    for side in ("engine_per_s", "limit_per_s"):
        is_spread(found[side])
        assert found[side]["n"] == rounds
    assert found["ratio"] > 0
    assert found["cpu_ratio"] > 0


async def test_sides_take_turns_and_one_round_does_not_count():
    order = []

    async def side(name, wall_s):
        order.append(name)
        return Lap(done=10, wall_s=wall_s, cpu_s=wall_s)

    laps = await in_turn(lambda: side("engine", 2.0), lambda: side("limit", 1.0), 2)
    assert order == ["limit", "engine", "engine", "limit", "limit", "engine"]
    found = Contest.of("engine", "limit", laps, 0.6)
    assert (found.engine_per_s.p50, found.limit_per_s.p50) == (5.0, 10.0)
    assert (found.ratio, found.cpu_ratio, found.passed) == (0.5, 0.5, False)


def test_queue(run):
    outcome = run("bench", "queue", "--rounds", "2", "--jobs", "128", "--json")
    assert outcome.status == 0
    document = outcome.document
    assert (document["bench"], document["rounds"], document["callers"]) == ("queue", 2, 64)
    memory, sqlite = document["backends"]
    is_contest(memory, 2)
    is_contest(sqlite, 2)
    assert sqlite["target"] == 0.3
    assert document["machine"]["versions"]["sqlalchemy"]


async def test_queue_with_servers_leaves_nothing_behind(postgres_server, redis_server):
    url = await postgres_server.migrated()
    found = await bench_queue(rounds=1, jobs=128, postgres=url, redis=redis_server.url)
    again = await bench_queue(rounds=1, jobs=128, postgres=url, redis=redis_server.url)
    assert len(found.backends) == len(again.backends) == 4
    assert len(found.rows()) == 8


def test_store(run):
    document = run("bench", "store", "--rounds", "1", "--events", "80", "--json").document
    assert (document["bench"], document["events"], document["callers"]) == ("store", 80, 64)
    many, alone, per_row = document["contests"]
    for contest in (many, alone, per_row):
        is_contest(contest, 1)
    assert per_row["target"] == 5.0


async def test_store_writes_the_very_rows_of_the_engine_on_every_side(tmp_path):
    made = tuple(made_events(12))
    file = await _empty(tmp_path)
    plain, typed = await _stored(_copied(file, tmp_path / "first.db"), made)
    with closing(sqlite3.connect(file)) as raw, raw:
        for rows in plain[:6]:
            _write_plain(rows, raw)
    with RowByRow(file) as writer:
        for parts in typed[6:]:
            writer.write(partial(_write_typed, parts))
    async with Database(sqlite_url(file), SystemClock()) as database:
        stored = [await database.read(partial(Events().get, event_id=one.event_id)) for one in made]
        await database.check()
    assert tuple(stored) == made


def test_search(run):
    document = run("bench", "search", "--events", "6000", "--rounds", "2", "--json").document
    assert (document["bench"], document["events"]) == ("search", 6000)
    totals = {one["what"]: one["found"] for one in document["searches"]}
    assert totals["newest: heron"] == totals["rank: heron"] == "2 found"
    assert all(totals[f"newest: {what}"] == total for what, total in _ranked(totals))
    for name in ("newest_ms", "ranked_ms", "newest_cpu_ms", "ranked_cpu_ms"):
        is_spread(document[name])
        assert document[name]["n"] == 18


def _ranked(totals):
    return [(what.removeprefix("rank: "), total) for what, total in totals.items() if what.startswith("rank: ")]


def test_made_events_are_the_same_every_time():
    assert list(made_events(20, first=40)) == list(made_events(20, first=40))
    assert len({one.event_id for one in made_events(200)}) == 200


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_a_million_events_are_searched(run):
    document = run("bench", "search", "--events", "1000000", "--rounds", "20", "--json").document
    assert document["events"] == 1_000_000
    common = next(one for one in document["searches"] if one["what"] == "newest: person door")
    assert common["found"] == "1000+ found"
    # a search that walked through all of them would take a thousand times as long as its first page
    assert document["newest_cpu_ms"]["p50"] < document["ranked_cpu_ms"]["p95"]


def test_fanout(run):
    document = run("bench", "fanout", "--clients", "40", "--messages", "5", "--rounds", "2", "--json").document
    assert (document["bench"], document["clients"], document["body_bytes"]) == ("fanout", 40, 1024)
    is_contest(document["contest"], 2)
    assert document["contest"]["target"] == 0.8


@pytest.mark.timeout(300)
def test_memory_of_an_engine_without_models(run, tmp_path):
    document = run("bench", "memory", "--seconds", "1", "--data", tmp_path, "--json").document
    assert document["bench"] == "memory"
    (engine,) = document["engines"]
    is_spread(engine["rss_mb"])
    assert engine["threads"] > 1
    assert 0 <= engine["core"] < 1
    assert engine["own_mb"] < engine["rss_mb"]["p50"] < 2 * engine["limit_mb"]
