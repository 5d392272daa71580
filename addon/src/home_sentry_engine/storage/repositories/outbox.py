"""The outbox: what clients must hear, written in the transaction that changed it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.storage.schema import outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One announcement; ``body`` is the encoded record that the message of this ``kind`` carries."""

    seq: int
    kind: str
    camera_id: str | None
    body: bytes
    at: datetime


class Outbox:
    """Announcements in the order of their commits; sequence numbers grow and never return, gaps are possible."""

    def add(self, conn: Connection, *, kind: str, camera_id: str | None, body: bytes, now: datetime) -> int:
        """Append an announcement and give its sequence number."""
        statement = outbox.insert().values(kind=kind, camera_id=camera_id, body=body, at=now).returning(outbox.c.seq)
        seq: int = conn.execute(statement).scalar_one()
        return seq

    def since(self, conn: Connection, seq: int, limit: int = 1000) -> tuple[OutboxRow, ...]:
        """Give what came after a sequence number, oldest first."""
        rows = conn.execute(sa.select(outbox).where(outbox.c.seq > seq).order_by(outbox.c.seq).limit(limit))
        return tuple(_row(row) for row in rows)

    def last_seq(self, conn: Connection) -> int:
        """Give the newest sequence number that is still kept, 0 if there is none."""
        return conn.execute(sa.select(sa.func.max(outbox.c.seq))).scalar_one() or 0

    def first_seq(self, conn: Connection) -> int:
        """Give the oldest sequence number that is still kept, 0 if there is none."""
        return conn.execute(sa.select(sa.func.min(outbox.c.seq))).scalar_one() or 0

    def prune(self, conn: Connection, keep: int, before: datetime) -> int:
        """Delete announcements made before a time, except the newest ``keep`` (at least 1); gives how many."""
        old = sa.and_(outbox.c.seq <= self.last_seq(conn) - max(keep, 1), outbox.c.at < before)
        return conn.execute(outbox.delete().where(old)).rowcount


def _row(row: Row[Any]) -> OutboxRow:
    return OutboxRow(seq=row.seq, kind=row.kind, camera_id=row.camera_id, body=row.body, at=row.at)
