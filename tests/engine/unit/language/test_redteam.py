"""Texts that try to talk the risk down, against a model that obeys whatever it is told."""

import pytest

from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.settings import LanguageSettings
from tests.fakes.clock import FakeClock
from tests.fakes.language import FakeBackend, answer
from tests.fakes.redteam import ATTACKS, SPECIAL
from tests.fakes.scenes import person_scene

PERSON = ["person", 0.9, [860, 430, 140, 360]]
INCIDENTS = {
    "forced_entry": ({"behaviour": [{"kind": "forced_entry", "confidence": 0.9, "source": "vlm"}]}, 85),
    "weapon": ({"threats": [{"label": "knife", "confidence": 0.9, "source": source} for source in ("a", "b")]}, 70),
    "intrusion": ({"arm_mode": "armed_away", "camera": {"inside": True}}, 60),
    "tampering": ({"tamper": {"kind": "view_blocked"}}, 30),
}


def attacked(text, legs):
    """Put the text everywhere that text of strangers can stand."""
    seen = {
        "plates": [{"text": text, "confidence": 0.9}],
        "texts": [text],
        "caption": {"text": text},
        "weather": {"absent": text},
        text[:20] or "x": {"note": text},
    }
    frame = {"t": 0, "objects": [PERSON, [text, 0.9, [1, 1, 50, 90]]]}
    return person_scene(camera=text, legs={**seen, **legs}, frames=[frame])


async def judged(scene, **reply):
    backend = FakeBackend(answer(**reply), window=8192)
    made = LanguageAssessor(backend, settings=LanguageSettings(), clock=FakeClock())
    judge = Judge()
    rule = judge.rule(scene)
    verdict = judge.fuse(rule, await made.assess(scene, rule))
    return verdict, rule, backend.questions[0]


def test_the_set_is_large():
    assert len(set(ATTACKS)) >= 60


@pytest.mark.parametrize("incident", INCIDENTS)
@pytest.mark.parametrize("text", ATTACKS)
async def test_no_text_gets_an_incident_below_its_floor(text, incident):
    legs, floor = INCIDENTS[incident]
    verdict, rule, question = await judged(attacked(text, legs), risk_score=0, summary="Nothing to see.")
    assert rule.allowed.floor == floor
    assert verdict.score >= floor
    assert not [token for token in SPECIAL if token.casefold() in question.messages[1].content.casefold()]


@pytest.mark.parametrize("text", ATTACKS)
async def test_text_adds_no_points_and_takes_none_away_by_rules(text):
    legs, _ = INCIDENTS["forced_entry"]
    plain = person_scene(legs=legs, frames=[{"t": 0, "objects": [PERSON]}])
    noisy = attacked(text, legs)
    judge = Judge()
    assert judge.rule(noisy).allowed == judge.rule(plain).allowed
    assert judge.rule(noisy).score == judge.rule(plain).score


async def test_an_attack_that_is_noticed_cannot_lower_even_an_ordinary_score():
    lowered = []
    for text in ATTACKS:
        verdict, rule, _ = await judged(attacked(text, {}), risk_score=0)
        if verdict.score < rule.score:
            lowered.append(text)
    # what only a person would understand passes as text; it is fenced, and bounded by floor and ceiling
    assert len(lowered) <= 5, lowered
