"""Prompts and evaluations for tests of the API."""

from collections.abc import Awaitable, Callable, Mapping

from home_sentry_engine.api.evaluation_ports import Span
from home_sentry_engine.api.prompt_ports import Change, Trial
from home_sentry_engine.contract import (
    VERSION,
    AnalysisState,
    BatchAudit,
    Calibration,
    EvaluationStats,
    EventAudit,
    EvidenceFlags,
    Leaderboard,
    Measured,
    PromptChange,
    PromptConfig,
    PromptDiff,
    PromptExport,
    PromptImport,
    PromptModel,
    PromptTest,
    PromptVerdict,
    PromptVersion,
    RiskLevel,
    ShadowRun,
    ShadowState,
)
from home_sentry_engine.contract.errors import NotFound, Unprocessable
from home_sentry_engine.storage.query import Page
from home_sentry_engine.storage.repositories.evaluations import AuditedQuery
from home_sentry_engine.storage.repositories.prompts import HistoryQuery
from tests.fakes.clock import START

MODELS = tuple(model for model in PromptModel if model is not PromptModel.UNKNOWN)


def record(event_id: str = "e1") -> EventAudit:
    return EventAudit(
        event_id=event_id,
        camera_id="front_door",
        at=START,
        state=AnalysisState.LLM,
        flags=EvidenceFlags(rtdetr=True, zones=True),
        utilisation=round(2 / 12, 4),
        effects={"zones": 12},
    )


class FakePrompts:
    """Keeps versions in lists; a content with the field ``wrong`` cannot be used."""

    def __init__(self, pause: Callable[[], Awaitable[None]]) -> None:
        self._pause = pause
        self.versions: dict[PromptModel, list[PromptVersion]] = {model: [] for model in MODELS}
        # one that is there from the beginning, so that every route can be tried
        old = ShadowRun(run_id="r0", model=MODELS[0], state=ShadowState.RUNNING, created_at=START, events=1)
        self.runs = {old.run_id: old}

    async def all(self) -> tuple[PromptConfig, ...]:
        await self._pause()
        return tuple([await self.one(model) for model in MODELS])

    async def one(self, model: PromptModel) -> PromptConfig:
        await self._pause()
        if not self.versions[model]:
            return PromptConfig(model=model, version=0, content={}, shipped=True)
        last = self.versions[model][-1]
        return PromptConfig(
            model=model,
            version=last.version,
            content=last.content,
            shipped=last.change is PromptChange.RESET,
            at=last.at,
            author=last.author,
            note=last.note,
        )

    async def write(self, model: PromptModel, content: object, change: Change) -> PromptConfig:
        await self._pause()
        return await self._add(model, PromptChange.WRITTEN, _checked(content), change)

    async def reset(self, model: PromptModel, change: Change) -> PromptConfig:
        await self._pause()
        return await self._add(model, PromptChange.RESET, {}, change)

    async def restore(self, model: PromptModel, version: int, change: Change) -> PromptConfig:
        await self._pause()
        found = next((one for one in self.versions[model] if one.version == version), None)
        if found is None:
            raise NotFound("there is no such version")
        return await self._add(model, PromptChange.RESTORED, found.content, change, source=version)

    async def history(self, query: HistoryQuery) -> Page[PromptVersion]:
        await self._pause()
        return Page(items=tuple(reversed(self.versions[query.model]))[: query.limit])

    async def export(self) -> PromptExport:
        await self._pause()
        changed = {model.value: kept[-1].content for model, kept in self.versions.items() if kept}
        return PromptExport(format=1, engine_version=VERSION, at=START, prompts=changed)

    async def take(self, prompts: Mapping[str, object], change: Change, *, apply: bool) -> PromptImport:
        await self._pause()
        items = tuple([_difference(PromptModel(name), content) for name, content in prompts.items()])
        good = all(one.error is None for one in items)
        if apply and good:
            for name, content in prompts.items():
                await self._add(PromptModel(name), PromptChange.IMPORTED, _checked(content), change)
        return PromptImport(applied=apply and good, items=items)

    async def difference(self, model: PromptModel, content: object) -> PromptDiff:
        await self._pause()
        return _difference(model, content)

    async def test(self, model: PromptModel, trial: Trial) -> PromptTest | None:
        await self._pause()
        _checked(trial.content or {})
        if trial.event_id != "e1":
            return None
        before = PromptVerdict(score=40, level=RiskLevel.MEDIUM, state=AnalysisState.RULES)
        after = PromptVerdict(score=62, level=RiskLevel.HIGH, state=AnalysisState.LLM, model_score=62)
        return PromptTest(
            model=model,
            event_id=trial.event_id,
            before=before,
            after=after,
            rule_score=40,
            floor=0,
            ceiling=100,
            level_changed=True,
            duration_ms=5.0,
            version=trial.version,
        )

    async def shadow(self, model: PromptModel, content: object, limit: int) -> ShadowRun:
        await self._pause()
        _checked(content)
        run = ShadowRun(
            run_id=f"r{len(self.runs)}", model=model, state=ShadowState.RUNNING, created_at=START, events=limit
        )
        self.runs[run.run_id] = run
        return run

    async def shadow_run(self, run_id: str) -> ShadowRun | None:
        await self._pause()
        return self.runs.get(run_id)

    async def _add(
        self,
        model: PromptModel,
        change: PromptChange,
        content: dict[str, object],
        by: Change,
        source: int | None = None,
    ) -> PromptConfig:
        kept = self.versions[model]
        kept.append(
            PromptVersion(
                model=model,
                version=len(kept) + 1,
                at=START,
                change=change,
                content=content,
                author=by.author,
                note=by.note,
                source=source,
            )
        )
        return await self.one(model)


