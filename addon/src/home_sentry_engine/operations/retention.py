"""Retention: what is old goes in small portions, files first and rows second, so that a crash leaves no orphan."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
import logging
from pathlib import Path
from typing import Final

from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.media.paths import MediaPaths, remove
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.audit import Audit
from home_sentry_engine.storage.repositories.retention import Expiry, OldFile
from home_sentry_engine.storage.search_terms import forget_terms

_LOGGER = logging.getLogger(__name__)
# on a full disk larger transactions do not fit into what the reserve gave back
_ROWS: Final = 20
_TERMS: Final = 100
_YOUNG: Final = timedelta(hours=1)
_AUDIT_KEPT: Final = timedelta(days=365)
_TRASH_KEPT: Final = timedelta(days=30)
_STRAYS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What one clean-up deleted."""

    events: int = 0
    files: int = 0
    bytes: int = 0
    rows: int = 0
    strays: int = 0

    def plus(self, **more: int) -> Removed:
        """Count more."""
        return replace(self, **{name: getattr(self, name) + amount for name, amount in more.items()})


class Retention:
    """Deletes what is older than ``kept``; the file that a video camera delivered is not ours and stays."""

    def __init__(self, database: Database, paths: MediaPaths, clock: Clock, kept: timedelta) -> None:
        """Take the rows, the places of files and how long both are kept."""
        self._database = database
        self._paths = paths
        self._clock = clock
        self._kept = kept
        self._expiry = Expiry()
        self._audit = Audit()

    async def clean(self) -> Removed:
        """Delete everything that is too old, and what lay in the trash for thirty days.

        A visit goes with its thumbnail before the files that showed it.
        """
        before = self._clock.steady() - self._kept
        removed = Removed()
        trash = self._clock.steady() - _TRASH_KEPT
        removed = await self._delete_events(lambda conn: self._expiry.events(conn, before, _ROWS), removed)
        removed = await self._delete_events(lambda conn: self._expiry.trash(conn, trash, _ROWS), removed)
        while files := await self._database.read(lambda conn: self._expiry.files(conn, before, _ROWS)):
            removed = await self._delete(files, removed)
        while count := await self._database.write(lambda conn: self._expiry.delete_rejections(conn, before, _ROWS)):
            removed = removed.plus(rows=count)
        year = self._clock.steady() - _AUDIT_KEPT
        while count := await self._database.write(lambda conn: self._audit.prune(conn, year, _ROWS)):
            removed = removed.plus(rows=count)
        return removed

    async def forget_camera(self, camera_id: str) -> Removed:
        """Delete everything of a camera: its visits with their thumbnails, its files with what was seen on them."""
        removed = await self._delete_events(lambda conn: self._expiry.events_of(conn, camera_id, _ROWS), Removed())
        while files := await self._database.read(lambda conn: self._expiry.files_of(conn, camera_id, _ROWS)):
            removed = await self._delete(files, removed)
        return removed

    async def make_room(self, enough: Callable[[], bool]) -> Removed:
        """Delete the oldest files until there is ``enough``, those without a visit first.

        None of the last hour goes, and none of a favourite or a flagged visit.
        """
        before = self._clock.steady() - _YOUNG
        removed = Removed()
        for of_events in (False, True):
            while not await asyncio.to_thread(enough):
                wanted = partial(self._expiry.files, before=before, limit=_ROWS, of_events=of_events)
                files = await self._database.read(wanted)
                if not files:
                    break
                removed = await self._delete(files, removed)
        return removed

    async def sweep_strays(self, *, younger_than: datetime | None = None) -> int:
        """Delete our copies that no row knows: what a crash left between the copy and its booking.

        Files of the last hour may be in the making. Those not ``younger_than`` a time stay: after a database was
        rebuilt, its rows may be lost while the pictures are not.
        """
        until = self._clock.now() - _YOUNG
        found = await asyncio.to_thread(lambda: list(self._strays_between(younger_than, until)))
        deleted = 0
        for start in range(0, len(found), _STRAYS_AT_ONCE):
            some = {path: _media_id(path) for path in found[start : start + _STRAYS_AT_ONCE]}
            ids = tuple(set(some.values()))
            known = await self._database.read(partial(self._expiry.known_files, ids=ids))
            strays = [path for path, media_id in some.items() if media_id not in known]
            await self._unlink(strays)
            deleted += len(strays)
        return deleted

    async def _delete_events(self, old: Callable[[Connection], tuple[str, ...]], removed: Removed) -> Removed:
        while ids := await self._database.read(old):
            await self._unlink([self._paths.thumbnail(one) for one in ids])
            count = await self._database.write(partial(self._expiry.delete_events, ids=ids))
            removed = removed.plus(events=count)
        if removed.events:
            await self._forget_terms()
        return removed

    async def _forget_terms(self) -> None:
        last: str | None = ""
        while last is not None:
            last = await self._database.write(partial(forget_terms, after=last, most=_TERMS))

    async def _delete(self, files: Sequence[OldFile], removed: Removed) -> Removed:
        places = await asyncio.to_thread(lambda: [place for one in files for place in self._places(one)])
        await self._unlink(places)
        ids = [one.media_id for one in files]
        count = await self._database.write(lambda conn: self._expiry.delete_files(conn, ids))
        size = sum(one.size_bytes for one in files if one.kind is not MediaKind.VIDEO)
        return removed.plus(files=count, bytes=size)

    def _places(self, one: OldFile) -> Iterator[Path]:
        if self._paths.contains(one.path):
            yield one.path
        yield self._paths.thumbnail(one.media_id)
        yield self._paths.video_thumbnail(one.media_id)
        if one.kind is MediaKind.VIDEO:
            yield from self._paths.frames_of(one.camera_id, one.media_id, one.captured_at)

    def _strays_between(self, since: datetime | None, until: datetime) -> Iterator[Path]:
        for path in (self._paths.root / "media").rglob("*"):
            if not path.is_file():
                continue
            changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if changed < until and (since is None or changed > since):
                yield path

    async def _unlink(self, places: Sequence[Path]) -> None:
        await asyncio.to_thread(lambda: sum(map(remove, places)))


def _media_id(path: Path) -> str:
    """Give the id in the name of a still or of a video's frame; anything else is nobody's."""
    stem = path.name.removeprefix(".").partition(".")[0]
    head, _, offset = stem.rpartition("_")
    return head if head and len(offset) == 8 and offset.isdecimal() else stem
