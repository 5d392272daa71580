"""Hints from the file system: which file was closed, moved in, created; never the whole truth."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto
import logging
import os
from pathlib import Path
import secrets
from typing import Final

from watchdog.events import (
    DirCreatedEvent,
    DirModifiedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver

_LOGGER = logging.getLogger(__name__)
_PROBE_S: Final = 2.0
_GLANCE_S: Final = 0.02
_JOIN_S: Final = 2.0
PROBE_NAME: Final = ".home-sentry-probe-"
# every other event only fills the kernel's queue, which drops what does not fit
_NATIVE: Final[list[type[FileSystemEvent]]] = [
    FileClosedEvent,
    FileMovedEvent,
    FileCreatedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]
_POLLED: Final[list[type[FileSystemEvent]]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    DirCreatedEvent,
    DirModifiedEvent,
    DirMovedEvent,
]
_REMOTE: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "vboxsf", "afs", "ceph", "davfs"})


class Notice(Enum):
    """What a hint says about a path."""

    CLOSED = auto()
    MOVED = auto()
    CREATED = auto()
    CHANGED = auto()
    FOLDER = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchMode:
    """How folders are watched, and why not natively: one sentence, None where there is nothing to tell.

    ``passing`` says that native events may come another time: none came in time, or no watch was left.
    """

    polling: bool
    reason: str | None = None
    passing: bool = False


class Watch:
    """A running observer; ``drain`` hands out what its thread has noted."""

    def __init__(self, mode: WatchMode, wake: Callable[[], None]) -> None:
        """Take what to call, from any thread, when there is something to drain."""
        self.mode = mode
        self.overflows = 0
        self._hints: deque[tuple[Notice, str]] = deque()
        self._wake = wake
        self._heard = ""
        self._observer: BaseObserver | None = None

    @property
    def alive(self) -> bool:
        """Tell whether the observer's threads still run; they end when the root vanishes."""
        observer = self._observer
        return observer is not None and observer.is_alive() and all(one.is_alive() for one in observer.emitters)

    def drain(self) -> list[tuple[Notice, str]]:
        """Give the hints since the last call in their order, with absolute paths."""
        return [self._hints.popleft() for _ in range(len(self._hints))]

    def note(self, notice: Notice, path: str) -> None:
        """Append a hint; called by the observer's thread."""
        if PROBE_NAME in path:
            self._heard = path
            return
        self._hints.append((notice, path))
        self._wake()

    def overflowed(self) -> None:
        """Count lost events; called by the observer's thread."""
        self.overflows += 1
        self._wake()

    async def silent(self, root: Path, within_s: float | None = None) -> str | None:
        """Write a marker file and tell why its event did not come; None if it came, or if the root is read-only."""
        within_s = _PROBE_S if within_s is None else within_s
        marker = root / f"{PROBE_NAME}{secrets.token_hex(6)}"
        try:
            await asyncio.to_thread(marker.touch, exist_ok=False)
        except OSError:
            # a read-only mount cannot be probed; its kind was judged already
            return None
        try:
            for _ in range(max(1, round(within_s / _GLANCE_S))):
                if self._heard == str(marker):
                    return None
                await asyncio.sleep(_GLANCE_S)
        finally:
            await asyncio.to_thread(marker.unlink, missing_ok=True)
        return f"a marker file raised no event within {within_s:g} s"

    def begin(self, root: Path, interval_s: float) -> None:
        """Start the observer; blocking; raises ``OSError`` where the system has no watch left."""
        observer = PollingObserver(timeout=interval_s) if self.mode.polling else Observer()
        wanted = _POLLED if self.mode.polling else _NATIVE
        observer.schedule(_Notes(self), str(root), recursive=True, event_filter=wanted)
        self._observer = observer
        observer.start()

    def end(self) -> None:
        """Stop the observer; blocking; harmless when it never started."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            if observer.is_alive():
                observer.join(_JOIN_S)


class _Notes(FileSystemEventHandler):
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.is_directory:
            self._watch.note(Notice.FOLDER, os.fsdecode(event.dest_path or event.src_path))
        elif isinstance(event, FileMovedEvent):
            self._watch.note(Notice.MOVED, os.fsdecode(event.dest_path))
        elif isinstance(event, FileClosedEvent):
            self._watch.note(Notice.CLOSED, os.fsdecode(event.src_path))
        else:
            created = isinstance(event, FileCreatedEvent)
            self._watch.note(Notice.CREATED if created else Notice.CHANGED, os.fsdecode(event.src_path))


class _OverflowLog(logging.Handler):
    """The library tells nobody but the log when the kernel dropped events."""

    def __init__(self, lost: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._lost = lost

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage().lower():
            self._lost()


@asynccontextmanager
async def watching(root: Path, *, wake: asyncio.Event, polling: bool, interval_s: float) -> AsyncIterator[Watch]:
    """Watch a root and all below it; native events are proved with a marker file, else polling takes over.

    ``wake`` is set whenever ``drain`` has something. Raises ``OSError`` if the root cannot be watched at all.
    """
    loop = asyncio.get_running_loop()

    def rouse() -> None:
        # a loop that is closing needs no hint any more
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(wake.set)

    mode = WatchMode(polling=polling, reason="polling is set" if polling else _remote_reason(root))
    watch = Watch(mode if mode.reason is None else WatchMode(polling=True, reason=mode.reason), rouse)
    log, handler = logging.getLogger("watchdog.observers"), _OverflowLog(watch.overflowed)
    level = log.level
    # the warning is the only sign of lost events: it must be made even where nobody wants to read warnings
    log.setLevel(logging.WARNING)
    log.addHandler(handler)
    try:
        refused = await _begun(watch, root, interval_s)
        if refused is not None:
            _LOGGER.warning("file events do not work here, polling instead: %s", refused)
            await asyncio.to_thread(watch.end)
            watch.mode = WatchMode(polling=True, reason=refused, passing=True)
            await asyncio.to_thread(watch.begin, root, interval_s)
        yield watch
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        handler.close()
        await asyncio.shield(asyncio.to_thread(watch.end))


async def _begun(watch: Watch, root: Path, interval_s: float) -> str | None:
    try:
        await asyncio.to_thread(watch.begin, root, interval_s)
    except OSError as err:
        if watch.mode.polling:
            raise
        return f"the system refuses to watch the folder ({err.strerror or err})"
    if watch.mode.polling:
        return None
    return await watch.silent(root)


def _remote_reason(root: Path) -> str | None:
    try:
        device = root.stat().st_dev
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in lines:
        head, _, tail = line.partition(" - ")
        kind = tail.split(" ", 1)[0]
        if head.split(" ")[2] == wanted and (kind in _REMOTE or kind.startswith("fuse.")):
            return f"the folder lies on {kind}, which does not report what other machines write"
    return None
