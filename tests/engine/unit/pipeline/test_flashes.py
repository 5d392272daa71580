"""A subject that one key frame shows alone: looked for in the moments beside it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
import shutil
from typing import Any

import pytest

from home_sentry_engine.context.association import AssociationRules, agreed, associate
from home_sentry_engine.context.boxes import BoxFilters
from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.detection import Detection, FrameDetections
from home_sentry_engine.domain.errors import Permanent, Transient
from home_sentry_engine.domain.messages import Media, sightings_of
from home_sentry_engine.media.frames import Frames, Rules
from home_sentry_engine.media.paths import MediaPaths
from home_sentry_engine.media.video import Sampling
from home_sentry_engine.pipeline.flashes import moments_beside
from home_sentry_engine.pipeline.seeing import Checks, Seeing
from home_sentry_engine.settings import DetectSettings, ModelSettings
from home_sentry_engine.vision.zoo import Zoo
from tests.fakes.clock import START
from tests.needs import folder_from

CLIP = Media(
    media_id="clip",
    camera_id="street",
    path=Path("clip.mp4"),
    sha256="",
    kind=MediaKind.VIDEO,
    captured_at=START,
    received_at=START,
    size_bytes=1,
    duration_s=20.0,
)


# frames that are four seconds apart may show the same one
RULES = AssociationRules(video_gap_s=12.0)


def person(left: int = 100, confidence: float = 0.8) -> Detection:
    return Detection(label="person", confidence=confidence, box=Box(x=left, y=100, width=60, height=150))


def frame(offset_s: float, *found: Detection) -> FrameDetections:
    return FrameDetections(
        detections=found, image_width=640, image_height=480, model_id="fake", inference_ms=1.0, offset_s=offset_s
    )


@dataclass(frozen=True)
class Shot:
    offset_s: float


class Film:
    """Frames and detector in one: ``there`` are the times between which somebody is in the picture."""

    model_id = "fake"

    def __init__(self, there: Sequence[tuple[float, float]], keys: Sequence[float] = (0.0, 4.0, 8.0, 12.0)) -> None:
        self.there, self.keys = there, keys
        self.looked: list[float] = []
        self.error: Exception | None = None
        self.named: Callable[[float], str] = lambda _at: "person"

    async def load(self, _media: Media) -> Sequence[Shot]:
        return [Shot(at) for at in self.keys]

    async def picture(self, media: Media, offset_s: float | None = None) -> Shot:
        if self.error is not None:
            raise self.error
        return Shot(min(offset_s or 0.0, (media.duration_s or 0.0) - 0.05))

    async def keep(self, _media: Media, _frame: Shot) -> None:
        """Nothing is kept."""

    async def detect(self, frames: Sequence[Shot], *, confidence: float | None) -> Sequence[FrameDetections]:
        del confidence
        self.looked += [shot.offset_s for shot in frames]
        return [
            frame(
                shot.offset_s,
                *[
                    replace(person(), label=self.named(shot.offset_s))
                    for first, last in self.there
                    if first <= shot.offset_s <= last
                ],
            )
            for shot in frames
        ]


def seeing_of(frames: Any, detector: Any = None) -> Seeing:
    filters = BoxFilters(confidence=0.5)
    return Seeing(
        frames=frames, detector=detector or frames, filters=filters, zone=UTC, checks=Checks(association=RULES)
    )


def counted(frames: Sequence[FrameDetections]) -> int:
    return sum(bool(one.detections) for one in agreed(sightings_of(frames, "clip", "street", START), rules=RULES))


async def test_who_crosses_between_key_frames_counts():
    film = Film([(3.5, 4.6)])
    seen = await seeing_of(film).look(CLIP)
    assert film.looked == [0.0, 4.0, 8.0, 12.0, 3.7, 4.3]
    assert [one.offset_s for one in seen.frames] == [0.0, 3.7, 4.0, 4.3, 8.0, 12.0]
    assert [one.offset_s for one in seen.pictures] == [0.0, 3.7, 4.0, 4.3, 8.0, 12.0]
    (subject,) = associate(sightings_of(seen.frames, "clip", "street", START), rules=RULES)
    assert (len(subject.looks), subject.confidence) == (3, 0.8)
    assert counted(seen.frames) == 3


async def test_a_flash_is_looked_for_and_left_out():
    film = Film([(3.95, 4.05)])
    seen = await seeing_of(film).look(CLIP)
    assert len(film.looked) == 6
    assert counted(seen.frames) == 0


async def test_a_flash_in_the_last_frame_is_not_its_own_witness():
    film = Film([(19.9, 20.0)], keys=(0.0, 4.0, 8.0, 19.95))
    seen = await seeing_of(film).look(CLIP)
    assert counted(seen.frames) == 0
    assert 19.95 not in film.looked[4:]


async def test_who_is_in_two_frames_or_in_none_is_not_looked_for():
    for there in ([(0.0, 20.0)], [(3.9, 8.1)], []):
        film = Film(there)
        await seeing_of(film).look(CLIP)
        assert film.looked == [0.0, 4.0, 8.0, 12.0]


async def test_a_moment_that_does_not_decode_is_left_out_and_a_disk_that_fails_is_told():
    film = Film([(3.5, 4.6)])
    film.error = Permanent("no frame of the video decodes")
    assert len((await seeing_of(film).look(CLIP)).frames) == 4
    film.error = Transient("the file cannot be read", code="disk")
    with pytest.raises(Transient):
        await seeing_of(film).look(CLIP)


async def test_who_is_called_by_two_names_is_looked_for():
    film = Film([(3.0, 9.0)])
    names = {4.0: "dog", 8.0: "cat"}
    film.named = lambda at: names.get(at, "dog")
    seen = await seeing_of(film).look(CLIP)
    (subject,) = associate(sightings_of(seen.frames, "clip", "street", START), rules=RULES)
    assert (subject.label, subject.confidence) == ("dog", 0.8)


def test_at_most_four_frames_are_looked_beside_the_surest_first():
    frames = [frame(5.0 * n, person(confidence=0.5 + 0.05 * n)) for n in range(7)]
    moments = moments_beside(replace(CLIP, duration_s=60.0), frames)
    assert moments == pytest.approx((14.7, 15.3, 19.7, 20.3, 24.7, 25.3, 29.7, 30.3))
    assert moments_beside(replace(CLIP, duration_s=30.0), frames)[-1] == pytest.approx(29.7)
    assert moments_beside(CLIP, [frame(0.0, person()), frame(5.0), frame(9.0)]) == pytest.approx((0.3,))


async def test_a_cat_in_a_single_key_frame_of_a_real_clip_counts(tmp_path):
    film = folder_from("HOME_SENTRY_TEST_MEDIA") / "video" / "cat.mp4"
    mirror = folder_from("HOME_SENTRY_MODEL_MIRROR")
    models = ModelSettings(folder=tmp_path / "models", mirror=str(mirror), offline=True)
    clip = replace(CLIP, path=tmp_path / "clip.mp4", duration_s=16.3)
    shutil.copyfile(film, clip.path)
    with ThreadPoolExecutor(1) as threads:
        rules = Rules(sampling=Sampling(adaptive=True, at_least=512))
        frames = Frames(MediaPaths(tmp_path / "media"), rules, threads)
        async with Zoo(DetectSettings(detector="deimv2-femto"), models, SystemClock()) as zoo:
            await zoo.prepare()
            seen = (await seeing_of(frames, zoo.detector).look(clip)).frames
            keys = {one.offset_s for one in await frames.load(clip)}
    assert counted([one for one in seen if one.offset_s in keys]) == 0
    assert counted(seen) >= 2
    assert len(seen) <= len(keys) + 8
