"""The bound of a queue hits the key that floods it, on any back-end."""

import pytest

from home_sentry_engine.broker.queue import LeaseLost, Overflow, PutOutcome, QueueLimits
from home_sentry_engine.domain.jobs import PRIORITY_SPARE, PRIORITY_URGENT
from tests.engine.conformance.backends import Backend
from tests.engine.conformance.steps import Q, ack, bury, claim, job, numbers, put, retry

SIX = QueueLimits(limit=6, overflow=Overflow.DEAD_LETTER)
REJECTING = QueueLimits(limit=6, overflow=Overflow.REJECT)
DROPPING = QueueLimits(limit=6, overflow=Overflow.DROP_OLDEST)


async def flood(backend: Backend, count: int = 6):
    return await put(backend, *(job(n, key="busy") for n in range(count)))


async def dead(backend: Backend) -> list[int]:
    """Give what was given up, oldest first."""
    page = await backend.do(lambda conn: backend.queue.dead(conn, Q))
    return [letter.payload["n"] for letter in reversed(page.items)]


async def left(backend: Backend) -> list[int]:
    """Give what still waits, in the order of its claims."""
    found = []
    while jobs := await claim(backend, 1):
        found += numbers(jobs)
        await ack(backend, jobs[0])
    return found


@pytest.mark.limits(SIX)
async def test_a_quiet_key_takes_the_place_of_the_last_job_of_a_flood(backend):
    await flood(backend)
    results = await put(backend, job(10, key="calm"), job(6, key="busy"), job(11, key="calm"))
    assert [one.outcome for one in results] == [PutOutcome.ACCEPTED, PutOutcome.DEAD_LETTERED, PutOutcome.ACCEPTED]
    assert [one.displaced for one in results] == [{"n": 5}, None, {"n": 4}]
    assert await dead(backend) == [5, 6, 4]
    counts = backend.queue.counts(Q)
    assert (counts.accepted, counts.dead_lettered, counts.dropped) == (8, 3, 0)
    assert await left(backend) == [0, 10, 1, 11, 2, 3]


@pytest.mark.limits(SIX)
async def test_a_displaced_job_is_a_dead_letter_with_its_history_and_can_be_put_back(backend):
    await put(backend, job(0, key="calm"), *(job(n, key="busy", unique=str(n)) for n in range(1, 6)))
    await put(backend, job(10, key="calm"))
    (letter,) = (await backend.do(lambda conn: backend.queue.dead(conn, Q))).items
    assert (letter.payload, letter.key, letter.unique, letter.error_type) == ({"n": 5}, "busy", "5", "queue_full")
    assert (letter.attempts, letter.enqueued_at) == (0, backend.clock.steady())
    assert letter.job_id is not None
    assert "6 jobs" in letter.error
    refused = await backend.do(lambda conn: backend.queue.requeue(conn, letter.id))
    assert refused.result.outcome is PutOutcome.REJECTED
    (first,) = await claim(backend, 1)
    await ack(backend, first)
    done = await backend.do(lambda conn: backend.queue.requeue(conn, letter.id))
    assert done.result.outcome is PutOutcome.ACCEPTED
    assert sorted(await left(backend)) == [1, 2, 3, 4, 5, 10]


@pytest.mark.limits(REJECTING)
async def test_rejecting_refuses_the_flood_and_forgets_nothing_that_was_accepted(backend):
    await flood(backend)
    results = await put(backend, job(6, key="busy"), job(10, key="calm"))
    assert [one.outcome for one in results] == [PutOutcome.REJECTED, PutOutcome.ACCEPTED]
    assert results[1].displaced == {"n": 5}
    assert await dead(backend) == [5]
    counts = backend.queue.counts(Q)
    assert (counts.accepted, counts.rejected, counts.dead_lettered) == (7, 1, 1)


@pytest.mark.limits(REJECTING)
async def test_a_refusal_counts_although_it_undoes_the_transaction_of_its_caller(backend):
    def work(conn):
        result = backend.queue.put(conn, job(6, key="busy"), backend.clock.steady())
        assert result.outcome is PutOutcome.REJECTED
        raise InterruptedError(result.reason)

    await flood(backend)
    for _ in range(2):
        with pytest.raises(InterruptedError, match="6 jobs"):
            await backend.do(work)
    assert (backend.queue.counts(Q).accepted, backend.queue.counts(Q).rejected) == (6, 2)


