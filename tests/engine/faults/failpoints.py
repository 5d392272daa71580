"""A program: dies by SIGKILL at each step of a small run in turn, then lets a fresh process finish what was begun.

Prints one JSON line for each fail-point and a last one for the run that nothing killed. Points are counted at the
seams of the composition: before, inside and after every transaction, after every copy of a file, before every look.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
import itertools
import json
import os
from pathlib import Path
import shutil
import signal
import sys
from typing import Any

from home_sentry_engine.app.copies import StillCopies
from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.files import FileFacts
from home_sentry_engine.domain.messages import Arrival
from home_sentry_engine.ingest.intake import Intake, Means, SizeLimits
from home_sentry_engine.ingest.source import CameraFolders
from home_sentry_engine.media.frames import Frames, Rules
from home_sentry_engine.media.limits import Limits
from home_sentry_engine.media.paths import MediaPaths
from home_sentry_engine.storage.database import Connection, Database, sqlite_url
from tests.engine.faults.programs import deliver, different
from tests.fakes import pictures
from tests.fakes.clock import START, FakeClock
from tests.fakes.household import Eyes, Household

PICTURES = 4
FAR = 10_000


class Fuse:
    """Counts steps and kills the process at one of them."""

    def __init__(self, at: int) -> None:
        self.left = at

    def step(self) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1


class FusedDatabase(Database):
    def __init__(self, url: str, clock: FakeClock, fuse: Fuse) -> None:
        super().__init__(url, clock)
        self.fuse = fuse

    async def write[T](self, work: Callable[[Connection], T]) -> T:
        def fused(conn: Connection) -> T:
            result = work(conn)
            self.fuse.step()
            return result

        self.fuse.step()
        result = await super().write(fused)
        self.fuse.step()
        return result


class FusedCopies(StillCopies):
    def __init__(self, paths: MediaPaths, fuse: Fuse) -> None:
        super().__init__(paths)
        self.fuse = fuse

    def store(self, media_id: str, camera_id: str, facts: FileFacts, data: bytes) -> Path:
        path = super().store(media_id, camera_id, facts, data)
        self.fuse.step()
        return path


class SureEyes(Eyes):
    """Sees a person on every picture."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self.fuse = fuse

    async def detect(self, frames: Sequence[Any], *, confidence: float | None) -> Sequence[FrameDetections]:
        self.fuse.step()
        self.shows[frames[0].media_id] = [("person", 0.95)]
        return await super().detect(frames, confidence=confidence)


async def run(data: Path, fuse: Fuse, clock: FakeClock) -> None:
    root, paths = data / "cameras", MediaPaths(data)
    async with FusedDatabase(sqlite_url(data / "home.db"), clock, fuse) as database:
        home = Household(database, clock, data, eyes=SureEyes(fuse))
        await home.recover()
        home.mind.answer = 40
        with ThreadPoolExecutor(1) as executor:
            numbers = itertools.count()
            ids = lambda: f"m{int((clock.now() - START).total_seconds())}-{next(numbers)}"  # noqa: E731
            intake = Intake(
                ledger=home.ledger,
                inspector=Frames(paths, Rules(limits=Limits(min_image_bytes=100)), executor),
                copies=FusedCopies(paths, fuse),
                open_file=CameraFolders(root).open,
                means=Means(executor=executor, ids=ids, limits=SizeLimits()),
            )
            for number, file in enumerate(sorted(root.rglob("*.jpg"))):
                await _offer(intake, file, clock)
                if number == PICTURES // 2:
                    await home.work()
        await home.work()
        await home.pass_time(200, step=20)


async def _offer(intake: Intake[Any], file: Path, clock: FakeClock) -> None:
    if await intake.known_sources((file.name,)):
        return
    camera = file.parent.name
    arrival = Arrival(
        camera_id=camera,
        camera_name=camera.title(),
        kind=MediaKind.IMAGE,
        seen_at=clock.now(),
        path=file,
        source_key=file.name,
    )
    await intake.take(arrival)


def forked(work: Callable[[], None]) -> int:
    """Run ``work`` in a process of its own and give how it ended."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder: Path, stride: int) -> None:
    template = folder / "template"
    picture = pictures.jpeg(160, 120)
    for number in range(PICTURES):
        deliver(template / "cameras" / ("yard" if number % 2 else "door"), f"{number}.jpg", different(picture, number))
    make = lambda: asyncio.run(_make(template / "home.db"))  # noqa: E731
    assert forked(make) == 0
    for point in itertools.count(step=stride):
        data = folder / f"point{point:03d}"
        shutil.copytree(template, data)
        begin = lambda data=data, point=point: asyncio.run(run(data, Fuse(point), FakeClock()))  # noqa: E731
        status = forked(begin)
        assert status in {0, -signal.SIGKILL}, f"point {point} ended with {status}"
        later = lambda data=data: asyncio.run(  # noqa: E731
            run(data, Fuse(FAR), FakeClock(START + timedelta(minutes=10)))
        )
        assert forked(later) == 0, f"nothing could go on after point {point}"
        print(json.dumps({"folder": data.name, "died": status != 0, "pictures": PICTURES}), flush=True)
        if status == 0:
            return


async def _make(file: Path) -> None:
    async with Database(sqlite_url(file), FakeClock()):
        pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
