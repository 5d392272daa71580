"""Places are kept free for cameras of which nothing waits."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.errors import Rejected, RejectReason
from home_sentry_engine.domain.messages import Arrival
from home_sentry_engine.ingest.intake import Outcome, Refused
from home_sentry_engine.ingest.source import CameraFolders
from home_sentry_engine.ingest.taking import Pace, Taking, Wish
from tests.fakes.patience import turns, until


class SlowDoor:
    """Takes what it is given and lets it go when told."""

    def __init__(self) -> None:
        self.came: list[Arrival] = []
        self.open = asyncio.Event()
        self.inside = self.most = 0

    async def known_sources(self, keys: object) -> set[str]:
        return set()

    async def take(self, arrival: Arrival, *, final: bool) -> Outcome:
        self.came.append(arrival)
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.open.wait()
        self.inside -= 1
        return Refused(rejected=Rejected(RejectReason.CORRUPT, "as the test wants"))

    async def refuse(self, arrival: Arrival, rejected: Rejected) -> Refused:
        return Refused(rejected=rejected)

    def names(self, camera: str) -> list[str]:
        return [arrival.name or "" for arrival in self.came if arrival.camera_id == camera]


@asynccontextmanager
async def taking(root: Path, door: SlowDoor) -> AsyncIterator[Taking]:
    with ThreadPoolExecutor(2) as executor:
        one = Taking(
            CameraFolders(root),
            door,
            SystemClock(),
            executor,
            pace=Pace(at_once=10, spacing_s=0.0),
            unfinished=lambda _relative, _stamp, _closed: None,
        )
        task = asyncio.create_task(one.run())
        try:
            yield one
        finally:
            task.cancel()
            await asyncio.wait([task])


def want(root: Path, one: Taking, *relatives: str) -> None:
    for relative in relatives:
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"content")
        one.want(Wish(relative=relative))


async def test_a_flood_leaves_places_for_others(tmp_path):
    door = SlowDoor()
    async with taking(tmp_path, door) as one:
        want(tmp_path, one, *(f"yard/{number:02}.jpg" for number in range(40)))
        await until(lambda: len(door.came) == 8)
        await turns()
        assert len(door.came) == 8
        want(tmp_path, one, "door/a.jpg", "garden/a.jpg")
        await until(lambda: len(door.came) == 10)
        assert door.names("door") == door.names("garden") == ["a.jpg"]
        assert sorted(arrival.name or "" for arrival in door.came if not arrival.behind) == ["00.jpg", "a.jpg", "a.jpg"]
        door.open.set()
        await until(lambda: len(door.came) == 42 and not len(one))
    assert sorted(door.names("yard")) == [f"{number:02}.jpg" for number in range(40)]
    assert door.most <= 10
    assert not one._in_work
