import logging

import pytest

from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.operations.bench.figures import Figure
from home_sentry_engine.operations.bench.labelled import NoLabels
from home_sentry_engine.operations.bench.quality import bench_quality, character_accuracy, pairs_of
from home_sentry_engine.settings import ModelSettings

_LOGGER = logging.getLogger(__name__)


@pytest.mark.timeout(300)
async def test_the_models_are_as_right_as_their_bare_output(model_mirror, test_media, tmp_path):
    models = ModelSettings(folder=tmp_path, mirror=str(model_mirror), offline=True)
    result = await bench_quality(models, SystemClock(), media=test_media)
    for row in result.rows():
        _LOGGER.info("%s", row)
    figures = {figure.what: figure for figure in result.figures}
    assert result.passed, result.rows()
    assert figures["plate text: characters right"].engine == 1.0
    assert figures["plates: pictures whose plate is found"].engine == 1.0
    assert figures["osnet-x0-25: separation"].engine >= 0.2
    assert figures["reid-retail-0288: separation"].engine > 0.05
    assert figures["detection, VOC: mean AP50"].engine >= 0.9
    assert figures["detection, COCO: AP50 of person"].engine >= 0.85
    small = next(
        figure for name, figure in figures.items() if name.startswith("detection, COCO: AP50 of persons below")
    )
    assert small.n > 20
    assert small.engine >= small.bare + 0.03
    counted = next(figure for name, figure in figures.items() if name.startswith("association: persons counted"))
    assert counted.engine <= 0.5
    mixed = next(figure for name, figure in figures.items() if name.startswith("association at key frames"))
    assert mixed.n > 50
    assert mixed.engine < 0.4
    assert mixed.bare - mixed.engine > 0.25
    together = next(figure for name, figure in figures.items() if name.startswith("association every 1 s"))
    assert together.n > 10
    assert together.engine >= 0.9
    pose = next(figure for name, figure in figures.items() if name.startswith("pose: mean"))
    assert pose.n > 200
    assert pose.engine < 0.1
    assert result.document()["passed"]


async def test_a_folder_without_labels_is_said(tmp_path):
    with pytest.raises(NoLabels, match="holds no labels/coco_val2017_person_keypoints"):
        await bench_quality(ModelSettings(folder=tmp_path, offline=True), SystemClock(), media=tmp_path)


@pytest.mark.parametrize(
    ("read", "accuracy"), [("ABC123", 1.0), ("ABC12", 5 / 6), ("", 0.0), ("XABC123", 5 / 6), ("8BC123", 5 / 6)]
)
def test_character_accuracy(read, accuracy):
    assert character_accuracy(read, "ABC123") == pytest.approx(accuracy)


def test_less_may_be_better():
    assert Figure(what="a", engine=0.1, bare=0.2, n=1, more_is_better=False).kept
    assert not Figure(what="a", engine=0.3, bare=0.2, n=1, more_is_better=False).kept
    assert not Figure(what="a", engine=0.1, bare=0.2, n=1).kept


def test_only_who_stands_alone_is_the_same_person():
    a, moved, far = (Box(x=x, y=0, width=20, height=60) for x in (0, 4, 200))
    pairs = pairs_of(((a, far), (moved, far), (moved, far)), apart=2)
    assert pairs.same == (((0, 0), (2, 0)), ((0, 1), (2, 1)))
    assert pairs.different == (((0, 0), (0, 1)),)
    crowd = pairs_of(((a,), (moved, Box(x=8, y=0, width=20, height=60))), apart=1)
    assert crowd.same == ()
