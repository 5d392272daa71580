"""No minute ever sees more than a limit and its burst, and nobody waits longer than told."""

from bisect import bisect_right

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.api.auth import Gate
from home_sentry_engine.api.key_book import KeyBook
from home_sentry_engine.api.limits import Limit, LimitClass, Limits, RateLimiter, Window, Windows
from home_sentry_engine.api.tokens import TokenKeys, hash_of
from home_sentry_engine.contract.errors import RateLimited, Unauthorized
from tests.fakes.clock import FakeClock
from tests.fakes.keys import FakeKeyDesk

ROUNDING = 1e-9


@given(
    st.floats(1, 100),
    st.floats(0, 20),
    st.lists(st.floats(0, 30), min_size=1, max_size=200),
)
def test_no_minute_sees_more_than_the_limit_and_the_burst(per_minute, burst, pauses):
    window = Window(Limit(per_minute=per_minute, burst=burst))
    most = int(per_minute + burst)
    now = 0.0
    taken: list[float] = []
    for pause in pauses:
        now += pause
        wait = window.take(now)
        if wait:
            assert wait <= 60 + ROUNDING
            assert len(taken) >= most
            # who waits as long as told gets one
            now += wait + 1e-6
            assert window.take(now) == 0
        taken.append(now)
        assert len(taken) - bisect_right(taken, now - 60 + ROUNDING) <= most
        assert len(window) <= most


@given(st.lists(st.floats(-100, 100), max_size=50))
def test_a_clock_that_goes_back_gives_nothing_away(steps):
    window = Window(Limit(per_minute=5))
    now = 0.0
    latest = -100_000.0
    taken: list[float] = []
    for step in steps:
        now += step
        latest = max(latest, now)
        if not window.take(now):
            taken.append(latest)
            assert len(taken) - bisect_right(taken, latest - 60 + ROUNDING) <= 5


def test_callers_and_classes_do_not_share():
    clock = FakeClock()
    limiter = RateLimiter(Limits(), clock.monotonic)
    limiter.check(LimitClass.AI, "a")
    clock.tick(20)
    for _ in range(12):
        limiter.check(LimitClass.AI, "a")
    with pytest.raises(RateLimited) as refused:
        limiter.check(LimitClass.AI, "a")
    assert refused.value.details == {"limit": "ai", "retry_after_s": 40.0}
    limiter.check(LimitClass.AI, "b")
    limiter.check(LimitClass.GENERAL, "a")
    clock.tick(40)
    limiter.check(LimitClass.AI, "a")
    with pytest.raises(RateLimited):
        limiter.check(LimitClass.AI, "a")


@pytest.mark.parametrize(("name", "most"), [(LimitClass.AI, 13), (LimitClass.GENERAL, 70)])
def test_who_asks_all_the_time_gets_no_more_than_the_limit_and_the_burst_in_a_minute(name, most):
    clock = FakeClock()
    limiter = RateLimiter(Limits(), clock.monotonic)
    passed = 0
    for _ in range(599):
        try:
            limiter.check(name, "a")
        except RateLimited:
            pass
        else:
            passed += 1
        clock.tick(0.1)
    assert passed == most


def test_a_client_that_starts_may_ask_seventy_times_at_once():
    clock = FakeClock()
    limiter = RateLimiter(Limits(), clock.monotonic)
    for _ in range(70):
        limiter.check(LimitClass.GENERAL, "a")
    with pytest.raises(RateLimited):
        limiter.check(LimitClass.GENERAL, "a")


def test_five_wrong_tokens_are_judged_in_a_minute_and_the_right_one_always_passes():
    clock = FakeClock()
    keys = TokenKeys(current=hash_of("right"))
    gate = Gate(lambda: keys, KeyBook(FakeKeyDesk(clock), clock), clock, Limits().failed_logins)
    judged = 0
    for number in range(599):
        with pytest.raises((Unauthorized, RateLimited)) as refused:
            gate.admit(f"wrong {number}", "192.0.2.1")
        judged += refused.type is Unauthorized
        clock.tick(0.1)
    assert judged == 5
    assert gate.admit("right", "192.0.2.1").address == "192.0.2.1"


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
    windows = Windows(Limit(per_minute=1), FakeClock().monotonic)
    for number in range(25_000):
        windows.take(str(number))
    assert len(windows._windows) == 10_000
    assert windows.take("24999") > 0
    assert windows.take("0") == 0


def test_callers_who_use_all_they_may_do_not_fill_the_memory():
    windows = Windows(Limit(per_minute=600, burst=100), FakeClock().monotonic)
    for number in range(400):
        for _ in range(700):
            windows.take(str(number))
    assert sum(map(len, windows._windows.values())) == windows._remembered <= 200_000
    assert windows.take("399") > 0
