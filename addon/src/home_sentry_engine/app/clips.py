"""Clips of events and days: made when somebody asks, once for everybody, and kept for a while."""

import asyncio
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
import logging
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from home_sentry_engine.api.clip_ports import Clip
from home_sentry_engine.contract.errors import Conflict, NotFound
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.media.clip_cache import DAY, EVENT, ClipCache, ClipName
from home_sentry_engine.media.clip_maker import ClipMaker
from home_sentry_engine.media.clip_parts import Margins, parts_of_day, parts_of_visit
from home_sentry_engine.media.clip_plan import ClipKind, ClipPlan, Part
from home_sentry_engine.media.mask import Fresh, Veils
from home_sentry_engine.media.paths import MediaPaths, remove
from home_sentry_engine.operations.disk import DiskGuard, free_bytes
from home_sentry_engine.settings import ClipSettings
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.footage import Footage, Visit

_LOGGER = logging.getLogger(__name__)
_EVERY_S: Final = 60.0
_TRIES: Final = 3
_DAY_RATE: Final = 10.0
_DAY_SIDE: Final = 1280
_LONG_S: Final = 120.0
_LONG_SIDE: Final = 1280
_WIDE_SIDE: Final = 1920
_GIF_SIDE: Final = 400
_GIF_RATE: Final = 5.0
_QUOTA_SHARE: Final = 4
_LEAST_BYTES: Final = 1024 * 1024
_AGAIN_S: Final = 10.0
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRoom:
    """Where clips come from and go: files, masks that hold, and the room on the disk."""

    paths: MediaPaths
    folder: Path
    veils: Veils
    fresh: Fresh
    guard: DiskGuard


