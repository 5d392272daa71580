"""Rhythm: the silences between a camera's deliveries, from which its usual ones are known."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.storage.context_schema import rhythm
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.schema import media, rejections


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A silence that ended: when it began, the hour of that at home, how long it lasted."""

    began_at: datetime
    hour: int
    seconds: float


class Rhythm:
    """Silences of cameras, kept for some weeks."""

    def deliveries(
        self, conn: Connection, camera_id: str, *, since: datetime, until: datetime, most: int
    ) -> tuple[datetime, ...]:
        """Give when a camera delivered after ``since`` and up to ``until``, oldest first."""
        own = sa.and_(media.c.camera_id == camera_id, media.c.received_at > since, media.c.received_at <= until)
        rows = conn.execute(sa.select(media.c.received_at).where(own).order_by(media.c.received_at).limit(most))
        return tuple(rows.scalars())

    def refused(self, conn: Connection, camera_id: str, since: datetime) -> tuple[int, str | None]:
        """Give how many files of a camera were refused since then, and why the last one was."""
        own = sa.and_(rejections.c.camera_id == camera_id, rejections.c.at > since)
        chosen = sa.select(rejections.c.reason).where(own).order_by(rejections.c.at.desc())
        reasons = tuple(conn.execute(chosen.limit(100)).scalars())
        return len(reasons), (reasons[0] if reasons else None)

    def add(self, conn: Connection, camera_id: str, gaps: Iterable[Gap]) -> None:
        """Keep silences; one that is known already stays as it is."""
        for gap in gaps:
            values = {"camera_id": camera_id, "began_at": gap.began_at, "hour": gap.hour, "seconds": gap.seconds}
            conn.execute(insert_into(conn, rhythm).values(values).on_conflict_do_nothing())

    def of(self, conn: Connection, camera_id: str) -> dict[int, list[float]]:
        """Give the lengths of a camera's silences by the hour in which they began."""
        found: dict[int, list[float]] = {}
        chosen = sa.select(rhythm.c.hour, rhythm.c.seconds).where(rhythm.c.camera_id == camera_id)
        for row in conn.execute(chosen.order_by(rhythm.c.began_at)):
            found.setdefault(row.hour, []).append(row.seconds)
        return found

    def trim(self, conn: Connection, before: datetime) -> int:
        """Forget silences that began before a time; gives how many."""
        return conn.execute(rhythm.delete().where(rhythm.c.began_at < before)).rowcount
