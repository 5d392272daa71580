"""Evaluations of alerts: one for each stored revision of an event."""

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.contract import AlertDecision, AlertEvaluation, RiskLevel
from home_sentry_engine.storage.operations_schema import alert_evaluations
from home_sentry_engine.storage.rows import insert_into

_ORDER = (RiskLevel.CRITICAL, RiskLevel.HIGH, RiskLevel.MEDIUM, RiskLevel.LOW)
_MOST = 200


class AlertEvaluations:
    """They go with their event."""

    def keep(self, conn: Connection, event_id: str, made: AlertEvaluation) -> None:
        """Store what was decided for a revision, in the place of an earlier decision for the same one."""
        values = {"at": made.at, "level": made.level, "decision": made.decision}
        statement = insert_into(conn, alert_evaluations).values(event_id=event_id, revision=made.revision, **values)
        conn.execute(statement.on_conflict_do_update(index_elements=["event_id", "revision"], set_=values))

    def of(self, conn: Connection, event_id: str) -> tuple[AlertEvaluation, ...]:
        """Give the newest decisions of an event, the oldest of them first."""
        table = alert_evaluations
        chosen = sa.select(table).where(table.c.event_id == event_id).order_by(table.c.revision.desc()).limit(_MOST)
        found = [
            AlertEvaluation(
                revision=row.revision, at=row.at, level=RiskLevel(row.level), decision=AlertDecision(row.decision)
            )
            for row in conn.execute(chosen)
        ]
        return tuple(reversed(found))

    def told(self, conn: Connection, event_id: str) -> RiskLevel | None:
        """Give the highest level for which an event was a reason to alarm somebody."""
        table = alert_evaluations
        due = sa.and_(table.c.event_id == event_id, table.c.decision == AlertDecision.DUE)
        levels = set(conn.execute(sa.select(table.c.level).where(due).distinct()).scalars())
        return next((level for level in _ORDER if level in levels), None)
