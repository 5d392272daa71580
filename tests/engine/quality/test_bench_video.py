import logging
from pathlib import Path
import shutil

import numpy as np
import pytest

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.media.keyframes import KeyRules, Moment
from home_sentry_engine.operations.bench.video import NoClips, bench_video
from home_sentry_engine.operations.bench.windows import CHANCE, Shown, window_figures
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
    assert [one.length_s for one in figures.windows] == [12.0]
    assert all(one.share_by_chosen >= one.share_by_fixed - CHANCE for one in figures.windows)
    (encoded,) = result.encoded
    assert encoded.frames > 100
    assert encoded.ratio > 0.1
    assert all(len(row) == 3 for row in result.rows())


def test_windows_count_each_subject_of_their_own():
    noise = np.random.default_rng(5)
    street = noise.integers(60, 190, (9, 16), dtype=np.uint8).repeat(20, axis=0).repeat(20, axis=1)
    moments, shown = [], {}
    for number in range(160):
        offset_s, grey = number * 0.25, street.copy()
        visible = {subject for subject in range(8) if 5.0 * subject + 1.0 <= offset_s < 5.0 * subject + 1.75}
        if visible:
            grey[40:120, 60:100] = 255 - grey[40:120, 60:100]
        moments.append(Moment(offset_s=offset_s, grey=grey))
        shown[offset_s] = frozenset(visible)
    there = [[at for at, who in shown.items() if subject in who] for subject in range(8)]
    figures = {one.length_s: one for one in window_figures(moments, Shown(at=shown, there=there))}
    assert set(figures) == {12.0, 20.0, 30.0}
    assert all(one.share_by_fixed <= 0.5 for one in figures.values())
    assert figures[12.0].share_by_chosen > 0.9
    assert all(one.looks <= one.count * KeyRules().bound(one.length_s) for one in figures.values())
    assert window_figures(moments[:20], Shown(at=shown, there=there)) == ()


async def test_no_clip_is_said(tmp_path: Path):
    with pytest.raises(NoClips, match="give clips"):
        await bench_video(DetectSettings(), ModelSettings(folder=tmp_path), SystemClock(), places=[tmp_path], rounds=1)
