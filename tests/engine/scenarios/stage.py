"""A house whose cameras show real pictures: real decoding, detector, models, views and judgement; the clock is ours."""

from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime
import hashlib
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from PIL import Image
import simplejpeg
import sqlalchemy as sa

from home_sentry_engine.app.sight import QualityMeter, make_second_look
from home_sentry_engine.app.views import CameraViews
from home_sentry_engine.contract import Detection, Enrichment, EnrichmentStep, Event, MediaKind
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.risk import Bands
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.media.frames import Frames, Rules
from home_sentry_engine.media.limits import Limits
from home_sentry_engine.media.paths import MediaPaths
from home_sentry_engine.settings import DetectSettings, ModelSettings
from home_sentry_engine.storage.database import Database, sqlite_url
from home_sentry_engine.storage.repositories.scenes import Scenes
from home_sentry_engine.storage.schema import inspections
from home_sentry_engine.vision.models import ModelRules, Models
from home_sentry_engine.vision.zoo import Zoo
from tests.fakes.clock import FakeClock
from tests.fakes.household import Household

# real models on a machine in a hurry; the most that the settings take
PATIENT_S = 120

type Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def photograph(path: Path) -> Pixels:
    """Read a picture as RGB."""
    return np.asarray(Image.open(path).convert("RGB"))


def sized(pixels: Pixels, width: int) -> Pixels:
    """Enlarge or shrink a picture to a width."""
    height = round(pixels.shape[0] * width / pixels.shape[1])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC))


def noisy(pixels: Pixels, seed: int) -> Pixels:
    """The same view a moment later: another grain, a little more or less light."""
    rng = np.random.default_rng(seed)
    changed = pixels.astype(np.float32) * rng.uniform(0.97, 1.03) + rng.normal(0, 2, pixels.shape)
    return np.clip(changed, 0, 255).astype(np.uint8)


def striped(pixels: Pixels) -> Pixels:
    """What a decoder makes of a picture whose middle was lost: bands of rows in wrong colours."""
    broken = pixels.copy()
    height = len(broken) // 13
    for number in range(1, 13, 2):
        band = broken[number * height : (number + 1) * height]
        band[...] = 255 - np.roll(band, 7 * number, axis=1)[:, :, [1, 2, 0]]
        band[..., number % 3] = np.minimum(255, band[..., number % 3].astype(np.int32) + 140)
    return broken


class Stage:
    """What a test does with the house: ``show`` a picture, let time go by, ask what became of it."""

    def __init__(self, home: Household, zoo: Zoo, folder: Path) -> None:
        self.home, self.zoo, self._folder = home, zoo, folder

    async def show(self, pixels: Pixels, *, camera: str = "door") -> str:
        """Let a camera deliver a picture and the detector look at it."""
        data = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=92, colorsubsampling="420")
        media, arrival = self.home.arrival_from(camera.title(), camera, sha256=hashlib.sha256(data).hexdigest())
        path = self._folder / f"{media.media_id}.jpg"
        path.write_bytes(data)
        height, width = pixels.shape[:2]
        media = replace(media, path=path, size_bytes=len(data), width=width, height=height)
        await self.home.ledger.accept(media, replace(arrival, path=path))
        await self.home.work()
        return media.media_id

    async def film(self, frames: Sequence[Pixels], *, rate: int, camera: str = "door") -> str:
        """Let a camera deliver a clip of these frames and the detector look at it."""
        media, arrival = self.home.arrival_from(camera.title(), camera)
        path = self._folder / f"{media.media_id}.mp4"
        height, width = frames[0].shape[:2]
        with av.open(str(path), "w") as out:
            stream = out.add_stream("mpeg4", rate=rate, options={"qscale": "2"})
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, "yuv420p", 8_000_000
            for pixels in frames:
                out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
            out.mux(stream.encode())
        media = replace(
            media,
            path=path,
            kind=MediaKind.VIDEO,
            size_bytes=path.stat().st_size,
            width=width,
            height=height,
            duration_s=len(frames) / rate,
        )
        await self.home.ledger.accept(media, replace(arrival, path=path, kind=MediaKind.VIDEO))
        await self.home.work()
        return media.media_id

    def forget(self, media_id: str) -> None:
        """Take a picture's file away; nothing of it is remembered."""
        (self._folder / f"{media_id}.jpg").unlink()

    async def end(self) -> list[Event]:
        """Let the visit end and give all events."""
        await self.home.pass_time(90, step=15)
        return await self.home.events()

    async def enrichment(self, event: Event) -> Enrichment:
        found = await self.home.database.read(lambda conn: self.home.tables.enrichments.of(conn, event.event_id))
        assert found is not None
        return found

    async def steps(self, event: Event) -> dict[str, EnrichmentStep]:
        return {step.about: step for step in (await self.enrichment(event)).steps}

    async def qualities(self) -> list[dict[str, Any]]:
        """Give how good the pictures were, as it is on record."""
        rows = await self.home.database.read(lambda conn: conn.execute(sa.select(inspections.c.quality)).all())
        assert rows
        return [row.quality for row in rows]

    async def detections(self, event: Event) -> tuple[Detection, ...]:
        return await self.home.database.read(lambda conn: self.home.tables.detections.of_event(conn, event.event_id))


@asynccontextmanager
async def staged(
    data: Path,
    mirror: Path,
    *,
    at: datetime,
    rules: ModelRules | None = None,
    wrap: Callable[[Models], Any] = lambda models: models,
    **overrides: Any,
) -> AsyncIterator[Stage]:
    """Open a house at a local time (UTC) with the models of a folder; ``rules`` say which may run.

    ``wrap`` may put something between the house and its models.
    """
    data.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 a test has the loop for itself
    clock = FakeClock(at)
    async with AsyncExitStack() as stack:
        detect = DetectSettings(detector="deimv2-femto", confidence=0.5, provider="cpu", timeout_s=PATIENT_S)
        source = ModelSettings(folder=data / "models", mirror=str(mirror), offline=True)
        zoo = await stack.enter_async_context(Zoo(detect, source, SystemClock(), rules=rules))
        await zoo.prepare()
        database = await stack.enter_async_context(Database(sqlite_url(data / "home.db"), clock))
        decoding = stack.enter_context(ThreadPoolExecutor(2))
        frames = Frames(MediaPaths(data), Rules(limits=Limits(timeout_s=PATIENT_S), remembered_bytes=0), decoding)
        sight = make_second_look(zoo.detector, decoding, tiles=True)
        senses = {
            "frames": frames,
            "detector": sight,
            "confirmer": sight,
            "meter": QualityMeter(decoding),
            "judge": Judge(bands=Bands()),
            "pictures": frames,
            "models": wrap(zoo.models),
            "views": CameraViews(database, Scenes(), decoding),
        }
        patient = {"enrichment_timeout_seconds": PATIENT_S} | overrides
        home = Household(database, clock, data, senses=senses, time_zone="UTC", **patient)
        yield Stage(home, zoo, data)