class StoredClips:
    """``api.clip_ports.Clips``; ``run`` keeps the folder small and free of what nobody may see any more."""

    def __init__(
        self, database: Database, room: ClipRoom, settings: ClipSettings, clock: Clock, zone: ZoneInfo
    ) -> None:
        """Take the rows, the places of files, the bounds, and the time at home."""
        self._database = database
        self._room = room
        self._settings = settings
        self._clock = clock
        self._zone = zone
        self._footage = Footage()
        self._maker = ClipMaker()
        self._cache = ClipCache(
            room.folder, budget_bytes=settings.cache_bytes, kept_s=settings.cache_s, now=clock.steady
        )
        self._making: dict[ClipName, asyncio.Task[Path]] = {}
        self._nudged = asyncio.Event()
        self._figures: dict[str, str | int | float | bool | None] = {}

    async def of_event(self, event_id: str, kind: str, before_s: float | None, after_s: float | None) -> Clip:
        """Give an event's clip."""
        await self._room.fresh()
        before_s = self._settings.before_s if before_s is None else before_s
        after_s = self._settings.after_s if after_s is None else after_s
        found = await self._database.read(lambda conn: self._visit(conn, event_id, before_s, after_s))
        if found is None:
            raise NotFound("there is no such event")
        visit, margins, files = found
        parts = await asyncio.to_thread(parts_of_visit, files, margins, visit.seen, self._room.paths)
        if not parts:
            raise Conflict("no picture of this event is kept any more", details={"reason": "nothing_kept"})
        plan = _plan_of_event(parts, ClipKind(kind))
        return await self._given(_named(plan, camera_id=visit.camera_id, owner=EVENT, owner_id=event_id), plan)

    async def of_day(self, camera_id: str, day: date | None) -> Clip:
        """Give the time-lapse of a day."""
        await self._room.fresh()
        day = day or self._clock.now().astimezone(self._zone).date()
        since = datetime.combine(day, time(), self._zone)
        until = datetime.combine(day + timedelta(days=1), time(), self._zone) - timedelta(microseconds=1)
        if not await self._database.read(lambda conn: self._footage.has_camera(conn, camera_id)):
            raise NotFound("there is no such camera")
        files = await self._database.read(lambda conn: self._footage.between(conn, camera_id, since, until))
        parts = await asyncio.to_thread(parts_of_day, files, self._room.paths)
        if not parts:
            raise Conflict("no picture of this day is kept", details={"reason": "nothing_kept"})
        plan = ClipPlan(parts=parts, rate=_DAY_RATE, longest_side=_DAY_SIDE)
        return await self._given(_named(plan, camera_id=camera_id, owner=DAY, owner_id=day.isoformat()), plan)

    def nudge(self) -> None:
        """Look at the folder at once, because masks have changed."""
        self._nudged.set()

    def details(self) -> dict[str, str | int | float | bool | None]:
        """Give how much is kept, and what encodes here once that was tried."""
        return self._figures | {"encoder": self._maker.encoder}

    async def run(self) -> None:
        """Tidy up at the start, then every minute and when masks change, until cancelled."""
        await asyncio.to_thread(self._cache.recover)
        while True:
            await self.tidy()
            nudge = asyncio.ensure_future(self._nudged.wait())
            nap = asyncio.ensure_future(self._clock.sleep(_EVERY_S))
            try:
                await asyncio.wait({nudge, nap}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                nudge.cancel()
                nap.cancel()
            self._nudged.clear()

    async def tidy(self) -> None:
        """Delete clips under other masks than hold, of what is gone, unused ones, and all while the disk is full."""
        await self._room.fresh()
        kept = await asyncio.to_thread(lambda: [one.name for one in self._cache.clips()])
        if kept:
            living, cameras = await self._database.read(lambda conn: self._living(conn, kept))
            full = self._room.guard.paused is not None

            def unwanted(name: ClipName) -> bool:
                gone = name.camera_id not in cameras or (name.owner == EVENT and name.owner_id not in living)
                return full or gone or name.veil != self._veil_key(name.camera_id)

            dropped = await asyncio.to_thread(self._cache.drop, unwanted) + await asyncio.to_thread(self._cache.trim)
            if dropped:
                _LOGGER.info("Deleted %d clips", dropped)
        self._figures = await asyncio.to_thread(self._measured)

    async def aclose(self) -> None:
        """End what is being made."""
        tasks = tuple(self._making.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _visit(
        self, conn: Connection, event_id: str, before_s: float, after_s: float
    ) -> tuple[Visit, Margins, tuple[Media, ...]] | None:
        visit = self._footage.visit(conn, event_id)
        if visit is None:
            return None
        margins = Margins(since=visit.since, until=visit.until, before_s=before_s, after_s=after_s)
        files = self._footage.between(conn, visit.camera_id, margins.start, margins.end, also=tuple(visit.seen))
        return visit, margins, files

    async def _given(self, name: ClipName, plan: ClipPlan) -> Clip:
        for _ in range(_TRIES):
            veil = self._room.veils(name.camera_id)
            worn, masked = replace(name, veil=veil.key if veil is not None else ""), replace(plan, veil=veil)
            path = await asyncio.to_thread(self._cache.find, worn) or await self._once(worn, masked)
            await self._room.fresh()
            if self._veil_key(name.camera_id) == worn.veil:
                return Clip(path=path, content_type=plan.kind.mime)
            self.nudge()
        raise Unavailable("the privacy masks of this camera keep changing", code="masks", retry_after_s=_AGAIN_S)

    async def _once(self, name: ClipName, plan: ClipPlan) -> Path:
        task = self._making.get(name)
        if task is None:
            task = self._making[name] = asyncio.create_task(self._make(name, plan), name="clip")
            task.add_done_callback(lambda done: self._done(name, done))
        # who asked may go; the others, and whoever asks next, get it all the same
        return await asyncio.shield(task)

    def _done(self, name: ClipName, task: asyncio.Task[Path]) -> None:
        del self._making[name]
        if not task.cancelled() and (err := task.exception()) is not None:
            _LOGGER.warning("A clip could not be made: %s", err, extra={"camera_id": name.camera_id})

    async def _make(self, name: ClipName, plan: ClipPlan) -> Path:
        self._room.guard.admit()
        free = await asyncio.to_thread(free_bytes, self._room.guard.folder)
        room = min(free - self._room.guard.limits.stop_bytes, self._cache.budget_bytes // _QUOTA_SHARE)
        if room < _LEAST_BYTES:
            raise Unavailable("there is too little room for a clip", code="no_room", retry_after_s=_AGAIN_S)
        begun = await asyncio.to_thread(self._cache.begin, name)
        began = self._clock.monotonic()
        try:
            made = await self._maker.make(plan, begun, room_bytes=room)
            path = await asyncio.to_thread(self._cache.keep, begun, name)
        finally:
            remove(begun)
        extra = {"camera_id": name.camera_id, "duration_ms": (self._clock.monotonic() - began) * 1000}
        _LOGGER.info("Made a clip of %d frames with %s", made.frames, made.encoder, extra=extra)
        await asyncio.to_thread(self._cache.trim)
        return path

    def _living(self, conn: Connection, kept: list[ClipName]) -> tuple[set[str], set[str]]:
        ids = list({one.owner_id for one in kept if one.owner == EVENT})
        living: set[str] = set()
        for start in range(0, len(ids), _CHUNK):
            living |= self._footage.living_events(conn, ids[start : start + _CHUNK])
        return living, self._footage.living_cameras(conn)

    def _veil_key(self, camera_id: str) -> str:
        veil = self._room.veils(camera_id)
        return veil.key if veil is not None else ""

    def _measured(self) -> dict[str, str | int | float | bool | None]:
        kept = [one.size_bytes for one in self._cache.clips()]
        return {"clips": len(kept), "bytes": sum(kept), "budget_bytes": self._cache.budget_bytes}


def _plan_of_event(parts: tuple[Part, ...], kind: ClipKind) -> ClipPlan:
    plan = ClipPlan(parts=parts, kind=kind)
    if kind is ClipKind.GIF:
        return replace(plan, rate=_GIF_RATE, longest_side=_GIF_SIDE)
    return replace(plan, longest_side=_LONG_SIDE if plan.seconds > _LONG_S else _WIDE_SIDE)


def _named(plan: ClipPlan, *, camera_id: str, owner: str, owner_id: str) -> ClipName:
    return ClipName(camera_id=camera_id, owner=owner, owner_id=owner_id, digest=plan.digest, veil="", kind=plan.kind)
