"""Visits that only rules judged although a model should have: asked again, a limited number of times."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.contract import AnalysisReason, AnalysisState
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.schema import batches, events, reassessments

_MEANT_SO = (AnalysisReason.DISABLED, AnalysisReason.GATED)


class Reassessments:
    """How often each visit was asked again."""

    def wanted(self, conn: Connection, since: datetime, tries: int, limit: int) -> tuple[tuple[str, int], ...]:
        """Give (event id, tries so far) of visits since a time that the model did not judge, worst first."""
        tried = sa.func.coalesce(reassessments.c.tries, 0)
        chosen = (
            sa.select(events.c.id, tried)
            .outerjoin(reassessments, reassessments.c.event_id == events.c.id)
            .join(batches, batches.c.id == events.c.batch_id)
            .where(
                events.c.started_at >= since,
                events.c.deleted_at.is_(None),
                events.c.analysis_state == AnalysisState.RULES,
                events.c.analysis_reason.not_in(_MEANT_SO),
                batches.c.closed_at.is_not(None),
                batches.c.assessed_version >= batches.c.evidence_version,
                tried < tries,
            )
            .order_by(events.c.risk_score.desc(), events.c.started_at.desc(), events.c.id)
            .limit(limit)
        )
        return tuple((row[0], row[1]) for row in conn.execute(chosen))

    def note(self, conn: Connection, event_id: str, now: datetime) -> int:
        """Count one more try; gives which one it is."""
        statement = insert_into(conn, reassessments).values(event_id=event_id, tries=1, last_at=now)
        more = {"tries": reassessments.c.tries + 1, "last_at": now}
        counted = statement.on_conflict_do_update(index_elements=["event_id"], set_=more)
        number: int = conn.execute(counted.returning(reassessments.c.tries)).scalar_one()
        return number
