import logging
from pathlib import Path
import shutil

import pytest

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.operations.bench.video import NoClips, bench_video
from home_sentry_engine.settings import DetectSettings, ModelSettings

_LOGGER = logging.getLogger(__name__)


async def test_key_frames_of_a_real_street(model_mirror, test_media, tmp_path):
    models = ModelSettings(folder=tmp_path / "models", mirror=str(model_mirror), offline=True)
    clip = tmp_path / "clips" / "cat.mp4"
    clip.parent.mkdir()
    shutil.copyfile(test_media / "video" / "cat.mp4", clip)
    result = await bench_video(
        DetectSettings(detector="deimv2-atto"), models, SystemClock(), places=[clip.parent], rounds=1
    )
    _LOGGER.info("%s", result.document())
    (figures,) = result.clips
    assert figures.chosen_looks <= figures.fixed_looks
    assert figures.seen_by_chosen >= figures.seen_by_fixed
    assert all(len(row) == 3 for row in result.rows())


async def test_no_clip_is_said(tmp_path: Path):
    with pytest.raises(NoClips, match="give clips"):
        await bench_video(DetectSettings(), ModelSettings(folder=tmp_path), SystemClock(), places=[tmp_path], rounds=1)
