"""Assess: a batch in, the revised verdict of its event out."""

import asyncio
from dataclasses import dataclass, replace

from home_sentry_engine.context.recognised import identities_of
from home_sentry_engine.contract import AnalysisReason, Event
from home_sentry_engine.domain.errors import Permanent, StageError, Unavailable
from home_sentry_engine.domain.jobs import ASSESS, Job
from home_sentry_engine.domain.messages import Absent, ModelFailure, Scene, Verdict
from home_sentry_engine.pipeline.enrich.legs import legs_of
from home_sentry_engine.pipeline.gathering import Gathering
from home_sentry_engine.pipeline.ports import Assessor, RuleJudge, Store, Tx
from home_sentry_engine.pipeline.sources import Sources, audit_of, sources_of
from home_sentry_engine.pipeline.visit import Visit
from home_sentry_engine.pipeline.worker import Commit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    event_id: str
    batch_id: str
    version: int

    @classmethod
    def of(cls, job: Job) -> _Request:
        payload = job.payload
        return cls(event_id=payload["event_id"], batch_id=payload["batch_id"], version=int(payload["version"]))


class AssessStage:
    """Judges the visit around a batch by rules and model and revises its event in place."""

    queue = ASSESS

    def __init__(
        self, *, store: Store, gathering: Gathering, judge: RuleJudge, assessor: Assessor, visit: Visit
    ) -> None:
        """Take the store, the scene source, both halves of the judgement and the event steps."""
        self._store = store
        self._gathering = gathering
        self._judge = judge
        self._assessor = assessor
        self._visit = visit

    async def __call__(self, job: Job) -> Commit:
        """Judge outside any transaction; the commit revises the event."""
        request = _Request.of(job)
        stored = await self._store.read(lambda tx: self._scene(tx, request))
        scene = await self._gathering.circumstances.enrich(stored)
        rule = self._judge.rule(scene)
        answer = await self._assessor.assess(scene, rule)
        verdict = self._judge.fuse(rule, answer)
        sources = await asyncio.to_thread(sources_of, scene, self._judge.rule)
        return lambda tx: self._commit(tx, request, verdict, scene, sources)

    def abandoned(self, job: Job, error: StageError) -> Commit:
        """Keep the rule score and say why no model judged."""
        request = _Request.of(job)

        def commit(tx: Tx) -> None:
            scene = self._scene_or_none(tx, request)
            if scene is None:
                return
            failure = ModelFailure(reason=AnalysisReason.UNREACHABLE, detail=error.reason)
            self._commit(tx, request, self._judge.fuse(self._judge.rule(scene), failure))

        return commit

    def stalled(self, job: Job, error: Unavailable) -> Commit:
        """Leave the provisional event as it is."""
        del job, error
        return lambda _tx: None

    def _scene_or_none(self, tx: Tx, request: _Request) -> Scene | None:
        stored, event = tx.batches.get(request.batch_id), tx.events.get(request.event_id)
        if stored is None or event is None:
            return None
        return self._gathering.scene(tx, request.event_id, stored[0], event.camera_name)

    def _scene(self, tx: Tx, request: _Request) -> Scene:
        scene = self._scene_or_none(tx, request)
        if scene is None:
            raise Permanent("the batch of this assessment does not exist or is empty", code="unknown_batch")
        return scene

    def _commit(
        self,
        tx: Tx,
        request: _Request,
        verdict: Verdict,
        scene: Scene | None = None,
        sources: Sources | None = None,
    ) -> None:
        before = tx.events.get(request.event_id)
        if before is None:
            raise Permanent("the event of this assessment is gone", code="event_gone")
        stored = tx.batches.get(request.batch_id)
        assessed = stored[1] if stored else 0
        if assessed > request.version:
            return
        event: Event = self._visit.judged(before, verdict, tx.now)
        if scene is not None:
            event = replace(event, identities=identities_of(scene))
            _keep_findings(tx, request, scene)
        tx.events.save(event)
        tx.events.add_assessment(
            event.event_id,
            batch_id=request.batch_id,
            version=request.version,
            verdict=verdict,
            audit=audit_of(event, verdict, sources, tx.now) if sources is not None else None,
        )
        tx.batches.mark_assessed(request.batch_id, request.version)
        tx.outbox.add("event_updated", event, camera_id=event.camera_id)


def _keep_findings(tx: Tx, request: _Request, scene: Scene) -> None:
    """Keep what models found, so that evidence which comes later is judged with it."""
    if scene.enrichment is not None:
        found = {name: leg for name, leg in legs_of(scene.enrichment).items() if not isinstance(leg, Absent)}
        tx.enrichments.save(request.event_id, batch_id=request.batch_id, result=scene.enrichment, legs=found)
