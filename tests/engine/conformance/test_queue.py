"""What every queue promises."""

import asyncio
from datetime import timedelta

import pytest

from home_sentry_engine.broker.queue import LeaseLost, Overflow, PutOutcome, QueueLimits
from home_sentry_engine.domain.jobs import PRIORITY_URGENT, NewJob
from tests.engine.conformance.steps import Q, ack, bury, claim, job, numbers, put, retry
from tests.fakes.patience import turns


async def test_a_job_comes_back_as_it_was_put(backend):
    (result,) = await put(
        backend, NewJob(queue=Q, payload={"media_id": "m", "ids": [1, 2], "x": None}, key="yard", priority=3)
    )
    (one,) = await claim(backend, lease_s=30)
    assert result.outcome is PutOutcome.ACCEPTED
    assert (one.id, one.queue, one.key, one.priority, one.attempt) == (result.job_id, Q, "yard", 3, 1)
    assert one.payload == {"media_id": "m", "ids": [1, 2], "x": None}
    assert one.enqueued_at == backend.clock.steady()
    assert one.leased_until == backend.clock.steady() + timedelta(seconds=30)


async def test_keys_and_payloads_of_any_text_come_back_as_they_were(backend):
    texts = ["", " ", "a b  c", "a/b:c", 'Gärten "hinten"\\', "two\nlines\ttab", "门前 🚪", "null", "0", "-"]
    await put(backend, *(NewJob(queue=Q, payload={"text": text, text: 2**53 + 1}, key=text) for text in texts))
    found = await claim(backend)
    assert [one.key for one in found] == texts
    assert [one.payload for one in found] == [{"text": text, text: 2**53 + 1} for text in texts]
    for one in found:
        await retry(backend, one)
    again = await claim(backend)
    assert [(one.key, one.attempt) for one in again] == [(text, 2) for text in texts]
    for one in again:
        await ack(backend, one)
    assert await claim(backend) == ()


async def test_many_workers_who_claim_at_once_get_each_job_once(backend):
    await put(backend, *(job(n, key=f"c{n % 7}") for n in range(70)))
    done: list[int] = []
    while found := [one for part in await asyncio.gather(*(claim(backend, 2) for _ in range(9))) for one in part]:
        assert len({one.key for one in found}) == len(found)
        done += numbers(found)
        for one in found:
            await ack(backend, one)
    assert sorted(done) == list(range(70))
    assert [number for number in done if number % 7 == 0] == list(range(0, 70, 7))


async def test_jobs_come_in_the_order_of_their_puts(backend):
    await put(backend, *(job(n) for n in range(20)))
    assert numbers(await claim(backend, 7)) == list(range(7))
    assert numbers(await claim(backend)) == list(range(7, 20))
    assert await claim(backend) == ()


async def test_queues_do_not_mix(backend):
    await put(backend, job(1), job(2, queue="assess"))
    assert numbers(await claim(backend, queue="assess")) == [2]
    assert numbers(await claim(backend)) == [1]


async def test_a_higher_priority_goes_first(backend):
    await put(backend, job(1), job(2, priority=PRIORITY_URGENT), job(3), job(4, priority=PRIORITY_URGENT))
    assert numbers(await claim(backend)) == [2, 4, 1, 3]


async def test_one_job_of_a_key_runs_at_a_time(backend):
    await put(backend, job(1, key="yard"), job(2, key="yard"), job(3, key="door"), job(4))
    first = await claim(backend)
    assert numbers(first) == [1, 3, 4]
    assert await claim(backend) == ()
    await ack(backend, first[0])
    assert numbers(await claim(backend)) == [2]


async def test_an_urgent_job_waits_for_the_running_one_of_its_key_and_then_goes_first(backend):
    await put(backend, job(1, key="yard"), job(2, key="yard"))
    (running,) = await claim(backend)
    await put(backend, job(3, key="yard", priority=PRIORITY_URGENT))
    assert await claim(backend) == ()
    await ack(backend, running)
    assert numbers(await claim(backend)) == [3]


async def test_many_waiting_jobs_of_a_busy_key_do_not_hide_another_key(backend):
    await put(backend, *(job(n, key="busy") for n in range(400)), job(1000, key="calm"), job(1001))
    assert numbers(await claim(backend, 1)) == [0]
    assert numbers(await claim(backend, 5)) == [1000, 1001]
    assert await claim(backend) == ()


