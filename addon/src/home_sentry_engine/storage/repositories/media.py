"""Media files: claimed by content, accepted once, accounted for to the last one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import Accounting, MediaKind, MediaState
from home_sentry_engine.domain.errors import RejectReason
from home_sentry_engine.domain.messages import Media, Refusal
from home_sentry_engine.storage.query import Keyset, MediaQuery, Page, PageQuery, fetch_page, of_cameras, time_range
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.schema import claims, media, rejections, sources

from .meta import Counters

_ACCEPTED: Final = "media:accepted"
_STORED: Final = "media:stored"
_QUARANTINED: Final = "media:quarantined"
_DUPLICATE: Final = "media:duplicate"
_REJECTED: Final = "rejected:"
_REFUSAL: Final = tuple(Refusal.__dataclass_fields__)
_TALLY: Final = {MediaState.DETECTED: _STORED, MediaState.FAILED: _QUARANTINED}
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMedia:
    """An accepted file with where it stands; ``error`` says why it failed."""

    media: Media
    state: MediaState
    error: str | None
    source_key: str | None
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A file that intake refused; ``name`` is that of the file without its folders, None for an upload."""

    id: int
    camera_id: str
    source_key: str | None
    reason: str
    detail: str
    sha256: str | None
    at: datetime
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectionQuery(PageQuery):
    """Filters of refused files, by time of refusal."""

    reason: RejectReason | None = None


