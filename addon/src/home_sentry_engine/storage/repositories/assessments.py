"""Assessments: how each verdict of an event came about."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import AnalysisReason, AnalysisState, Factor, VisualVerdict, from_plain, to_plain
from home_sentry_engine.domain.messages import ModelVerdict, Verdict
from home_sentry_engine.storage.schema import assessments


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """One judgement of one batch; ``prompt`` to ``duration_ms`` are None unless a model answered."""

    event_id: str
    batch_id: str
    evidence_version: int
    at: datetime
    score: int
    rule_score: int
    model_score: int | None
    floor: int
    ceiling: int
    state: AnalysisState
    reason: AnalysisReason | None
    detail: str | None
    factors: tuple[Factor, ...]
    entities: tuple[str, ...] = ()
    model_id: str | None = None
    prompt_version: str | None = None
    prompt: str | None = None
    answer: str | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    duration_ms: float | None = None
    visual_verdict: VisualVerdict | None = None


def assessment_of(
    verdict: Verdict, *, event_id: str, batch_id: str, evidence_version: int, at: datetime, answer: str | None = None
) -> Assessment:
    """Flatten a verdict into the record to store; ``answer`` is the model's raw text."""
    model = verdict.model if isinstance(verdict.model, ModelVerdict) else None
    return Assessment(
        event_id=event_id,
        batch_id=batch_id,
        evidence_version=evidence_version,
        at=at,
        score=verdict.score,
        rule_score=verdict.rule.score,
        model_score=model.score if model else None,
        floor=verdict.rule.allowed.floor,
        ceiling=verdict.rule.allowed.ceiling,
        state=verdict.state,
        reason=verdict.reason,
        detail=verdict.detail,
        factors=verdict.rule.factors,
        entities=model.entities if model else (),
        model_id=model.model_id if model else None,
        prompt_version=model.prompt_version if model else None,
        prompt=model.prompt if model else None,
        answer=answer,
        prompt_tokens=model.prompt_tokens if model else None,
        answer_tokens=model.answer_tokens if model else None,
        duration_ms=model.duration_ms if model else None,
        visual_verdict=model.visual if model else None,
    )


class Assessments:
    """The history of judgements; rows are only added."""

    def add(self, conn: Connection, assessment: Assessment) -> int:
        """Store one judgement and give its id."""
        values = {name: getattr(assessment, name) for name in Assessment.__dataclass_fields__}
        values["factors"] = [to_plain(factor) for factor in assessment.factors]
        values["entities"] = list(assessment.entities)
        row_id: int = conn.execute(assessments.insert().values(values).returning(assessments.c.id)).scalar_one()
        return row_id

    def of_event(self, conn: Connection, event_id: str) -> tuple[Assessment, ...]:
        """Give the judgements of an event, oldest first."""
        rows = conn.execute(sa.select(assessments).where(assessments.c.event_id == event_id).order_by(assessments.c.id))
        return tuple(_assessment(row) for row in rows)


def _assessment(row: Row[Any]) -> Assessment:
    values = {name: value for name, value in row._mapping.items() if name != "id"}  # noqa: SLF001 public in SQLAlchemy
    values["state"] = AnalysisState(row.state)
    values["reason"] = None if row.reason is None else AnalysisReason(row.reason)
    values["visual_verdict"] = None if row.visual_verdict is None else VisualVerdict(row.visual_verdict)
    values["factors"] = tuple(from_plain(Factor, factor) for factor in row.factors)
    values["entities"] = tuple(row.entities)
    return Assessment(**values)
