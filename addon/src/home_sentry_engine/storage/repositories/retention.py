"""What is old enough to go: found in small portions, deleted in small portions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.contract import MediaKind, MediaState
from home_sentry_engine.storage.schema import batches, cameras, detections, events, media, rejections


@dataclass(frozen=True, slots=True, kw_only=True)
class OldFile:
    """A file whose row may go."""

    media_id: str
    camera_id: str
    path: Path
    kind: MediaKind
    captured_at: datetime
    size_bytes: int


class Expiry:
    """Old rows; a visit that goes on, a favourite with its files and a file that waits for its look are never old."""

    def events(self, conn: Connection, before: datetime, limit: int) -> tuple[str, ...]:
        """Give visits that ended and began before a time, oldest first; favourites stay."""
        old = sa.and_(events.c.started_at < before, events.c.ended_at.is_not(None), ~events.c.favourite)
        chosen = sa.select(events.c.id).where(old).order_by(events.c.started_at, events.c.id).limit(limit)
        return tuple(conn.execute(chosen).scalars())

    def trash(self, conn: Connection, before: datetime, limit: int) -> tuple[str, ...]:
        """Give visits that were put into the trash before a time, the longest there first; favourites too."""
        old = sa.select(events.c.id).where(events.c.deleted_at < before).order_by(events.c.deleted_at).limit(limit)
        return tuple(conn.execute(old).scalars())

    def files(self, conn: Connection, before: datetime, limit: int, *, of_events: bool = False) -> tuple[OldFile, ...]:
        """Give files received before a time, oldest first; those of a kept visit only with ``of_events``.

        The files of a favourite and of a flagged visit are not given at all.
        """
        kept = [detections.c.media_id == media.c.id, detections.c.event_id == events.c.id]
        if of_events:
            kept.append(sa.or_(events.c.favourite, events.c.flagged))
        chosen = [media.c.received_at < before, media.c.state != MediaState.QUEUED, ~sa.exists().where(*kept)]
        ordered = sa.select(media).where(*chosen).order_by(media.c.received_at, media.c.id).limit(limit)
        return tuple(_old_file(row) for row in conn.execute(ordered))

    def events_of(self, conn: Connection, camera_id: str, limit: int) -> tuple[str, ...]:
        """Give visits of one camera, whatever their age."""
        return tuple(conn.execute(sa.select(events.c.id).where(events.c.camera_id == camera_id).limit(limit)).scalars())

    def files_of(self, conn: Connection, camera_id: str, limit: int) -> tuple[OldFile, ...]:
        """Give files of one camera, whatever their age; those that wait for their look stay with their job."""
        wanted = sa.select(media).where(media.c.camera_id == camera_id, media.c.state != MediaState.QUEUED)
        return tuple(_old_file(row) for row in conn.execute(wanted.order_by(media.c.id).limit(limit)))

    def delete_events(self, conn: Connection, ids: Sequence[str]) -> int:
        """Delete visits with all that hangs on them, and their closed batches; gives how many visits."""
        conn.execute(batches.delete().where(batches.c.event_id.in_(ids), batches.c.closed_at.is_not(None)))
        conn.execute(detections.update().where(detections.c.event_id.in_(ids)).values(event_id=None, batch_id=None))
        return conn.execute(events.delete().where(events.c.id.in_(ids))).rowcount

    def delete_files(self, conn: Connection, ids: Sequence[str]) -> int:
        """Delete files' rows with what was seen on them; gives how many files."""
        shown = cameras.c.latest_media_id.in_(ids)
        conn.execute(cameras.update().where(shown).values(latest_media_id=None, latest_media_at=None))
        return conn.execute(media.delete().where(media.c.id.in_(ids))).rowcount

    def delete_rejections(self, conn: Connection, before: datetime, limit: int) -> int:
        """Delete notes on refused files from before a time; gives how many."""
        old = sa.select(rejections.c.id).where(rejections.c.at < before).order_by(rejections.c.id).limit(limit)
        return conn.execute(rejections.delete().where(rejections.c.id.in_(old))).rowcount

    def known_files(self, conn: Connection, ids: Sequence[str]) -> set[str]:
        """Tell which of these media ids have a row."""
        return set(conn.execute(sa.select(media.c.id).where(media.c.id.in_(ids))).scalars())


def _old_file(row: sa.Row[Any]) -> OldFile:
    return OldFile(
        media_id=row.id,
        camera_id=row.camera_id,
        path=Path(row.path),
        kind=MediaKind(row.kind),
        captured_at=row.captured_at,
        size_bytes=row.size_bytes,
    )
