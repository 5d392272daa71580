"""What people change over the API: cameras, the token; and replies that are kept for repeated requests."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from home_sentry_engine.api.tokens import TOKEN_FILE, KeyRing, UnusableToken, rotate_tokens
from home_sentry_engine.contract import (
    Camera,
    CameraDeleted,
    CameraRemoved,
    EventStats,
    TokenRotated,
    encode,
)
from home_sentry_engine.contract.errors import Conflict, NotFound, ServiceUnavailable, Unprocessable
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.identity import InvalidCameraName, camera_id_of
from home_sentry_engine.operations.retention import Retention
from home_sentry_engine.resilience.cache import TtlCache
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.errors import UnknownRow
from home_sentry_engine.storage.query import EventQuery
from home_sentry_engine.storage.repositories.replies import KeptReply, Replies
from home_sentry_engine.storage.repositories.stats import EventCounts

from .properties import at_property
from .tables import Tables

# longer than any route may take
_WORK: Final = timedelta(minutes=3)
_COUNTED_S: Final = 60.0
_COUNTING_S: Final = 2.0


class StoredRegistry:
    """``api.change_ports.CameraRegistry`` over the repositories."""

    def __init__(
        self,
        database: Database,
        tables: Tables,
        retention: Retention,
        zone: ZoneInfo,
        announced: Callable[[], None],
    ) -> None:
        """Take the rows, what deletes, the time zone of days, and who wants to know of announcements."""
        self._database = database
        self._tables = tables
        self._retention = retention
        self._zone = zone
        self._announced = announced
        self._counts = TtlCache[EventQuery, EventStats](database.clock, ttl_s=_COUNTED_S, patience_s=_COUNTING_S)

    async def create(self, name: str, camera_id: str | None, confidence: float | None) -> Camera:
        """Make a camera without a folder; raises ``Conflict`` or ``Unprocessable``."""
        try:
            chosen = camera_id or camera_id_of(name)
        except InvalidCameraName as err:
            raise Unprocessable(str(err)) from err

        def work(conn: Connection) -> Camera:
            if self._tables.cameras.get(conn, chosen) is not None:
                raise Conflict(f"there is a camera {chosen!r} already", details={"camera_id": chosen})
            now = self._database.clock.now()
            self._tables.cameras.ensure(conn, camera_id=chosen, name=name, folder=None, now=now)
            camera = self._tables.cameras.patch(conn, chosen, name=name, confidence=confidence)
            return self._announce(conn, camera)

        return await self._database.write(work)

    async def patch(self, camera_id: str, changes: dict[str, str | float | None]) -> Camera:
        """Change ``name`` or ``confidence``; raises ``NotFound``."""

        def work(conn: Connection) -> Camera:
            return self._announce(conn, self._tables.cameras.patch(conn, camera_id, **changes))

        try:
            return await self._database.write(work)
        except UnknownRow as err:
            raise NotFound("there is no such camera") from err

    async def delete(self, camera_id: str) -> CameraDeleted:
        """Delete a camera with everything of it; it is gone for clients first, then its rows and files go."""

        def work(conn: Connection) -> None:
            now = self._database.clock.now()
            if not self._tables.cameras.remove(conn, camera_id, now):
                raise NotFound("there is no such camera")
            # pictures of the place, too: if it returns it learns them anew
            self._tables.scenes.reset(conn, camera_id)
            gone = CameraRemoved(seq=0, camera_id=camera_id)
            self._tables.outbox.add(conn, kind="camera_removed", camera_id=camera_id, body=encode(gone), now=now)
            self._database.after_commit(conn, self._announced)

        await self._database.write(work)
        removed = await self._retention.forget_camera(camera_id)
        return CameraDeleted(camera_id=camera_id, events=removed.events, media=removed.files)

    async def stats(self, query: EventQuery) -> EventStats:
        """Count the events that fit: as they are, or as they were a minute ago where counting takes long."""

        async def counted() -> EventStats:
            return await self._database.read(
                lambda conn: EventCounts().of(conn, at_property(conn, self._tables, query), self._zone)
            )

        announced = await self._database.read(self._tables.outbox.last_seq)
        return await self._counts.get(query, counted, version=announced)

    async def aclose(self) -> None:
        """End what is being counted."""
        await self._counts.aclose()

    def _announce(self, conn: Connection, camera: Camera) -> Camera:
        now = self._database.clock.now()
        self._tables.outbox.add(conn, kind="camera_changed", camera_id=camera.id, body=encode(camera), now=now)
        self._database.after_commit(conn, self._announced)
        return camera


class StoredReplies:
    """``api.idempotency.Replies`` over the database, which several engines may share."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Take the database and the clock."""
        self._database = database
        self._clock = clock
        self._rows = Replies()

    async def claim(self, key: str, fingerprint: str) -> KeptReply | None:
        """Claim a key for a request; gives what is there, None for a free one."""
        now = self._clock.now()
        return await self._database.write(lambda conn: self._rows.claim(conn, key, fingerprint, now=now, within=_WORK))

    async def keep(self, key: str, *, status: int, body: bytes) -> None:
        """Keep the answer of a claimed key for a day."""
        now = self._clock.now()
        await self._database.write(lambda conn: self._rows.keep(conn, key, status=status, body=body, now=now))

    async def release(self, key: str) -> None:
        """Free a claimed key."""
        await self._database.write(lambda conn: self._rows.release(conn, key))


class TokenFiles:
    """``api.change_ports.TokenKeeper`` over the files of the data folder."""

    def __init__(self, data: Path, ring: KeyRing, clock: Clock) -> None:
        """Take the folder and the ring of the API, which counts the new token at once."""
        self._data = data
        self._ring = ring
        self._clock = clock

    async def rotate(self) -> TokenRotated:
        """Replace the token; the one before works for ten more minutes. Raises ``ServiceUnavailable``."""
        now = self._clock.now()
        try:
            keys = await asyncio.to_thread(rotate_tokens, self._data, now)
        except UnusableToken as err:
            raise ServiceUnavailable(f"the token stays as it is: {err}", details={"component": "data"}) from err
        self._ring.turn(keys)
        token = await asyncio.to_thread((self._data / TOKEN_FILE).read_text, encoding="ascii")
        assert keys.previous_until is not None
        return TokenRotated(token=token.strip(), previous_until=keys.previous_until)
