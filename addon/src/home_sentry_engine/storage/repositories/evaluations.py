"""Records of verdicts: what each rested on, and what the model said of it later."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import (
    AnalysisState,
    EventAudit,
    EvidenceFlags,
    SelfEvaluation,
    from_plain,
    to_plain,
)
from home_sentry_engine.storage.evaluation_schema import FLAGS, event_audits
from home_sentry_engine.storage.query import Keyset, Page, PageQuery, fetch_page, time_range
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.schema import events

# a verdict of a model that sees cannot be asked for again without its pictures
_BY_MODEL = (AnalysisState.LLM,)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedQuery(PageQuery):
    """Filters of records, by the time of the verdict; ``evaluated`` None takes all."""

    evaluated: bool | None = None


class Evaluations:
    """One record per event, about its newest verdict; it goes with its event."""

    def save(self, conn: Connection, audit: EventAudit) -> None:
        """Write the record of a new verdict; an evaluation of the former one goes."""
        values: dict[str, Any] = {name: getattr(audit.flags, name) for name in FLAGS}
        plain = ("camera_id", "at", "state", "utilisation", "model_id", "prompt_version")
        values |= {name: getattr(audit, name) for name in (*plain, "prompt_chars", "prompt_tokens")}
        values |= {"effects": dict(audit.effects), "evaluation": None, "evaluation_error": None, "evaluated_at": None}
        values |= {"tries": 0, "wanted": False}
        statement = insert_into(conn, event_audits).values(event_id=audit.event_id, **values)
        conn.execute(statement.on_conflict_do_update(index_elements=["event_id"], set_=values))

    def get(self, conn: Connection, event_id: str) -> EventAudit | None:
        """Give the record of an event."""
        row = conn.execute(sa.select(event_audits).where(event_audits.c.event_id == event_id)).one_or_none()
        return None if row is None else _audit(row)

    def page(self, conn: Connection, query: AuditedQuery) -> Page[EventAudit]:
        """Give records, the newest first; raises ``InvalidCursor``."""
        statement = sa.select(event_audits).where(*time_range(query, event_audits.c.at))
        if query.camera_id is not None:
            statement = statement.where(event_audits.c.camera_id == query.camera_id)
        if query.evaluated is not None:
            made = event_audits.c.evaluation.is_not(None)
            statement = statement.where(made if query.evaluated else sa.not_(made))
        keyset = Keyset(at=event_audits.c.at, id=event_audits.c.event_id)
        return fetch_page(conn, query, statement, keyset, lambda rows: [_audit(row) for row in rows])

    def since(self, conn: Connection, at: datetime, camera_id: str | None, limit: int) -> tuple[EventAudit, ...]:
        """Give the records of verdicts from a time on, the newest first."""
        statement = sa.select(event_audits).where(event_audits.c.at >= at)
        if camera_id is not None:
            statement = statement.where(event_audits.c.camera_id == camera_id)
        return tuple(_audit(row) for row in conn.execute(statement.order_by(event_audits.c.at.desc()).limit(limit)))

    def without(self, conn: Connection, since: datetime, camera_id: str | None, limit: int) -> tuple[str, ...]:
        """Give ended events from a time on that have no record, the newest first."""
        missing = sa.select(events.c.id).outerjoin(event_audits, event_audits.c.event_id == events.c.id)
        missing = missing.where(event_audits.c.event_id.is_(None), events.c.started_at >= since)
        missing = missing.where(events.c.deleted_at.is_(None), events.c.ended_at.is_not(None))
        if camera_id is not None:
            missing = missing.where(events.c.camera_id == camera_id)
        return tuple(conn.execute(missing.order_by(events.c.started_at.desc()).limit(limit)).scalars())

    def want(self, conn: Connection, since: datetime, camera_id: str | None, limit: int) -> int:
        """Put the newest verdicts of a model without an evaluation to the front, failed ones again; gives how many."""
        table = event_audits
        chosen = sa.select(table.c.event_id).where(
            table.c.at >= since, table.c.evaluation.is_(None), table.c.state.in_(_BY_MODEL)
        )
        if camera_id is not None:
            chosen = chosen.where(table.c.camera_id == camera_id)
        ids = chosen.order_by(table.c.at.desc()).limit(limit)
        return conn.execute(table.update().where(table.c.event_id.in_(ids)).values(wanted=True, tries=0)).rowcount

    def next(self, conn: Connection, *, since: datetime, tried_before: datetime, tries: int) -> str | None:
        """Give the event whose verdict is to be evaluated next: what people want first, then the newest."""
        table = event_audits
        chosen = sa.select(table.c.event_id).where(
            table.c.evaluation.is_(None),
            table.c.state.in_(_BY_MODEL),
            table.c.tries < tries,
            sa.or_(table.c.evaluated_at.is_(None), table.c.evaluated_at < tried_before),
            sa.or_(table.c.wanted, table.c.at >= since),
        )
        found: str | None = conn.execute(
            chosen.order_by(table.c.wanted.desc(), table.c.at.desc()).limit(1)
        ).scalar_one_or_none()
        return found

    def evaluated(
        self, conn: Connection, audit: EventAudit, result: SelfEvaluation | None, error: str | None, now: datetime
    ) -> bool:
        """Keep how an evaluation ended, unless the verdict was revised meanwhile."""
        same = sa.and_(event_audits.c.event_id == audit.event_id, event_audits.c.at == audit.at)
        values = {
            "evaluation": to_plain(result) if result is not None else None,
            "evaluation_error": error,
            "evaluated_at": now,
            "tries": event_audits.c.tries + 1,
            "wanted": False,
        }
        return conn.execute(event_audits.update().where(same).values(values)).rowcount > 0


def _audit(row: Row[Any]) -> EventAudit:
    return EventAudit(
        event_id=row.event_id,
        camera_id=row.camera_id,
        at=row.at,
        state=AnalysisState(row.state),
        flags=EvidenceFlags(**{name: getattr(row, name) for name in FLAGS}),
        utilisation=row.utilisation,
        effects=dict(row.effects),
        model_id=row.model_id,
        prompt_version=row.prompt_version,
        prompt_chars=row.prompt_chars,
        prompt_tokens=row.prompt_tokens,
        evaluation=from_plain(SelfEvaluation, row.evaluation) if row.evaluation is not None else None,
        evaluation_error=row.evaluation_error,
        evaluated_at=row.evaluated_at,
    )
