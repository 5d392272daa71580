"""Whether a revision of an event is a reason to alarm somebody, rule by rule."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from home_sentry_engine.contract import (
    ONLY_TRUSTED,
    Alert,
    AlertCondition,
    AlertDecision,
    AlertRule,
    Event,
    RiskLevel,
    RuleOutcome,
    VisualVerdict,
)
from home_sentry_engine.domain.risk import severity

from .conditions import Look, Match, Miss, match
from .dedup import key_of

ALARMING: Final = (RiskLevel.HIGH, RiskLevel.CRITICAL)
_MOST_OUTCOMES: Final = 50
_GRADES: Final = frozenset({AlertCondition.LEVELS, AlertCondition.RISK_THRESHOLD})
# what the whole evaluation says, where rules differ
_FIRST: Final = (
    *(AlertDecision.DUE, AlertDecision.IN_COOLDOWN, AlertDecision.LEARNING, AlertDecision.SNOOZED),
    *(AlertDecision.REJECTED, AlertDecision.TRUSTED, AlertDecision.BY_PERSON, AlertDecision.TOLD_BEFORE),
    *(AlertDecision.BELOW_LEVEL, AlertDecision.NO_MATCH, AlertDecision.RULE_BROKEN, AlertDecision.RULE_OFF),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What one rule says; with ``decision`` None it wants somebody to be told of its ``match``."""

    rule: AlertRule
    decision: AlertDecision | None
    condition: AlertCondition | None = None
    match: Match | None = None
    alert_id: str | None = None

    def outcome(self) -> RuleOutcome:
        """Give it as it is stored."""
        decision = self.decision or AlertDecision.DUE
        return RuleOutcome(rule_id=self.rule.id, decision=decision, condition=self.condition, alert_id=self.alert_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What else decides: the time, whether the camera only learns, and whether a person made the change."""

    now: datetime
    learning: bool = False
    by_person: bool = False


def rulings(event: Event, rules: Iterable[AlertRule], look: Look, home: ZoneInfo) -> tuple[Ruling, ...]:
    """Hold every rule against a revision; those that are switched off or broken never match.

    The built-in rule leaves what the owner's rules match to them.
    """
    found = tuple(_ruling(rule, event, look, home) for rule in rules)
    if any(one.match is not None and not one.rule.builtin for one in found):
        told = AlertDecision.TOLD_BEFORE
        found = tuple(replace(one, decision=told) if one.match and one.rule.builtin else one for one in found)
    return found


def settled(found: Sequence[Ruling], event: Event, around: Around, told: Mapping[str, RiskLevel]) -> tuple[Ruling, ...]:
    """Hold back what must not be told now: a rule tells an event once for each level, ``told`` is its highest so far.

    Held back is what a camera sees while it only learns, what is snoozed, which a critical event breaks through, what
    a look at the pictures did not confirm unless its floor keeps the score, a visit of the trusted alone unless
    evidence sets a floor, and what a person changed.
    """
    held = _held(event, around)

    def settle(one: Ruling) -> Ruling:
        if one.decision is not None:
            return one
        if held is not None:
            return replace(one, decision=held)
        before = told.get(one.rule.id)
        if before is not None and severity(before) >= severity(event.risk_level):
            return replace(one, decision=AlertDecision.TOLD_BEFORE)
        return one

    return tuple(map(settle, found))


def told_of(alerts: Iterable[Alert]) -> dict[str, RiskLevel]:
    """Give the highest level for which each rule raised an alert."""
    highest: dict[str, RiskLevel] = {}
    for alert in alerts:
        highest[alert.rule_id] = max(alert.level, highest.get(alert.rule_id, alert.level), key=severity)
    return highest


def summed(found: Sequence[Ruling]) -> AlertDecision:
    """Give the one decision that stands for all rules."""
    decisions = {one.outcome().decision for one in found}
    return next((word for word in _FIRST if word in decisions), AlertDecision.NO_MATCH)


def outcomes(found: Sequence[Ruling], level: RiskLevel) -> tuple[RuleOutcome, ...]:
    """Give what is stored of the rules, at most fifty: those that matched first, by the severity of their alerts.

    ``level`` is that of the event, which is the severity where a rule has none.
    """
    ordered = sorted(found, key=lambda one: (one.match is None, -severity(one.rule.severity or level)))
    return tuple(one.outcome() for one in ordered[:_MOST_OUTCOMES])


def key_for(rule: AlertRule, event: Event, matched: Match) -> str:
    """Give the key by which alerts of the rule are known to be the same."""
    subject = next((one.entity_id for one in event.identities if one.entity_id), matched.object_type)
    return key_of(
        rule.dedup_key,
        {
            "camera_id": event.camera_id,
            "rule_id": rule.id,
            "object_type": matched.object_type,
            "zone_id": matched.zone_ids[0] if matched.zone_ids else "",
            "subject": subject,
        },
    )


def _ruling(rule: AlertRule, event: Event, look: Look, home: ZoneInfo) -> Ruling:
    if not rule.enabled:
        return Ruling(rule=rule, decision=AlertDecision.RULE_OFF, condition=AlertCondition.ENABLED)
    if rule.broken is not None:
        return Ruling(rule=rule, decision=AlertDecision.RULE_BROKEN, condition=AlertCondition.BROKEN)
    found = match(rule, event, look, home)
    if isinstance(found, Miss):
        graded = found.condition in _GRADES
        decision = AlertDecision.BELOW_LEVEL if graded else AlertDecision.NO_MATCH
        return Ruling(rule=rule, decision=decision, condition=found.condition)
    return Ruling(rule=rule, decision=None, match=found)


def _held(event: Event, around: Around) -> AlertDecision | None:
    if around.learning:
        return AlertDecision.LEARNING
    snoozed = event.snoozed_until is not None and around.now < event.snoozed_until
    if snoozed and event.risk_level is not RiskLevel.CRITICAL:
        return AlertDecision.SNOOZED
    if event.visual_verdict is VisualVerdict.REJECTED and event.risk_score > event.floor:
        return AlertDecision.REJECTED
    if not event.floor and any(factor.id == ONLY_TRUSTED for factor in event.factors):
        return AlertDecision.TRUSTED
    return AlertDecision.BY_PERSON if around.by_person else None
