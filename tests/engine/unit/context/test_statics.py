"""Parked cars are announced once."""

from datetime import timedelta
from functools import partial
import random

import cv2
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from home_sentry_engine.context.sieve import sift
from home_sentry_engine.context.statics import RestingThings, StaticRules, overlap
from home_sentry_engine.domain.box import Box, intersection_over_union
from home_sentry_engine.domain.detection import Detection, FrameDetections
from home_sentry_engine.domain.quality import PictureQuality
from home_sentry_engine.domain.resting import Shown
from home_sentry_engine.media.similarity import Grey, patch_of
from tests.fakes.clock import START

IMAGE = (1920, 1080)


def box_at(x: float, width: int = 400, height: int = 250) -> Box:
    return Box(x=round(x), y=600, width=width, height=height)


class Camera:
    """Delivers stills to the memory of what rests."""

    def __init__(self) -> None:
        self.things = RestingThings([])
        self.at = START

    def shows(
        self,
        *found: tuple[str, Box],
        after_s: float = 0.0,
        quality: PictureQuality | None = None,
        shown: Shown | None = None,
    ) -> list[str]:
        self.at += timedelta(seconds=after_s)
        frame = FrameDetections(
            detections=tuple(Detection(label=label, confidence=0.8, box=box) for label, box in found),
            image_width=IMAGE[0],
            image_height=IMAGE[1],
            model_id="m",
            inference_ms=1.0,
            quality=quality,
        )
        (left,) = sift([frame], [self.things.look([frame], self.at, shown)])
        self.things = RestingThings(self.things.things)
        return [one.label for one in left.detections]


def test_a_car_settles_after_ten_minutes_and_is_silent_from_then_on():
    camera = Camera()
    seen = [camera.shows(("car", box_at(300)), after_s=60) for _ in range(30)]
    assert all(seen[:10])
    assert not any(seen[11:])


@given(st.integers(0, 2**32 - 1))
def test_a_night_with_headlights_and_infrared_announces_nothing(seed):
    chance = random.Random(seed)
    camera = Camera()
    for _ in range(12):
        camera.shows(("car", box_at(300)), after_s=60)
    announced = missed = 0
    for _ in range(300):
        jitter = max(-30.0, min(30.0, chance.gauss(0, 8)))
        shown = [(chance.choice(["car", "truck"]), box_at(300 + jitter, 400 + round(chance.gauss(0, 8))))]
        # what nobody saw ten times in a row has left, as far as boxes alone tell
        missed = 0 if missed == StaticRules().misses - 1 or chance.random() < 0.7 else missed + 1
        announced += len(camera.shows(*([] if missed else shown), after_s=120))
    assert announced == 0


def test_what_was_missed_ten_times_in_a_row_is_announced_once_it_is_there_again():
    for misses, announced in ((9, []), (10, ["car"])):
        camera = Camera()
        for _ in range(12):
            camera.shows(("car", box_at(300)), after_s=60)
        for _ in range(misses):
            camera.shows(after_s=120)
        assert camera.shows(("car", box_at(300)), after_s=120) == announced


@pytest.mark.parametrize("dark", [True, False])
def test_hours_too_dark_to_see_the_car_do_not_make_it_new(dark):
    camera = Camera()
    for _ in range(12):
        camera.shows(("car", box_at(300)), after_s=60)
    night = PictureQuality(score=80.0, grade="poor", defects=("dark",) if dark else (), covered=False, bad=dark)
    for _ in range(60):
        camera.shows(after_s=300, quality=night)
    assert camera.shows(("car", box_at(300)), after_s=60) == ([] if dark else ["car"])


def test_a_person_beside_the_parked_car_is_seen():
    camera = Camera()
    for _ in range(15):
        camera.shows(("car", box_at(300)), after_s=60)
    assert camera.shows(("car", box_at(300)), ("person", box_at(300, 200, 250)), after_s=60) == ["person"]


def test_a_person_never_becomes_furniture():
    camera = Camera()
    assert all(camera.shows(("person", box_at(300)), after_s=60) for _ in range(60))


def test_a_car_that_drives_through_never_settles():
    camera = Camera()
    assert all(camera.shows(("car", box_at(100 + 150 * step)), after_s=300) for step in range(8))


def test_another_car_on_the_place_of_one_that_left_is_new():
    camera = Camera()
    for _ in range(15):
        camera.shows(("car", box_at(300)), after_s=60)
    for _ in range(12):
        camera.shows(after_s=120)
    assert camera.things.things == ()
    assert camera.shows(("car", box_at(300)), after_s=60) == ["car"]


def test_two_cars_side_by_side_are_two():
    camera = Camera()
    for _ in range(15):
        camera.shows(("car", box_at(100)), ("car", box_at(900)), after_s=60)
    assert len(camera.things.things) == 2
    assert camera.shows(("car", box_at(100)), ("car", box_at(1400)), after_s=60) == ["car"]


def test_a_picture_that_comes_late_changes_nothing_that_is_remembered():
    camera = Camera()
    for _ in range(15):
        camera.shows(("car", box_at(300)), after_s=60)
    before = camera.things.things
    camera.shows(after_s=-300)
    assert camera.things.things == before


def test_the_frames_of_one_clip_are_one_look():
    frames = [
        FrameDetections(
            detections=(Detection(label="car", confidence=0.8, box=box_at(300)),),
            image_width=IMAGE[0],
            image_height=IMAGE[1],
            model_id="m",
            inference_ms=1.0,
            offset_s=float(second),
        )
        for second in range(5)
    ]
    things = RestingThings([])
    things.look(frames, START)
    assert len(things.things) == 1


