"""When an event is a reason to alarm somebody."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.alerting.evaluation import Around, key_for, outcomes, rulings, settled, summed
from home_sentry_engine.alerting.rules import BUILTIN
from home_sentry_engine.contract import (
    ONLY_TRUSTED,
    AlertCondition,
    AlertDecision,
    AlertRule,
    Factor,
    Identity,
    RiskLevel,
    VisualVerdict,
)
from tests.engine.unit.storage.samples import event

HOME = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LEVELS = (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH, RiskLevel.CRITICAL)
SOON = NOW + timedelta(minutes=5)


def decided(level, *, learning=False, told=None, by_person=False, **changes):
    one = replace(event(), risk_level=level, revision=7, **changes)
    around = Around(now=NOW, learning=learning, by_person=by_person)
    found = rulings(one, (BUILTIN,), tuple, HOME)
    return summed(settled(found, one, around, {} if told is None else {BUILTIN.id: told}))


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
    assert decided(RiskLevel.HIGH, floor=10, **said) is AlertDecision.REJECTED
    assert decided(RiskLevel.HIGH, floor=60, **said) is AlertDecision.DUE
    assert decided(RiskLevel.HIGH, floor=10, risk_score=60) is AlertDecision.DUE


ALL_TRUSTED = Factor(id=ONLY_TRUSTED, points=0, text="everybody seen is trusted")


@pytest.mark.parametrize("level", [RiskLevel.LOW, RiskLevel.MEDIUM])
def test_a_visit_of_the_trusted_alone_alerts_by_no_rule_unless_evidence_sets_a_floor(level):
    one = replace(event(), risk_level=level, factors=(ALL_TRUSTED,), floor=0)
    mine = AlertRule(id="mine", name="Mine")

    def said(about):
        return summed(settled(rulings(about, (mine,), tuple, HOME), about, Around(now=NOW), {}))

    assert said(one) is AlertDecision.TRUSTED
    assert said(replace(one, floor=30)) is AlertDecision.DUE
    assert said(replace(one, factors=())) is AlertDecision.DUE


def test_each_level_is_a_reason_once():
    assert decided(RiskLevel.HIGH, told=RiskLevel.HIGH) is AlertDecision.TOLD_BEFORE
    assert decided(RiskLevel.CRITICAL, told=RiskLevel.HIGH) is AlertDecision.DUE
    assert decided(RiskLevel.HIGH, told=RiskLevel.CRITICAL) is AlertDecision.TOLD_BEFORE


def test_what_is_snoozed_waits_unless_it_is_critical():
    assert decided(RiskLevel.HIGH, snoozed_until=SOON) is AlertDecision.SNOOZED
    assert decided(RiskLevel.CRITICAL, snoozed_until=SOON) is AlertDecision.DUE
    assert decided(RiskLevel.HIGH, snoozed_until=NOW) is AlertDecision.DUE


def test_a_camera_that_learns_alarms_nobody_and_neither_does_what_a_person_changed():
    assert decided(RiskLevel.CRITICAL, learning=True) is AlertDecision.LEARNING
    assert decided(RiskLevel.CRITICAL, by_person=True) is AlertDecision.BY_PERSON


def test_the_builtin_rule_leaves_to_the_rules_of_the_owner_what_they_match():
    mine = AlertRule(id="mine", name="Mine", risk_threshold=50)
    other = AlertRule(id="other", name="Other", camera_ids=("attic",))
    one = replace(event(), risk_level=RiskLevel.HIGH, risk_score=70)
    found = rulings(one, (BUILTIN, mine), tuple, HOME)
    assert [ruling.decision for ruling in found] == [AlertDecision.TOLD_BEFORE, None]
    found = rulings(one, (BUILTIN, other), tuple, HOME)
    assert [ruling.decision for ruling in found] == [None, AlertDecision.NO_MATCH]


def test_a_rule_that_is_off_or_broken_never_matches_and_says_so():
    off = AlertRule(id="off", name="Off", enabled=False)
    broken = AlertRule(id="broken", name="Broken", broken="there is no zone porch")
    found = rulings(replace(event(), risk_level=RiskLevel.CRITICAL), (off, broken), tuple, HOME)
    assert [(one.decision, one.condition) for one in outcomes(found, RiskLevel.CRITICAL)] == [
        (AlertDecision.RULE_OFF, AlertCondition.ENABLED),
        (AlertDecision.RULE_BROKEN, AlertCondition.BROKEN),
    ]
    assert summed(found) is AlertDecision.RULE_BROKEN
    assert summed(()) is AlertDecision.NO_MATCH


def test_what_is_stored_of_many_rules_is_bounded_and_holds_those_that_matched():
    rules = [AlertRule(id=f"r{number}", name="R", camera_ids=("attic",)) for number in range(80)]
    found = rulings(event(), (*rules, AlertRule(id="last", name="Last")), tuple, HOME)
    kept = outcomes(found, RiskLevel.LOW)
    assert len(kept) == 50
    assert kept[0].rule_id == "last"
    assert kept[0].decision is AlertDecision.DUE


def test_keys_name_the_place_the_rule_and_who_it_is():
    rule = AlertRule(id="mine", name="Mine", dedup_key="{camera_id}:{rule_id}:{zone_id}:{subject}")
    known = Identity(kind="person", finding="match", name="Anna", entity_id="anna 7")
    one = replace(event(), camera_id="door", object_types=("dog", "person"), identities=(known,))
    (found,) = rulings(one, (rule,), tuple, HOME)
    assert found.match is not None
    assert key_for(rule, one, found.match) == "door:mine:any:anna_7"
    assert key_for(rule, replace(one, identities=()), found.match) == "door:mine:any:person"


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


def test_what_matched_is_sorted_by_severity():
    low, high = RiskLevel.LOW, RiskLevel.CRITICAL
    rules = [AlertRule(id=name, name=name, severity=level) for name, level in (("a", low), ("b", None), ("c", high))]
    miss = AlertRule(id="d", name="D", severity=high, camera_ids=("attic",))
    found = rulings(event(), (miss, *rules), tuple, HOME)
    assert [one.rule_id for one in outcomes(found, RiskLevel.HIGH)] == ["c", "b", "a", "d"]
