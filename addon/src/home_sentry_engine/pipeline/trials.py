"""Trials: what another prompt would make of an event, from stored evidence; nothing of it is kept."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
import time
from typing import Protocol

from home_sentry_engine.contract import (
    AnalysisReason,
    AnalysisState,
    Event,
    EventAudit,
    PromptModel,
    PromptTest,
    PromptVerdict,
    RiskLevel,
)
from home_sentry_engine.contract import (
    Enrichment as EnrichmentRecord,
)
from home_sentry_engine.domain.enrichment import EnrichmentResult
from home_sentry_engine.domain.errors import Permanent, Unavailable
from home_sentry_engine.domain.messages import Absent, ModelFailure, ModelVerdict, RuleVerdict, Scene, Verdict
from home_sentry_engine.language.wording import Wording

from .closely import CloseGather
from .enrich.desk import EnrichmentRules
from .enrich.enrichment import Enrichment, branches_about
from .enrich.legs import legs_of
from .gathering import Gathering
from .ports import RuleJudge, Store, Tx
from .sources import audit_of, sources_of


class Mind(Protocol):
    """A model that judges, asked in words of one's own."""

    async def assess(
        self, scene: Scene, rule: RuleVerdict, *, wording: Wording | None = None
    ) -> ModelVerdict | ModelFailure:
        """Give the model's opinion, or why there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a trial is made with; an engine that does not judge has no ``minds``.

    ``record`` writes what models found as clients see it.
    """

    store: Store
    gathering: Gathering
    judge: RuleJudge
    level_of: Callable[[int], RiskLevel]
    minds: Mapping[PromptModel, Mind]
    closely: CloseGather | None
    record: Callable[[EnrichmentResult, datetime], EnrichmentRecord]
    now: Callable[[], datetime]


class Trials:
    """Judges events again without storing anything."""

    def __init__(self, means: Means) -> None:
        """Take what is needed."""
        self._with = means

    async def words(self, event_id: str, model: PromptModel, wording: Wording) -> PromptTest | None:
        """Ask a model that judges in other words; None without the event.

        Raises ``Permanent`` where no evidence is kept, ``Unavailable`` where this model does not judge.
        """
        mind = self._with.minds.get(model)
        if mind is None:
            kind = "vision" if model is PromptModel.VISION else "language"
            raise Unavailable(f"no {kind} model judges on this engine", code="no_model")
        found = await self._evidence(event_id)
        if found is None:
            return None
        event, scene = found
        rule = self._with.judge.rule(scene)
        began = time.perf_counter()
        answer = await mind.assess(scene, rule, wording=wording)
        seconds = time.perf_counter() - began
        after = self._told(self._with.judge.fuse(rule, answer))
        before = _stored(event)
        said = answer if isinstance(answer, ModelVerdict) else None
        return PromptTest(
            model=model,
            event_id=event_id,
            before=before,
            after=after,
            rule_score=rule.score,
            floor=rule.allowed.floor,
            ceiling=rule.allowed.ceiling,
            level_changed=before.level is not after.level,
            duration_ms=round(seconds * 1000, 1),
            version=wording.version,
            prompt_tokens=said.prompt_tokens if said else None,
            answer_tokens=said.answer_tokens if said else None,
            prompt=said.prompt if said else None,
        )

    async def looks(self, event_id: str, model: PromptModel, rules: EnrichmentRules) -> PromptTest | None:
        """Ask a model of pictures something else, and judge by rules with its answer; raises as ``words``."""
        closely = self._with.closely
        if closely is None or not isinstance(closely.enrich, Enrichment):
            raise Unavailable("no model looks closer on this engine", code="no_model")
        found = await self._evidence(event_id)
        if found is None:
            return None
        _event, scene = found
        began = time.perf_counter()
        result = await closely.enrich.under(rules, branches_about(rules, model), await closely.views(scene))
        seconds = time.perf_counter() - began
        legs = {name: leg for name, leg in legs_of(result).items() if not isinstance(leg, Absent)}
        usual, changed = (self._with.judge.rule(one) for one in (scene, replace(scene, legs={**scene.legs, **legs})))
        before, after = (self._told(self._with.judge.fuse(rule, None)) for rule in (usual, changed))
        return PromptTest(
            model=model,
            event_id=event_id,
            before=before,
            after=after,
            rule_score=changed.score,
            floor=changed.allowed.floor,
            ceiling=changed.allowed.ceiling,
            level_changed=before.level is not after.level,
            duration_ms=round(seconds * 1000, 1),
            enrichment=self._with.record(result, self._with.now()),
        )

    async def record(self, event_id: str) -> EventAudit | None:
        """Make the record of a verdict from stored evidence; None without the event, raises as ``words``."""
        found = await self._evidence(event_id)
        if found is None:
            return None
        event, scene = found
        sources = await asyncio.to_thread(sources_of, scene, self._with.judge.rule)
        made = audit_of(event, self._with.judge.fuse(self._with.judge.rule(scene), None), sources, self._with.now())
        return replace(made, state=event.analysis_state, model_id=event.model_id, prompt_version=event.prompt_version)

    async def _evidence(self, event_id: str) -> tuple[Event, Scene] | None:
        found = await self._with.store.read(lambda tx: self._stored(tx, event_id))
        if found is None:
            return None
        event, scene = found
        if scene is None:
            raise Permanent("nothing that was seen of this event is kept", code="nothing_left")
        return event, await self._with.gathering.circumstances.around(scene)

    def _stored(self, tx: Tx, event_id: str) -> tuple[Event, Scene | None] | None:
        event = tx.events.get(event_id)
        if event is None or event.deleted_at is not None:
            return None
        batch = tx.batches.get(event.batch_id)
        if batch is None:
            return event, None
        return event, self._with.gathering.scene(tx, event_id, batch[0], event.camera_name)

    def _told(self, verdict: Verdict) -> PromptVerdict:
        state = AnalysisState.RULES if verdict.state is AnalysisState.PROVISIONAL else verdict.state
        return PromptVerdict(
            score=verdict.score,
            level=self._with.level_of(verdict.score),
            state=state,
            model_score=verdict.model.score if isinstance(verdict.model, ModelVerdict) else None,
            reason=verdict.reason,
            detail=verdict.detail,
            summary=verdict.summary,
            reasoning=verdict.reasoning,
        )


def _stored(event: Event) -> PromptVerdict:
    reason: AnalysisReason | None = event.analysis_reason
    return PromptVerdict(
        score=event.risk_score,
        level=event.risk_level,
        state=event.analysis_state,
        model_score=event.llm_score,
        reason=reason,
        detail=event.analysis_detail,
        summary=event.summary,
        reasoning=event.reasoning,
    )
