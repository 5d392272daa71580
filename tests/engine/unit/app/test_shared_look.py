"""A look that several share."""

import asyncio

import pytest

from home_sentry_engine.app.shared_look import SharedLook


class Slow:
    """Counts its looks; each ends when the test says so and gives its number."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = asyncio.Semaphore(0)
        self.failure: Exception | None = None

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        await self.go.acquire()
        if self.failure is not None:
            raise self.failure
        return number


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_all_who_ask_while_one_looks_share_the_next_look():
    slow = Slow()
    look = SharedLook(slow)
    first = asyncio.create_task(look())
    await turns()
    others = [asyncio.create_task(look()) for _ in range(100)]
    await turns()
    assert slow.begun == 1
    for _ in range(2):
        slow.go.release()
    assert await first == 1
    # what they asked for began after they asked
    assert await asyncio.gather(*others) == [2] * 100
    assert slow.begun == 2


async def test_who_asks_later_gets_a_look_of_its_own():
    slow = Slow()
    look = SharedLook(slow)
    found = []
    for _ in range(3):
        slow.go.release()
        found.append(await look())
    assert found == [1, 2, 3]


async def test_who_gives_up_does_not_take_the_look_from_the_others():
    slow = Slow()
    look = SharedLook(slow)
    impatient, patient = asyncio.create_task(look()), asyncio.create_task(look())
    await turns()
    impatient.cancel()
    await turns()
    slow.go.release()
    assert await patient == 1
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_a_look_that_fails_fails_for_all_of_its_own_and_the_next_is_tried():
    slow = Slow()
    look = SharedLook(slow)
    slow.failure = OSError("gone")
    slow.go.release()
    results = await asyncio.gather(*(look() for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [OSError] * 3
    slow.failure = None
    slow.go.release()
    assert await look() == 2
