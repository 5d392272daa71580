"""Keys take turns: one that floods does not keep the others waiting, on any back-end."""

from collections import Counter
from itertools import groupby

from home_sentry_engine.domain.jobs import PRIORITY_URGENT
from tests.engine.conformance.backends import Backend
from tests.engine.conformance.steps import ack, bury, claim, job, numbers, put, retry


async def served(backend: Backend, count: int) -> list[int]:
    """Give what one worker does next, a job at a time."""
    done = []
    for _ in range(count):
        (one,) = await claim(backend, 1)
        done.append(one.payload["n"])
        await ack(backend, one)
    return done


async def test_keys_take_turns_and_each_keeps_its_order(backend):
    await put(backend, *(job(n, key="busy") for n in range(6)), job(100, key="calm"), job(101, key="calm"))
    assert await served(backend, 8) == [0, 100, 1, 101, 2, 3, 4, 5]
    assert await claim(backend) == ()


async def test_a_key_that_comes_later_passes_by_the_backlog(backend):
    await put(backend, *(job(n, key="busy") for n in range(300)))
    for number in range(20):
        assert await served(backend, 3) == [3 * number, 3 * number + 1, 3 * number + 2]
        await put(backend, job(1000 + number, key="calm"))
        assert (await claim(backend, 1))[0].payload["n"] == 1000 + number
        backend.clock.tick(61)
        again = await served(backend, 1)
        assert again == [1000 + number]


async def test_with_fewer_workers_than_busy_keys_a_calm_one_is_next_once_a_round_is_over(backend):
    busy = [f"busy {n}" for n in range(6)]
    await put(backend, *(job(n, key=busy[n % 6]) for n in range(240)))
    order: list[str | None] = []
    for round_number in range(40):
        if round_number % 5 == 2:
            await put(backend, job(1000 + round_number, key="calm"))
            waited_from = len(order)
        for one in await claim(backend, 2):
            order.append(one.key)
            if one.key == "calm":
                assert len(order) - waited_from <= (2 if round_number > 5 else len(busy) + 1)
            await ack(backend, one)
    counts = Counter(order)
    assert counts["calm"] == 8
    assert max(counts[key] for key in busy) - min(counts[key] for key in busy) <= 1


async def test_a_key_that_was_away_does_not_catch_up(backend):
    await put(backend, *(job(n, key="old") for n in range(60)))
    assert await served(backend, 30) == list(range(30))
    await put(backend, *(job(100 + n, key="new") for n in range(20)))
    order = ["new" if number >= 100 else "old" for number in await served(backend, 40)]
    assert all(len(list(group)) <= 4 for _, group in groupby(order))
    assert order.count("old") == order.count("new") == 20


async def test_jobs_without_a_key_are_one_line(backend):
    await put(backend, *(job(n) for n in range(5)), *(job(100 + n, key="yard") for n in range(3)))
    assert await served(backend, 8) == [0, 100, 1, 101, 2, 102, 3, 4]


async def test_a_turn_never_goes_before_a_priority(backend):
    await put(backend, *(job(n, key="busy") for n in range(3)), job(10, key="calm"))
    await put(backend, *(job(20 + n, key="busy", priority=PRIORITY_URGENT) for n in range(3)))
    await put(backend, job(30, key="calm", priority=PRIORITY_URGENT))
    assert await served(backend, 8) == [20, 30, 21, 22, 0, 10, 1, 2]


async def test_a_retry_keeps_its_turn_and_what_left_the_line_leaves_no_gap(backend):
    await put(backend, *(job(n, key="busy") for n in range(4)), job(10, key="calm"))
    first, calm = await claim(backend, 2)
    assert numbers([first, calm]) == [0, 10]
    await retry(backend, first)
    await bury(backend, calm)
    await put(backend, job(11, key="calm"))
    (again,) = await claim(backend, 1)
    assert numbers([again]) == [0]
    await ack(backend, again)
    assert await served(backend, 4) == [11, 1, 2, 3]


async def test_thousands_of_waiting_jobs_do_not_delay_another_key(backend):
    count = 9_000 if backend.database is not None else 500
    for start in range(0, count, 500):
        await put(backend, *(job(n, key="busy") for n in range(start, start + 500)))
    assert await served(backend, 2) == [0, 1]
    await put(backend, *(job(20_000 + n, key=f"calm {n}") for n in range(3)))
    assert numbers(await claim(backend, 4)) == [20_000, 20_001, 20_002, 2]
