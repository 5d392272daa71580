"""A look at a file without storing anything, for the API."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from io import BytesIO
import time

from home_sentry_engine.api.eye_ports import Sight
from home_sentry_engine.contract import Box, Look, LookObject, MediaKind
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.files import Provenance
from home_sentry_engine.domain.filetypes import FileType
from home_sentry_engine.domain.labels import group_of
from home_sentry_engine.media.frames import Frames
from home_sentry_engine.media.picture import Picture
from home_sentry_engine.media.video import Sampling, VideoReader
from home_sentry_engine.vision.second_look import SecondLook


class DetectorLook:
    """``api.ports.Analyzer`` and ``Eyes``: the same checks and the same detector as the pipeline."""

    def __init__(
        self,
        *,
        frames: Frames,
        reader: VideoReader,
        sampling: Sampling,
        detector: SecondLook,
        executor: Executor,
        clock: Clock,
    ) -> None:
        """Take the decoders, the detector and the executor that decodes."""
        self._frames = frames
        self._reader = reader
        self._sampling = sampling
        self._detector = detector
        self._executor = executor
        self._clock = clock

    async def look(self, data: bytes, file_type: FileType, camera_id: str | None = None) -> Look:
        """Detect objects in a file, under the masks of a camera; raises ``Rejected`` or a ``StageError``."""
        started = time.perf_counter()
        kind = file_type.kind
        await self._frames.fresh()
        pictures = await self._run(lambda: self._pictures(data, kind, camera_id))
        found = await self._detector.detect(pictures)
        return Look(
            kind=kind,
            width=pictures[0].width,
            height=pictures[0].height,
            frames=len(pictures),
            model_id=found[0].model_id,
            duration_ms=(time.perf_counter() - started) * 1000,
            objects=tuple(thing for frame in found for thing in _objects(frame)),
        )

    async def detect(self, pictures: Sequence[bytes]) -> Sequence[Sight]:
        """Detect objects in stills for another program; raises ``Rejected`` or a ``StageError``."""
        provenance = Provenance(seen_at=self._clock.now())
        looked = await self._run(lambda: [self._frames.inspect_still(one, provenance).picture for one in pictures])
        found = await self._detector.detect([one for one in looked if one is not None])
        return [
            Sight(
                width=frame.image_width,
                height=frame.image_height,
                inference_ms=frame.inference_ms,
                objects=tuple(
                    (one.label, one.confidence, one.box.x, one.box.y, one.box.width, one.box.height)
                    for one in frame.detections
                ),
            )
            for frame in found
        ]

    def _pictures(self, data: bytes, kind: MediaKind, camera_id: str | None) -> tuple[Picture, ...]:
        if kind is MediaKind.VIDEO:
            self._frames.inspect_video(BytesIO(data), Provenance(seen_at=self._clock.now()))
            veil = self._frames.veil_of(camera_id) if camera_id is not None else None
            return tuple(self._reader.frames(BytesIO(data), replace(self._sampling, veil=veil)))
        provenance = Provenance(seen_at=self._clock.now(), camera_id=camera_id)
        picture = self._frames.inspect_still(data, provenance).picture
        return (picture,) if picture is not None else ()

    async def _run[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _objects(frame: FrameDetections) -> tuple[LookObject, ...]:
    return tuple(
        LookObject(
            label=one.label,
            group=group_of(one.label),
            confidence=one.confidence,
            box=Box(x=one.box.x, y=one.box.y, width=one.box.width, height=one.box.height),
            offset_s=frame.offset_s,
        )
        for one in frame.detections
    )
