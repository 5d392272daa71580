"""Detections become subjects."""

from collections import Counter
from datetime import timedelta
import os
from pathlib import Path
from statistics import median

import av
from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.context.association import associate, count_by_group
from home_sentry_engine.context.tracks import Look, Subject, consensus
from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.messages import Sighting
from home_sentry_engine.settings import DetectSettings, ModelSettings
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.zoo import Zoo
from tests.fakes.clock import START
from tests.fakes.looks import detection, look, sighting, sightings
from tests.needs import folder_from

# people that a person counts in five seconds of the clip, by the first frame
SEEN_BY_EYE = {0: 6, 300: 6, 400: 4, 450: 4}
WINDOW = 50


def test_one_person_in_five_stills_is_one_person():
    (subject,) = associate(sightings([[(0.1 + 0.05 * step, 0.6) for step in range(5)]]))
    assert len(subject.looks) == 5
    assert (subject.label, subject.confidence) == ("person", 0.8)


def test_two_people_who_pass_each_other_stay_two():
    there = [(0.2 + 0.05 * step, 0.6) for step in range(10)]
    back = [(0.8 - 0.05 * step, 0.9) for step in range(10)]
    subjects = associate(sightings([there, back]))
    assert len(subjects) == 2
    for subject in subjects:
        assert len({one.point[1] for one in subject.looks}) == 1


def test_a_dog_is_not_its_owner():
    seen = [sighting(0, detection(0.3, 0.6)), sighting(1, detection(0.3, 0.6, "dog"))]
    assert len(associate(seen)) == 2


def test_a_bicycle_does_not_turn_into_a_car_and_a_truck_may():
    def seen(before, after):
        return associate([sighting(0, detection(0.3, 0.6, before)), sighting(1, detection(0.3, 0.6, after))])

    assert [len(seen("bicycle", other)) for other in ("car", "truck", "bus", "motorcycle")] == [2, 2, 2, 1]
    assert [len(seen("car", other)) for other in ("truck", "bus", "motorcycle")] == [1, 1, 2]


def test_a_long_absence_ends_a_subject():
    seen = [sighting(0, detection(0.3, 0.6)), sighting(60, detection(0.3, 0.6))]
    assert len(associate(seen)) == 2


def test_who_does_not_look_alike_is_somebody_else():
    seen = [sighting(0, detection(0.3, 0.6)), sighting(1, detection(0.3, 0.6))]
    assert len(associate(seen, appearance=lambda _a, _b: 0.1)) == 2
    assert len(associate(seen, appearance=lambda _a, _b: 0.9)) == 1
    assert len(associate(seen, appearance=lambda _a, _b: None)) == 1


def test_likeness_decides_between_two_that_are_near():
    first = [detection(0.30, 0.6, confidence=0.5), detection(0.34, 0.6, confidence=0.9)]
    second = [detection(0.33, 0.6, confidence=0.5), detection(0.31, 0.6, confidence=0.9)]
    same = lambda a, b: 1.0 if a.detection.confidence == b.detection.confidence else 0.6  # noqa: E731
    subjects = associate([sighting(0, *first), sighting(1, *second)], appearance=same)
    assert len(subjects) == 2
    for subject in subjects:
        assert len({one.detection.confidence for one in subject.looks}) == 1


paths = st.lists(
    st.lists(st.tuples(st.floats(0.05, 0.95), st.floats(0.2, 0.95)), min_size=6, max_size=6), min_size=1, max_size=4
)


@given(paths, st.floats(0.2, 60))
def test_every_detection_belongs_to_exactly_one_subject(drawn, interval_s):
    seen = sightings(drawn, interval_s=interval_s)
    subjects = associate(seen)
    wanted = Counter((one.at, found) for one in seen for found in one.detections)
    assert Counter((one.at, one.detection) for subject in subjects for one in subject.looks) == wanted
    for subject in subjects:
        times = [one.at for one in subject.looks]
        assert times == sorted(set(times))
    assert len(subjects) >= len(drawn)


@given(st.permutations(range(6)), paths)
def test_the_order_in_which_files_come_does_not_matter(order, drawn):
    seen = sightings(drawn)
    assert associate([seen[index] for index in order]) == associate(seen)


@given(st.lists(st.tuples(st.sampled_from(["dog", "cat"]), st.floats(0.05, 1)), min_size=1, max_size=8))
def test_consensus_is_the_padded_median(scores):
    looks = [look(n, 0.5, 0.5, moving=True, label=name, confidence=score) for n, (name, score) in enumerate(scores)]
    label, confidence = consensus(looks)
    own = sorted(score for name, score in scores if name == label)
    assert confidence == median([*[0.0] * (3 - len(own)), *own])
    assert sum(own) >= sum(score for name, score in scores) / 2 - 1e-9


def test_one_flash_in_a_video_does_not_count_and_a_single_still_does():
    flash = Subject(number=1, looks=(look(0, 0.5, 0.5, moving=True, confidence=0.95),))
    still = Subject(number=2, looks=(look(0, 0.5, 0.5, confidence=0.6),))
    assert count_by_group([flash, still]) == {ObjectGroup.PERSON: (still,)}


@pytest.fixture(scope="module")
def people_walking():
    return folder_from("HOME_SENTRY_TEST_MEDIA") / "video" / "vtest.avi"


async def test_people_in_a_busy_street_are_counted_as_by_eye(people_walking, tmp_path):
    folder_from("HOME_SENTRY_MODEL_MIRROR")
    detect = DetectSettings(detector="deimv2-femto", confidence=0.5)
    models = ModelSettings(folder=tmp_path, mirror=os.environ["HOME_SENTRY_MODEL_MIRROR"], offline=True)
    counted, detections = {}, 0
    async with Zoo(detect, models, SystemClock()) as zoo:
        await zoo.prepare()
        for start in SEEN_BY_EYE:
            seen = [await _sighting(zoo, number, pixels) for number, pixels in _frames(people_walking, start, step=2)]
            detections += sum(len(one.detections) for one in seen)
            counted[start] = len(count_by_group(associate(seen))[ObjectGroup.PERSON])
    wrong = {start: counted[start] - truth for start, truth in SEEN_BY_EYE.items()}
    assert all(abs(error) <= 1 for error in wrong.values()), wrong
    assert sum(map(abs, wrong.values())) <= 2, wrong
    assert detections > 15 * sum(counted.values())


async def _sighting(zoo: Zoo, number: int, pixels) -> Sighting:
    (found,) = await zoo.detector.detect([RgbFrame.of(pixels)])
    return Sighting(
        media_id="clip",
        camera_id="street",
        at=START,
        detections=tuple(one for one in found.detections if one.label == "person"),
        detection_ids=(),
        image_width=found.image_width,
        image_height=found.image_height,
        offset_s=number / 10,
    )


def _frames(path: Path, start: int, *, step: int):
    with av.open(str(path)) as clip:
        for number, picture in enumerate(clip.decode(video=0)):
            if number >= start + WINDOW:
                return
            if number >= start and (number - start) % step == 0:
                yield number, picture.to_ndarray(format="rgb24")


def test_times_of_frames_follow_the_clip():
    (subject,) = associate([sighting(n / 5, detection(0.5, 0.5), video=True) for n in range(4)])
    assert isinstance(subject.first, Look)
    assert subject.last.at - subject.first.at == timedelta(seconds=0.6)
