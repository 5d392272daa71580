"""Files in hand: each finished file goes through the door once, hints first, and comes back until it is booked."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
import logging
import os
from pathlib import Path
import stat
from typing import Any, Final, NoReturn, Protocol

from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import Rejected, RejectReason, Unavailable
from home_sentry_engine.domain.identity import InvalidCameraName, camera_id_of
from home_sentry_engine.domain.messages import Arrival

from .intake import Accepted, Duplicate, Outcome, Refused, Unfinished
from .source import CameraFolders, SourceUnreadable, Stamp, source_key
from .turns import Turns

_LOGGER = logging.getLogger(__name__)
_REMEMBERED: Final = 20_000
_SLOWEST_RETRY_S: Final = 60.0
_NOWHERE: Final = "unknown"
_KEPT_FREE: Final = 0.2


class Door(Protocol):
    """Where arrivals go in; ``Intake`` is one."""

    async def known_sources(self, keys: Sequence[str]) -> set[str]:
        """Tell which files were booked before."""
        ...

    async def take(self, arrival: Arrival, *, final: bool) -> Outcome:
        """Check and book a file; raises what ``Intake.take`` raises."""
        ...

    async def refuse(self, arrival: Arrival, rejected: Rejected) -> Refused:
        """Book a file as refused."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A file to take, relative to the root; ``final`` if nobody writes any more.

    ``closed_at`` is when its writer was seen to close it, seconds since the epoch: what it wrote later is not closed.
    ``behind`` others of its camera it stands in line.
    """

    relative: str
    closed_at: float | None = None
    final: bool = False
    refusal: Rejected | None = None
    tries: int = 0
    behind: bool = False


@dataclass(slots=True, kw_only=True)
class Counts:
    """What became of files since the start."""

    accepted: int = 0
    duplicates: int = 0
    refused: int = 0
    ignored: int = 0
    vanished: int = 0
    retries: int = 0
    found_by_sweep: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How files are taken: so many at once, ``spacing_s`` apart while others wait; how long a bad read is tried.

    A fifth of the places is kept free for cameras of which nothing waits yet.
    """

    at_once: int = 20
    spacing_s: float = 0.05
    quiet_s: float = 60.0
    give_up_s: float = 600.0


type OnUnfinished = Callable[[str, Stamp, bool], None]


async def woken(event: asyncio.Event, clock: Clock, within_s: float | None) -> None:
    """Wait for an event, at most ``within_s`` on the given clock, and clear it."""
    waits: list[asyncio.Task[Any]] = [asyncio.create_task(event.wait())]
    if within_s is not None:
        waits.append(asyncio.create_task(_slept(clock, max(0.0, within_s))))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    event.clear()


async def _slept(clock: Clock, seconds: float) -> None:
    await clock.sleep(seconds)


