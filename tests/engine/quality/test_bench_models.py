"""The benchmarks of models, over the real ones."""

import logging

import pytest

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.operations.bench.detectors import NoDetectors, bench_detectors
from home_sentry_engine.operations.bench.enrich import NothingToMeasure, bench_enrich
from home_sentry_engine.operations.bench.weighing import weigh
from home_sentry_engine.settings import ModelSettings
from home_sentry_engine.vision.catalog import load_catalogue
from home_sentry_engine.vision.store import ModelStore

_LOGGER = logging.getLogger(__name__)


@pytest.fixture
def models(model_mirror, tmp_path) -> ModelSettings:
    return ModelSettings(folder=tmp_path, mirror=str(model_mirror), offline=True)


@pytest.mark.full
async def test_every_model_that_is_here_is_measured(models):
    result = await bench_enrich(models, SystemClock(), rounds=3)
    for row in result.rows():
        _LOGGER.info("%s", row)
    found = {one.model_id: one for one in result.models}
    assert {"yunet", "lpd-yunet", "osnet-x0-25", "movenet-lightning-dequant", "pp-ocr"} <= found.keys()
    assert all(one.used_bytes > 0 for one in result.models if one.bare_ms is not None)
    assert all(one.ratio is None or 0 < one.ratio < 1.2 for one in result.models)
    assert found["image-quality"].ratio is None
    assert "its files are not here" in result.left_out["siglip2-base"]
    assert result.document()["bench"] == "enrich"


async def test_detectors_stand_beside_each_other(models):
    result = await bench_detectors(models, media=None, rounds=1)
    assert [(one.model_id, one.provider) for one in result.runs] == [
        ("deimv2-atto", "cpu"), ("deimv2-femto", "cpu"), ("yolox-nano", "cpu"),
    ]  # fmt: skip
    assert all(one.one_thread_ms > 0 and one.voc is None for one in result.runs)
    assert all(one.file_bytes < one.loaded_bytes <= one.used_bytes for one in result.runs)
    assert all("memory loaded" in row[0] for row in result.rows())
    assert [len(row) for row in result.rows()] == [3] * 3
    assert result.document()["passed"]


async def test_a_model_is_weighed_in_a_process_of_its_own(models):
    model = await ModelStore(models).find(load_catalogue().get("deimv2-femto"))
    assert model is not None
    weight = await weigh(model)
    assert model.size_bytes < weight.loaded_bytes <= weight.used_bytes < 300_000_000


async def test_nothing_to_measure_is_said(tmp_path):
    nowhere = ModelSettings(folder=tmp_path, offline=True)
    with pytest.raises(NoDetectors, match="no detector's file"):
        await bench_detectors(nowhere, media=None, rounds=1)
    # the models of text lie in a package, so something can always be measured
    assert issubclass(NothingToMeasure, LookupError)
