"""The folder source: hints, sweeps and waits tied together: every finished file is taken once and none is lost."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
import logging
from pathlib import Path
from typing import Final, NoReturn, Self

from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import Rejected, RejectReason
from home_sentry_engine.domain.filetypes import kind_of_name
from home_sentry_engine.settings import IngestSettings

from .settle import Settled, SettleRules, Settling
from .source import CameraFolders, Stamp, is_private, source_key
from .sweep import Found, Sort, Sweep
from .taking import Door, Pace, Taking, Wish, woken
from .watcher import Notice, Watch, watching

_LOGGER = logging.getLogger(__name__)
_GRACE_S: Final = 0.05
_AGAIN_S: Final = 1.0
_SWEEPS_APART_S: Final = 0.1
_POLLED_SWEEP_S: Final = 30.0
_FULL_EVERY: Final = 60
_ALIVE_EVERY_S: Final = 1.0
# a machine that is busy while it starts does not poll for years
_NATIVE_AGAIN_S: Final = 3600.0
_STOP_S: Final = 4.0
_KEYS_AT_ONCE: Final = 500
_MAX_WATCHES: Final = Path("/proc/sys/fs/inotify/max_user_watches")


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderStatus:
    """How the folder source does; ``problem`` is a sentence for people, None when all is well.

    ``refused_folders`` maps a folder to the one that has its camera id; ``counts`` has what became of files.
    """

    running: bool
    polling: bool
    reason: str | None
    problem: str | None
    folders: int
    waiting: int
    settling: int
    overflows: int
    sweeps: int
    refused_folders: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    last_error: str | None = None


class FolderSource:
    """Watches the cameras' root folder and hands every finished file to the door.

    ``run`` goes on until ``stop`` or cancellation; a second ``run`` returns at once, ``stop`` without a run does
    nothing. The executor lists folders and looks at files: keep it apart from the one that decodes.
    """

    def __init__(
        self, settings: IngestSettings, folders: CameraFolders, door: Door, clock: Clock, executor: Executor
    ) -> None:
        """Take the settings, the folders, where files go, the clock and the executor."""
        self._settings = settings
        self._root = folders.root
        self._folders = folders
        self._door = door
        self._clock = clock
        self._executor = executor
        rules = SettleRules(
            debounce_s=settings.debounce_s,
            stable_s=settings.stable_s,
            poll_s=settings.stable_poll_s,
            polls=settings.stable_polls,
            give_up_s=settings.stable_give_up_s,
            quiet_s=settings.incomplete_quiet_s,
        )
        self._rules = rules
        self._settling = Settling(rules)
        pace = Pace(quiet_s=rules.quiet_s, give_up_s=rules.give_up_s)
        self._taking = Taking(folders, door, clock, executor, pace=pace, unfinished=self._unfinished)
        self._sweep = Sweep(self._root, wall=self._wall)
        self._fresh: dict[str, float] = {}
        self._watch: Watch | None = None
        self._wake = asyncio.Event()
        self._watched = asyncio.Event()
        self._sweep_now = asyncio.Event()
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._running = False
        self._full_wanted = True
        self._again_at: float | None = None
        self._sweeps = 0
        self._overflows = 0
        self._overflows_before = 0
        self._problem: str | None = None

    async def run(self) -> None:
        """Watch, sweep and take until stopped; makes the root if it is missing."""
        if self._running:
            _LOGGER.info("the folder source runs already")
            return
        self._running = True
        self._stopping.clear()
        self._ended.clear()
        self._sweep = Sweep(self._root, wall=self._wall)
        self._full_wanted = True
        self._sweeps = 0
        try:
            await self._blocking(lambda: self._root.mkdir(parents=True, exist_ok=True))
            async with asyncio.TaskGroup() as group:
                loops = (self._watching(), self._driving(), self._sweeping(), self._taking.run())
                tasks = [group.create_task(loop) for loop in loops]
                await self._stopping.wait()
                await self._taking.finish(_STOP_S)
                for task in tasks:
                    task.cancel()
        finally:
            self._running = False
            self._ended.set()

    async def stop(self) -> None:
        """End the run: files being taken get 4 s to end, everything else stays for the next start."""
        if self._running:
            self._stopping.set()
            await self._ended.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def status(self) -> FolderStatus:
        """Tell how the source does."""
        mode = self._watch.mode if self._watch else None
        return FolderStatus(
            running=self._running,
            polling=mode.polling if mode else self._settings.polling,
            reason=mode.reason if mode else None,
            problem=self._problem,
            folders=self._sweep.folders,
            waiting=len(self._taking),
            settling=len(self._settling) + len(self._fresh),
            overflows=self._overflows_before + (self._watch.overflows if self._watch else 0),
            sweeps=self._sweeps,
            refused_folders=dict(self._folders.refused),
            counts=asdict(self._taking.counts),
            last_error=self._taking.last_error,
        )

    async def _watching(self) -> NoReturn:
        while True:
            try:
                async with watching(
                    self._root,
                    wake=self._wake,
                    polling=self._settings.polling,
                    interval_s=self._settings.polling_interval_s,
                ) as watch:
                    self._watch = watch
                    self._watched.set()
                    self._demand_sweep(full=True)
                    await self._while_it_answers(watch)
                    self._overflows_before += watch.overflows
                    self._overflows = 0
            except OSError as err:
                self._problem = f"the camera folder cannot be watched: {err.strerror or err}"
                self._watched.set()
            self._watch = None
            await self._clock.sleep(_ALIVE_EVERY_S)

    async def _while_it_answers(self, watch: Watch) -> None:
        missed = self._taking.counts.found_by_sweep
        until = self._clock.monotonic() + _NATIVE_AGAIN_S
        while watch.alive and not (watch.mode.passing and self._clock.monotonic() >= until):
            await self._clock.sleep(_ALIVE_EVERY_S)
            if self._taking.counts.found_by_sweep > missed and not watch.mode.polling:
                missed = self._taking.counts.found_by_sweep
                if await watch.silent(self._root) is not None:
                    return

    async def _driving(self) -> NoReturn:
        while True:
            due = min((at for at in (self._settling.next_due(), *self._fresh.values()) if at is not None), default=None)
            await woken(self._wake, self._clock, None if due is None else due - self._clock.monotonic())
            if self._watch is not None:
                for notice, path in self._watch.drain():
                    self._hint(notice, path)
                if self._watch.overflows > self._overflows:
                    self._overflows = self._watch.overflows
                    self._demand_sweep(full=True)
            await self._look()

    def _hint(self, notice: Notice, path: str) -> None:
        if notice is Notice.FOLDER:
            # a polling observer lists new folders by itself
            if not self._polls():
                self._demand_sweep()
            return
        relative = path.removeprefix(f"{self._root}/")
        if kind_of_name(relative) is None or any(map(is_private, relative.split("/"))):
            return
        now = self._clock.monotonic()
        if notice in {Notice.CLOSED, Notice.MOVED} and not self._polls():
            self._settling.forget(relative)
            self._fresh.pop(relative, None)
            self._taking.want(Wish(relative=relative, closed_at=self._wall()))
        elif self._polls():
            self._settling.touched(relative, now)
        elif relative not in self._settling:
            self._fresh[relative] = now + _GRACE_S

    def _polls(self) -> bool:
        return self._watch is None or self._watch.mode.polling

    def _demand_sweep(self, *, full: bool = False) -> None:
        self._full_wanted = self._full_wanted or full
        self._again_at = self._clock.monotonic() + _AGAIN_S
        self._sweep_now.set()

    async def _look(self) -> None:
        now = self._clock.monotonic()
        fresh = [relative for relative, at in self._fresh.items() if at <= now]
        due = self._settling.due(now)
        if not fresh and not due:
            return
        seen = await self._blocking(lambda: self._stamps([*fresh, *due]))
        now = self._clock.monotonic()
        for relative in fresh:
            stamp = seen[relative]
            if self._fresh.pop(relative, None) is not None and stamp is not None:
                self._noticed(relative, stamp)
        for relative in due:
            self._settled(relative, self._settling.observe(relative, now, seen[relative]))

    def _stamps(self, relatives: Iterable[str]) -> dict[str, Stamp | None]:
        stamps: dict[str, Stamp | None] = {}
        for relative in relatives:
            try:
                stamps[relative] = Stamp.of(self._folders.look(relative))
            except OSError:
                stamps[relative] = None
        return stamps

    def _settled(self, relative: str, outcome: Settled | None) -> None:
        if outcome is Settled.READY:
            self._taking.want(Wish(relative=relative))
        elif outcome is Settled.FINAL:
            self._taking.want(Wish(relative=relative, final=True))
        elif outcome is Settled.GAVE_UP:
            detail = f"it was still changing after {self._rules.give_up_s:g} s"
            self._taking.want(Wish(relative=relative, refusal=Rejected(RejectReason.NEVER_STABLE, detail)))

    def _noticed(self, relative: str, stamp: Stamp, *, urgent: bool = True) -> None:
        age_s = self._wall() - stamp.mtime_ns / 1e9
        at_rest = age_s >= (self._rules.quiet_s if self._polls() else self._rules.stable_s)
        whole_by_look = not self._polls() and stamp.size > 0 and kind_of_name(relative) is MediaKind.IMAGE
        if at_rest or whole_by_look:
            # what a hint announces and nobody wrote to lately was moved in from elsewhere
            closed_at = self._wall() if urgent and at_rest else None
            self._taking.want(Wish(relative=relative, closed_at=closed_at), urgent=urgent)
        else:
            self._settling.touched(relative, self._clock.monotonic())

    def _unfinished(self, relative: str, stamp: Stamp, closed: bool) -> None:  # noqa: FBT001 - a callback's position
        self._settling.unfinished(relative, self._clock.monotonic(), stamp=stamp, closed=closed)
        self._wake.set()

    async def _sweeping(self) -> NoReturn:
        await woken(self._watched, self._clock, self._settings.sweep_interval_s)
        while True:
            full = self._full_wanted or self._polls() or self._sweeps % _FULL_EVERY == 0
            self._full_wanted = False
            await self._sweep_once(full=full)
            await self._clock.sleep(_SWEEPS_APART_S)
            await woken(self._sweep_now, self._clock, self._until_next_sweep())

    def _until_next_sweep(self) -> float:
        interval_s = max(self._settings.sweep_interval_s, _POLLED_SWEEP_S if self._polls() else 0.0)
        if self._again_at is None:
            return interval_s
        again_s, self._again_at = self._again_at - self._clock.monotonic(), None
        return min(interval_s, max(0.0, again_s))

    async def _sweep_once(self, *, full: bool) -> None:
        first = self._sweeps == 0
        try:
            found = await self._blocking(lambda: self._sweep.scan(full=full))
            self._folders.forget(await self._blocking(self._folders.gone))
        except OSError as err:
            self._problem = f"the camera folder cannot be listed: {err.strerror or err}"
            return
        self._sweeps += 1
        self._problem = self._trouble()
        await self._consider(found, catching_up=first)

    def _trouble(self) -> str | None:
        if self._sweep.unreadable_folders:
            return f"{self._sweep.unreadable_folders} camera folders cannot be read"
        if not self._polls() and self._sweep.folders > _watch_limit():
            return f"{self._sweep.folders} folders are more than the system can watch (fs.inotify.max_user_watches)"
        return None

    async def _consider(self, found: Sequence[Found], *, catching_up: bool) -> None:
        oldest_s = self._wall() - self._settings.catch_up_h * 3600
        new: list[Found] = []
        for one in found:
            if one.sort is Sort.FILE and kind_of_name(one.relative) is None:
                self._taking.counts.ignored += 1
            elif catching_up and one.changed_s < oldest_s:
                continue
            elif not self._in_hand(one):
                new.append(one)
        for start in range(0, len(new), _KEYS_AT_ONCE):
            await self._offer(new[start : start + _KEYS_AT_ONCE], catching_up=catching_up)

    async def _offer(self, some: Sequence[Found], *, catching_up: bool) -> None:
        keys = {source_key(one.relative, one.stamp): one for one in some}
        known = await self._known(tuple(keys))
        for key, one in keys.items():
            if key in known or self._in_hand(one):
                continue
            if not catching_up:
                self._taking.counts.found_by_sweep += 1
            if one.sort is Sort.FILE:
                self._noticed(one.relative, one.stamp, urgent=False)
            else:
                self._taking.want(Wish(relative=one.relative), urgent=False)
        self._wake.set()

    async def _known(self, keys: tuple[str, ...]) -> set[str]:
        pause_s = _ALIVE_EVERY_S
        while True:
            try:
                return await self._door.known_sources(keys)
            except Exception as err:  # noqa: BLE001 - whatever the store's trouble is, the files wait for it
                _LOGGER.warning("found files wait for the store: %s", err)
                self._problem = "the store does not answer; found files wait"
            await self._clock.sleep(pause_s)
            pause_s = min(pause_s * 2, _POLLED_SWEEP_S)

    def _wall(self) -> float:
        return self._clock.now().timestamp()

    def _in_hand(self, one: Found) -> bool:
        relative = one.relative
        if relative in self._taking or relative in self._settling or relative in self._fresh:
            return True
        return self._taking.knows(relative, one.stamp)

    async def _blocking[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _watch_limit() -> int:
    try:
        return int(_MAX_WATCHES.read_text(encoding="ascii"))
    except OSError, ValueError:
        return 1 << 62
