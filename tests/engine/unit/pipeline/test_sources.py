"""What a verdict rested on: sources that were really looked at, and what each of them changed."""

from dataclasses import replace

from home_sentry_engine.domain.enrichment import Attempt, EnrichmentResult, Outcome
from home_sentry_engine.domain.messages import Absent
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.pipeline.sources import LEGS, effects_of, present_in, sources_of
from tests.fakes.scenes import person_scene

YARD = [{"name": "Yard", "type": "yard", "labels": ["person"], "private": True}]


def test_a_leg_that_nobody_looked_at_is_no_source():
    scene = person_scene(legs={"zones": Absent(reason="no zones are drawn"), "weather": Absent(reason="off")})
    assert present_in(scene) == {"rtdetr"}


def test_a_question_that_found_nothing_counts_and_one_that_failed_does_not():
    asked = EnrichmentResult(
        attempts=(
            Attempt(about="violence", outcome=Outcome.RAN, model_id="violence-vit"),
            Attempt(about="pets", outcome=Outcome.UNAVAILABLE, model_id="pet-resnet18"),
            Attempt(about="clothing", outcome=Outcome.RAN, model_id="fashion-siglip"),
            Attempt(about="damage", outcome=Outcome.SKIPPED),
        )
    )
    scene = replace(person_scene(legs={"attributes": {"carrying": ["box"]}}), enrichment=asked)
    assert present_in(scene) == {"rtdetr", "violence", "clothing", "clip"}


def test_attributes_alone_are_no_look_at_clothes():
    assert present_in(person_scene(legs={"attributes": {"carrying": ["box"]}})) == {"rtdetr"}


def test_the_effect_is_the_score_with_a_source_less_the_score_without_it():
    scene = person_scene(legs={"zones": YARD, "home_weather": {"condition": "rain"}})
    judge = Judge()
    found = sources_of(scene, judge.rule)
    assert found.present == {"rtdetr", "zones", "weather"}
    assert found.effects == {"zones": judge.rule(scene).score - judge.rule(person_scene()).score, "weather": 0}
    assert found.effects["zones"] > 0


def test_what_the_detector_changes_is_not_measured():
    assert effects_of(person_scene(), frozenset({"rtdetr"}), Judge().rule) == {}


def test_no_leg_belongs_to_two_sources():
    every = [leg for legs in LEGS.values() for leg in legs]
    assert len(set(every)) == len(every)