@pytest.mark.limits(DROPPING)
async def test_dropping_the_oldest_drops_the_oldest_of_the_flood(backend):
    await put(backend, job(10, key="calm"))
    await flood(backend, 5)
    results = await put(backend, job(5, key="busy"), job(11, key="calm"), job(12, key="third"))
    assert [one.dropped for one in results] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert await dead(backend) == []
    assert sorted(await left(backend)) == [3, 4, 5, 10, 11, 12]


@pytest.mark.limits(SIX)
async def test_a_job_in_hand_never_has_to_go(backend):
    await put(backend, *(job(n, key="busy", priority=-n) for n in range(4)), job(10, key="calm"), job(11, key="calm"))
    taken = await claim(backend, 2)
    assert numbers(taken) == [0, 10]
    results = await put(backend, *(job(20 + n, key=f"other {n}") for n in range(5)))
    assert [one.displaced for one in results] == [{"n": 3}, {"n": 2}, {"n": 11}, {"n": 1}, None]
    assert results[4].outcome is PutOutcome.DEAD_LETTERED
    for one in taken:
        await ack(backend, one)


@pytest.mark.limits(SIX)
async def test_keys_alike_keep_what_they_have(backend):
    await put(backend, *(job(n, key=f"camera {n}") for n in range(6)))
    (result,) = await put(backend, job(10, key="one more"))
    assert result.outcome is PutOutcome.DEAD_LETTERED
    assert await dead(backend) == [10]


@pytest.mark.limits(SIX)
async def test_of_floods_alike_the_youngest_job_goes(backend):
    await put(backend, *(job(n, key=("first", "second")[n % 2]) for n in range(6)))
    results = await put(backend, *(job(10 + n, key="calm") for n in range(4)))
    assert [one.displaced for one in results] == [{"n": 5}, {"n": 4}, None, None]


@pytest.mark.limits(SIX)
async def test_an_important_job_of_a_flood_displaces_one_that_is_less_so(backend):
    await put(backend, *(job(n, key="busy") for n in range(5)), job(5, key="busy", priority=PRIORITY_SPARE))
    urgent = [job(20 + n, key="busy", priority=PRIORITY_URGENT) for n in range(2)]
    results = await put(backend, *urgent, job(6, key="busy"))
    assert [one.displaced for one in results] == [{"n": 5}, {"n": 4}, None]
    assert results[2].outcome is PutOutcome.DEAD_LETTERED
    assert await left(backend) == [20, 21, 0, 1, 2, 3]


@pytest.mark.limits(SIX)
async def test_jobs_without_a_key_are_one_flood(backend):
    await put(backend, *(job(n) for n in range(6)))
    (result,) = await put(backend, job(10, key="calm"))
    assert result.displaced == {"n": 5}
    (result,) = await put(backend, job(6))
    assert result.outcome is PutOutcome.DEAD_LETTERED


@pytest.mark.limits(SIX)
async def test_a_second_job_of_the_same_name_displaces_nothing(backend):
    await put(backend, job(10, key="calm", unique="calm"))
    await flood(backend, 5)
    (result,) = await put(backend, job(11, key="calm", unique="calm"))
    assert (result.outcome, result.displaced) == (PutOutcome.DUPLICATE, None)
    assert await dead(backend) == []


@pytest.mark.limits(SIX)
async def test_a_lease_that_has_run_out_protects_no_longer(backend):
    await put(backend, job(0, key="busy"), job(1, key="busy"), *(job(10 + n, key=f"quiet {n}") for n in range(4)))
    (held, *_) = await claim(backend, 1, lease_s=5)
    assert numbers([held]) == [0]
    await retry(backend, held)
    (held, *_) = await claim(backend, 1, lease_s=5)
    await put(backend, job(20, key="busy"))
    backend.clock.tick(6)
    results = await put(backend, job(30, key="busy", priority=PRIORITY_URGENT))
    assert results[0].displaced == {"n": 1}
    results = await put(backend, job(31, key="busy", priority=PRIORITY_URGENT))
    assert results[0].displaced == {"n": 0}
    with pytest.raises(LeaseLost):
        await bury(backend, held)
