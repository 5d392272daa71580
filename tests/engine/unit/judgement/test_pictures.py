"""What the pictures themselves do to a verdict."""

from dataclasses import replace

from home_sentry_engine.domain.messages import Scene
from home_sentry_engine.domain.quality import PictureQuality
from home_sentry_engine.domain.risk import Bands
from home_sentry_engine.judgement.judge import Judge
from tests.fakes.scenes import person_scene

INSIDE = {
    "at": "2026-06-10T02:05:00",
    "legs": {
        "arm_mode": "armed_away",
        "zones": [{"name": "hall", "type": "hallway", "labels": ["person"], "inside": True, "private": True}],
    },
}


def doubting(scene: Scene, *, index: int = 0) -> Scene:
    first = scene.batch.sightings[index]
    changed = replace(
        first,
        detections=tuple(replace(one, doubted=True, confidence=0.6) for one in first.detections),
        detection_ids=(7,),
    )
    sightings = (*scene.batch.sightings[:index], changed, *scene.batch.sightings[index + 1 :])
    return replace(scene, batch=replace(scene.batch, sightings=sightings))


def test_a_person_who_was_not_found_again_lifts_nothing_to_high():
    scene, judge, bands = person_scene(**INSIDE), Judge(), Bands()
    sure = judge.rule(scene)
    assert sure.score >= bands.high
    held = judge.rule(doubting(scene))
    assert held.score == bands.high - 1
    assert held.allowed.clamp(100) == bands.high - 1
    (factor,) = [one for one in held.factors if one.id == "second_look"]
    assert factor.points < 0
    assert factor.evidence == ("detection:7",)
    assert sum(one.points for one in held.factors) == held.score


def test_others_who_are_sure_lift_it_all_the_same():
    objects = [["person", 0.9, [860, 430, 140, 360]]]
    scene = person_scene(**INSIDE | {"frames": [{"t": 0, "objects": objects}, {"t": 5, "objects": objects}]})
    verdict = Judge().rule(doubting(scene))
    assert verdict.score >= Bands().high
    assert [one.points for one in verdict.factors if one.id == "second_look"] == [0]


def test_a_bad_picture_is_named():
    scene = person_scene()
    (first,) = scene.batch.sightings
    quality = PictureQuality(score=70, grade="poor", defects=("blurred",), bad=True)
    blurred = replace(scene, batch=replace(scene.batch, sightings=(replace(first, quality=quality),)))
    (factor,) = [one for one in Judge().rule(blurred).factors if one.id == "quality"]
    assert "blurred" in factor.text
    assert Judge().rule(scene).factors == tuple(one for one in Judge().rule(blurred).factors if one.id != "quality")
