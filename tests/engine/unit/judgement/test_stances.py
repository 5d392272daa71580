"""Postures and other cameras in the score: little, only where pictures agree, and never a case of their own."""

import pytest

from home_sentry_engine.domain.messages import Absent
from home_sentry_engine.domain.risk import Bands
from home_sentry_engine.judgement.judge import Judge
from tests.fakes.scenes import person_scene

DAY, NIGHT = "2026-06-10T14:05:00", "2026-06-11T02:20:00"
ONE = ["person", 0.9, [860, 430, 140, 360]]
OTHER = ["person", 0.9, [1260, 430, 140, 360]]
ANN = {"persons": [{"name": "Ann", "outcome": "match", "role": "resident", "trust": "full"}]}
ALERTS = ("crouching", "lying_down", "hands_raised", "fighting_stance")


def pose(*repeated: str, confidence: float = 0.8, **more) -> list[dict]:
    return [
        {"posture": "standing", "alerts": list(ALERTS), "confidence": confidence, "repeated": list(repeated)} | more
    ]


def extra(at: str, *persons, **legs) -> dict[str, int]:
    """Points of the factors that the legs add to a scene."""
    frames = [{"t": 0, "objects": list(persons or (ONE,))}]
    plain = {factor.id for factor in Judge().rule(person_scene(at=at, frames=frames)).factors}
    verdict = Judge().rule(person_scene(at=at, frames=frames, legs=legs))
    assert sum(factor.points for factor in verdict.factors) == verdict.score
    return {factor.id: factor.points for factor in verdict.factors if factor.id not in plain}


def elsewhere(*cameras: tuple[str, str, float]) -> list[dict]:
    return [{"camera": camera, "label": label, "count": 3, "seconds": apart} for camera, label, apart in cameras]


def test_a_posture_counts_where_more_than_one_picture_shows_it_and_the_joints_are_sure():
    assert extra(NIGHT, pose=pose("crouching")) == {"crouching": 6}
    assert extra(NIGHT, pose=pose()) == {}
    assert extra(NIGHT, pose=pose("crouching", confidence=0.4)) == {}
    assert extra(NIGHT, pose=Absent(reason="nobody looked")) == {}
    assert extra(NIGHT, pose=[{"posture": "crouching", "repeated": "crouching"}, 7]) == {}


def test_who_crouches_by_day_may_garden_and_who_waves_alone_means_no_harm():
    assert extra(DAY, pose=pose("crouching", "hands_raised", "fighting_stance")) == {}
    assert extra(DAY, ONE, OTHER, pose=pose("hands_raised", "fighting_stance")) == {
        "hands_raised": 8,
        "fighting_stance": 8,
    }
    assert extra(DAY, pose=pose("lying_down")) == {"lying_down": 4}


@pytest.mark.parametrize("at", [DAY, NIGHT])
def test_residents_may_stand_as_they_like(at):
    known = set(extra(at, household=ANN))
    assert set(extra(at, household=ANN, pose=pose(*ALERTS))) == known


def test_postures_and_other_cameras_alone_never_make_a_case():
    everything = {"pose": pose(*ALERTS), "cross_camera": elsewhere(*((name, "person", 10.0) for name in "abcde"))}
    frames = [{"t": 0, "objects": [ONE, OTHER]}]
    verdict = Judge().rule(person_scene(at=NIGHT, frames=frames, legs=everything))
    assert verdict.score <= 60
    assert verdict.allowed.floor == 0
    assert verdict.score < Bands().critical


def test_people_at_several_other_cameras_around_the_same_time_count_a_little():
    two = elsewhere(("Drive", "person", -20.0), ("Yard", "person", 0.0))
    assert extra(DAY, cross_camera=two) == {"cross_camera": 3}
    assert extra(DAY, cross_camera=[*two, *elsewhere(("Side", "person", 100.0))]) == {"cross_camera": 5}
    (factor,) = (
        one for one in Judge().rule(person_scene(legs={"cross_camera": two})).factors if one.id == "cross_camera"
    )
    assert factor.text == "people at other cameras too: Drive and Yard"
    assert factor.evidence == ("camera:Drive", "camera:Yard")


def test_one_other_camera_cars_and_what_was_long_ago_count_nothing():
    assert extra(DAY, cross_camera=elsewhere(("Drive", "person", -20.0))) == {}
    assert extra(DAY, cross_camera=elsewhere(("Drive", "car", 0.0), ("Yard", "dog", 0.0), ("Side", "cat", 1.0))) == {}
    assert extra(DAY, cross_camera=elsewhere(("Drive", "person", -250.0), ("Yard", "person", 200.0))) == {}
    assert extra(DAY, cross_camera=Absent(reason="it took too long")) == {}


def test_a_delivery_on_its_way_past_other_cameras_stays_a_delivery():
    brings = {"behaviour": [{"kind": "carrying_package", "confidence": 0.9, "source": "detector"}]}
    seen = elsewhere(("Drive", "person", -20.0), ("Yard", "person", -10.0))
    assert extra(DAY, **brings, cross_camera=seen, pose=pose("lying_down")) == extra(DAY, **brings)