@given(st.lists(st.tuples(st.floats(0, 1900), st.booleans()), max_size=40))
def test_the_memory_is_bounded_and_never_settles_early(steps):
    camera = Camera()
    for x, there in steps:
        left = camera.shows(*([("car", box_at(min(x, 1500)))] if there else []), after_s=7)
        assert len(left) == int(there)
        assert len(camera.things.things) <= 64


@given(*[st.integers(0, 400) for _ in range(4)])
def test_overlap_of_places_is_that_of_boxes(x, y, width, height):
    one, two = Box(x=100, y=100, width=200, height=150), Box(x=x, y=y, width=width + 1, height=height + 1)
    wanted = intersection_over_union(one, two)
    assert overlap(one.normalised(IMAGE), two.normalised(IMAGE)) == pytest.approx(wanted)


class Drive:
    """A drive in grey, 640 wide, by day or under infrared, with a car at its place or without, and noise."""

    def __init__(self) -> None:
        self.chance = np.random.default_rng(5)
        rough = self.chance.integers(60, 200, (36, 64)).astype(np.uint8)
        self.ground = cv2.resize(rough, (640, 360), interpolation=cv2.INTER_CUBIC)

    def picture(self, light: str, *, car: int | None = 300) -> Grey:
        grey = self.ground.astype(np.float32)
        if car is not None:
            left = car // 3
            grey[200:283, left : left + 133] = 170
            grey[210:235, left + 30 : left + 100] = 40
            grey[260:283, left + 15 : left + 40] = grey[260:283, left + 95 : left + 120] = 15
        if light == "infrared":
            grey = 230 - 0.5 * grey
        return np.clip(grey + self.chance.normal(0, 6, grey.shape), 0, 255).astype(np.uint8)

    def shown(self, light: str, *, car: int | None = 300, glare: float = 1.0) -> Shown:
        grey = np.clip(self.picture(light, car=car).astype(np.float32) * glare, 0, 255).astype(np.uint8)
        return Shown(light=light, patch=partial(patch_of, grey))


def settled(drive: Drive) -> Camera:
    camera = Camera()
    for _ in range(15):
        camera.shows(("car", box_at(300)), after_s=60, shown=drive.shown("day"))
    return camera


def test_a_car_that_the_detector_misses_all_night_is_not_new_in_the_morning():
    drive = Drive()
    camera = settled(drive)
    for number in range(120):
        camera.shows(after_s=300, shown=drive.shown("infrared", glare=1.25 if number % 9 == 0 else 0.8))
    assert camera.shows(("car", box_at(300)), after_s=60, shown=drive.shown("infrared")) == []
    for _ in range(20):
        camera.shows(after_s=300, shown=drive.shown("day"))
    assert camera.shows(("car", box_at(300)), after_s=60, shown=drive.shown("day")) == []


def test_a_car_that_leaves_at_night_is_forgotten_and_the_next_one_is_told():
    drive = Drive()
    camera = settled(drive)
    for _ in range(6):
        camera.shows(after_s=300, shown=drive.shown("infrared"))
    for _ in range(12):
        camera.shows(after_s=120, shown=drive.shown("infrared", car=None))
    assert camera.things.things == ()
    assert camera.shows(("car", box_at(300)), after_s=60, shown=drive.shown("infrared")) == ["car"]


def test_a_car_that_leaves_by_day_is_forgotten_as_before():
    drive = Drive()
    camera = settled(drive)
    for _ in range(12):
        camera.shows(after_s=120, shown=drive.shown("day", car=None))
    assert camera.things.things == ()


def test_somebody_who_stands_before_the_car_for_a_while_does_not_take_it_away():
    drive = Drive()
    camera = settled(drive)
    for round_ in range(30):
        hidden = round_ % 6 < 4
        camera.shows(after_s=120, shown=drive.shown("day", car=None if hidden else 300))
    assert [thing.label for thing in camera.things.things] == ["car"]


def test_what_was_not_seen_for_hours_is_not_taken_for_granted_in_another_light():
    drive = Drive()
    camera = settled(drive)
    camera.shows(after_s=3 * 3600, shown=drive.shown("infrared", car=None))
    for _ in range(11):
        camera.shows(after_s=120, shown=drive.shown("infrared", car=None))
    assert camera.things.things == ()


def test_a_place_that_shows_nothing_says_nothing():
    drive = Drive()
    camera = settled(drive)
    black = Shown(light="infrared", patch=partial(patch_of, np.full((360, 640), 8, np.uint8)))
    for _ in range(12):
        camera.shows(after_s=120, shown=black)
    assert camera.things.things == ()


def test_a_car_that_has_not_settled_is_not_held_by_its_place():
    drive = Drive()
    camera = Camera()
    for _ in range(3):
        camera.shows(("car", box_at(300)), after_s=60, shown=drive.shown("day"))
    for _ in range(4):
        camera.shows(after_s=60, shown=drive.shown("day"))
    assert camera.things.things == ()


@pytest.mark.parametrize(
    "place", [(0.0, 0.0, 1.0, 1.0), (0.99, 0.99, 0.01, 0.01), (1.0, 1.0, 0.0, 0.0), (0.2, 0.3, 0.0, 0.5)]
)
def test_patches_of_any_place_have_one_size(place):
    assert len(patch_of(np.zeros((360, 640), np.uint8), place)) == 256