async def test_not_before_delays_and_does_not_hold_the_key(backend):
    later = backend.clock.steady() + timedelta(seconds=10)
    await put(backend, job(1, key="yard", not_before=later), job(2, key="yard"))
    (second,) = await claim(backend)
    assert numbers([second]) == [2]
    await ack(backend, second)
    assert await claim(backend) == ()
    backend.clock.tick(10)
    assert numbers(await claim(backend)) == [1]


async def test_a_retry_waits_and_holds_its_place_in_the_key(backend):
    await put(backend, job(1, key="yard"), job(2, key="yard"), job(3))
    first, other = await claim(backend)
    await ack(backend, other)
    await retry(backend, first, 5)
    assert await claim(backend) == ()
    await put(backend, job(4, key="yard", priority=PRIORITY_URGENT))
    (urgent,) = await claim(backend)
    assert numbers([urgent]) == [4]
    await ack(backend, urgent)
    backend.clock.tick(5)
    (again,) = await claim(backend)
    assert numbers([again]) == [1]
    assert again.attempt == 2


async def test_an_uncounted_retry_keeps_the_number_of_tries(backend):
    await put(backend, job(1))
    for _ in range(5):
        (one,) = await claim(backend)
        assert one.attempt == 1
        await retry(backend, one, counted=False)


async def test_an_expired_lease_is_taken_over_and_the_first_holder_has_lost_it(backend):
    await put(backend, job(1, key="yard"))
    (first,) = await claim(backend, lease_s=10)
    backend.clock.tick(9.5)
    assert await claim(backend) == ()
    backend.clock.tick(0.5)
    (second,) = await claim(backend, lease_s=10)
    assert second.attempt == 2
    assert backend.queue.counts(Q).redelivered == 1
    for late in (ack, retry, bury):
        with pytest.raises(LeaseLost):
            await late(backend, first)
    assert not await backend.queue.extend(first, 10)
    await ack(backend, second)
    with pytest.raises(LeaseLost):
        await ack(backend, second)
    assert await claim(backend) == ()


async def test_an_expired_lease_that_nobody_took_over_still_counts(backend):
    await put(backend, job(1))
    (one,) = await claim(backend, lease_s=10)
    backend.clock.tick(60)
    await ack(backend, one)
    assert await claim(backend) == ()


async def test_extend_prolongs_the_lease_from_now(backend):
    await put(backend, job(1))
    (one,) = await claim(backend, lease_s=10)
    backend.clock.tick(9)
    assert await backend.queue.extend(one, 10)
    backend.clock.tick(9)
    assert await claim(backend) == ()
    backend.clock.tick(1)
    assert numbers(await claim(backend)) == [1]


async def test_a_unique_job_is_queued_once_until_it_is_finished_or_dead(backend):
    first, twin, other = await put(backend, job(1, unique="m"), job(2, unique="m"), job(3, unique="m", queue="assess"))
    assert (twin.outcome, twin.job_id) == (PutOutcome.DUPLICATE, first.job_id)
    assert other.outcome is PutOutcome.ACCEPTED
    (one,) = await claim(backend)
    assert (await put(backend, job(4, unique="m")))[0].outcome is PutOutcome.DUPLICATE
    await ack(backend, one)
    assert (await put(backend, job(5, unique="m")))[0].outcome is PutOutcome.ACCEPTED
    (one,) = await claim(backend)
    await bury(backend, one)
    assert (await put(backend, job(6, unique="m")))[0].outcome is PutOutcome.ACCEPTED


async def test_depth_tells_ready_running_delayed_and_dead(backend):
    later = backend.clock.steady() + timedelta(seconds=60)
    await put(backend, job(1), job(2), job(3), job(4), job(5, not_before=later), job(6, queue="assess"))
    taken = await claim(backend, 3)
    await bury(backend, taken[0])
    await retry(backend, taken[1], 5)
    depth = await backend.queue.depth(Q)
    assert (depth.queue, depth.pending, depth.processing, depth.delayed, depth.dead) == (Q, 1, 1, 2, 1)
    backend.clock.tick(60)
    depth = await backend.queue.depth(Q)
    assert (depth.pending, depth.processing, depth.delayed, depth.dead) == (4, 0, 0, 1)
    assert (await backend.queue.depth("never used")).pending == 0


