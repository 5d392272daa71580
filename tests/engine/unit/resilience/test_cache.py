"""The cache on a clock that the test moves."""

import asyncio
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from home_sentry_engine.resilience.cache import TtlCache
from tests.fakes.clock import FakeClock


class Source:
    """Gives the number of the load; each waits until it is let go, if it is told to."""

    def __init__(self) -> None:
        self.loads = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.fault: Exception | None = None

    async def load(self) -> int:
        self.loads += 1
        number = self.loads
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        return number


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_fresh_value_is_not_loaded_again_and_an_old_one_is(clock):
    source, cache = Source(), TtlCache[str, int](clock, ttl_s=60)
    assert [await cache.get("a", source.load) for _ in range(3)] == [1, 1, 1]
    clock.tick(59.9)
    assert await cache.get("a", source.load) == 1
    clock.tick(0.1)
    await cache.get("a", source.load)
    await turns()
    assert (await cache.get("a", source.load), source.loads) == (2, 2)


async def test_an_old_value_is_served_for_a_minute_while_it_is_renewed_and_no_longer(clock):
    source, cache = Source(), TtlCache[str, int](clock, ttl_s=300, stale_s=60)
    await cache.get("a", source.load)
    source.gate.clear()
    clock.tick(310)
    assert [await cache.get("a", source.load) for _ in range(3)] == [1, 1, 1]
    assert source.loads == 2
    clock.tick(51)
    waiting = asyncio.create_task(cache.get("a", source.load))
    await turns()
    assert not waiting.done()
    source.gate.set()
    assert (await waiting, source.loads) == (2, 2)


async def test_who_is_patient_gets_the_new_value_if_it_comes_in_time(clock):
    source, cache = Source(), TtlCache[str, int](clock, ttl_s=60, patience_s=2)
    await cache.get("a", source.load, version=1)
    assert await cache.get("a", source.load, version=2) == 2
    source.gate.clear()
    slow = asyncio.create_task(cache.get("a", source.load, version=3))
    await turns()
    await clock.advance(1.9)
    assert not slow.done()
    await clock.advance(0.1)
    assert await slow == 2
    source.gate.set()
    await turns()
    assert await cache.get("a", source.load, version=3) == 3


async def test_of_many_callers_one_loads(clock):
    source, cache = Source(), TtlCache[str, int](clock)
    source.gate.clear()
    callers = [asyncio.create_task(cache.get("a", source.load)) for _ in range(20)]
    await turns()
    callers[0].cancel()
    source.gate.set()
    assert set(await asyncio.gather(*callers[1:])) == {1}


async def test_a_failure_is_told_only_where_no_value_can_be_served(clock):
    source, cache = Source(), TtlCache[str, int](clock, ttl_s=60, patience_s=2)
    await cache.get("a", source.load)
    source.fault = OSError("gone")
    clock.tick(61)
    assert await cache.get("a", source.load) == 1
    clock.tick(60)
    with pytest.raises(OSError, match="gone"):
        await cache.get("a", source.load)
    source.fault = None
    assert await cache.get("a", source.load) == source.loads


async def test_only_so_many_values_are_kept_and_closing_ends_loads(clock):
    source, cache = Source(), TtlCache[int, int](clock, most=3)
    for key in (1, 2, 3, 1, 4):
        await cache.get(key, source.load)
    assert source.loads == 4
    await cache.get(1, source.load)
    assert source.loads == 4
    await cache.get(2, source.load)
    assert source.loads == 5
    source.gate.clear()
    waiting = asyncio.create_task(cache.get(9, source.load))
    await turns()
    await cache.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 200), st.booleans()), max_size=30))
def test_no_value_is_older_than_its_time_and_a_minute(steps: list[tuple[float, bool]]):
    async def check() -> None:
        clock = FakeClock()
        cache = TtlCache[str, float](clock, ttl_s=60, stale_s=60)
        version = 0

        async def load() -> float:
            await asyncio.sleep(0)
            return clock.monotonic()

        for seconds, changed in steps:
            clock.tick(seconds)
            version += changed
            loaded_at = await cache.get("a", load, version=version)
            assert clock.monotonic() - loaded_at <= 120
            if changed:
                assert clock.monotonic() - loaded_at <= 60
        await cache.aclose()

    _run(check)


def _run(work: Callable[[], object]) -> None:
    asyncio.run(work())  # type: ignore[arg-type]
