"""The words of several new events are written by one statement, and still each belongs to its own work."""

import asyncio
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from home_sentry_engine.contract import EventChange
from home_sentry_engine.storage.gathered import Gathered
from home_sentry_engine.storage.query import EventQuery
from home_sentry_engine.storage.repositories.events import Events
from home_sentry_engine.storage.repositories.retention import Expiry
from tests.engine.unit.storage import samples
from tests.engine.unit.storage.samples import at
from tests.engine.unit.storage.test_search import EVENTS, hits, told


@pytest.fixture
async def yard(database):
    await database.write(lambda conn: samples.with_camera(conn, "yard"))
    return database


def inserted(event_id, summary, *, start=0.0, fails=False):
    def work(conn):
        EVENTS.insert(conn, told(event_id, summary, start=start))
        if fails:
            raise ValueError("undone")

    return work


async def together(database, *works):
    """Let works arrive in one turn of the loop: they share a transaction."""
    return await asyncio.gather(*(database.write(work) for work in works), return_exceptions=True)


async def test_of_works_that_share_a_transaction_each_keeps_or_loses_its_own_words(yard):
    failed = [number for number in range(40) if number % 3 == 1]
    works = [inserted(f"e{one}", "A heron lands", start=one, fails=one in failed) for one in range(40)]
    answers = await together(yard, *works)
    assert [number for number, answer in enumerate(answers) if answer is not None] == failed
    assert await hits(yard, "heron", limit=100) == [f"e{one}" for one in range(39, -1, -1) if one not in failed]
    await yard.check()


async def test_events_of_one_millisecond_that_come_together_are_all_found(yard):
    await yard.write(inserted("first", "A heron", start=5))
    await together(yard, *(inserted(f"e{one}", "A heron", start=5) for one in range(70)))
    assert set(await hits(yard, "heron", limit=100)) == {"first", *(f"e{one}" for one in range(70))}


async def test_who_changes_an_event_in_its_first_transaction_finds_its_words(yard):
    def revised(conn):
        stored = EVENTS.get(conn, "e1")
        assert stored is not None
        EVENTS.save(conn, replace(stored, summary="A courier waits", revision=2))

    def trashed(conn):
        EVENTS.trash(conn, "e2", at(9))

    def deleted(conn):
        Expiry().delete_events(conn, ["e3"])

    def there_and_back(conn):
        EVENTS.trash(conn, "e4", at(9))
        EVENTS.trash(conn, "e4", None)

    inserts = [inserted(f"e{one}", "A heron", start=one) for one in range(6)]
    assert await together(yard, *inserts, revised, trashed, deleted, there_and_back) == [None] * 10
    assert await hits(yard, "heron") == ["e5", "e4", "e0"]
    assert await hits(yard, "courier") == ["e1"]
    await yard.check()


async def test_a_work_that_fails_after_it_looked_takes_no_words_of_others_along(yard):
    def fails(conn):
        inserted("mine", "A heron of mine", start=2)(conn)
        Events().notes(conn, "first", "seen")
        raise ValueError("undone")

    first, failed, last = await together(
        yard, inserted("first", "A heron", start=1), fails, inserted("last", "A heron", start=3)
    )
    assert (first, str(failed), last) == (None, "undone", None)
    assert await hits(yard, "heron") == ["last", "first"]
    # words that were learnt in what was undone are found by their beginnings too
    assert await hits(yard, "hero*") == ["last", "first"]
    await yard.check()


async def test_who_reads_an_event_in_its_first_transaction_finds_all_of_it(yard):
    told_event = told("e1", "A heron", types=("bird", "cat"), start=1)

    def insert_and_read(conn):
        EVENTS.insert(conn, told_event)
        return EVENTS.get(conn, "e1")

    def of_birds(conn):
        return EVENTS.page(conn, EventQuery(object_type="bird")).items

    def fails(conn):
        EVENTS.insert(conn, told("e2", "A heron", types=("bird",), start=2))
        assert len(of_birds(conn)) == 2
        raise ValueError("undone")

    own, others, failed, last = await together(yard, insert_and_read, of_birds, fails, of_birds)
    assert (own, others, str(failed), last) == (told_event, (told_event,), "undone", (told_event,))
    assert await yard.read(lambda conn: EVENTS.get(conn, "e1")) == told_event
    assert await yard.read(of_birds) == (told_event,)
    await yard.check()


async def test_changes_of_events_that_come_together_stay_with_their_event(yard):
    def revised(event_id):
        def work(conn):
            stored = EVENTS.get(conn, event_id)
            assert stored is not None
            again = replace(stored.transitions[0], revision=2, change=EventChange.REVISED)
            changed = replace(stored, revision=2, transitions=(*stored.transitions, again), object_types=("fox",))
            EVENTS.save(conn, changed)
            return changed

        return work

    ids = [f"e{one}" for one in range(8)]
    inserts = [inserted(one, "A heron", start=at) for at, one in enumerate(ids)]
    answers = await together(yard, *inserts, *(revised(one) for one in ids))
    for one, changed in zip(ids, answers[8:], strict=True):
        assert await yard.read(lambda conn, one=one: EVENTS.get(conn, one)) == changed
    assert len(await yard.read(lambda conn: EVENTS.page(conn, EventQuery(object_type="fox")).items)) == 8


STEPS = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 3)), max_size=12)


@given(steps=STEPS)
@settings(max_examples=200)
def test_what_was_left_is_written_once_in_order_unless_undone(steps):
    table: list[int] = []
    wanted: list[int] = []
    number, gathered = 0, Gathered()
    connection: Any = None

    def write(_, rows):
        table.extend(rows)

    for settles, fails, leaves in steps:
        mark, before = gathered.mark(), list(table)
        mine = range(number, number + leaves)
        number += leaves
        gathered.left.extend((write, one) for one in mine)
        if settles:
            gathered.write(connection)
        if fails:
            # the savepoint
            table[:] = before
            gathered.undo(mark)
        else:
            wanted.extend(mine)
    gathered.write(connection)
    gathered.write(connection)
    assert table == wanted