@pytest.mark.limits(QueueLimits(limit=3, overflow=Overflow.DEAD_LETTER))
async def test_a_full_queue_sends_new_jobs_to_the_dead_letters(backend):
    results = await put(backend, *(job(n) for n in range(5)))
    assert [result.outcome for result in results] == [PutOutcome.ACCEPTED] * 3 + [PutOutcome.DEAD_LETTERED] * 2
    assert "3 jobs" in results[3].reason
    dead = (await backend.do(lambda conn: backend.queue.dead(conn, Q))).items
    assert [(letter.payload["n"], letter.error_type, letter.job_id) for letter in dead] == [
        (4, "queue_full", None),
        (3, "queue_full", None),
    ]
    counts = backend.queue.counts(Q)
    assert (counts.accepted, counts.dead_lettered) == (3, 2)


@pytest.mark.limits(QueueLimits(limit=3, overflow=Overflow.REJECT))
async def test_a_full_queue_may_reject(backend):
    results = await put(backend, *(job(n, unique=str(n)) for n in range(4)), job(5, unique="1"))
    assert [result.outcome for result in results[2:]] == [
        PutOutcome.ACCEPTED,
        PutOutcome.REJECTED,
        PutOutcome.DUPLICATE,
    ]
    (one, *_) = await claim(backend)
    await ack(backend, one)
    assert (await put(backend, job(6)))[0].outcome is PutOutcome.ACCEPTED
    assert backend.queue.counts(Q).rejected == 1


@pytest.mark.limits(QueueLimits(limit=3, overflow=Overflow.DROP_OLDEST))
async def test_a_full_queue_may_drop_its_oldest_least_important_idle_job(backend):
    await put(backend, job(0), job(1, priority=1), job(2))
    await claim(backend, 1)
    (result,) = await put(backend, job(3))
    assert (result.outcome, result.dropped) == (PutOutcome.ACCEPTED, {"n": 0})
    assert backend.queue.counts(Q).dropped == 1
    await claim(backend)
    (result,) = await put(backend, job(4))
    assert result.outcome is PutOutcome.REJECTED


async def test_wait_returns_when_something_was_put(backend):
    waiting = asyncio.create_task(backend.queue.wait(Q, 60))
    await asyncio.sleep(0)
    assert not waiting.done()
    await put(backend, job(1))
    async with asyncio.timeout(60):
        await waiting


async def test_a_put_between_claim_and_wait_is_not_missed(backend):
    assert await claim(backend) == ()
    await put(backend, job(1))
    async with asyncio.timeout(60):
        await backend.queue.wait(Q, 60)


async def test_wait_ends_when_a_delayed_job_becomes_due(backend):
    await put(backend, job(1, not_before=backend.clock.steady() + timedelta(seconds=10)))
    await claim(backend)
    waiting = asyncio.create_task(backend.queue.wait(Q, 60))
    await turns()
    await backend.clock.advance(9)
    assert not waiting.done()
    await backend.clock.advance(1)
    async with asyncio.timeout(60):
        await waiting
    assert numbers(await claim(backend)) == [1]


async def test_wait_ends_at_its_time_out(backend):
    waiting = asyncio.create_task(backend.queue.wait(Q, 60))
    await turns()
    await backend.clock.advance(59)
    assert not waiting.done()
    await backend.clock.advance(1)
    async with asyncio.timeout(60):
        await waiting


async def test_a_finished_job_wakes_the_next_of_its_key(backend):
    await put(backend, job(1, key="yard"), job(2, key="yard"))
    (one,) = await claim(backend, 1)
    assert await claim(backend) == ()
    waiting = asyncio.create_task(backend.queue.wait(Q, 600))
    await asyncio.sleep(0)
    await ack(backend, one)
    async with asyncio.timeout(60):
        await waiting


async def test_workers_share_the_jobs_and_none_runs_twice(backend):
    await put(backend, *(job(n, key=f"camera {n % 5}") for n in range(100)))
    done: list[int] = []
    running: set[str | None] = set()

    async def work() -> None:
        while len(done) < 100:
            jobs = await claim(backend, 1)
            if not jobs:
                await asyncio.sleep(0.001)
            for one in jobs:
                assert one.key not in running
                running.add(one.key)
                await asyncio.sleep(0)
                done.append(one.payload["n"])
                running.discard(one.key)
                await ack(backend, one)

    async with asyncio.timeout(100):
        await asyncio.gather(*(work() for _ in range(4)))
    assert sorted(done) == list(range(100))
    for camera in range(5):
        assert [n for n in done if n % 5 == camera] == list(range(camera, 100, 5))
