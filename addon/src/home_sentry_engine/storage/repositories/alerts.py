"""Evaluations of alerts: one for each stored revision of an event."""

from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.contract import AlertDecision, AlertEvaluation, RiskLevel, RuleOutcome, from_plain
from home_sentry_engine.storage.alerts_schema import alert_evaluations
from home_sentry_engine.storage.rows import insert_into

_MOST = 200


class AlertEvaluations:
    """They go with their event."""

    def keep(self, conn: Connection, event_id: str, made: AlertEvaluation) -> None:
        """Store what was decided for a revision, in the place of an earlier decision for the same one."""
        rules = [asdict(one) for one in made.rules]
        values = {"at": made.at, "level": made.level, "decision": made.decision, "rules": rules}
        statement = insert_into(conn, alert_evaluations).values(event_id=event_id, revision=made.revision, **values)
        conn.execute(statement.on_conflict_do_update(index_elements=["event_id", "revision"], set_=values))

    def of(self, conn: Connection, event_id: str) -> tuple[AlertEvaluation, ...]:
        """Give the newest decisions of an event, the oldest of them first."""
        table = alert_evaluations
        chosen = sa.select(table).where(table.c.event_id == event_id).order_by(table.c.revision.desc()).limit(_MOST)
        found = [
            AlertEvaluation(
                revision=row.revision,
                at=row.at,
                level=RiskLevel(row.level),
                decision=AlertDecision(row.decision),
                rules=tuple(from_plain(RuleOutcome, one) for one in row.rules or ()),
            )
            for row in conn.execute(chosen)
        ]
        return tuple(reversed(found))

    def held(self, conn: Connection, since: datetime) -> int:
        """Count the events since a moment that a cooldown alone kept silent."""
        table = alert_evaluations
        due = sa.select(table.c.event_id).where(table.c.decision == AlertDecision.DUE)
        waited = sa.and_(table.c.decision == AlertDecision.IN_COOLDOWN, table.c.at >= since)
        found = sa.select(sa.func.count(sa.distinct(table.c.event_id))).where(waited, table.c.event_id.not_in(due))
        return conn.execute(found).scalar_one()
