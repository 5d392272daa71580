"""Ledger and camera folder for tests of ingest."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
import itertools
import os
from pathlib import Path
import shutil

from home_sentry_engine.app.copies import StillCopies
from home_sentry_engine.domain.clock import Clock, SystemClock
from home_sentry_engine.domain.errors import Rejected
from home_sentry_engine.domain.messages import Arrival, Media
from home_sentry_engine.ingest.folder import FolderSource
from home_sentry_engine.ingest.intake import Intake, Means, SizeLimits
from home_sentry_engine.ingest.ports import Ledger
from home_sentry_engine.ingest.source import CameraFolders
from home_sentry_engine.media.frames import Frames, Inspected, Rules
from home_sentry_engine.media.limits import Limits
from home_sentry_engine.media.paths import MediaPaths
from home_sentry_engine.settings import IngestSettings

_ROOM_BYTES = 400 * 2**20


@dataclass(frozen=True)
class Entry:
    accepted: bool


class BookKeeper:
    """Books in memory: each content once per camera; ``fault`` is raised while it is set."""

    def __init__(self) -> None:
        self.accepted: list[Media] = []
        self.arrivals: list[Arrival] = []
        self.duplicates: list[Arrival] = []
        self.rejected: list[tuple[Arrival, Rejected, str | None]] = []
        self.sources: set[str] = set()
        self.fault: Exception | None = None
        self.at_once = self.most_at_once = 0
        self.delay_s = 0.0

    async def known_sources(self, keys: Sequence[str]) -> set[str]:
        self._check()
        return self.sources & set(keys)

    async def accept(self, media: Media, arrival: Arrival) -> Entry:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.delay_s)
            self._check()
        finally:
            self.at_once -= 1
        self._book(arrival)
        if any(one.sha256 == media.sha256 and one.camera_id == media.camera_id for one in self.accepted):
            self.duplicates.append(arrival)
            return Entry(accepted=False)
        self.accepted.append(media)
        self.arrivals.append(arrival)
        return Entry(accepted=True)

    async def reject(self, arrival: Arrival, reason: Rejected, *, sha256: str | None = None) -> None:
        self._check()
        self._book(arrival)
        self.rejected.append((arrival, reason, sha256))

    async def repeat(self, arrival: Arrival) -> None:
        self._check()
        self._book(arrival)
        self.duplicates.append(arrival)

    def reasons(self) -> list[str]:
        return [reason.reason.value for _, reason, _ in self.rejected]

    def names(self) -> list[str]:
        return [arrival.path.name for arrival in self.arrivals if arrival.path]

    def _book(self, arrival: Arrival) -> None:
        if arrival.source_key:
            self.sources.add(arrival.source_key)

    def _check(self) -> None:
        if self.fault is not None:
            raise self.fault


def roomy_memory(name: str) -> Path | None:
    """Give a folder in memory for thousands of files, if there is room for them."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < _ROOM_BYTES:
        return None
    return memory / f"home-sentry-{name}-{os.getpid()}"


@dataclass
class House:
    """A camera root, the book keeper behind it, and the source that watches."""

    root: Path
    data: Path
    books: BookKeeper
    source: FolderSource
    intake: Intake[Inspected]
    task: asyncio.Task[None]

    async def until(self, done: Callable[[], bool], within_s: float = 60.0) -> None:
        """Wait for a condition, looking every 10 ms."""
        async with asyncio.timeout(within_s):
            while not done():  # noqa: ASYNC110 - the condition is anything that a test can see
                await asyncio.sleep(0.01)

    def copies(self) -> list[Path]:
        return sorted(path for path in (self.data / "media").rglob("*") if path.is_file())


def intake(
    root: Path, data: Path, books: Ledger, executor: ThreadPoolExecutor, *, min_image_bytes: int = 1024
) -> Intake[Inspected]:
    paths = MediaPaths(data)
    rules = Rules(limits=Limits(min_image_bytes=min_image_bytes))
    numbers = itertools.count(1)
    return Intake(
        ledger=books,
        inspector=Frames(paths, rules, executor),
        copies=StillCopies(paths),
        open_file=CameraFolders(root).open,
        means=Means(executor=executor, ids=lambda: f"m{next(numbers):06d}", limits=SizeLimits()),
    )


@asynccontextmanager
async def house(
    folder: Path, *, books: BookKeeper | None = None, clock: Clock | None = None, **settings
) -> AsyncIterator[House]:
    """A running folder source below ``folder``; settings override those of ingest."""
    root, data = folder / "cameras", folder / "data"
    books = books or BookKeeper()
    with ThreadPoolExecutor(2) as decoding, ThreadPoolExecutor(2) as listing:
        door = intake(root, data, books, decoding)
        wishes = {"sweep_interval_s": 0.5, **settings}
        source = FolderSource(
            IngestSettings(camera_root=root, **wishes), CameraFolders(root), door, clock or SystemClock(), listing
        )
        task = asyncio.create_task(source.run())
        one = House(root=root, data=data, books=books, source=source, intake=door, task=task)
        try:
            await one.until(lambda: source.status().sweeps > 0 or task.done())
            yield one
        finally:
            async with asyncio.timeout(60):
                await source.stop()
                await task
