"""Which files show a visit or a day of a camera."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.contract import MediaState
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.storage.schema import cameras, detections, events, media

from .media import media_of

_STILL: Final = -1
_SECOND: Final = 1_000_000
_MOST: Final = 10_000
# files come a little earlier by a camera's clock that is ahead, and up to a day late after an outage
_EARLY: Final = timedelta(hours=1)
_LATE: Final = timedelta(hours=25)
_LONGEST_VIDEO: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """When a visit was seen at a camera; ``seen`` are the first and last second of it in each of its videos."""

    camera_id: str
    since: datetime
    until: datetime
    seen: dict[str, tuple[float, float]]


class Footage:
    """Reads of files by the time at which they were taken."""

    def visit(self, conn: Connection, event_id: str) -> Visit | None:
        """Give when a visit was seen, None for one that does not exist or lies in the trash."""
        chosen = sa.select(events.c.camera_id, events.c.started_at, events.c.ended_at)
        event = conn.execute(chosen.where(events.c.id == event_id, events.c.deleted_at.is_(None))).one_or_none()
        if event is None:
            return None
        frame = detections.c.frame_us
        spans = (
            sa.select(
                detections.c.media_id,
                sa.func.min(frame).label("first"),
                sa.func.max(frame).label("last"),
                sa.func.min(detections.c.detected_at).label("since"),
                sa.func.max(detections.c.detected_at).label("until"),
            )
            .where(detections.c.event_id == event_id)
            .group_by(detections.c.media_id)
        )
        rows = conn.execute(spans).all()
        ended_at = event.ended_at or event.started_at
        return Visit(
            camera_id=event.camera_id,
            since=min((row.since for row in rows), default=event.started_at),
            until=max((row.until + _offset(row.last) for row in rows), default=ended_at),
            seen={row.media_id: (row.first / _SECOND, row.last / _SECOND) for row in rows if row.first > _STILL},
        )

    def between(
        self, conn: Connection, camera_id: str, since: datetime, until: datetime, *, also: Sequence[str] = ()
    ) -> tuple[Media, ...]:
        """Give the sound files of a camera from a time, in its order, and those of the ids in ``also``."""
        own = [media.c.camera_id == camera_id, media.c.state != MediaState.FAILED]
        received = media.c.received_at.between(since - _EARLY - _LONGEST_VIDEO, until + _LATE)
        taken = media.c.captured_at.between(since - _LONGEST_VIDEO, until)
        wanted = sa.or_(sa.and_(received, taken), media.c.id.in_(also))
        chosen = sa.select(media).where(*own, wanted).order_by(media.c.captured_at, media.c.id).limit(_MOST)
        found = (media_of(row) for row in conn.execute(chosen))
        return tuple(one for one in found if one.media_id in also or _shows(one, since, until))

    def has_camera(self, conn: Connection, camera_id: str) -> bool:
        """Tell whether there is such a camera."""
        there = sa.exists().where(cameras.c.id == camera_id, cameras.c.deleted_at.is_(None))
        return bool(conn.execute(sa.select(there)).scalar_one())

    def living_events(self, conn: Connection, ids: Sequence[str]) -> set[str]:
        """Tell which of these visits exist and do not lie in the trash."""
        chosen = sa.select(events.c.id).where(events.c.id.in_(ids), events.c.deleted_at.is_(None))
        return set(conn.execute(chosen).scalars())

    def living_cameras(self, conn: Connection) -> set[str]:
        """Give the ids of all cameras."""
        return set(conn.execute(sa.select(cameras.c.id).where(cameras.c.deleted_at.is_(None))).scalars())


def _offset(frame_us: int) -> timedelta:
    return timedelta(microseconds=max(0, frame_us))


def _shows(one: Media, since: datetime, until: datetime) -> bool:
    return one.captured_at <= until and one.captured_at + timedelta(seconds=one.duration_s or 0.0) >= since
