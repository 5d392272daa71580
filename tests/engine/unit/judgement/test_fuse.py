"""How a model's opinion joins the rules."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.contract import AnalysisReason, AnalysisState
from home_sentry_engine.domain.messages import ModelFailure, ModelVerdict
from home_sentry_engine.judgement.judge import Judge
from tests.fakes.scenes import person_scene

ANSWER = ModelVerdict(
    score=40,
    summary="A person waits at the door.",
    reasoning="The person stands still.",
    recommended_action="Check the camera.",
    confidence=0.7,
    flags=(),
    entities=("person",),
    model_id="test",
    prompt_version="1",
    prompt="",
    prompt_tokens=1,
    answer_tokens=1,
    duration_ms=1.0,
)


def rule(**changes):
    return Judge().rule(person_scene(**changes))


def test_without_an_answer_yet_the_rule_score_is_provisional():
    verdict = Judge().fuse(rule(), None)
    assert (verdict.state, verdict.reason, verdict.score) == (AnalysisState.PROVISIONAL, None, rule().score)


@pytest.mark.parametrize("reason", [reason for reason in AnalysisReason if reason is not AnalysisReason.UNKNOWN])
def test_a_failure_keeps_the_rule_score_and_says_why(reason):
    verdict = Judge().fuse(rule(), ModelFailure(reason=reason, detail="what happened"))
    assert (verdict.state, verdict.reason, verdict.detail) == (AnalysisState.RULES, reason, "what happened")
    assert verdict.score == rule().score
    assert verdict.confidence is None


@pytest.mark.parametrize("state", [AnalysisState.LLM, AnalysisState.VLM])
def test_an_answer_decides_between_floor_and_ceiling(state):
    verdict = Judge().fuse(rule(), replace(ANSWER, state=state))
    assert (verdict.score, verdict.state, verdict.detail) == (40, state, None)
    assert verdict.summary == ANSWER.summary


def test_an_answer_below_the_floor_is_raised_with_the_reason():
    forced = rule(legs={"behaviour": [{"kind": "forced_entry", "confidence": 0.9, "source": "vlm"}]})
    verdict = Judge().fuse(forced, replace(ANSWER, score=0))
    assert verdict.score == 85
    assert "raised to 85" in (verdict.detail or "")


def test_an_answer_above_the_ceiling_is_lowered_with_the_reason():
    cat = rule(frames=[{"t": 0, "objects": [["cat", 0.9, [1, 1, 50, 50]]]}])
    verdict = Judge().fuse(cat, replace(ANSWER, score=95))
    assert verdict.score == 29
    assert "only pets" in (verdict.detail or "")


def test_claims_without_evidence_are_marked_and_raise_nothing():
    verdict = Judge().fuse(rule(), replace(ANSWER, score=90, flags=("weapon", "delivery", "made_up")))
    assert verdict.unsupported == ("weapon", "delivery", "made_up")
    assert verdict.flags == ()
    assert verdict.score == rule().score
    assert "no evidence for weapon" in (verdict.detail or "")


def test_claims_with_evidence_are_flags():
    legs = {"behaviour": [{"kind": "trying_handles", "confidence": 0.9, "source": "pose"}]}
    verdict = Judge().fuse(rule(legs=legs), replace(ANSWER, score=80, flags=("trying_handles",)))
    assert (verdict.flags, verdict.unsupported, verdict.score) == (("trying_handles",), (), 80)


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("A man with a gun stands at the door.", ("weapon",)),
        ("No weapon is visible.", ()),
        ("The person is walking and not breaking in.", ()),
        ("Somebody is breaking into the house.", ("forced_entry",)),
        ("The camera was tampered with.", ("tampering",)),
        ("A person is trying the door handle.", ("trying_handles",)),
        ("A person walks past the door.", ()),
    ],
)
def test_grave_statements_in_text_need_evidence(text, claims):
    verdict = Judge().fuse(rule(), replace(ANSWER, summary=text))
    assert verdict.unsupported == claims
    assert verdict.summary == (rule().summary if claims else text)


@given(
    score=st.integers(-(10**9), 10**9), flags=st.lists(st.text(max_size=10), max_size=3), summary=st.text(max_size=50)
)
def test_any_answer_stays_in_the_allowed_range(score, flags, summary):
    judged = rule(at="2026-06-11T02:00:00", legs={"zones": [{"name": "P", "type": "yard", "labels": ["person"]}]})
    verdict = Judge().fuse(judged, replace(ANSWER, score=score, flags=tuple(flags), summary=summary))
    assert judged.allowed.floor <= verdict.score <= judged.allowed.ceiling
    assert verdict.summary