class Taking:
    """Queue and workers between the folder and the door; one file is never taken twice at the same time."""

    def __init__(
        self,
        folders: CameraFolders,
        door: Door,
        clock: Clock,
        executor: Executor,
        *,
        pace: Pace,
        unfinished: OnUnfinished,
    ) -> None:
        """Take the folders, the door, and whom to tell about files whose content is not whole."""
        self._folders = folders
        self._door = door
        self._clock = clock
        self._executor = executor
        self._pace = pace
        self._unfinished = unfinished
        self._queued: dict[str, Wish] = {}
        self._urgent = Turns[str]()
        self._backlog = Turns[str]()
        self._working: dict[str, Wish | None] = {}
        self._in_work = Counter[str]()
        self._later: dict[str, tuple[float, Wish]] = {}
        self._recent: OrderedDict[str, Stamp] = OrderedDict()
        self._more = asyncio.Event()
        self._retry = asyncio.Event()
        self._idle = asyncio.Event()
        self._closing = False
        self.counts = Counts()
        self.last_error: str | None = None

    def __len__(self) -> int:
        return len(self._queued) + len(self._working) + len(self._later)

    def __contains__(self, relative: object) -> bool:
        return relative in self._queued or relative in self._working or relative in self._later

    def knows(self, relative: str, stamp: Stamp) -> bool:
        """Tell whether this state of a file was dealt with lately."""
        return self._recent.get(relative) == stamp

    def want(self, wish: Wish, *, urgent: bool = True) -> None:
        """Put a file into the queue; what is there already is merged, what is being taken is looked at once more."""
        relative = wish.relative
        self._later.pop(relative, None)
        if relative in self._working:
            self._working[relative] = _merged(self._working[relative], wish)
            return
        if relative not in self._queued:
            line = _line(relative)
            behind = self._in_work[line] > 0 or line in self._urgent or line in self._backlog
            wish = replace(wish, behind=behind)
            (self._urgent if urgent else self._backlog).append(line, relative)
        self._queued[relative] = _merged(self._queued.get(relative), wish)
        self._more.set()

    async def run(self) -> NoReturn:
        """Take files until cancelled."""
        self._closing = False
        async with asyncio.TaskGroup() as group:
            for _ in range(self._pace.at_once):
                group.create_task(self._work())
            while True:
                due = min((at for at, _ in self._later.values()), default=None)
                await woken(self._retry, self._clock, None if due is None else due - self._clock.monotonic())
                now = self._clock.monotonic()
                for wish in [wish for at, wish in self._later.values() if at <= now]:
                    self.want(wish, urgent=False)

    async def finish(self, within_s: float) -> None:
        """Let the files that are being taken end and start no other; gives up after ``within_s``."""
        self._closing = True
        if self._working:
            self._idle.clear()
            await woken(self._idle, self._clock, within_s)

    async def _work(self) -> NoReturn:
        while True:
            while self._closing or (relative := self._next()) is None:
                self._more.clear()
                await self._more.wait()
            wish = self._queued.pop(relative)
            self._working[relative] = None
            self._in_work[_line(relative)] += 1
            try:
                await self._handle(wish)
            finally:
                again = self._done(relative)
            if again is not None:
                self.want(again)
            if self._queued:
                await self._clock.sleep(self._pace.spacing_s)

    def _next(self) -> str | None:
        crowded = len(self._working) >= self._pace.at_once * (1 - _KEPT_FREE)
        for lines in (self._urgent, self._backlog):
            if lines and (lines.fresh or not crowded):
                return lines.popleft()
        return None

    def _done(self, relative: str) -> Wish | None:
        again, line = self._working.pop(relative), _line(relative)
        self._in_work[line] -= 1
        if not self._in_work[line]:
            del self._in_work[line]
        if not self._working:
            self._idle.set()
        if self._queued:
            self._more.set()
        return again

    async def _handle(self, wish: Wish) -> None:
        try:
            await self._take(wish)
        except FileNotFoundError:
            self.counts.vanished += 1
        except SourceUnreadable as err:
            if wish.tries and self._waited_s(wish.tries) >= self._pace.give_up_s:
                detail = f"it could not be read: {err.strerror or err}"
                self.want(replace(wish, tries=0, refusal=Rejected(RejectReason.UNREADABLE, detail)))
            else:
                self._postpone(wish, err)
        except Exception as err:  # noqa: BLE001 - one file's trouble must not end the watch, and the file must not be lost
            self._postpone(wish, err)
        else:
            if not self._later:
                self.last_error = None

    def _postpone(self, wish: Wish, err: Exception) -> None:
        self.counts.retries += 1
        self.last_error = f"{type(err).__name__}: {err}"[:200]
        if not wish.tries:
            _LOGGER.warning("a file waits for another try: %s", self.last_error)
        wished_s = err.retry_after_s if isinstance(err, Unavailable) else None
        due = self._clock.monotonic() + (wished_s or min(2.0**wish.tries, _SLOWEST_RETRY_S))
        self._later[wish.relative] = (due, replace(wish, tries=wish.tries + 1))
        self._retry.set()

    @staticmethod
    def _waited_s(tries: int) -> float:
        return sum(min(2.0**one, _SLOWEST_RETRY_S) for one in range(tries))

    async def _take(self, wish: Wish) -> None:
        status = await self._blocking(lambda: self._folders.look(wish.relative))
        stamp = Stamp.of(status)
        if self.knows(wish.relative, stamp):
            return
        arrival, refusal = self._arrival(wish, stamp)
        refusal = wish.refusal or refusal or await self._no_file(wish.relative, status.st_mode)
        if arrival is None or (refusal is None and not stat.S_ISREG(status.st_mode)):
            self.counts.ignored += 1
        elif refusal is not None:
            await self._door.refuse(arrival, refusal)
            self.counts.refused += 1
        else:
            aged = self._clock.now().timestamp() - status.st_mtime >= self._pace.quiet_s
            try:
                outcome = await self._door.take(arrival, final=wish.final or aged)
                self._count(outcome)
                if isinstance(outcome, Accepted | Duplicate) and outcome.replaced:
                    stamp = Stamp.of(await self._blocking(lambda: self._folders.look(wish.relative)))
            except Unfinished:
                closed = wish.closed_at is not None and status.st_mtime <= wish.closed_at
                self._unfinished(wish.relative, stamp, closed)
                return
        self._remember(wish.relative, stamp)

    def _arrival(self, wish: Wish, stamp: Stamp) -> tuple[Arrival | None, Rejected | None]:
        refusal: Rejected | None = None
        relative = wish.relative
        path = self._folders.root / relative
        try:
            place = self._folders.place(relative)
        except Rejected as err:
            place, refusal = None, err
        if place is None and refusal is None and not path.is_symlink():
            return None, None
        parts = Path(relative).parts
        folder = parts[0] if len(parts) > 1 or path.is_symlink() else _NOWHERE
        arrival = Arrival(
            camera_id=place.camera_id if place else _camera_of(folder),
            camera_name=place.camera_name if place else folder,
            kind=place.kind if place else MediaKind.IMAGE,
            seen_at=self._clock.now(),
            path=path,
            source_key=source_key(relative, stamp),
            behind=wish.behind,
        )
        return arrival, refusal

    async def _no_file(self, relative: str, mode: int) -> Rejected | None:
        if stat.S_ISREG(mode):
            return None
        if not stat.S_ISLNK(mode):
            return Rejected(RejectReason.NOT_REGULAR, "a device, pipe or socket, not a file")
        if await self._blocking(lambda: self._folders.leads_outside(relative)):
            return Rejected(RejectReason.LINK_OUTSIDE, "a link that leads out of the camera folders")
        return None

    def _count(self, outcome: Outcome) -> None:
        match outcome:
            case Accepted():
                self.counts.accepted += 1
            case Duplicate():
                self.counts.duplicates += 1
            case Refused():
                self.counts.refused += 1

    def _remember(self, relative: str, stamp: Stamp) -> None:
        self._recent[relative] = stamp
        self._recent.move_to_end(relative)
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)

    async def _blocking[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _merged(old: Wish | None, new: Wish) -> Wish:
    if old is None:
        return new
    times = [at for at in (old.closed_at, new.closed_at) if at is not None]
    return replace(new, closed_at=max(times, default=None), final=old.final or new.final, behind=old.behind)


def _line(relative: str) -> str:
    return relative.partition("/")[0]


def _camera_of(folder: str) -> str:
    try:
        return camera_id_of(os.fsencode(folder).decode(errors="ignore"))
    except InvalidCameraName:
        return _NOWHERE
