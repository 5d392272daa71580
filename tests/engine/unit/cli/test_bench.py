"""Figures, and the latency benchmark against a real engine."""

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.operations.bench import latency
from home_sentry_engine.operations.bench.machine import machine_facts
from home_sentry_engine.operations.bench.scratch_engine import scratch_engine
from home_sentry_engine.operations.bench.spread import Spread
from home_sentry_engine.settings import load_settings

VALUES = st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=300)


@given(VALUES)
def test_percentiles_are_ordered_and_values_of_the_list(values):
    spread = Spread.of(values)
    assert spread.n == len(values)
    assert spread.minimum == min(values) <= spread.p50 <= spread.p95 <= spread.p99 <= max(values)
    assert {spread.p95, spread.p99} <= set(values)


@given(VALUES)
def test_at_least_the_share_lies_at_or_below_its_percentile(values):
    spread = Spread.of(values)
    assert sum(value <= spread.p95 for value in values) >= 0.95 * len(values)
    assert sum(value <= spread.p99 for value in values) >= 0.99 * len(values)


def test_nearest_rank():
    spread = Spread.of([float(number) for number in range(1, 101)])
    assert (spread.p50, spread.p95, spread.p99) == (50.5, 95.0, 99.0)


def test_nothing_has_no_spread():
    with pytest.raises(ValueError, match="nothing was measured"):
        Spread.of([])


def test_the_machine_is_named():
    facts = machine_facts()
    assert facts.cores >= 1
    assert facts.versions["numpy"]
    assert facts.processor


@pytest.mark.timeout(300)
def test_latency_of_a_real_engine(run, monkeypatch, tmp_path, model_mirror):
    monkeypatch.setenv("HOME_SENTRY_MODEL_MIRROR", str(model_mirror))
    monkeypatch.setenv("HOME_SENTRY_DETECTOR", "deimv2-atto")
    # however slow the machine is, each event is waited for
    monkeypatch.setattr(latency, "_QUIET_S", 60.0)
    outcome = run("bench", "latency", "--rounds", "1", "--data", tmp_path, "--json")
    document = outcome.document
    assert outcome.status == 0
    assert document["bench"] == "latency"
    assert document["detector"] == "deimv2-atto"
    assert document["pictures_sent"] == 8
    assert document["missed"] == document["empty"] == 0
    for name in ("total_ms", "model_ms", "engine_ms"):
        assert document[name]["n"] == 8
        assert 0 < document[name]["minimum"] <= document[name]["p50"] <= document[name]["p95"]
    assert document["total_ms"]["p50"] > document["model_ms"]["p50"]
    assert document["machine"]["cores"] >= 1


def test_pictures_that_are_none(run, tmp_path):
    (tmp_path / "note.txt").write_text("no picture")
    outcome = run("bench", "latency", "--pictures", tmp_path, "--data", tmp_path)
    assert outcome.status == 1
    assert "no JPEG picture in" in outcome.err


def test_quality_asks_for_labelled_pictures(run, monkeypatch, tmp_path):
    monkeypatch.delenv("HOME_SENTRY_TEST_MEDIA", raising=False)
    outcome = run("bench", "quality", "--data", tmp_path)
    assert outcome.status == 1
    assert "--pictures or HOME_SENTRY_TEST_MEDIA" in outcome.err


def test_quality_takes_the_folder_of_the_environment(run, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME_SENTRY_TEST_MEDIA", str(tmp_path / "labelled"))
    outcome = run("bench", "quality", "--data", tmp_path)
    assert outcome.status == 1
    assert "labelled holds no labels" in outcome.err


def test_video_takes_the_clips_of_the_environment(run, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME_SENTRY_TEST_MEDIA", str(tmp_path))
    (tmp_path / "broken.mp4").write_bytes(b"no clip")
    named = run("bench", "video", "--data", tmp_path / "data", "--models", tmp_path / "none")
    monkeypatch.delenv("HOME_SENTRY_TEST_MEDIA")
    unnamed = run("bench", "video", "--data", tmp_path / "data")
    assert (named.status, unnamed.status) == (1, 1)
    assert "--pictures or HOME_SENTRY_TEST_MEDIA" in unnamed.err
    assert "--pictures" not in named.err


async def test_an_engine_that_does_not_start_shows_the_end_of_its_log(tmp_path):
    settings = load_settings(data=tmp_path)
    with pytest.raises(HomeSentryError, match=r"ended with status 1:\n.*setting 'batch_window_seconds'"):
        async with scratch_engine(settings, {"batch_window_seconds": 0}):
            pass


def test_intake_takes_every_file_and_costs_less_than_a_naive_chain(run):
    outcome = run("bench", "intake", "--rounds", "2", "--json")
    document = outcome.document
    assert outcome.status == 0
    assert document["crowd_missed"] == 0
    assert document["ratio"] == pytest.approx(document["engine_ms"] / document["naive_ms"], rel=0.5)
    assert document["best_ratio"] < 1
    assert document["machine"]["versions"]["pillow"]


def test_the_table_names_target_and_machine(run):
    lines = run("bench", "intake", "--rounds", "1").out.splitlines()
    assert lines[0].split() == ["WHAT", "FIGURE", "RATIO"]
    assert lines[-1].startswith(("target met; ", "target NOT met; "))
    assert "Home Sentry" in lines[-1]
