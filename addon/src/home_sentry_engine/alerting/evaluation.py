"""Whether a revision of an event is a reason to alarm somebody."""

from datetime import datetime
from typing import Final

from home_sentry_engine.contract import AlertDecision, AlertEvaluation, Event, RiskLevel, VisualVerdict

ALARMING: Final = (RiskLevel.HIGH, RiskLevel.CRITICAL)
_ORDER: Final = (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH, RiskLevel.CRITICAL)


def evaluate(event: Event, *, now: datetime, learning: bool, told: RiskLevel | None) -> AlertEvaluation:
    """Decide for one revision; ``told`` is the highest level for which this event was a reason before.

    An event is a reason once for each level from high on. It is held back in the trash, while its camera only learns,
    and while it is snoozed, which a critical one breaks through. What a vision model rejected is none unless a floor of
    the evidence keeps it up.
    """
    return AlertEvaluation(
        revision=event.revision, at=now, level=event.risk_level, decision=_decision(event, now, told, learning=learning)
    )


def _decision(event: Event, now: datetime, told: RiskLevel | None, *, learning: bool) -> AlertDecision:
    if event.deleted_at is not None:
        return AlertDecision.IN_TRASH
    rejected = event.visual_verdict is VisualVerdict.REJECTED and event.floor < event.risk_score
    if event.risk_level not in ALARMING or rejected:
        return AlertDecision.BELOW_LEVEL
    if learning:
        return AlertDecision.LEARNING
    snoozed = event.snoozed_until is not None and now < event.snoozed_until
    if snoozed and event.risk_level is not RiskLevel.CRITICAL:
        return AlertDecision.SNOOZED
    if told is not None and _ORDER.index(told) >= _ORDER.index(event.risk_level):
        return AlertDecision.TOLD_BEFORE
    return AlertDecision.DUE
