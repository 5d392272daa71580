"""Summaries: one of each hour and day, and those that people asked for."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.contract import Summary, SummaryPeriod, from_plain, to_plain
from home_sentry_engine.storage.query import Keyset, Page, PageQuery, fetch_page, time_range
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.summaries_schema import summaries


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryQuery(PageQuery):
    """Filters of summaries, by the beginning of what they are about."""

    period: SummaryPeriod | None = None
    property_id: str | None = None


class Summaries:
    """Kept whole; the first one of an id stays."""

    def keep(self, conn: Connection, summary: Summary) -> bool:
        """Store a summary; False where there is one with its id."""
        values = {
            "id": summary.id,
            "period": summary.period,
            "since": summary.since,
            "made_at": summary.made_at,
            "property_id": summary.property_id,
            "body": to_plain(summary),
        }
        return conn.execute(insert_into(conn, summaries).values(values).on_conflict_do_nothing()).rowcount > 0

    def get(self, conn: Connection, summary_id: str) -> Summary | None:
        """Give one summary."""
        body = conn.execute(sa.select(summaries.c.body).where(summaries.c.id == summary_id)).scalar_one_or_none()
        return None if body is None else from_plain(Summary, body)

    def newest(self, conn: Connection, period: SummaryPeriod) -> Summary | None:
        """Give the summary of the newest hour or day."""
        chosen = sa.select(summaries.c.body).where(summaries.c.period == period)
        body = conn.execute(chosen.order_by(summaries.c.since.desc()).limit(1)).scalar_one_or_none()
        return None if body is None else from_plain(Summary, body)

    def page(self, conn: Connection, query: SummaryQuery) -> Page[Summary]:
        """Give summaries, the newest first; raises ``InvalidCursor``."""
        statement = sa.select(summaries).where(*time_range(query, summaries.c.since))
        if query.period is not None:
            statement = statement.where(summaries.c.period == query.period)
        if query.property_id is not None:
            statement = statement.where(summaries.c.property_id == query.property_id)
        keyset = Keyset(at=summaries.c.since, id=summaries.c.id)
        return fetch_page(conn, query, statement, keyset, lambda rows: [from_plain(Summary, row.body) for row in rows])

    def prune(self, conn: Connection, before: datetime) -> int:
        """Delete summaries that were made before a time; gives how many."""
        return conn.execute(summaries.delete().where(summaries.c.made_at < before)).rowcount
