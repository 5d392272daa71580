"""Token buckets never give more than they may, and never less than promised."""

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.api.limits import Buckets, Limit, LimitClass, Limits, RateLimiter, TokenBucket
from home_sentry_engine.contract.errors import RateLimited
from tests.fakes.clock import FakeClock


@given(
    st.floats(1, 1000),
    st.floats(0, 100),
    st.lists(st.floats(0, 30), min_size=1, max_size=200),
)
def test_never_more_than_the_burst_and_the_time_allow(per_minute, burst, pauses):
    bucket = TokenBucket(Limit(per_minute=per_minute, burst=burst), 0.0)
    now = 0.0
    taken = 0
    for pause in pauses:
        now += pause
        wait = bucket.take(now)
        taken += not wait
        assert taken <= per_minute + burst + now * per_minute / 60 + 1e-6
        if wait:
            # who waits as long as told gets one
            now += wait + 1e-6
            assert bucket.take(now) == 0
            taken += 1


@given(st.lists(st.floats(-100, 100), max_size=50))
def test_a_clock_that_goes_back_gives_nothing_away(steps):
    bucket = TokenBucket(Limit(per_minute=5), 0.0)
    now = 0.0
    taken = 0
    forward = 0.0
    for step in steps:
        now += step
        forward += max(0.0, step)
        taken += not bucket.take(now)
    assert taken <= 5 + forward * 5 / 60 + 1e-6


def test_callers_and_classes_do_not_share():
    clock = FakeClock()
    limiter = RateLimiter(Limits(), clock.monotonic)
    for _ in range(13):
        limiter.check(LimitClass.AI, "a")
    with pytest.raises(RateLimited) as refused:
        limiter.check(LimitClass.AI, "a")
    assert refused.value.details == {"limit": "ai", "retry_after_s": 6.0}
    limiter.check(LimitClass.AI, "b")
    limiter.check(LimitClass.GENERAL, "a")
    clock.tick(6)
    limiter.check(LimitClass.AI, "a")


def test_the_defaults_are_those_of_the_handbook():
    limits = Limits().classes
    assert {name.value: (limit.per_minute, limit.burst) for name, limit in limits.items()} == {
        "general": (60, 10),
        "media": (120, 0),
        "search": (30, 0),
        "upload": (600, 100),
        "ai": (10, 3),
        "detect": (600, 100),
        "socket": (100, 0),
        "export": (10, 0),
        "bulk": (10, 2),
    }


def test_a_million_callers_do_not_fill_the_memory():
    buckets = Buckets(Limit(per_minute=1), FakeClock().monotonic)
    for number in range(25_000):
        buckets.take(str(number))
    assert len(buckets._buckets) == 10_000
    assert buckets.peek("24999") > 0
    assert buckets.peek("0") == 0