class MediaFiles:
    """The ledger of files: what came, what was accepted, what became of it."""

    def __init__(self) -> None:
        """Make a ledger; it keeps no state."""
        self._counters = Counters()

    def claim(
        self, conn: Connection, *, camera_id: str, sha256: str, media_id: str, now: datetime, ttl_s: float
    ) -> bool:
        """Claim this content for one media; False if a claim of the same content is still fresh."""
        ttl = timedelta(seconds=ttl_s)
        new = {"media_id": media_id, "claimed_at": now, "expires_at": now + ttl}
        statement = insert_into(conn, claims).values(camera_id=camera_id, sha256=sha256, **new)
        # an expiry beyond now + ttl was written before the clock was put back
        stale = sa.or_(claims.c.expires_at <= now, claims.c.expires_at > now + ttl)
        claimed = statement.on_conflict_do_update(index_elements=["camera_id", "sha256"], set_=new, where=stale)
        return conn.execute(claimed.returning(claims.c.media_id)).one_or_none() is not None

    def sweep_claims(self, conn: Connection, now: datetime) -> int:
        """Delete expired claims; gives how many."""
        return conn.execute(claims.delete().where(claims.c.expires_at <= now)).rowcount

    def insert(self, conn: Connection, item: Media, *, source_key: str | None, origin: str) -> None:
        """Accept a file; it counts as queued until it is detected or failed."""
        conn.execute(
            media.insert().values(
                id=item.media_id,
                camera_id=item.camera_id,
                kind=item.kind,
                state=MediaState.QUEUED,
                sha256=item.sha256,
                path=str(item.path),
                origin=origin,
                source_key=source_key,
                captured_at=item.captured_at,
                received_at=item.received_at,
                size_bytes=item.size_bytes,
                width=item.width,
                height=item.height,
                duration_s=item.duration_s,
                mime=item.mime,
                codec=item.codec,
            )
        )
        self._counters.add(conn, _ACCEPTED)
        self._remember(conn, source_key, "accepted", item.received_at)

    def count_duplicate(self, conn: Connection, *, source_key: str | None = None, now: datetime | None = None) -> None:
        """Count a file whose content was claimed already; ``source_key`` with ``now`` makes its source known."""
        self._counters.add(conn, _DUPLICATE)
        if now is not None:
            self._remember(conn, source_key, "duplicate", now)

    def reject(self, conn: Connection, refusal: Refusal) -> None:
        """Note a refused file with its reason, and count it."""
        conn.execute(rejections.insert().values({name: getattr(refusal, name) for name in _REFUSAL}))
        self._counters.add(conn, f"{_REJECTED}{refusal.reason}")
        self._remember(conn, refusal.source_key, "rejected", refusal.at)

    def known_sources(self, conn: Connection, keys: Sequence[str]) -> set[str]:
        """Give those of the keys whose file was accepted, counted as duplicate or rejected before."""
        known: set[str] = set()
        for start in range(0, len(keys), _CHUNK):
            chosen = sources.c.key.in_(keys[start : start + _CHUNK])
            known.update(conn.execute(sa.select(sources.c.key).where(chosen)).scalars())
        return known

    def forget_sources(self, conn: Connection, before: datetime) -> int:
        """Delete source keys older than what any sweep still visits; gives how many."""
        return conn.execute(sources.delete().where(sources.c.at < before)).rowcount

    def rejections(self, conn: Connection) -> dict[str, int]:
        """Count the refused files by reason."""
        return self._counters.starting_with(conn, _REJECTED)

    def rejected(self, conn: Connection, query: RejectionQuery) -> Page[Rejection]:
        """Give refused files, newest first; raises ``InvalidCursor``."""
        statement = sa.select(rejections).where(*time_range(query, rejections.c.at))
        statement = statement.where(*of_cameras(query, rejections.c.camera_id))
        if query.reason is not None:
            statement = statement.where(rejections.c.reason == query.reason)
        keyset = Keyset(at=rejections.c.at, id=rejections.c.id)
        return fetch_page(conn, query, statement, keyset, lambda rows: [_rejection(row) for row in rows])

    def get(self, conn: Connection, media_id: str) -> StoredMedia | None:
        """Give one file."""
        row = conn.execute(sa.select(media).where(media.c.id == media_id)).one_or_none()
        return None if row is None else _stored(row)

    def page(self, conn: Connection, query: MediaQuery) -> Page[StoredMedia]:
        """Give files by receipt, newest first; raises ``InvalidCursor``."""
        statement = sa.select(media).where(*time_range(query, media.c.received_at))
        statement = statement.where(*of_cameras(query, media.c.camera_id))
        if query.state is not None:
            statement = statement.where(media.c.state == query.state)
        keyset = Keyset(at=media.c.received_at, id=media.c.id)
        return fetch_page(conn, query, statement, keyset, lambda rows: [_stored(row) for row in rows])

    def mark_detected(self, conn: Connection, media_id: str) -> bool:
        """Note that the file was looked at; False if that was known."""
        return self._move(conn, media_id, MediaState.DETECTED, None)

    def mark_failed(self, conn: Connection, media_id: str, reason: str) -> bool:
        """Note that the file cannot be looked at, and why; False if that was known."""
        return self._move(conn, media_id, MediaState.FAILED, reason)

    def mark_queued(self, conn: Connection, media_id: str) -> bool:
        """Note that a failed file is tried again; False if it waits already."""
        return self._move(conn, media_id, MediaState.QUEUED, None)

    def accounting(self, conn: Connection) -> Accounting:
        """Give the closed account: ``accepted = stored + queued + quarantined``."""
        queued = conn.execute(
            sa.select(sa.func.count()).select_from(media).where(media.c.state == sa.literal_column("'queued'"))
        ).scalar_one()
        accepted, duplicate = self._counters.get(conn, _ACCEPTED), self._counters.get(conn, _DUPLICATE)
        rejected = sum(self.rejections(conn).values())
        return Accounting(
            seen=accepted + duplicate + rejected,
            accepted=accepted,
            duplicate=duplicate,
            rejected=rejected,
            stored=self._counters.get(conn, _STORED),
            queued=queued,
            quarantined=self._counters.get(conn, _QUARANTINED),
        )

    def _move(self, conn: Connection, media_id: str, state: MediaState, error: str | None) -> bool:
        before = conn.execute(
            sa.select(media.c.state).where(media.c.id == media_id).with_for_update()
        ).scalar_one_or_none()
        if before is None or before == state:
            return False
        conn.execute(media.update().where(media.c.id == media_id).values(state=state, error=error))
        for moved, amount in ((MediaState(before), -1), (state, 1)):
            if moved in _TALLY:
                self._counters.add(conn, _TALLY[moved], amount)
        return True

    def _remember(self, conn: Connection, key: str | None, outcome: str, at: datetime) -> None:
        if key is not None:
            conn.execute(insert_into(conn, sources).values(key=key, outcome=outcome, at=at).on_conflict_do_nothing())


def media_of(row: Row[Any]) -> Media:
    """Make a file of its row; the masks that it wore are kept elsewhere."""
    return Media(
        media_id=row.id,
        camera_id=row.camera_id,
        path=Path(row.path),
        sha256=row.sha256,
        kind=MediaKind(row.kind),
        captured_at=row.captured_at,
        received_at=row.received_at,
        size_bytes=row.size_bytes,
        width=row.width,
        height=row.height,
        duration_s=row.duration_s,
        mime=row.mime,
        codec=row.codec,
    )


def _stored(row: Row[Any]) -> StoredMedia:
    return StoredMedia(
        media=media_of(row),
        state=MediaState(row.state),
        error=row.error,
        source_key=row.source_key,
        origin=row.origin,
    )


def _rejection(row: Row[Any]) -> Rejection:
    return Rejection(**{name: getattr(row, name) for name in Rejection.__dataclass_fields__})
