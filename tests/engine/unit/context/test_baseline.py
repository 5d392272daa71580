"""What is usual: distributions against SciPy, simulated weeks, the two days on which the clock changes."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from scipy import stats

from home_sentry_engine.context.baseline import (
    BaselineRules,
    Past,
    Slot,
    State,
    baseline_leg,
    hours_in,
    judge,
    slot_of,
)
from home_sentry_engine.context.tails import upper_tail
from home_sentry_engine.judgement.legs import known_of
from tests.fakes.scenes import person_scene

BERLIN = ZoneInfo("Europe/Berlin")
RULES = BaselineRules()
MONDAY = date(2026, 5, 4)
HOUR = 18
CLASSES = ("person", "car", "dog", "cat")


@given(st.integers(0, 400), st.floats(0.01, 200))
def test_the_poisson_tail_is_that_of_scipy(count, mean):
    assert upper_tail(count, mean, mean) == pytest.approx(stats.poisson.sf(count - 1, mean), rel=1e-6, abs=1e-11)


@given(st.integers(0, 300), st.floats(0.01, 100), st.floats(1.001, 20))
def test_the_negative_binomial_tail_is_that_of_scipy(count, mean, factor):
    size = mean / (factor - 1)
    wanted = stats.nbinom.sf(count - 1, size, 1 / factor)
    assert upper_tail(count, mean, mean * factor) == pytest.approx(wanted, rel=1e-6, abs=1e-11)


def past_of(counts: list[int], start: date = MONDAY) -> Past:
    return Past(counts={start + timedelta(days=n): count for n, count in enumerate(counts) if count}, since=start)


@pytest.mark.parametrize("days", range(10))
def test_below_ten_days_nothing_is_unusual(days):
    slot = Slot(day=MONDAY + timedelta(days=days), hour=HOUR)
    found = judge("person", past_of([0] * days), slot, 50, zone=BERLIN, rules=RULES)
    assert (found.state, found.unusual, found.score, found.tail) == (State.LEARNING, False, 0.5, None)


def test_a_camera_that_was_never_watched_is_learning():
    found = judge("person", Past(counts={}, since=None), Slot(day=MONDAY, hour=3), 1, zone=BERLIN, rules=RULES)
    assert found.state is State.LEARNING


@pytest.mark.parametrize("seed", range(5))
def test_four_equally_common_classes_are_not_unusual(seed):
    random = np.random.default_rng(seed)
    days = 28
    history = {name: list(random.poisson(3.0, 2 * days)) for name in CLASSES}
    judged = [
        judge(
            name,
            past_of(history[name][:day]),
            Slot(day=MONDAY + timedelta(days=day), hour=HOUR),
            int(history[name][day]),
            zone=BERLIN,
            rules=RULES,
        )
        for day in range(days, 2 * days)
        for name in CLASSES
    ]
    assert all(one.state is State.READY for one in judged)
    unusual = [one for one in judged if one.unusual]
    assert len(unusual) <= 0.05 * len(judged)


def test_a_tripled_rate_is_unusual_within_four_weeks():
    random = np.random.default_rng(7)
    slot = Slot(day=MONDAY + timedelta(days=28), hour=HOUR)
    caught = [
        judge(
            "person",
            past_of([int(one) for one in random.poisson(4.0, 28)]),
            slot,
            int(random.poisson(12.0)),
            zone=BERLIN,
            rules=RULES,
        ).unusual
        for _ in range(200)
    ]
    assert sum(caught) >= 0.7 * len(caught)


def test_a_rate_that_triples_for_good_is_noticed_in_its_first_days():
    random = np.random.default_rng(8)
    noticed = 0
    for _ in range(60):
        counts = [*random.poisson(4.0, 25), *random.poisson(12.0, 3)]
        noticed += any(
            judge(
                "person",
                past_of([int(one) for one in counts[:day]]),
                Slot(day=MONDAY + timedelta(days=day), hour=HOUR),
                int(counts[day]),
                zone=BERLIN,
                rules=RULES,
            ).unusual
            for day in range(25, 28)
        )
    assert noticed >= 54


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.2, 1.0, 5.0]))
def test_usual_days_are_rarely_unusual_also_where_days_differ_a_lot(seed, mean):
    random = np.random.default_rng(seed)
    counts = random.poisson(random.gamma(1.5, mean / 1.5, 60))
    found = [
        judge(
            "car",
            past_of([int(one) for one in counts[:day]]),
            Slot(day=MONDAY + timedelta(days=day), hour=HOUR),
            int(counts[day]),
            zone=BERLIN,
            rules=RULES,
        ).unusual
        for day in range(30, 60)
    ]
    assert sum(found) <= 6


def test_days_without_any_count():
    counts = [0] * 20
    once = judge("person", past_of(counts), Slot(day=MONDAY + timedelta(days=21), hour=3), 1, zone=BERLIN, rules=RULES)
    assert once.tail is not None
    assert once.tail < 0.05
    busy = past_of([4, 0, 0, 0] * 5)
    with_zeros = judge("person", busy, Slot(day=MONDAY + timedelta(days=20), hour=3), 4, zone=BERLIN, rules=RULES)
    assert with_zeros.mean == pytest.approx(1.0, abs=0.3)


@given(st.lists(st.integers(0, 12), min_size=12, max_size=29), st.integers(0, 30))
def test_more_is_never_more_usual(counts, count):
    slot = Slot(day=MONDAY + timedelta(days=len(counts)), hour=HOUR)
    tails = [
        judge("person", past_of(counts), slot, number, zone=BERLIN, rules=RULES).tail for number in (count, count + 1)
    ]
    assert tails[0] is not None
    assert tails[1] is not None
    assert 0 <= tails[1] <= tails[0] <= 1


def test_weekends_compare_with_weekends_once_there_are_enough():
    rules = BaselineRules(window_days=60)
    counts = [8 if (MONDAY + timedelta(days=n)).weekday() >= 5 else 1 for n in range(60)]
    saturday = next(MONDAY + timedelta(days=n) for n in range(60, 67) if (MONDAY + timedelta(days=n)).weekday() == 5)
    tuesday = saturday + timedelta(days=3)
    at_weekend = judge("person", past_of(counts), Slot(day=saturday, hour=HOUR), 8, zone=BERLIN, rules=rules)
    on_weekday = judge("person", past_of(counts), Slot(day=tuesday, hour=HOUR), 8, zone=BERLIN, rules=rules)
    assert (at_weekend.unusual, on_weekday.unusual) == (False, True)


def test_few_weekends_borrow_from_all_days():
    found = judge("person", past_of([2] * 12), Slot(day=date(2026, 5, 16), hour=HOUR), 2, zone=BERLIN, rules=RULES)
    assert (found.state, found.days) == (State.READY, 12)


def test_only_the_window_counts():
    counts = [50] * 30 + [1] * 30
    found = judge(
        "person", past_of(counts), Slot(day=MONDAY + timedelta(days=60), hour=HOUR), 9, zone=BERLIN, rules=RULES
    )
    assert found.mean == 1
    assert found.unusual


def test_hours_are_those_of_the_home():
    at = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert slot_of(at, BERLIN) == Slot(day=date(2026, 7, 2), hour=0)


@pytest.mark.parametrize(
    ("zone", "day", "hour", "lasts"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 2, 0.0),
        ("Europe/Berlin", date(2026, 3, 29), 3, 1.0),
        ("Europe/Berlin", date(2026, 10, 25), 2, 2.0),
        ("Europe/Berlin", date(2026, 10, 25), 3, 1.0),
        ("Europe/Berlin", date(2026, 7, 1), 2, 1.0),
        ("Australia/Lord_Howe", date(2026, 4, 5), 1, 1.5),
        ("UTC", date(2026, 3, 29), 2, 1.0),
    ],
)
def test_hours_that_the_clock_skips_or_repeats(zone, day, hour, lasts):
    assert hours_in(Slot(day=day, hour=hour), ZoneInfo(zone)) == lasts


def test_an_hour_that_does_not_exist_is_no_day_without_activity():
    counts = {
        date(2026, 3, 10) + timedelta(days=n): 3
        for n in range(30)
        if date(2026, 3, 10) + timedelta(days=n) != date(2026, 3, 29)
    }
    past = Past(counts=counts, since=date(2026, 3, 10))
    rates = past.rates(Slot(day=date(2026, 4, 8), hour=2), BERLIN, RULES)
    assert set(rates) == {3.0}
    everywhere = past.rates(Slot(day=date(2026, 4, 8), hour=3), BERLIN, RULES)
    assert 0.0 in everywhere or len(everywhere) == len(rates)


def test_twice_the_time_may_bring_twice_as_much():
    past = past_of([4] * 30, start=date(2026, 9, 25))
    long_night = judge("car", past, Slot(day=date(2026, 10, 25), hour=2), 8, zone=BERLIN, rules=RULES)
    plain_night = judge("car", past, Slot(day=date(2026, 10, 24), hour=2), 8, zone=BERLIN, rules=RULES)
    assert long_night.tail > plain_night.tail  # type: ignore[operator]


def test_the_leg_is_what_the_rules_read():
    slot = Slot(day=MONDAY + timedelta(days=21), hour=3)
    rare = judge("person", past_of([0] * 20), slot, 4, zone=BERLIN, rules=RULES)
    usual = judge("car", past_of([3] * 20), slot, 3, zone=BERLIN, rules=RULES)
    learning = judge("dog", Past(counts={}, since=None), slot, 3, zone=BERLIN, rules=RULES)
    tail = known_of(person_scene(legs={"baseline": baseline_leg([rare, usual, learning])})).baseline_tail
    assert tail is not None
    assert rare.tail is not None
    assert rare.tail < tail < 2.01 * rare.tail
    assert known_of(person_scene(legs={"baseline": baseline_leg([learning])})).baseline_tail is None


def test_the_threshold_is_two_standard_deviations():
    assert RULES.rare == pytest.approx(stats.norm.sf(2.0))
