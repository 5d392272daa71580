"""The life of an event, step by step."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from home_sentry_engine.contract import (
    AnalysisReason,
    AnalysisState,
    BatchReason,
    Event,
    EventChange,
    Factor,
    ObjectGroup,
    RiskLevel,
    VisualVerdict,
)
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection
from home_sentry_engine.domain.messages import Batch, ModelFailure, ModelVerdict, RuleVerdict, Sighting, Verdict
from home_sentry_engine.domain.risk import Bands, ScoreRange
from home_sentry_engine.judgement.fuse import fuse
from home_sentry_engine.pipeline.visit import MAX_TRANSITIONS, Evidence, Visit
from tests.fakes.clock import START

VISIT = Visit(Bands())


def sighting(*labels: str, second: float = 0) -> Sighting:
    found = tuple(
        Detection(label=label, confidence=0.8, box=Box(x=10 * n, y=10, width=50, height=80))
        for n, label in enumerate(labels)
    )
    return Sighting(
        media_id=f"m{second}",
        camera_id="door",
        at=START + timedelta(seconds=second),
        detections=found,
        detection_ids=tuple(range(len(found))),
        image_width=640,
        image_height=480,
    )


def rule(score: int, *, floor: int = 0, ceiling: int = 100) -> RuleVerdict:
    return RuleVerdict(
        score=score,
        factors=(Factor(id="object.person", points=score, text="a person"),),
        allowed=ScoreRange(floor=floor, ceiling=ceiling),
        summary=f"rule summary {score}",
    )


def evidence(score: int, *sightings: Sighting, floor: int = 0, ceiling: int = 100, second: float = 0) -> Evidence:
    shown = sightings or (sighting("person"),)
    batch = Batch(
        batch_id="b1",
        event_id="e1",
        camera_id="door",
        camera_name="Door",
        opened_at=START,
        last_at=START,
        closed=False,
        reason=BatchReason.URGENT,
        evidence_version=1,
        sightings=shown,
    )
    return Evidence(batch=batch, rule=rule(score, floor=floor, ceiling=ceiling), now=START + timedelta(seconds=second))


def model_verdict(score: int) -> ModelVerdict:
    return ModelVerdict(
        score=score,
        summary="the model's summary",
        reasoning="because",
        recommended_action="look",
        confidence=0.7,
        flags=(),
        entities=(),
        model_id="nemotron",
        prompt_version="1",
        prompt="…",
        prompt_tokens=10,
        answer_tokens=5,
        duration_ms=3.0,
    )


def verdict(given_rule: RuleVerdict, model: ModelVerdict | ModelFailure) -> Verdict:
    if isinstance(model, ModelVerdict):
        return Verdict(
            rule=given_rule,
            model=model,
            score=given_rule.allowed.clamp(model.score),
            state=AnalysisState.LLM,
            reason=None,
            detail=None,
            summary=model.summary,
            reasoning=model.reasoning,
            recommended_action=None,
            confidence=None,
        )
    return Verdict(
        rule=given_rule,
        model=model,
        score=given_rule.score,
        state=AnalysisState.RULES,
        reason=model.reason,
        detail=model.detail,
        summary=given_rule.summary,
        reasoning=None,
        recommended_action=None,
        confidence=None,
    )


def begin(score: int = 25):
    return VISIT.begin(evidence(score), media_id="m0", fast_path=False)


def test_a_visit_starts_provisional_with_the_rule_score():
    event = VISIT.begin(evidence(25, sighting("dog", "person", "person")), media_id="m0", fast_path=True)
    assert event.analysis_state is AnalysisState.PROVISIONAL
    assert event.risk_score == event.rule_score == 25
    assert event.risk_level is RiskLevel.LOW
    assert event.object_types == ("person", "dog")
    assert event.groups == (ObjectGroup.PERSON, ObjectGroup.ANIMAL)
    assert event.is_fast_path
    assert [t.change for t in event.transitions] == [EventChange.STARTED]


def test_more_evidence_escalates_in_place():
    event = VISIT.grown(begin(), evidence(70, second=5), fast_path=False, ongoing=True)
    assert event.event_id == "e1"
    assert event.risk_level is RiskLevel.HIGH
    assert event.revision == 2
    assert event.transitions[-1].change is EventChange.ESCALATED


def test_growth_without_news_adds_no_transition():
    event = VISIT.grown(
        begin(), evidence(25, sighting("person"), sighting("person", second=3)), fast_path=False, ongoing=True
    )
    assert event.revision == 2
    assert len(event.transitions) == 1
    assert event.detection_count == 2


def test_the_model_revises_the_same_event_down():
    first = begin(65)
    judged = VISIT.judged(first, verdict(rule(65), model_verdict(20)), START)
    assert judged.event_id == first.event_id
    assert (judged.risk_score, judged.llm_score, judged.rule_score) == (20, 20, 65)
    assert judged.analysis_state is AnalysisState.LLM
    assert judged.transitions[-1].change is EventChange.DOWNGRADED
    assert judged.summary == "the model's summary"


def test_without_a_model_the_rule_score_stays_and_the_reason_shows():
    failure = ModelFailure(reason=AnalysisReason.TIMEOUT, detail="no answer within 120 s")
    judged = VISIT.judged(begin(40), verdict(rule(40), failure), START)
    assert judged.risk_score == 40
    assert judged.llm_score is None
    assert judged.analysis_state is AnalysisState.RULES
    assert judged.analysis_reason is AnalysisReason.TIMEOUT
    assert judged.transitions[-1].change is EventChange.REVISED


def test_a_model_score_stands_until_rules_rise_above_its_level():
    judged = VISIT.judged(begin(40), verdict(rule(40), model_verdict(20)), START)
    same = VISIT.grown(judged, evidence(25), fast_path=False, ongoing=True)
    assert (same.risk_score, same.analysis_state) == (20, AnalysisState.LLM)
    raised = VISIT.grown(judged, evidence(80), fast_path=False, ongoing=True)
    assert (raised.risk_score, raised.analysis_state) == (80, AnalysisState.PROVISIONAL)
    assert raised.transitions[-1].change is EventChange.ESCALATED


def test_late_evidence_does_not_reopen_an_ended_visit():
    over = VISIT.ended(begin(), last_at=START + timedelta(seconds=4), now=START + timedelta(seconds=34))
    assert over.ended_at == START + timedelta(seconds=4)
    assert over.transitions[-1].change is EventChange.ENDED
    late = VISIT.grown(over, evidence(25), fast_path=False, ongoing=False)
    assert late.ended_at == over.ended_at
    assert VISIT.grown(over, evidence(25), fast_path=False, ongoing=True).ended_at is None


def test_an_end_before_the_start_is_impossible():
    over = VISIT.ended(begin(), last_at=START - timedelta(seconds=9), now=START)
    assert over.ended_at == over.started_at


@given(st.lists(st.tuples(st.integers(0, 100), st.booleans(), st.integers(0, 100)), max_size=40))
def test_revisions_rise_and_the_level_always_follows_the_score(steps):
    event, bands = begin(), Bands()
    for score, by_model, model_score in steps:
        before = event
        if by_model:
            event = VISIT.judged(event, verdict(rule(score), model_verdict(model_score)), START)
        else:
            event = VISIT.grown(event, evidence(score), fast_path=False, ongoing=True)
        assert event.revision == before.revision + 1
        assert event.risk_level is bands.level_of(event.risk_score)
        assert event.transitions[: len(before.transitions)] == before.transitions
        if event.risk_level is not before.risk_level:
            assert event.transitions[-1].revision == event.revision


def test_transitions_of_an_endless_visit_stay_bounded():
    event = begin()
    for n in range(MAX_TRANSITIONS + 50):
        event = VISIT.grown(event, evidence(90 if n % 2 else 10), fast_path=False, ongoing=True)
    assert len(event.transitions) == MAX_TRANSITIONS
    assert event.transitions[0].change is EventChange.STARTED
    assert event.transitions[-1].revision == event.revision
    assert replace(event, transitions=()).transitions == ()


def rejected(rule_score: int, *, floor: int = 0) -> Event:
    first = evidence(rule_score, floor=floor)
    seen = replace(model_verdict(5), visual=VisualVerdict.REJECTED, stills=("m0",), state=AnalysisState.VLM)
    told = fuse(first.rule, seen)
    return VISIT.judged(VISIT.begin(first, media_id="m0", fast_path=False), told, START)


def test_more_of_what_a_vision_model_rejected_stays_rejected():
    event = rejected(45)
    assert (event.visual_verdict, event.risk_score, event.ceiling) == (VisualVerdict.REJECTED, 5, 29)
    again = VISIT.grown(event, evidence(44, second=9), fast_path=False, ongoing=True)
    assert (again.visual_verdict, again.risk_level, again.ceiling) == (VisualVerdict.REJECTED, RiskLevel.LOW, 29)
    assert [one.id for one in again.factors] == ["object.person", "vision"]


def test_what_the_vision_model_was_not_asked_about_ends_its_rejection():
    grown = VISIT.grown(rejected(45), evidence(62, second=9), fast_path=False, ongoing=True)
    assert (grown.visual_verdict, grown.risk_score, grown.ceiling) == (None, 62, 100)
    assert grown.analysis_state is AnalysisState.PROVISIONAL
    floored = VISIT.grown(rejected(45), evidence(45, floor=40, second=9), fast_path=False, ongoing=True)
    assert (floored.visual_verdict, floored.risk_score) == (VisualVerdict.REJECTED, 40)
