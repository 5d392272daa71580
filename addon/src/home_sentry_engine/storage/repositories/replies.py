"""Answers to requests that carry an idempotency key, so that a repeated request gets the first one's answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.storage.operations_schema import replies
from home_sentry_engine.storage.rows import insert_into

KEPT: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReply:
    """What is known of a key; without a ``status`` the first request is being worked on."""

    fingerprint: str
    status: int | None
    body: bytes | None


class Replies:
    """One row for each key; a key that was claimed and never answered comes free when its claim ends."""

    def claim(
        self, conn: Connection, key: str, fingerprint: str, *, now: datetime, within: timedelta
    ) -> KeptReply | None:
        """Claim a key for a request that is done ``within`` some time; gives what is there, None for a free key."""
        conn.execute(replies.delete().where(replies.c.key == key, replies.c.expires_at <= now))
        statement = insert_into(conn, replies).values(
            key=key, fingerprint=fingerprint, at=now, expires_at=now + within, status=None, body=None
        )
        claimed = conn.execute(statement.on_conflict_do_nothing(index_elements=["key"]).returning(replies.c.key))
        if claimed.first() is not None:
            return None
        row = conn.execute(sa.select(replies).where(replies.c.key == key)).one()
        return KeptReply(fingerprint=row.fingerprint, status=row.status, body=row.body)

    def keep(self, conn: Connection, key: str, *, status: int, body: bytes, now: datetime) -> None:
        """Keep the answer of a claimed key for a day."""
        values = {"status": status, "body": body, "expires_at": now + KEPT}
        conn.execute(replies.update().where(replies.c.key == key, replies.c.status.is_(None)).values(values))

    def release(self, conn: Connection, key: str) -> None:
        """Free a claimed key: the request failed and may be tried again."""
        conn.execute(replies.delete().where(replies.c.key == key, replies.c.status.is_(None)))

    def prune(self, conn: Connection, now: datetime) -> int:
        """Delete what has ended; gives how many."""
        return conn.execute(replies.delete().where(replies.c.expires_at <= now)).rowcount
