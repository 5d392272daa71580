import pytest

from home_sentry_engine.context.trust import fallen, quality_leg
from home_sentry_engine.domain.quality import PictureQuality

GOOD = [PictureQuality(score=score, grade="excellent") for score in (12, 8, 15, 10, 11, 9)]


def bad(*defects, score=80.0):
    return PictureQuality(score=score, grade="poor", defects=defects, bad=True)


def test_a_fall_is_measured_against_what_is_usual():
    now = fallen(bad("blurred"), GOOD, night=False)
    assert now.usual == pytest.approx(10.5)
    assert quality_leg(now) == {
        "suddenly_worse": True,
        "usual_score": 10,
        "score": 80,
        "grade": "poor",
        "defects": ["blurred"],
        "verdict": "bad quality",
    }


def test_the_bad_pictures_just_before_belong_to_the_same_fall():
    assert fallen(bad("blurred"), [bad("blurred")] * 20 + GOOD, night=False).usual is not None
    assert fallen(bad("blurred"), [bad("blurred")] * 20, night=False).usual is None


@pytest.mark.parametrize(
    ("now", "before", "night"),
    [
        (GOOD[0], GOOD, False),
        (bad("blurred"), GOOD[:4], False),
        (bad("blurred"), [], False),
        (bad("dark"), GOOD, True),
        (bad("striped"), [*GOOD, bad("striped"), GOOD[0]], False),
        (bad("blurred", score=62), [PictureQuality(score=40, grade="good")] * 9, False),
    ],
)
def test_what_is_no_fall(now, before, night):
    assert fallen(now, before, night=night) == now
    assert "suddenly_worse" not in quality_leg(now)


def test_darkness_by_day_and_a_cover_at_night_are_news():
    assert fallen(bad("dark"), GOOD, night=False).usual is not None
    assert fallen(bad("dark", "striped"), GOOD, night=True).usual is not None
    assert fallen(bad("covered"), GOOD, night=True).usual is not None
    assert fallen(bad("striped"), [*GOOD, bad("dark"), *GOOD], night=True).usual is not None
