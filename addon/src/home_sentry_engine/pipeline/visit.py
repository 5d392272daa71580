"""The life of an event: pure steps from the first sighting to the end of the visit."""

from dataclasses import dataclass, replace
from datetime import datetime

from home_sentry_engine.contract import (
    AnalysisState,
    Event,
    EventChange,
    ObjectGroup,
    RiskLevel,
    Transition,
    VisualVerdict,
)
from home_sentry_engine.domain.labels import group_of
from home_sentry_engine.domain.messages import Batch, ModelVerdict, RuleVerdict, Verdict
from home_sentry_engine.domain.risk import Bands, ScoreRange, severity
from home_sentry_engine.judgement.visual import VISION

MAX_TRANSITIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a visit consists of at one moment."""

    batch: Batch
    rule: RuleVerdict
    now: datetime

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels seen, most frequent first."""
        counts: dict[str, int] = {}
        for sighting in self.batch.sightings:
            for detection in sighting.detections:
                counts[detection.label] = counts.get(detection.label, 0) + 1
        return tuple(sorted(counts, key=lambda label: (-counts[label], label)))

    @property
    def groups(self) -> tuple[ObjectGroup, ...]:
        """Groups seen, in the order of ``labels``."""
        return tuple(dict.fromkeys(group_of(label) for label in self.labels))

    @property
    def detection_count(self) -> int:
        """Detections of the visit that are considered."""
        return sum(len(sighting.detections) for sighting in self.batch.sightings)


class Visit:
    """Makes and changes events; the level always comes from the bands."""

    def __init__(self, bands: Bands) -> None:
        """Take the one place where scores become levels."""
        self._bands = bands

    def level_of(self, score: int) -> RiskLevel:
        """Give the level of a score."""
        return self._bands.level_of(score)

    def begin(self, evidence: Evidence, *, media_id: str, fast_path: bool) -> Event:
        """Make the provisional event of a visit's first sighting."""
        batch, rule = evidence.batch, evidence.rule
        event = Event(
            event_id=batch.event_id,
            batch_id=batch.batch_id,
            camera_id=batch.camera_id,
            camera_name=batch.camera_name,
            started_at=min(sighting.at for sighting in batch.sightings),
            risk_score=rule.score,
            risk_level=self._bands.level_of(rule.score),
            rule_score=rule.score,
            floor=rule.allowed.floor,
            floor_reason=rule.allowed.floor_reason,
            ceiling=rule.allowed.ceiling,
            ceiling_reason=rule.allowed.ceiling_reason,
            analysis_state=AnalysisState.PROVISIONAL,
            summary=rule.summary,
            factors=rule.factors,
            object_types=evidence.labels,
            groups=evidence.groups,
            detection_count=evidence.detection_count,
            media_id=media_id,
            is_fast_path=fast_path,
            revision=1,
        )
        return replace(event, transitions=(self._transition(event, EventChange.STARTED, evidence.now),))

    def grown(self, event: Event, evidence: Evidence, *, fast_path: bool, ongoing: bool) -> Event:
        """Take new evidence into an ongoing event.

        A model's verdict stands until the batch is assessed again, but the rules may raise it: a rule level above the
        level shown makes the event provisional at the rule score. What a vision model rejected stays so until the rules
        find more than it was asked about. ``ongoing`` is False for late evidence of a visit that has ended.
        """
        batch, rule = evidence.batch, evidence.rule
        rejected = event.visual_verdict is VisualVerdict.REJECTED and rule.score <= event.rule_score
        if rejected:
            rule = _still_rejected(event, rule)
        kept = rule.allowed.clamp(event.llm_score) if event.llm_score is not None else rule.score
        raised = severity(self._bands.level_of(rule.score)) > severity(self._bands.level_of(kept))
        by_rules = event.llm_score is None or (raised and not rejected)
        changed = replace(
            event,
            batch_id=batch.batch_id,
            risk_score=rule.score if by_rules else kept,
            rule_score=rule.score,
            floor=rule.allowed.floor,
            floor_reason=rule.allowed.floor_reason,
            ceiling=rule.allowed.ceiling,
            ceiling_reason=rule.allowed.ceiling_reason,
            analysis_state=AnalysisState.PROVISIONAL if by_rules else event.analysis_state,
            visual_verdict=None if by_rules else event.visual_verdict,
            analysis_reason=None if by_rules else event.analysis_reason,
            analysis_detail=None if by_rules else event.analysis_detail,
            summary=rule.summary if by_rules else event.summary,
            factors=rule.factors,
            object_types=evidence.labels,
            groups=evidence.groups,
            detection_count=evidence.detection_count,
            is_fast_path=event.is_fast_path or fast_path,
            ended_at=None if ongoing else event.ended_at,
        )
        return self._revised(event, changed, evidence.now)

    def judged(self, event: Event, verdict: Verdict, now: datetime) -> Event:
        """Take a final verdict into an event that goes on or has ended."""
        model = verdict.model
        answered = model if isinstance(model, ModelVerdict) else None
        changed = replace(
            event,
            risk_score=verdict.score,
            rule_score=verdict.rule.score,
            llm_score=answered.score if answered else None,
            floor=verdict.rule.allowed.floor,
            floor_reason=verdict.rule.allowed.floor_reason,
            ceiling=verdict.rule.allowed.ceiling,
            ceiling_reason=verdict.rule.allowed.ceiling_reason,
            analysis_state=verdict.state,
            analysis_reason=verdict.reason,
            analysis_detail=verdict.detail,
            summary=verdict.summary,
            reasoning=verdict.reasoning,
            recommended_action=verdict.recommended_action,
            confidence=verdict.confidence,
            flags=verdict.flags,
            unsupported=verdict.unsupported,
            factors=verdict.rule.factors,
            visual_verdict=answered.visual if answered else None,
            model_id=answered.model_id if answered else None,
            prompt_version=answered.prompt_version if answered else None,
        )
        return self._revised(event, changed, now)

    def ended(self, event: Event, *, last_at: datetime, now: datetime) -> Event:
        """End the visit at its last sighting."""
        closed = replace(event, ended_at=max(last_at, event.started_at), revision=event.revision + 1)
        return self._with(closed, EventChange.ENDED, now)

    def _revised(self, before: Event, after: Event, now: datetime) -> Event:
        after = replace(after, risk_level=self._bands.level_of(after.risk_score), revision=before.revision + 1)
        step = severity(after.risk_level) - severity(before.risk_level)
        if step:
            return self._with(after, EventChange.ESCALATED if step > 0 else EventChange.DOWNGRADED, now)
        if after.analysis_state is not before.analysis_state or after.risk_score != before.risk_score:
            return self._with(after, EventChange.REVISED, now)
        return after

    def _with(self, event: Event, change: EventChange, now: datetime) -> Event:
        grown = (*event.transitions, self._transition(event, change, now))
        kept = grown if len(grown) <= MAX_TRANSITIONS else (grown[0], *grown[-MAX_TRANSITIONS + 1 :])
        return replace(event, transitions=kept)

    @staticmethod
    def _transition(event: Event, change: EventChange, at: datetime) -> Transition:
        return Transition(
            revision=event.revision,
            change=change,
            at=at,
            score=event.risk_score,
            level=event.risk_level,
            state=event.analysis_state,
        )


def _still_rejected(event: Event, rule: RuleVerdict) -> RuleVerdict:
    said = tuple(one for one in event.factors if one.id == VISION)
    ceiling = ScoreRange(ceiling=event.ceiling, ceiling_reason=event.ceiling_reason)
    return replace(rule, factors=(*rule.factors, *said), allowed=rule.allowed.merged(ceiling))
