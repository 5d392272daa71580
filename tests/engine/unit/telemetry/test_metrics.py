import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.telemetry.metrics import ALLOWED_LABELS, MOST_SERIES, InvalidMetric, Registry


def test_the_text_that_prometheus_reads():
    registry = Registry()
    files = registry.counter("files_total", "Files\nby outcome", ("outcome",))
    files.add(outcome="accepted")
    files.add(2.5, outcome='odd "name"\\')
    registry.gauge("queue_depth", "Waiting", ("queue",)).set(3, queue="detect")
    seconds = registry.histogram("work_seconds", "Work", (), (0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 7):
        seconds.observe(value)
    assert registry.render() == (
        "# HELP home_sentry_files_total Files\\nby outcome\n"
        "# TYPE home_sentry_files_total counter\n"
        'home_sentry_files_total{outcome="accepted"} 1\n'
        'home_sentry_files_total{outcome="odd \\"name\\"\\\\"} 2.5\n'
        "# HELP home_sentry_queue_depth Waiting\n"
        "# TYPE home_sentry_queue_depth gauge\n"
        'home_sentry_queue_depth{queue="detect"} 3\n'
        "# HELP home_sentry_work_seconds Work\n"
        "# TYPE home_sentry_work_seconds histogram\n"
        'home_sentry_work_seconds_bucket{le="0.1"} 2\n'
        'home_sentry_work_seconds_bucket{le="1"} 3\n'
        'home_sentry_work_seconds_bucket{le="+Inf"} 4\n'
        "home_sentry_work_seconds_sum 7.65\n"
        "home_sentry_work_seconds_count 4\n"
    )


def test_numbers_that_are_none():
    registry = Registry()
    gauge = registry.gauge("g", "")
    for value, text in ((math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (1e300, str(int(1e300)))):
        gauge.set(value)
        assert f"home_sentry_g {text}\n" in registry.render()


def test_labels_are_those_of_the_list_and_all_of_them():
    registry = Registry()
    with pytest.raises(InvalidMetric, match="not allowed"):
        registry.counter("a_total", "", ("path",))
    assert not {"path", "url", "name", "media_id", "event_id", "address"} & ALLOWED_LABELS
    counter = registry.counter("a_total", "", ("route", "status"))
    labels: Any
    for labels in ({}, {"route": "x"}, {"route": "x", "method": "y"}, {"route": "x", "status": "1", "code": "z"}):
        with pytest.raises(InvalidMetric):
            counter.add(**labels)


def test_a_label_cannot_fill_the_memory():
    counter = Registry().counter("a_total", "", ("camera_id",))
    for number in range(10_000):
        counter.add(camera_id=str(number))
    assert len(list(counter.lines())) == MOST_SERIES + 1
    assert counter.value(camera_id="other") == 10_000 - MOST_SERIES
    counter.add(camera_id="0")
    assert counter.value(camera_id="0") == 2


def test_a_metric_is_declared_once_or_the_same_again():
    registry = Registry()
    assert registry.gauge("a", "x") is registry.gauge("a", "y")
    with pytest.raises(InvalidMetric, match="another way"):
        registry.gauge("a", "x", ("queue",))
    with pytest.raises(InvalidMetric, match="another way"):
        registry.histogram("a", "x")
    with pytest.raises(InvalidMetric, match="_total"):
        registry.counter("a_count", "")
    with pytest.raises(InvalidMetric, match="not a metric name"):
        registry.gauge("Bad Name", "")


def test_counters_only_grow_and_gauges_can_be_forgotten():
    registry = Registry()
    counter = registry.counter("a_total", "")
    with pytest.raises(ValueError, match="only grows"):
        counter.add(-1)
    gauge = registry.gauge("b", "", ("camera_id",))
    gauge.set(1, camera_id="x")
    gauge.forget(camera_id="x")
    assert gauge.value(camera_id="x") is None


@given(st.lists(st.floats(0, 200), max_size=100))
def test_buckets_add_up(values):
    registry = Registry()
    histogram = registry.histogram("h", "")
    for value in values:
        histogram.observe(value)
    assert histogram.count() == len(values)
    counts = [int(line.rsplit(" ", 1)[1]) for line in histogram.lines() if "_bucket" in line]
    assert counts == sorted(counts)
    bounds = (*histogram.bounds, math.inf)
    assert not values or counts == [sum(value <= bound for value in values) for bound in bounds]
