"""Watches the rhythm of the cameras: who has been silent for too long, who sends nothing but rubbish."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
import logging
from typing import Final
from zoneinfo import ZoneInfo

from home_sentry_engine.context.silence import Silence, SilenceRules, allowed_gap_s, sabotage, silence_of
from home_sentry_engine.contract import Camera, CamerasSilent, CameraStatus, encode
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.rhythm import Gap

from .tables import Tables

_LOGGER = logging.getLogger(__name__)
_AT_ONCE: Final = 10_000
_WEEKS: Final = timedelta(days=28)
_CATCH_UP: Final = timedelta(hours=1)
_SHORTEST_GAP_S: Final = 60.0
_REFUSED: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchTerms:
    """How cameras are watched: every so often; a pause of ``lost_s`` means that the engine did not run.

    ``zone`` holds before Home Assistant names its own. While ``paused`` the engine takes no files, and no camera is to
    blame for its silence. A camera whose rhythm is not known is offline after ``unknown_s``.
    """

    zone: ZoneInfo
    paused: Callable[[], bool] = lambda: False
    silence: SilenceRules = field(default_factory=SilenceRules)
    every_s: float = 30.0
    lost_s: float = 300.0
    unknown_s: float = 86_400.0


@dataclass(slots=True)
class _Known:
    last: datetime | None = None
    read_to: datetime | None = None
    gaps: dict[int, list[float]] = field(default_factory=dict)
    fresh: bool = False


class QuietWatch:
    """Learns silences and tells of unusual ones; what happened while the engine did not run says nothing.

    A camera whose rhythm is known is quiet and offline beyond it; one that is still learning is offline after a day.
    """

    def __init__(
        self, database: Database, tables: Tables, clock: Clock, announced: Callable[[], None], terms: WatchTerms
    ) -> None:
        """Take the rows, the clock, who hears of changes, and the terms."""
        self._database = database
        self._tables = tables
        self._clock = clock
        self._announced = announced
        self._terms = terms
        self._cameras: dict[str, _Known] = {}
        self._since: datetime | None = None
        self._swept_at: datetime | None = None

    async def run(self) -> None:
        """Look around until cancelled."""
        while True:
            await self.sweep()
            await self._clock.sleep(self._terms.every_s)

    async def sweep(self) -> None:
        """Learn from what came and tell what changed."""
        now = self._clock.steady()
        if self._terms.paused():
            self._since = None
            return
        if self._since is None or self._swept_at is None or (now - self._swept_at).total_seconds() > self._terms.lost_s:
            going_on = await self._database.read(
                lambda conn: self._tables.home.watched(conn, now, lost_s=self._terms.lost_s)
            )
            self._since = going_on or now
            self._cameras.clear()
        self._swept_at, since = now, self._since
        cameras = await self._database.read(self._tables.cameras.all)
        for gone in self._cameras.keys() - {camera.id for camera in cameras}:
            del self._cameras[gone]
        for camera in cameras:
            await self._database.write(partial(self._visit, camera=camera, since=since, now=now))
        await self._database.write(lambda conn: self._together(conn, since, now))

    def _begun(self, conn: Connection, now: datetime) -> datetime:
        """Go on where the engine stopped a moment ago, else begin now."""
        return self._tables.home.watched(conn, now, lost_s=self._terms.lost_s) or now

    def _visit(self, conn: Connection, camera: Camera, since: datetime, now: datetime) -> None:
        known = self._cameras.setdefault(camera.id, _Known())
        self._learn(conn, camera.id, known, since, now)
        last_at = max(filter(None, (known.last, camera.last_seen_at, since)))
        refused, reason = self._tables.rhythm.refused(conn, camera.id, last_at)
        if refused:
            if refused >= _REFUSED:
                text = f"the last {refused} files were refused ({reason})"
                self._tell(conn, self._status(conn, camera, CameraStatus.ERROR, text, now), now)
            return
        zone = self._tables.home.zone(conn, self._terms.zone)
        allowed_s = allowed_gap_s(known.gaps, last_at.astimezone(zone).hour, self._terms.silence)
        silence = silence_of(camera.id, last_at, now, allowed_s if allowed_s is not None else self._terms.unknown_s)
        if silence is None:
            self._speaks(conn, camera, known, now)
        elif camera.status is not CameraStatus.OFFLINE:
            self._silent(conn, camera, silence, now, learned=allowed_s is not None)

    def _learn(self, conn: Connection, camera_id: str, known: _Known, since: datetime, now: datetime) -> None:
        rhythm = self._tables.rhythm
        read_to = known.read_to or max(since, now - _CATCH_UP)
        came = rhythm.deliveries(conn, camera_id, since=read_to, until=now, most=_AT_ONCE)
        if came or not known.fresh:
            times = [known.last, *came] if known.last is not None else list(came)
            rhythm.add(conn, camera_id, self._gaps(conn, times))
            rhythm.trim(conn, now - _WEEKS)
            known.gaps, known.fresh = rhythm.of(conn, camera_id), True
        known.read_to = came[-1] if came else read_to
        known.last = came[-1] if came else known.last

    def _gaps(self, conn: Connection, times: Sequence[datetime]) -> list[Gap]:
        zone = self._tables.home.zone(conn, self._terms.zone)
        lasted = [(earlier, (later - earlier).total_seconds()) for earlier, later in pairwise(times)]
        return [
            Gap(began_at=began, hour=began.astimezone(zone).hour, seconds=seconds)
            for began, seconds in lasted
            if seconds >= _SHORTEST_GAP_S
        ]

    def _speaks(self, conn: Connection, camera: Camera, known: _Known, now: datetime) -> None:
        if camera.quiet_since is not None and known.last is not None and known.last > camera.quiet_since:
            self._tell(conn, self._tables.cameras.quiet(conn, camera.id, since=None, allowed_s=None), now)

    def _silent(self, conn: Connection, camera: Camera, silence: Silence, now: datetime, *, learned: bool) -> None:
        usual = f"at this hour it is never silent for more than {_minutes(silence.allowed_s)}"
        reason = usual if learned else f"nothing came for {_minutes(silence.allowed_s)}"
        if learned:
            self._tables.cameras.quiet(conn, camera.id, since=silence.since, allowed_s=silence.allowed_s)
        self._tell(conn, self._status(conn, camera, CameraStatus.OFFLINE, reason, now), now)
        _LOGGER.warning("A camera is silent: %s", reason, extra={"camera_id": camera.id})

    def _status(
        self, conn: Connection, camera: Camera, status: CameraStatus, reason: str, now: datetime
    ) -> Camera | None:
        return self._tables.cameras.set_status(conn, camera.id, status, reason, at=now)

    def _together(self, conn: Connection, since: datetime, now: datetime) -> None:
        self._tables.home.watch(conn, since, now)
        silences = [
            Silence(camera_id=camera.id, since=camera.quiet_since, allowed_s=camera.quiet_allowed_s or 0.0)
            for camera in self._tables.cameras.all(conn)
            if camera.quiet_since is not None
        ]
        ids = sabotage(silences, self._terms.silence)
        before, _ = self._tables.home.silent(conn)
        if set(ids) == set(before):
            return
        began = min((one.since for one in silences if one.camera_id in ids), default=None)
        self._tables.home.set_silent(conn, ids, began)
        body = encode(CamerasSilent(seq=0, camera_ids=ids, since=began))
        self._tables.outbox.add(conn, kind="cameras_silent", camera_id=None, body=body, now=now)
        self._database.after_commit(conn, self._announced)

    def _tell(self, conn: Connection, camera: Camera | None, now: datetime) -> None:
        if camera is not None:
            self._tables.outbox.add(conn, kind="camera_changed", camera_id=camera.id, body=encode(camera), now=now)
            self._database.after_commit(conn, self._announced)


def _minutes(seconds: float) -> str:
    if seconds < 5400.0:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
