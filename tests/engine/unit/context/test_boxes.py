"""Filters by camera, class and daypart; trust in bad pictures; the best stills; labels that frames agree on."""

from datetime import datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.context.association import agreed
from home_sentry_engine.context.boxes import BoxFilter, BoxFilters
from home_sentry_engine.context.sieve import sift
from home_sentry_engine.context.stills import best_stills
from home_sentry_engine.context.trust import FACTORS, quality_leg, trusted, worst
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.daypart import is_night
from home_sentry_engine.domain.detection import Detection, FrameDetections
from home_sentry_engine.domain.quality import PictureQuality
from tests.fakes.looks import detection, sighting


def frame(*found: Detection) -> FrameDetections:
    return FrameDetections(detections=found, image_width=1000, image_height=500, model_id="m", inference_ms=1.0)


def found(label: str = "person", confidence: float = 0.8, box: tuple[int, int, int, int] = (0, 0, 100, 200)):
    x, y, width, height = box
    return Detection(label=label, confidence=confidence, box=Box(x=x, y=y, width=width, height=height))


class TestFilters:
    rules = BoxFilters(
        confidence=0.5,
        cameras={"yard": 0.7},
        rules={
            "door": {
                "person": BoxFilter(confidence=0.6, confidence_night=0.4, min_area=1.0, max_aspect=1.0),
                "*": BoxFilter(max_area=50.0),
            },
            "*": {"cat": BoxFilter(confidence=0.3), "*": BoxFilter(min_area=0.1, max_area=90.0)},
        },
    )

    @pytest.mark.parametrize(
        ("camera", "label", "night", "least"),
        [
            ("door", "person", False, 0.6),
            ("door", "person", True, 0.4),
            ("door", "car", False, 0.5),
            ("door", "cat", False, 0.3),
            ("yard", "person", False, 0.7),
            ("yard", "cat", True, 0.7),
            ("else", "cat", False, 0.3),
            ("else", "dog", True, 0.5),
        ],
    )
    def test_what_is_more_exact_wins(self, camera, label, night, least):
        assert self.rules.threshold(camera, label, night=night) == least

    @given(
        camera=st.sampled_from(["door", "yard", "else"]),
        label=st.sampled_from(["person", "cat", "car"]),
        night=st.booleans(),
    )
    def test_the_detector_looks_low_enough_for_all(self, camera, label, night):
        assert self.rules.lowest(camera, night=night) <= self.rules.threshold(camera, label, night=night)

    def test_boxes_are_counted_by_their_reason(self):
        boxes = frame(
            found(confidence=0.55),
            found(box=(0, 0, 20, 40)),
            found(box=(0, 0, 300, 200)),
            found("car", 0.9, (0, 0, 900, 450)),
            found("car", 0.9, (0, 0, 700, 300)),
            found(),
        )
        (kept,) = sift([boxes], [self.rules.screen("door", night=False)])
        assert kept.detections == (boxes.detections[4], boxes.detections[5])
        assert dict(kept.dropped) == {"confidence": 1, "area": 2, "aspect": 1}

    def test_a_bound_of_the_camera_replaces_the_common_one(self):
        tight = BoxFilters(rules={"door": {"*": BoxFilter(min_area=0.0)}, "*": {"*": BoxFilter(min_area=10.0)}})
        small = frame(found(box=(0, 0, 10, 10)))
        assert sift([small], [tight.screen("door", night=False)])[0].detections
        assert not sift([small], [tight.screen("yard", night=False)])[0].detections


def quality(*defects: str, covered: bool = False, score: float = 70.0) -> PictureQuality:
    return PictureQuality(score=score, grade="poor", defects=defects, covered=covered, bad=bool(defects) or covered)


class TestTrust:
    def test_a_sound_picture_changes_nothing(self):
        seen = frame(found())
        assert trusted(seen, PictureQuality(score=10, grade="excellent"), lambda one: 0.5) is seen

    def test_a_covered_view_yields_no_objects(self):
        kept = trusted(frame(found(), found("car")), quality("covered", covered=True), lambda one: 0.5)
        assert kept.detections == ()
        assert dict(kept.dropped) == {"view_covered": 2}

    @given(st.sets(st.sampled_from(sorted(FACTORS)), min_size=1), st.floats(0.5, 1.0))
    def test_the_worst_defect_lowers_the_confidence(self, defects, confidence):
        kept = trusted(frame(found(confidence=confidence)), quality(*defects), lambda one: 0.5)
        lowered = confidence * min(FACTORS[one] for one in defects)
        if lowered >= 0.5:
            assert kept.detections[0].confidence == pytest.approx(lowered)
        else:
            assert dict(kept.dropped) == {"quality": 1}

    def test_the_leg_names_the_verdict(self):
        one, other = quality("blurred", score=65), quality("covered", covered=True, score=80)
        assert worst([one, other]) is other
        assert worst([]) is None
        assert quality_leg(other)["verdict"] == "view covered"
        assert quality_leg(one) == {"score": 65, "grade": "poor", "defects": ["blurred"], "verdict": "bad quality"}


class TestAgreed:
    def test_one_flash_in_a_video_does_not_count(self):
        frames = [sighting(second, video=True) for second in (0, 4, 8)]
        flash = sighting(4, detection(0.5, 0.6, "person", 0.95), video=True)
        (meant,) = agreed([flash])
        assert meant.detections == ()
        assert meant.at == flash.at
        assert agreed(frames) == tuple(frames)

    def test_a_still_has_no_other_frame_to_ask(self):
        one = sighting(0, detection(0.5, 0.6, "person", 0.55))
        assert agreed([one]) == (one,)

    def test_the_label_of_most_is_that_of_all(self):
        labels = [("car", 0.9), ("truck", 0.6), ("car", 0.8)]
        seen = [sighting(2 * n, detection(0.5, 0.6, label, sure), video=True) for n, (label, sure) in enumerate(labels)]
        meant = [one.detections[0] for one in agreed(seen)]
        assert {one.label for one in meant} == {"car"}
        assert max(one.confidence for one in meant) == pytest.approx(0.8)


class TestStills:
    def test_the_surest_spread_in_time(self):
        seen = [sighting(second, detection(0.5, 0.6, "person", 0.9 - second / 1000)) for second in range(0, 60, 2)]
        stills = best_stills(seen)
        assert len(stills) == 4
        assert [one.at for one in stills] == sorted(one.at for one in stills)
        gaps = [(b.at - a.at).total_seconds() for a, b in pairwise(stills)]
        assert min(gaps) >= 8

    def test_people_before_things_and_nothing_without_objects(self):
        seen = [
            sighting(0, detection(0.5, 0.6, "person", 0.6)),
            sighting(1, detection(0.5, 0.6, "car", 0.9)),
            sighting(2),
        ]
        assert [one.media_id for one in best_stills(seen, most=1)] == [seen[0].media_id]
        assert len(best_stills(seen)) == 2


@pytest.mark.parametrize(("hour", "night"), [(0, True), (5, True), (6, False), (21, False), (22, True)])
def test_night(hour, night):
    assert is_night(datetime(2026, 11, 20, hour, 59)) is night  # noqa: DTZ001 the wall clock
