"""A weapon counts when two looks agree: the detector's own once more, or a vision model's."""

import pytest

from home_sentry_engine.domain.enrichment import Outcome
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.judgement.legs import known_of
from home_sentry_engine.pipeline.enrich.desk import EnrichmentRules
from home_sentry_engine.pipeline.enrich.enrichment import Enrichment
from home_sentry_engine.pipeline.enrich.legs import legs_of
from tests.engine.unit.pipeline.views import scene_of, seen, shot, views_of
from tests.fakes.clock import START
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