class FakeEvaluations:
    """One record of one event."""

    def __init__(self, pause: Callable[[], Awaitable[None]]) -> None:
        self._pause = pause
        self.spans: list[Span] = []

    async def record(self, event_id: str) -> EventAudit | None:
        await self._pause()
        return record() if event_id == "e1" else None

    async def page(self, query: AuditedQuery) -> Page[EventAudit]:
        await self._pause()
        return Page(items=(record(),) if query.evaluated is not True else ())

    async def stats(self, span: Span) -> EvaluationStats:
        await self._pause()
        self.spans.append(span)
        none = Measured(count=0)
        return EvaluationStats(
            days=span.days,
            camera_id=span.camera_id,
            events=0,
            by_state={},
            by_source={},
            utilisation=none,
            prompt_chars=none,
            prompt_tokens=none,
            evaluated=0,
            failed={},
            rubric=(),
        )

    async def leaderboard(self, span: Span) -> Leaderboard:
        await self._pause()
        self.spans.append(span)
        return Leaderboard(days=span.days, camera_id=span.camera_id, events=0, items=())

    async def audit(self, span: Span, limit: int) -> BatchAudit:
        await self._pause()
        self.spans.append(span)
        return BatchAudit(looked_at=limit, recorded=1, waiting=1, background="waiting")

    async def calibration(self, span: Span) -> Calibration:
        await self._pause()
        self.spans.append(span)
        return Calibration(
            weeks=span.days // 7,
            camera_id=span.camera_id,
            events=0,
            labelled=0,
            reliability=(),
            levels=(),
            drift=(),
            alerts=(),
            alerts_per_day=Measured(count=0),
        )


def _checked(content: object) -> dict[str, object]:
    if not isinstance(content, dict):
        raise Unprocessable("'content' must be an object", details={"field": "content"})
    if "wrong" in content:
        raise Unprocessable("'wrong' is not known", details={"field": "wrong"})
    return content


def _difference(model: PromptModel, content: object) -> PromptDiff:
    bad = not isinstance(content, dict) or "wrong" in content
    return PromptDiff(
        model=model, version=1, same=False, error="is not known" if bad else None, wrong="wrong" if bad else None
    )
