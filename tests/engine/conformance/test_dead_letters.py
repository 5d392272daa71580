"""What every queue does with jobs that were given up."""

from datetime import timedelta

import pytest

from home_sentry_engine.broker.queue import InvalidDeadCursor, PutOutcome, QueueLimits, UnknownDeadLetter
from home_sentry_engine.broker.tries import MAX_TRIES, MAX_TRY_ERROR_CHARS
from tests.engine.conformance.steps import Q, bury, claim, job, put, retry


async def test_a_dead_letter_keeps_the_job_and_its_story(backend):
    start = backend.clock.steady()
    await put(backend, job(7, key="yard", unique="m", priority=2))
    (one,) = await claim(backend)
    backend.clock.tick(1)
    await retry(backend, one)
    backend.clock.tick(1)
    (one,) = await claim(backend)
    await bury(backend, one, "x" * 5000, "earlier\n" * 1000 + "where it failed")
    (letter,) = (await backend.do(lambda conn: backend.queue.dead(conn, Q))).items
    assert (letter.queue, letter.payload, letter.key, letter.unique, letter.priority) == (Q, {"n": 7}, "yard", "m", 2)
    assert (letter.job_id, letter.attempts, letter.error_type, len(letter.error)) == (one.id, 2, "corrupt", 4096)
    assert letter.stack is not None
    assert (len(letter.stack), letter.stack[-15:]) == (4096, "where it failed")
    assert letter.enqueued_at == start
    assert letter.first_failed_at == start + timedelta(seconds=1)
    assert letter.last_failed_at == start + timedelta(seconds=2)
    (tried,) = letter.tries
    assert (tried.failed_at, tried.after_s) == (letter.first_failed_at, 0.0)
    assert tried.error == "later"


async def test_a_dead_letter_tells_the_tries_before_it_and_only_so_many(backend):
    start = backend.clock.steady()
    await put(backend, job(1))
    (one,) = await claim(backend)
    await retry(backend, one, counted=False)
    for number in range(MAX_TRIES + 2):
        (one,) = await claim(backend)
        await retry(backend, one, after_s=float(number), error=f"{number} " + "x" * 4096)
        backend.clock.tick(number + 1)
    (one,) = await claim(backend)
    await bury(backend, one)
    (letter,) = (await backend.do(lambda conn: backend.queue.dead(conn, Q))).items
    assert letter.attempts == MAX_TRIES + 3
    assert letter.first_failed_at == start
    assert [tried.after_s for tried in letter.tries] == [float(number) for number in range(2, MAX_TRIES + 2)]
    assert letter.tries[0].error == ("2 " + "x" * 4096)[:MAX_TRY_ERROR_CHARS]
    # put back, it begins anew
    await backend.do(lambda conn: backend.queue.requeue(conn, letter.id))
    (one,) = await claim(backend)
    await bury(backend, one)
    assert (await backend.do(lambda conn: backend.queue.dead(conn, Q))).items[0].tries == ()


async def test_dead_letters_are_listed_newest_first_in_pages(backend):
    await put(backend, *(job(n) for n in range(5)), job(9, queue="assess"))
    for one in (*await claim(backend), *await claim(backend, queue="assess")):
        await bury(backend, one)
    seen, cursor = [], None
    for _ in range(3):
        page = await backend.do(lambda conn, cursor=cursor: backend.queue.dead(conn, Q, 2, cursor))
        seen += [letter.payload["n"] for letter in page.items]
        cursor = page.next_cursor
    assert seen == [4, 3, 2, 1, 0]
    assert cursor is None
    assert len((await backend.do(lambda conn: backend.queue.dead(conn, None))).items) == 6
    for cursor in ("", "-1", "x", "٣", "9" * 30):
        with pytest.raises(InvalidDeadCursor):
            await backend.do(lambda conn, cursor=cursor: backend.queue.dead(conn, Q, 2, cursor))


async def test_a_requeued_dead_letter_runs_again_from_its_first_try(backend):
    await put(backend, job(1, key="yard", unique="m", priority=4))
    (one,) = await claim(backend)
    await bury(backend, one)
    (letter,) = (await backend.do(lambda conn: backend.queue.dead(conn, Q))).items
    requeued = await backend.do(lambda conn: backend.queue.requeue(conn, letter.id))
    assert requeued.letter == letter
    assert requeued.result.outcome is PutOutcome.ACCEPTED
    (again,) = await claim(backend)
    assert (again.payload, again.key, again.priority, again.attempt) == ({"n": 1}, "yard", 4, 1)
    assert (await backend.queue.depth(Q)).dead == 0
    with pytest.raises(UnknownDeadLetter):
        await backend.do(lambda conn: backend.queue.requeue(conn, letter.id))


@pytest.mark.limits(QueueLimits(limit=3))
async def test_what_was_put_back_takes_its_place_among_the_others(backend):
    await put(backend, job(0), job(1))
    for one in await claim(backend):
        await bury(backend, one)
    await put(backend, job(2))
    await backend.do(lambda conn: backend.queue.requeue_all(conn, Q))
    await put(backend, job(3))
    depth = await backend.queue.depth(Q)
    assert (depth.pending, depth.dead) == (3, 1)


@pytest.mark.limits(QueueLimits(limit=3))
async def test_requeue_all_stops_when_the_queue_is_full_and_loses_nothing(backend):
    await put(backend, *(job(n) for n in range(3)))
    for one in await claim(backend):
        await bury(backend, one)
    await put(backend, job(10))
    done = await backend.do(lambda conn: backend.queue.requeue_all(conn, Q))
    assert [requeued.letter.payload["n"] for requeued in done] == [0, 1]
    depth = await backend.queue.depth(Q)
    assert (depth.pending, depth.dead) == (3, 1)
    left = (await backend.do(lambda conn: backend.queue.dead(conn, Q))).items
    refused = await backend.do(lambda conn: backend.queue.requeue(conn, left[0].id))
    assert refused.result.outcome is PutOutcome.REJECTED
    assert (await backend.queue.depth(Q)).dead == 1


async def test_dead_letters_are_dropped_one_or_all_or_by_age(backend):
    await put(backend, *(job(n) for n in range(4)), job(9, queue="assess"))
    for one in (*await claim(backend), *await claim(backend, queue="assess")):
        await bury(backend, one)
    newest = (await backend.do(lambda conn: backend.queue.dead(conn, Q))).items[0]
    assert await backend.do(lambda conn: backend.queue.drop(conn, newest.id))
    assert not await backend.do(lambda conn: backend.queue.drop(conn, newest.id))
    assert await backend.do(lambda conn: backend.queue.drop_all(conn, Q)) == 3
    backend.clock.tick(31 * 24 * 3600)
    assert await backend.do(lambda conn: backend.queue.prune_dead(conn, backend.clock.steady())) == 1


@pytest.mark.limits(QueueLimits(dead_limit=3))
async def test_the_oldest_dead_letters_make_room(backend):
    await put(backend, *(job(n) for n in range(5)))
    for one in await claim(backend):
        await bury(backend, one)
    kept = (await backend.do(lambda conn: backend.queue.dead(conn, Q))).items
    assert [letter.payload["n"] for letter in kept] == [4, 3, 2]
