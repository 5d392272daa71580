"""When an event is a reason to alarm somebody."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.alerting.evaluation import evaluate
from home_sentry_engine.contract import AlertDecision, RiskLevel, VisualVerdict
from tests.engine.unit.storage.samples import event

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LEVELS = (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH, RiskLevel.CRITICAL)
SOON = NOW + timedelta(minutes=5)


def decided(level, *, learning=False, told=None, **changes):
    one = replace(event(), risk_level=level, revision=7, **changes)
    made = evaluate(one, now=NOW, learning=learning, told=told)
    assert (made.revision, made.at, made.level) == (7, NOW, level)
    return made.decision


@pytest.mark.parametrize(
    ("level", "decision"),
    [
        (RiskLevel.LOW, AlertDecision.BELOW_LEVEL),
        (RiskLevel.MEDIUM, AlertDecision.BELOW_LEVEL),
        (RiskLevel.HIGH, AlertDecision.DUE),
        (RiskLevel.CRITICAL, AlertDecision.DUE),
    ],
)
def test_from_high_on_an_event_is_a_reason(level, decision):
    assert decided(level) is decision


def test_what_a_vision_model_rejected_is_a_reason_only_by_a_floor():
    said = {"visual_verdict": VisualVerdict.REJECTED, "risk_score": 60}
    assert decided(RiskLevel.HIGH, floor=10, **said) is AlertDecision.BELOW_LEVEL
    assert decided(RiskLevel.HIGH, floor=60, **said) is AlertDecision.DUE
    assert decided(RiskLevel.HIGH, floor=10, risk_score=60) is AlertDecision.DUE


def test_each_level_is_a_reason_once():
    assert decided(RiskLevel.HIGH, told=RiskLevel.HIGH) is AlertDecision.TOLD_BEFORE
    assert decided(RiskLevel.CRITICAL, told=RiskLevel.HIGH) is AlertDecision.DUE
    assert decided(RiskLevel.HIGH, told=RiskLevel.CRITICAL) is AlertDecision.TOLD_BEFORE


def test_what_is_snoozed_waits_unless_it_is_critical():
    assert decided(RiskLevel.HIGH, snoozed_until=SOON) is AlertDecision.SNOOZED
    assert decided(RiskLevel.CRITICAL, snoozed_until=SOON) is AlertDecision.DUE
    assert decided(RiskLevel.HIGH, snoozed_until=NOW) is AlertDecision.DUE


def test_a_camera_that_learns_alarms_nobody_and_neither_does_the_trash():
    assert decided(RiskLevel.CRITICAL, learning=True) is AlertDecision.LEARNING
    assert decided(RiskLevel.CRITICAL, deleted_at=NOW) is AlertDecision.IN_TRASH


@given(st.lists(st.sampled_from(LEVELS), max_size=12))
def test_whatever_the_revisions_nobody_is_alarmed_twice_for_a_level_or_for_a_lower_one(levels):
    told, due = None, []
    for level in levels:
        if decided(level, told=told) is AlertDecision.DUE:
            due.append(level)
            told = level
    ranks = [LEVELS.index(level) for level in due]
    assert ranks == sorted(set(ranks))
    assert (max(map(LEVELS.index, levels), default=0) >= 2) is bool(due)
