"""A weapon counts when two looks agree: the detector's own once more, or a vision model's."""

import asyncio

import pytest

from home_sentry_engine.domain.enrichment import Outcome
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.judgement.legs import known_of
from home_sentry_engine.pipeline.enrich.desk import EnrichmentRules
from home_sentry_engine.pipeline.enrich.enrichment import Enrichment
from home_sentry_engine.pipeline.enrich.legs import legs_of
from home_sentry_engine.vision.session import Cancel, InferenceTimeout
from tests.engine.unit.pipeline.views import scene_of, seen, shot, views_of
from tests.fakes.clock import START
from tests.fakes.deadlines import Deadlines
from tests.fakes.models import Meter, Poses, Shelf, Things

PERSON = seen("person")


def full(**more) -> Shelf:
    return Shelf(movenet_lightning=Poses(), image_quality=Meter(), **more)


@pytest.mark.parametrize(("again", "weapon"), [(True, 2), (False, 1)])
async def test_a_weapon_counts_only_when_a_second_look_agrees(again, weapon):
    legs = legs_of(
        await Enrichment(full(owlv2_base=Things(again=again)), EnrichmentRules())(views_of(shot(START, [PERSON])))
    )
    scene = scene_of(shot(START, [PERSON]), **legs)
    assert len(known_of(scene).weapon_looks()) == weapon
    floor = Judge().rule(scene).allowed.floor
    assert (floor >= 70) is again


class Confirms:
    def __init__(self, said: bool | None) -> None:
        self.said = said
        self.asked: list[str] = []

    def confirms(self, thing, frame):
        self.asked.append(thing)
        return self.said


@pytest.mark.parametrize(("said", "weapon"), [(True, 2), (False, 1), (None, 1), (Unavailable("away"), 1)])
async def test_a_vision_model_may_be_the_second_opinion_on_a_weapon(said, weapon):
    confirmer = said if isinstance(said, Exception) else Confirms(said)
    rules = EnrichmentRules(confirmer="vlm")
    result = await Enrichment(full(owlv2_base=Things(again=False), vlm=confirmer), rules)(
        views_of(shot(START, [PERSON]))
    )
    scene = scene_of(shot(START, [PERSON]), **legs_of(result))
    assert len(known_of(scene).weapon_looks()) == weapon
    assert (Judge().rule(scene).allowed.floor >= 70) is (weapon == 2)
    (step,) = (one for one in result.attempts if one.about == "threats")
    assert (step.outcome, step.model_id) == (Outcome.RAN, "owlv2-base")
    assert ("did not say" in (step.reason or "")) is isinstance(said, Exception)


async def looked(finder, **rules):
    confirmer = rules.pop("vlm", None)
    shelf = full(owlv2_base=finder, **({"vlm": confirmer} if confirmer else {}))
    wanted = EnrichmentRules(confirmer="vlm" if confirmer else None, **rules)
    result = await Enrichment(shelf, wanted)(views_of(shot(START, [PERSON])))
    (step,) = (one for one in result.attempts if one.about == "threats")
    return scene_of(shot(START, [PERSON]), **legs_of(result)), step


def factors(scene) -> set[str]:
    return {one.id for one in Judge().rule(scene).factors}


@pytest.mark.parametrize(("said", "looks"), [(True, 3), (None, 2), (False, 1)])
async def test_a_no_of_the_vision_model_withholds_the_confirmation(said, looks):
    scene, _ = await looked(Things(again=True), vlm=Confirms(said))
    assert len(known_of(scene).weapon_looks()) == looks
    assert (Judge().rule(scene).allowed.floor >= 70) is (looks > 1)
    assert ("weapon_unconfirmed" in factors(scene)) is (looks == 1)


@pytest.mark.parametrize(
    ("first", "second", "said", "looks"),
    [
        (0.25, 0.7, None, 2),
        (0.25, 0.4, None, 0),
        (0.25, 0.4, True, 2),
        (0.25, 0.7, False, 0),
        (0.8, 0.4, None, 1),
    ],
)
async def test_each_look_has_its_own_confidence(first, second, said, looks):
    scene, _ = await looked(Things(again=True, first=first, second=second), vlm=Confirms(said))
    assert len(known_of(scene).weapon_looks()) == looks
    told = {one["source"]: one["confidence"] for one in scene.legs["threats"]}
    assert told["owlv2-base"] == first
    assert told.get("owlv2-base, second look", second) == second
    assert told.get("vision model", 0.6) == 0.6


async def test_a_first_look_stays_when_the_second_one_fails():
    scene, step = await looked(Things(again=InferenceTimeout("the model took longer than 9 s", code="timeout")))
    assert (step.outcome, step.model_id) == (Outcome.RAN, "owlv2-base")
    assert step.reason == "the knife was not looked at again: the model took longer than 9 s"
    assert "weapon_unconfirmed" in factors(scene)


async def test_a_first_look_stays_when_there_is_no_time_for_a_second_one(monkeypatch):
    things, asked, deadlines = Things(again=True), 0, Deadlines(monkeypatch)

    async def slowly(work):
        nonlocal asked
        asked += 1
        if asked == 2:
            assert deadlines.end(10_800.0)
            await asyncio.Event().wait()
        return work(things, Cancel())

    scene, step = await looked(slowly, deadline_s=3600.0)
    assert step.outcome is Outcome.RAN
    assert step.reason == "no answer within 10800 s"
    assert "weapon_unconfirmed" in factors(scene)
