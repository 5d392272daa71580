"""What a vision model says of the detections: a rejection keeps the score low unless a floor keeps it up."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.contract import AnalysisState, VisualVerdict
from home_sentry_engine.domain.messages import ModelVerdict, RuleVerdict
from home_sentry_engine.domain.risk import ScoreRange
from home_sentry_engine.judgement.judge import Judge
from tests.fakes.scenes import person_scene

SEEN = ModelVerdict(
    score=66,
    summary="Branches move in the wind.",
    reasoning="There is no person in the pictures.",
    recommended_action="none",
    confidence=0.9,
    flags=(),
    entities=(),
    model_id="eyes",
    prompt_version="1",
    prompt="",
    prompt_tokens=1,
    answer_tokens=1,
    duration_ms=1.0,
    state=AnalysisState.VLM,
    visual=VisualVerdict.REJECTED,
    stills=("m1", "m2", "m1"),
)


def rule(**changes) -> RuleVerdict:
    return Judge().rule(person_scene(**changes))


def test_a_rejection_keeps_the_score_at_29_and_says_why():
    verdict = Judge().fuse(rule(at="2026-06-10T23:40:00"), SEEN)
    assert (verdict.score, verdict.state) == (29, AnalysisState.VLM)
    assert verdict.rule.allowed.ceiling == 29
    assert "sees nothing of what was detected" in (verdict.rule.allowed.ceiling_reason or "")
    assert "66 was lowered to 29" in (verdict.detail or "")
    (factor,) = [one for one in verdict.rule.factors if one.id == "vision"]
    assert (factor.points, factor.evidence) == (0, ("media:m1", "media:m2"))
    assert sum(one.points for one in verdict.rule.factors) == verdict.rule.score


def test_a_floor_stays_above_a_rejection():
    inside = rule(legs={"arm_mode": "armed_away", "camera": {"inside": True}})
    verdict = Judge().fuse(inside, replace(SEEN, score=3))
    assert (verdict.score, verdict.rule.allowed.floor, verdict.rule.allowed.ceiling) == (60, 60, 29)
    assert "raised to 60" in (verdict.detail or "")


@pytest.mark.parametrize("said", [VisualVerdict.CONFIRMED, VisualVerdict.UNCERTAIN])
def test_other_verdicts_are_named_and_limit_nothing(said):
    verdict = Judge().fuse(rule(), replace(SEEN, visual=said))
    assert (verdict.score, verdict.rule.allowed) == (66, rule().allowed)
    assert [one.points for one in verdict.rule.factors if one.id == "vision"] == [0]


def test_the_text_model_in_its_place_is_told():
    note = "the vision model gave no verdict (timeout): the language model judged instead"
    verdict = Judge().fuse(rule(), replace(SEEN, visual=None, stills=(), state=AnalysisState.LLM, note=note))
    assert (verdict.score, verdict.detail) == (66, note)
    assert not [one for one in verdict.rule.factors if one.id == "vision"]


@given(
    score=st.integers(0, 100), rules=st.integers(0, 100), floor=st.integers(0, 100), said=st.sampled_from(VisualVerdict)
)
def test_a_rejection_never_raises_and_never_passes_a_floor(score, rules, floor, said):
    allowed = ScoreRange(floor=floor, floor_reason="found" if floor else None)
    found = RuleVerdict(score=max(rules, floor), factors=(), allowed=allowed, summary="s")
    without = Judge().fuse(found, replace(SEEN, score=score, visual=None)).score
    final = Judge().fuse(found, replace(SEEN, score=score, visual=said)).score
    assert floor <= final <= without
    if said is VisualVerdict.REJECTED:
        assert final <= max(29, floor)
    else:
        assert final == without
