"""Circuit breaker and back-off on a clock that the test moves."""

import asyncio
from functools import partial

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.resilience.backoff import Backoff
from home_sentry_engine.resilience.breaker import Breaker, BreakerOpen, BreakerPolicy, Breakers, BreakerState
from tests.fakes.clock import FakeClock


def fail(breaker, error=ConnectionError):
    with pytest.raises(error), breaker.call():
        raise error


def succeed(breaker):
    with breaker.call():
        pass


def opened(clock, **policy):
    breaker = Breaker("llm", monotonic=clock.monotonic, policy=BreakerPolicy(**policy))
    for _ in range(5):
        fail(breaker)
    return breaker


def test_five_failures_open_it_and_callers_are_refused_without_a_try():
    clock = FakeClock()
    breaker = opened(clock)
    assert breaker.state is BreakerState.OPEN
    clock.tick(10)
    with pytest.raises(BreakerOpen) as refused, breaker.call():
        pytest.fail("the guarded work ran")
    assert refused.value.retry_after_s == pytest.approx(20)
    assert refused.value.code == "breaker_open"


def test_a_success_between_failures_starts_the_count_again():
    breaker = Breaker("llm", monotonic=FakeClock().monotonic)
    for _ in range(10):
        for _ in range(4):
            fail(breaker)
        succeed(breaker)
    assert breaker.state is BreakerState.CLOSED


def test_two_successful_probes_close_it():
    clock = FakeClock()
    breaker = opened(clock)
    clock.tick(30)
    assert breaker.state is BreakerState.HALF_OPEN
    succeed(breaker)
    still = breaker.state
    succeed(breaker)
    assert (still, breaker.state) == (BreakerState.HALF_OPEN, BreakerState.CLOSED)


def test_a_failed_probe_opens_it_for_another_pause():
    clock = FakeClock()
    breaker = opened(clock)
    clock.tick(30)
    fail(breaker)
    assert breaker.state is BreakerState.OPEN
    assert breaker.retry_after_s == pytest.approx(30)


def test_only_so_many_probes_run_at_once():
    clock = FakeClock()
    breaker = opened(clock)
    clock.tick(31)
    with breaker.call(), breaker.call(), breaker.call(), pytest.raises(BreakerOpen), breaker.call():
        pytest.fail("a fourth probe ran")


def test_excluded_errors_count_neither_way():
    breaker = Breaker("llm", monotonic=FakeClock().monotonic, policy=BreakerPolicy(excluded=(ValueError,)))
    for _ in range(20):
        fail(breaker, ValueError)
    assert breaker.state is BreakerState.CLOSED


async def test_a_cancelled_probe_frees_its_place():
    clock = FakeClock()
    breaker = opened(clock, half_open_calls=1)
    clock.tick(31)

    async def probe():
        with breaker.call():
            await asyncio.Event().wait()

    task = asyncio.create_task(probe())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    succeed(breaker)
    succeed(breaker)
    assert breaker.state is BreakerState.CLOSED


def test_changes_are_reported_once():
    clock = FakeClock()
    seen: list[BreakerState] = []
    breaker = Breaker("llm", monotonic=clock.monotonic, on_change=seen.append)
    for _ in range(5):
        fail(breaker)
    clock.tick(30)
    succeed(breaker)
    succeed(breaker)
    assert seen == [BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED]


def test_the_registry_shows_and_closes_what_its_owners_have_at_the_moment():
    clock = FakeClock()
    owned: dict[str, Breaker | None] = {name: Breaker(name, monotonic=clock.monotonic) for name in ("llm", "clip")}
    breakers = Breakers()
    for name in (*owned, "detector"):
        breakers.add(name, partial(owned.get, name))
    for _ in range(5):
        fail(owned["llm"])
        fail(owned["clip"])
    assert breakers.states() == {"llm": BreakerState.OPEN, "clip": BreakerState.OPEN}
    breakers.reset("llm", "detector", "unheard of")
    assert breakers.states() == {"llm": BreakerState.CLOSED, "clip": BreakerState.OPEN}
    owned["detector"] = Breaker("detector", monotonic=clock.monotonic)
    owned["clip"] = None
    assert breakers.states() == {"llm": BreakerState.CLOSED, "detector": BreakerState.CLOSED}
    for _ in range(5):
        fail(owned["detector"])
    breakers.reset()
    assert set(breakers.states().values()) == {BreakerState.CLOSED}
    breakers.forget("llm")
    breakers.forget("unheard of")
    assert set(breakers.states()) == {"detector"}


def test_delays_double_up_to_the_cap():
    backoff = Backoff()
    assert [backoff.delay_s(retry) for retry in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]


@given(retry=st.integers(1, 10**6), random=st.floats(0, 1))
def test_any_delay_is_bounded(retry, random):
    assert 1.0 <= Backoff().delay_s(retry, random=lambda: random) <= 30.0 * 1.25


@pytest.mark.parametrize("wrong", [{"base_s": -1.0}, {"factor": 0.5}, {"cap_s": 0.5}, {"jitter": 2.0}])
def test_a_shrinking_delay_is_refused(wrong):
    with pytest.raises(ValueError, match="not a growing delay"):
        Backoff(**wrong)
