"""Announcements in the order of their commits, and small lasting values."""

import asyncio

import pytest

from home_sentry_engine.storage.repositories.meta import Counters, Meta
from home_sentry_engine.storage.repositories.outbox import Outbox, OutboxRow
from tests.engine.unit.storage.samples import at

OUTBOX = Outbox()


async def add(database, body=b"{}", seconds=0.0, kind="event_created", camera_id="yard"):
    return await database.write(
        lambda conn: OUTBOX.add(conn, kind=kind, camera_id=camera_id, body=body, now=at(seconds))
    )


async def test_sequence_numbers_grow_by_commit(database):
    assert await database.read(OUTBOX.last_seq) == 0
    assert await database.read(OUTBOX.first_seq) == 0
    numbers = await asyncio.gather(*(add(database, str(n).encode()) for n in range(50)))
    assert numbers == sorted(numbers)
    rows = await database.read(lambda conn: OUTBOX.since(conn, 0))
    assert [row.body for row in rows] == [str(n).encode() for n in range(50)]
    assert await database.read(OUTBOX.last_seq) == numbers[-1]
    assert await database.read(OUTBOX.first_seq) == numbers[0]


async def test_clients_resume_behind_a_number(database):
    numbers = [await add(database, bytes([n]), n, camera_id=None) for n in range(5)]
    rows = await database.read(lambda conn: OUTBOX.since(conn, numbers[1], 2))
    assert rows == (
        OutboxRow(seq=numbers[2], kind="event_created", camera_id=None, body=b"\x02", at=at(2)),
        OutboxRow(seq=numbers[3], kind="event_created", camera_id=None, body=b"\x03", at=at(3)),
    )
    assert await database.read(lambda conn: OUTBOX.since(conn, numbers[-1])) == ()


async def test_an_announcement_goes_with_its_transaction(database):
    def work(conn):
        OUTBOX.add(conn, kind="event_created", camera_id=None, body=b"lost", now=at(0))
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(work)
    assert await database.read(lambda conn: OUTBOX.since(conn, 0)) == ()


async def test_pruning_keeps_the_newest_and_never_reuses_a_number(database):
    numbers = [await add(database, seconds=n) for n in range(10)]

    async def prune(keep, seconds):
        return await database.write(lambda conn: OUTBOX.prune(conn, keep, at(seconds)))

    assert await prune(8, 100) == 2
    assert await prune(2, 5) == 3
    assert await database.read(OUTBOX.first_seq) == numbers[5]
    assert await prune(0, 100) == 4
    assert await database.read(OUTBOX.last_seq) == numbers[-1]
    assert await add(database) > numbers[-1]


async def test_small_values_are_kept(database):
    meta = Meta()
    assert await database.write(lambda conn: meta.get_or_set(conn, "instance_id", "first")) == "first"
    assert await database.write(lambda conn: meta.get_or_set(conn, "instance_id", "second")) == "first"
    await database.write(lambda conn: meta.set(conn, "instance_id", ["third", None]))
    assert await database.read(lambda conn: meta.get(conn, "instance_id")) == ["third", None]


async def test_counters_add_up_and_a_prefix_is_no_pattern(database):
    counters = Counters()

    def work(conn):
        counters.add(conn, "a_b:x", 2)
        counters.add(conn, "a_b:x", -5)
        counters.add(conn, "a_b:y")
        counters.add(conn, "aXb:z")

    await database.write(work)
    assert await database.read(lambda conn: counters.get(conn, "a_b:x")) == -3
    assert await database.read(lambda conn: counters.get(conn, "none")) == 0
    assert await database.read(lambda conn: counters.starting_with(conn, "a_b:")) == {"x": -3, "y": 1}
