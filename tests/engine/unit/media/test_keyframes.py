from fractions import Fraction
from io import BytesIO

import av
import numpy as np
import pytest

from home_sentry_engine.media.keyframes import KeyRules, Moment, choose
from home_sentry_engine.media.limits import Limits
from home_sentry_engine.media.similarity import grey_of
from home_sentry_engine.media.video import Sampling, VideoReader
from tests.needs import folder_from

READER = VideoReader(Limits(timeout_s=300.0))
STEP_S = 0.25
RANDOM = np.random.default_rng(7)
TEXTURE = RANDOM.integers(40, 200, (18, 32), dtype=np.uint8).repeat(10, axis=0).repeat(10, axis=1)
OTHER = RANDOM.integers(40, 200, (9, 16), dtype=np.uint8).repeat(20, axis=0).repeat(20, axis=1)


def _scene(seconds, *, background=TEXTURE, noise=3.0, light=0.0):
    return [
        np.clip(background + RANDOM.normal(light, noise, background.shape), 0, 255).astype(np.uint8)
        for _ in range(int(seconds / STEP_S))
    ]


def _walk(greys, first_s, seconds, *, side=24):
    for number in range(int(seconds / STEP_S)):
        at = int(first_s / STEP_S) + number
        left = 60 + 12 * number
        pattern = (np.indices((side * 2, side)).sum(axis=0) // 4 % 2 * 255).astype(np.uint8)
        greys[at][60 : 60 + side * 2, left : left + side] = pattern
    return greys


def _moments(greys):
    return [Moment(offset_s=number * STEP_S, grey=grey) for number, grey in enumerate(greys)]


class TestChoice:
    def test_nothing_to_choose_from(self):
        assert choose([]) == ()

    def test_a_quiet_clip_is_looked_at_three_times_at_most(self):
        keys = choose(_moments(_scene(60)))
        assert len(keys) == 3
        assert not any(key.stirred for key in keys)
        assert keys[-1].offset_s - keys[0].offset_s > 50

    def test_a_camera_may_change_the_shape_of_its_pictures_at_any_moment(self):
        greys = [one for pair in zip(_scene(5), _scene(5, background=TEXTURE[:90]), strict=True) for one in pair]
        assert 1 <= len(choose(_moments(greys), KeyRules(most=20))) <= 20

    def test_a_change_of_the_light_is_no_stir(self):
        keys = choose(_moments([*_scene(20), *_scene(20, light=25)]))
        assert len(keys) <= 3

    @pytest.mark.parametrize("first_s", [5.0, 13.0, 25.5])
    def test_a_short_appearance_between_the_fixed_steps(self, first_s):
        keys = choose(_moments(_walk(_scene(40), first_s, 1.0)))
        seen = [key for key in keys if first_s <= key.offset_s < first_s + 1.0]
        assert len(seen) >= 2
        assert all(key.stirred for key in seen)
        assert len(keys) <= 7

    def test_every_scene_is_looked_at(self):
        keys = choose(_moments([*_scene(10), *_scene(2, background=OTHER), *_scene(12)]))
        assert any(10 <= key.offset_s < 12 for key in keys)
        assert any(key.offset_s < 10 for key in keys)
        assert any(key.offset_s >= 12 for key in keys)

    def test_the_larger_subject_is_preferred(self):
        greys = _scene(16)
        for number, at in enumerate(range(16, 28)):
            side = 10 + 4 * number
            pattern = (np.indices((side, side)).sum(axis=0) // 4 % 2 * 255).astype(np.uint8)
            greys[at][40 : 40 + side, 100 : 100 + side] = pattern
        keys = [key for key in choose(_moments(greys)) if key.stirred]
        assert max(key.offset_s for key in keys) >= 6.25

    def test_what_stands_still_after_its_coming_is_not_looked_at_again_and_again(self):
        greys = _scene(60)
        for at in range(160, 232):
            greys[at][60:120, 100:140] = 255
        assert len(choose(_moments(greys))) <= 7

    @pytest.mark.parametrize(("seconds", "most"), [(3, 3), (10, 3), (30, 8), (200, 20)])
    def test_never_more_than_fixed_steps(self, seconds, most):
        greys = _scene(seconds)
        for number, grey in enumerate(greys):
            left = (number * 9) % 270
            grey[30:110, left : left + 40] = 255 * (number % 2)
        assert len(choose(_moments(greys))) <= most
        assert len(choose(_moments(greys), KeyRules(most=2))) <= 2


def _clip(path, frames, *, rate=10):
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.gop_size, stream.bit_rate = "yuv420p", 40, 2_000_000
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path.read_bytes()


class TestReader:
    def test_frames_are_those_that_were_chosen(self, tmp_path):
        greys = _walk(_scene(20), 9.0, 1.0)
        data = _clip(tmp_path / "a.mp4", [np.stack([grey] * 3, axis=2) for grey in greys], rate=4)
        frames = list(READER.frames(BytesIO(data), Sampling(adaptive=True)))
        assert any(frame.stirred and 9.0 <= (frame.offset_s or 0) < 10.0 for frame in frames)
        assert [frame.offset_s for frame in frames] == sorted(frame.offset_s or 0.0 for frame in frames)
        for frame in frames:
            again = READER.frame_at(BytesIO(data), frame.offset_s or 0.0)
            assert np.abs(again.pixels.astype(int) - frame.pixels).mean() < 1

    def test_a_scan_without_time_goes_on_in_fixed_steps(self, tmp_path):
        greys = _scene(40)
        data = _clip(tmp_path / "a.mp4", [np.stack([grey] * 3, axis=2) for grey in greys], rate=4)
        now = 0.0

        def monotonic():
            nonlocal now
            now += 0.08
            return now

        frames = list(VideoReader(Limits(), monotonic=monotonic).frames(BytesIO(data), Sampling(adaptive=True)))
        assert (frames[-1].offset_s or 0) > 25
        assert len(frames) <= 20

    def test_short_appearance_in_a_real_street(self, tmp_path):
        media = folder_from("HOME_SENTRY_TEST_MEDIA")
        with (media / "video" / "vtest.avi").open("rb") as file:
            street = [picture.pixels for picture in READER.frames(file, Sampling(interval_s=0.5, max_frames=150))]
        empty = np.median(np.stack(street[::5]), axis=0).astype(np.uint8)
        frames = [empty] * 410
        frames[133:143] = street[60:70]
        data = _clip(tmp_path / "street.mp4", frames)
        fixed = [frame.offset_s or 0.0 for frame in READER.frames(BytesIO(data), Sampling())]
        chosen = [frame.offset_s or 0.0 for frame in READER.frames(BytesIO(data), Sampling(adaptive=True))]
        assert not any(13.3 <= offset < 14.3 for offset in fixed)
        assert sum(13.3 <= offset < 14.3 for offset in chosen) >= 2
        assert len(chosen) < len(fixed)


def test_stirred_blocks_ignore_noise_and_light():
    from home_sentry_engine.media.similarity import Reference, grey_at, stirred_blocks  # noqa: PLC0415

    still = grey_at(TEXTURE, 160)
    reference = Reference(still)
    brighter = np.clip(still.astype(int) + 20 + RANDOM.normal(0, 3, still.shape), 0, 255).astype(np.uint8)
    assert not stirred_blocks(reference, brighter).any()
    changed = still.copy()
    changed[40:60, 60:80] = 255 - changed[40:60, 60:80]
    assert stirred_blocks(reference, changed).sum() >= 4
    assert grey_of(np.stack([TEXTURE] * 3, axis=2), 160).shape == still.shape
