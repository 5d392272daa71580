"""Audit: who did what to the engine; rows are only added."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import AuditEntry
from home_sentry_engine.storage.operations_schema import audit
from home_sentry_engine.storage.query import Keyset, Page, PageQuery, fetch_page, time_range


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery(PageQuery):
    """Filters of the audit, by time; an action with a trailing dot stands for all that begin so."""

    action: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing that somebody did or tried; ``outcome`` is ``done`` or why not."""

    actor: str
    action: str
    target: str | None = None
    outcome: str = "done"
    address: str | None = None
    request_id: str | None = None
    details: dict[str, Any] | None = None


class Audit:
    """Deeds in the order of their commits."""

    def add(self, conn: Connection, deed: Deed, now: datetime) -> int:
        """Append a deed and give its id."""
        values = {name: getattr(deed, name) for name in Deed.__dataclass_fields__}
        values["details"] = deed.details or {}
        row_id: int = conn.execute(audit.insert().values(at=now, **values).returning(audit.c.id)).scalar_one()
        return row_id

    def page(self, conn: Connection, query: AuditQuery) -> Page[AuditEntry]:
        """Give deeds, newest first; raises ``InvalidCursor``."""
        statement = sa.select(audit).where(*time_range(query, audit.c.at))
        if query.action is not None and query.action.endswith("."):
            statement = statement.where(audit.c.action.startswith(query.action, autoescape=True))
        elif query.action is not None:
            statement = statement.where(audit.c.action == query.action)
        keyset = Keyset(at=audit.c.at, id=audit.c.id)
        return fetch_page(conn, query, statement, keyset, lambda rows: [_entry(row) for row in rows])

    def prune(self, conn: Connection, before: datetime, limit: int) -> int:
        """Delete up to ``limit`` deeds older than a time; gives how many."""
        old = sa.select(audit.c.id).where(audit.c.at < before).order_by(audit.c.id).limit(limit)
        return conn.execute(audit.delete().where(audit.c.id.in_(old))).rowcount


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at=row.at,
        actor=row.actor,
        action=row.action,
        target=row.target,
        outcome=row.outcome,
        address=row.address,
        request_id=row.request_id,
        details=row.details,
    )
