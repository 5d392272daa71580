"""Limits with their hysteresis, and times of hops."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.contract import AlertLevel
from home_sentry_engine.operations.host import HostMeter
from home_sentry_engine.operations.latency import HOPS, Latencies, percentile
from home_sentry_engine.operations.limits import BOUNDS, Bound, Watchman
from tests.fakes.clock import START, FakeClock

HOT = "gpu_temperature_c"


def levels(*values: float | None, metric: str = HOT) -> list[str]:
    watchman = Watchman()
    told = []
    for number, value in enumerate(values):
        found = watchman.look({metric: value}, START + timedelta(seconds=5 * number))
        told.append(next((alert.level.value for alert in found if alert.metric == metric), "normal"))
    return told


def test_a_limit_has_to_be_passed_twice_and_is_left_only_clearly():
    assert levels(76, 74, 76, 77, 74, 72, 71, 70) == [
        *("normal", "normal", "normal", "warning"),
        *("warning", "warning", "normal", "normal"),
    ]


def test_it_gets_worse_and_better_step_by_step():
    assert levels(90, 90, 84, 82, 80, 70) == ["normal", "critical", "critical", "critical", "warning", "normal"]


def test_what_is_worse_when_it_falls():
    assert levels(95, 85, 85, 79, 79, 92, 96, metric="database_cache_hit_percent") == [
        *("normal", "normal", "warning", "warning", "critical", "warning", "normal"),
    ]


def test_an_unknown_figure_ends_its_alert_and_is_none_itself():
    assert levels(80, 80, None, 80, 80) == ["normal", "warning", "normal", "normal", "warning"]


def test_an_alert_tells_since_when_and_which_limit():
    watchman = Watchman()
    for number in range(3):
        alerts = watchman.look({HOT: 80.0 + number}, START + timedelta(seconds=number))
    (alert,) = alerts
    assert (alert.value, alert.limit, alert.since) == (82.0, 75, START + timedelta(seconds=1))


@given(st.lists(st.one_of(st.none(), st.floats(0, 120)), max_size=30))
def test_no_value_is_called_normal_for_long_while_it_is_bad(values):
    watchman = Watchman()
    row = 0
    for value in values:
        found = watchman.look({HOT: value}, START)
        row = row + 1 if value is not None and value > 75 else 0
        if row >= 2:
            assert found
        if value is None or value <= 75 * 0.95:
            assert not found


def test_every_figure_of_the_requirements_has_its_limits():
    wanted = {
        "gpu_temperature_c": (75, 85),
        "gpu_utilization_percent": (90, 98),
        "gpu_memory_percent": (90, 95),
        "cpu_percent": (80, 95),
        "memory_percent": (85, 95),
        "disk_percent": (80, 90),
        "database_connections_percent": (80, 95),
        "database_cache_hit_percent": (90, 80),
        "redis_mb": (100, 500),
        "detect_p99_ms": (1000, None),
        "analyse_p99_ms": (60_000, None),
        "detect_depth": (100, None),
        "assess_depth": (50, None),
        "errors_per_minute": (10, None),
    }
    assert {name: (bound.warning, bound.critical) for name, bound in BOUNDS.items()} == wanted
    assert Bound(warning=1).level(2) is AlertLevel.WARNING


def test_percentiles_of_the_last_hour_and_of_each_minute():
    clock = FakeClock()
    latencies = Latencies(clock)
    assert [one.count for one in latencies.summary()] == [0] * len(HOPS)
    for number in range(1, 101):
        latencies.note("total", number / 1000)
    clock.tick(60)
    latencies.note("total", 5)
    latencies.note("watch_detect", -3)
    found = {one.hop: one for one in latencies.summary()}
    assert (found["total"].count, found["total"].p50_ms, found["total"].p99_ms) == (101, 51.0, 100.0)
    assert (found["watch_detect"].p50_ms, found["detect_batch"].p50_ms) == (0.0, None)
    assert [(one.hop, one.count, one.p99_ms) for one in latencies.history().items] == [
        ("total", 100, 99.0),
        ("total", 1, 5000.0),
        ("watch_detect", 1, 0.0),
    ]
    assert latencies.p99_ms("total", timedelta(seconds=30)) == 5000.0
    assert latencies.p99_ms("detect_batch", timedelta(hours=1)) is None
    clock.tick(3600 - 30)
    assert {one.hop: one.count for one in latencies.summary()}["total"] == 1


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_one_of_the_values(values, share):
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert any(found == pytest.approx(value, abs=0.01) for value in ordered)


def test_this_machine(tmp_path):
    meter = HostMeter(tmp_path)
    load = meter.read()
    assert load.memory_total_bytes is not None
    assert load.disk_percent is not None
    assert 0 <= load.disk_percent <= 100
    assert load.engine_bytes is None or load.engine_bytes > 1_000_000
    assert HostMeter(tmp_path / "gone").read().disk_percent is None
