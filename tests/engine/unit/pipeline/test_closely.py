"""The close look at a visit: which pictures are decoded, and what becomes of a leg that fails."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import cv2
import numpy as np
import pytest

from home_sentry_engine.context.association import associate
from home_sentry_engine.contract import BatchReason, MediaKind
from home_sentry_engine.domain.errors import Permanent, Unavailable
from home_sentry_engine.domain.messages import Absent, Batch, Media, Scene
from home_sentry_engine.pipeline.clearest import ViewRules, choose, clarity
from home_sentry_engine.pipeline.closely import CloseGather, VisitPictures
from home_sentry_engine.pipeline.subject_views import CloseLeg
from tests.fakes.clock import START
from tests.fakes.looks import IMAGE, detection, look, sighting


def scene_of(*sightings) -> Scene:
    batch = Batch(
        batch_id="b",
        event_id="e",
        camera_id="door",
        camera_name="Door",
        opened_at=START,
        last_at=START,
        closed=True,
        reason=BatchReason.IDLE,
        evidence_version=1,
        sightings=tuple(sightings),
    )
    return Scene(batch=batch, local_time=datetime(2026, 6, 1, 12, tzinfo=UTC))


class Files:
    """Media rows and decoder in one: every file is a picture of noise unless the test says otherwise."""

    def __init__(self, **trouble: Exception) -> None:
        self.trouble = trouble
        self.decoded: list[tuple[str, float | None]] = []
        self.gone: set[str] = set()

    @property
    def media(self):
        return self

    def get(self, media_id: str) -> Media | None:
        if media_id in self.gone:
            return None
        return Media(
            media_id=media_id,
            camera_id="door",
            path=None,  # type: ignore[arg-type]
            sha256="0" * 64,
            kind=MediaKind.IMAGE,
            captured_at=START,
            received_at=START,
            size_bytes=1,
            width=IMAGE[0],
            height=IMAGE[1],
        )

    async def read(self, work):
        return work(self)

    async def write(self, work):
        raise AssertionError("a look writes nothing")

    async def whole(self, media: Media, offset_s: float | None):
        self.decoded.append((media.media_id, offset_s))
        if media.media_id in self.trouble:
            raise self.trouble[media.media_id]
        noise = np.random.default_rng(len(self.decoded)).integers(0, 255, (IMAGE[1], IMAGE[0], 3))
        return noise.astype(np.uint8)


async def test_each_subject_is_seen_in_its_own_clearest_pictures():
    small, large = detection(0.5, 0.6), replace(detection(0.5, 0.9), confidence=0.95)
    other = detection(0.1, 0.9, "car")
    scene = scene_of(sighting(0, small, other), sighting(2, large), sighting(4, small))
    files = Files()
    views = await VisitPictures(files, files)(scene)
    person = next(seen for seen in views.subjects.values() if seen[0].subject.label == "person")
    assert person[0].look.detection is large
    assert person[0].picture is views.pictures["still at 2"]
    assert len(files.decoded) == len(set(files.decoded)) == 3
    car = next(seen for seen in views.subjects.values() if seen[0].subject.label == "car")
    assert [view.look.media_id for view in car] == ["still at 0"]


async def test_many_subjects_share_a_bounded_number_of_pictures():
    scene = scene_of(*(sighting(n * 100, detection(0.5, 0.8, "car")) for n in range(10)))
    files = Files()
    views = await VisitPictures(files, files, rules=ViewRules(pictures=3, subjects=8))(scene)
    assert len(files.decoded) == len(views.pictures) == 3
    assert sum(bool(seen) for seen in views.subjects.values()) == 3


async def test_a_frame_of_a_video_is_asked_for_by_its_time():
    scene = scene_of(*(sighting(n, detection(0.5, 0.8), video=True) for n in (0.0, 2.0, 4.0)))
    files = Files()
    views = await VisitPictures(files, files)(scene)
    assert sorted(files.decoded) == [("clip", 0.0), ("clip", 2.0), ("clip", 4.0)]
    assert set(views.pictures) == {"clip@0.000", "clip@2.000", "clip@4.000"}


async def test_what_cannot_be_decoded_has_a_reason_and_the_rest_is_there():
    scene = scene_of(
        sighting(0, detection(0.5, 0.8)), sighting(1, detection(0.5, 0.8)), sighting(2, detection(0.5, 0.8))
    )
    files = Files(**{"still at 0": Permanent("the file is gone", code="file_gone")})
    files.gone.add("still at 1")
    views = await VisitPictures(files, files)(scene)
    assert views.unreadable == {"still at 0": "the file is gone", "still at 1": "the file is no longer on record"}
    assert set(views.pictures) == {"still at 2"}


async def test_pictures_beyond_the_memory_are_left_out_with_a_reason():
    scene = scene_of(sighting(0, detection(0.5, 0.8)), sighting(1, detection(0.5, 0.8)))
    files = Files()
    views = await VisitPictures(files, files, rules=ViewRules(held_bytes=IMAGE[0] * IMAGE[1] * 4))(scene)
    assert len(views.pictures) == 1
    (reason,) = views.unreadable.values()
    assert "more than a close look may hold" in reason


def test_a_look_of_low_confidence_alone_is_no_subject_but_one_picture_is_looked_at():
    scene = scene_of(sighting(0, detection(0.5, 0.8, confidence=0.1)))
    choice = choose(scene, associate(scene.batch.sightings), ViewRules(), counted=0.3)
    assert choice.subjects == ()
    assert [place.key for place in choice.places] == ["still at 0"]


def test_a_sharp_look_is_clearer_than_a_blurred_one_of_the_same_size():
    seen = look(0, 0.5, 0.8)
    sharp = np.random.default_rng(1).integers(0, 255, (*IMAGE[::-1], 3)).astype(np.uint8)
    blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 5))
    assert clarity(seen, sharp) > 2 * clarity(seen, blurred)


def leg(name: str, result, *, deadline_s: float = 5.0) -> CloseLeg:
    async def looked(_views):
        if isinstance(result, Exception):
            raise result
        if callable(result):
            return await result()
        return result

    return CloseLeg(name=name, look=looked, deadline_s=deadline_s)


async def test_a_leg_that_fails_in_any_way_is_absent_and_the_others_are_there():
    files = Files()
    legs = [
        leg("good", {"found": 1}),
        leg("down", Unavailable("the model is away")),
        leg("broken", KeyError("x")),
        leg("slow", lambda: asyncio.sleep(60), deadline_s=0.01),
    ]
    gather = CloseGather(legs, VisitPictures(files, files))
    found = await gather(replace(scene_of(sighting(0, detection(0.5, 0.8))), legs={"down": {"earlier": True}}))
    assert found.legs["good"] == {"found": 1}
    assert found.legs["down"] == {"earlier": True}
    assert found.legs["broken"] == Absent(reason="it failed (KeyError)")
    assert found.legs["slow"] == Absent(reason="no answer within 0.01 s")


async def test_without_legs_nothing_is_decoded():
    files = Files()
    scene = scene_of(sighting(0, detection(0.5, 0.8)))
    assert await CloseGather((), VisitPictures(files, files))(scene) is scene
    assert files.decoded == []


def test_two_legs_of_one_name_are_refused():
    with pytest.raises(ValueError, match="same name"):
        CloseGather([leg("a", 1), leg("a", 2)], VisitPictures(Files(), Files()))
