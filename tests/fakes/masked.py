"""A household whose cameras have privacy masks: the real way of a file from its folder to every picture of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
import dataclasses
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from home_sentry_engine.app.copies import StillCopies
from home_sentry_engine.app.home import StoredHome
from home_sentry_engine.app.mask_state import MaskState
from home_sentry_engine.app.masking import UploadMasking
from home_sentry_engine.app.masks import MaskBook
from home_sentry_engine.app.pictures import GalleryPictures
from home_sentry_engine.app.remasking import StoredMasking
from home_sentry_engine.contract import Component, HomeFact, HomeFactKind, HomeReport, Mask
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection, FrameDetections
from home_sentry_engine.domain.filetypes import kind_of_name
from home_sentry_engine.domain.messages import Arrival, Media
from home_sentry_engine.ingest.intake import Accepted, Intake, Means, Outcome, SizeLimits
from home_sentry_engine.ingest.ports import Ledger
from home_sentry_engine.ingest.source import CameraFolders, Stamp, source_key
from home_sentry_engine.media.frames import Frames, Inspected, Rules
from home_sentry_engine.media.gallery import Gallery
from home_sentry_engine.media.limits import Limits
from home_sentry_engine.media.mask import Veil
from home_sentry_engine.media.paths import MediaPaths
from home_sentry_engine.media.picture import Picture, decode
from home_sentry_engine.media.remask import Burner
from home_sentry_engine.storage.database import Connection, Database, sqlite_url
from home_sentry_engine.storage.query import DetectionQuery, MediaQuery

from . import pictures
from .clock import FakeClock
from .household import Household

LIMITS = Limits(min_image_bytes=1)
SECRET = (255, 0, 255)
MIDDLE = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))

type Shape = tuple[tuple[float, float], ...]


def mask(*shape: tuple[float, float], modes: tuple[str, ...] = ()) -> Mask:
    return Mask(name="mask", points=shape or MIDDLE, modes=modes)


def planted(shapes: Sequence[Shape] = (MIDDLE,), size: tuple[int, int] = (640, 480), seed: int = 1) -> np.ndarray:
    """A green scene that has the secret colour in these shapes and nowhere else."""
    drawn = pictures.scene(*size, seed=seed)
    drawn[..., 0] //= 4
    drawn[..., 2] //= 4
    for shape in shapes:
        cv2.fillPoly(drawn, [np.rint(np.asarray(shape) * size).astype(np.int32)], SECRET)
    return drawn


def planted_jpeg(shapes: Sequence[Shape] = (MIDDLE,), size: tuple[int, int] = (640, 480), seed: int = 1) -> bytes:
    return cv2.imencode(".jpg", cv2.cvtColor(planted(shapes, size, seed), cv2.COLOR_RGB2BGR))[1].tobytes()


def leaks(pixels: np.ndarray) -> bool:
    """Tell whether the secret colour shows."""
    red, green, blue = (pixels[..., channel].astype(int) for channel in range(3))
    return bool(((red > 160) & (blue > 160) & (green < 100)).any())


class Onlooker:
    """A detector that sees a person on everything and remembers what it was shown."""

    model_id = "onlooker"

    def __init__(self) -> None:
        self.shown: list[Picture] = []

    async def detect(self, frames: Sequence[Picture], *, confidence: float | None = None) -> Sequence[FrameDetections]:
        self.shown += frames
        return tuple(
            FrameDetections(
                detections=(
                    Detection(
                        label="person",
                        confidence=0.9,
                        box=Box(x=8, y=8, width=frame.width // 2, height=frame.height // 2),
                    ),
                ),
                image_width=frame.width,
                image_height=frame.height,
                model_id=self.model_id,
                inference_ms=1.0,
                offset_s=frame.offset_s,
            )
            for frame in frames
        )


class MaskedHome:
    """What an engine wires around masks, over one database; several of them may share it."""

    def __init__(
        self, database: Database, clock: FakeClock, data: Path, executor: ThreadPoolExecutor, *, shared: bool
    ) -> None:
        self.clock, self.database, self.root = clock, database, data / "cameras"
        self.onlooker, self.heard, self.forgotten = Onlooker(), list[Component](), list[str]()
        self.paths = MediaPaths(data)
        fresh: dict[str, Any] = {"fresh": self._fresh} if shared else {}
        self.frames = Frames(self.paths, Rules(limits=LIMITS), executor, veils=self._veil_of, **fresh)
        self.home = Household(database, clock, data, senses={"detector": self.onlooker, "frames": self.frames})
        self.tables = self.home.tables
        self.book = MaskBook(database, self.tables, clock, self.forgotten.append)
        self.gallery = Gallery(self.frames, self.paths, executor)
        self.pictures = GalleryPictures(database, self.tables, self.gallery)
        self.folders = CameraFolders(self.root)
        self.state = MaskState(self.heard.append)
        self.burner = Burner(self.paths, LIMITS, executor)
        self.uploads = UploadMasking(self.folders, self.burner, database, self.tables, self.state, clock)
        self.stored = self.remasking()
        self.means = Means(
            executor=executor,
            ids=self.home._ids,
            limits=SizeLimits(),
            replace=self.uploads.replace,
            renew=self.book.read,
        )
        self.intake = self._intake()

    def _veil_of(self, camera_id: str) -> Veil | None:
        return self.book.veil_of(camera_id)

    async def _fresh(self) -> None:
        await self.book.read()

    def _intake(self, ledger: Ledger | None = None) -> Intake[Inspected]:
        return Intake(
            ledger=ledger or self.home.ledger,
            inspector=self.frames,
            copies=StillCopies(self.paths),
            open_file=self.folders.open,
            means=self.means,
        )

    def replace_by(self, replace: Callable[[str, Path, bytes], Awaitable[bool]]) -> None:
        """Let something else put masked content in the place of uploads."""
        self.means = dataclasses.replace(self.means, replace=replace)
        self.intake = self._intake()

    def intake_of(self, ledger: Ledger) -> None:
        """Let another ledger book."""
        self.intake = self._intake(ledger)

    async def set_up(self, masks: tuple[Mask, ...]) -> None:
        """Make the camera with masks before it delivers anything."""

        def make(conn: Connection) -> None:
            self.tables.cameras.ensure(conn, camera_id="door", name="Door", folder="Door", now=self.clock.now())

        await self.database.write(make)
        await self.book.set_masks("door", masks)

    async def alarm(self, state: str) -> None:
        """Let Home Assistant tell how the home is armed."""
        said = HomeFact(kind=HomeFactKind.ALARM, entity_id="alarm_control_panel.home", name="Alarm", state=state)
        heard = StoredHome(self.database, self.tables.home, self.clock, self.book.read)
        await heard.take(HomeReport(facts=(said,)))

    def key_of(self, relative: str) -> str:
        """Name a file in the camera folders as the folder source does."""
        return source_key(relative, Stamp.of(self.folders.look(relative)))

    def later(self) -> datetime:
        """Give a time after everything that happened."""
        return self.clock.steady() + timedelta(seconds=1)

    def remasking(self) -> StoredMasking:
        """Give what a new start gives."""
        return StoredMasking(self.burner, self.gallery.forget, self.database, self.tables, self.state, self.clock)

    def put(self, content: bytes, name: str = "a.jpg") -> Arrival:
        """Let a camera deliver a file into its folder."""
        path = self.root / "Door" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        kind = kind_of_name(name)
        assert kind is not None
        return Arrival(
            camera_id="door",
            camera_name="Door",
            kind=kind,
            seen_at=self.clock.now(),
            path=path,
            source_key=self.key_of(f"Door/{name}"),
        )

    async def take(self, content: bytes, name: str = "a.jpg") -> Outcome:
        return await self.intake.take(self.put(content, name))

    async def accept(self, content: bytes, name: str = "a.jpg") -> Media:
        outcome = await self.take(content, name)
        assert isinstance(outcome, Accepted), outcome
        return outcome.media

    async def media(self) -> tuple[Media, ...]:
        page = await self.database.read(lambda conn: self.tables.media.page(conn, MediaQuery(limit=1000)))
        return tuple(one.media for one in page.items)

    async def remask(self) -> None:
        """Let the masks settle and everything stored be masked anew."""
        self.clock.tick(4)
        await self.passing(self.stored)

    async def passing(self, stored: StoredMasking) -> None:
        # the pauses between portions end at once
        await _pushed(self.clock, stored.once())

    def files(self, *folders: str) -> list[Path]:
        found = (self.paths.root / folder for folder in folders or ("media", "thumbnails", "cameras"))
        return sorted(one for folder in found for one in folder.rglob("*") if one.is_file())

    async def served(self) -> list[np.ndarray]:
        """Give every picture that the API has."""
        asked = [await self.pictures.latest_of("door")]
        for media in await self.media():
            asked.append(await self.pictures.of_media(media.media_id))
            asked.append(await self.pictures.thumbnail_of_media(media.media_id))
        for event in await self.home.events():
            asked += [await self.pictures.thumbnail_of(event.event_id), await self.pictures.snapshot_of(event.event_id)]
        found = await self.database.read(lambda conn: self.tables.detections.page(conn, DetectionQuery(limit=100)))
        asked += [await self.pictures.of_detection(one.id) for one in found.items]
        asked += [await self.pictures.thumbnail_of_detection(one.id) for one in found.items]
        return [decode(one.body).pixels for one in asked if one is not None]


async def _pushed(clock: FakeClock, work: Any) -> None:
    task = asyncio.ensure_future(work)
    while not task.done():
        # no time goes by while a thread works
        if clock.asleep:
            await clock.advance(0.02)
        await asyncio.sleep(0.001)
    await task


@asynccontextmanager
async def masked_home(
    data: Path, *, url: str | None = None, clock: FakeClock | None = None
) -> AsyncIterator[MaskedHome]:
    """Open it over a file of its own, or over a database that others share."""
    clock = clock or FakeClock()
    with ThreadPoolExecutor(1) as executor:
        async with Database(url or sqlite_url(data / "masks.db"), clock) as database:
            home = MaskedHome(database, clock, data, executor, shared=url is not None)
            await home.book.read()
            yield home
