"""Seeing: from a file's pictures to the detections that may count, with the doubts that the pictures raise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any, Final, Protocol

from home_sentry_engine.context.boxes import BoxFilters
from home_sentry_engine.context.sieve import sift
from home_sentry_engine.context.trust import fallen, trusted, worst
from home_sentry_engine.domain.daypart import is_night
from home_sentry_engine.domain.detection import Detection, FrameDetections
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.domain.quality import PictureQuality

from .ports import Detector, Frames

_DOUBTFUL_FROM: Final = 0.50
_DOUBTFUL_UNTIL: Final = 0.70


class Meter(Protocol):
    """Measures how good pictures are."""

    async def measure(self, pictures: Sequence[Any]) -> Sequence[PictureQuality]:
        """Give the quality of each picture; raises ``StageError``."""
        ...


class Confirmer(Protocol):
    """Looks at single boxes again, enlarged."""

    async def confirm(self, frame: Any, doubtful: Sequence[Detection]) -> Sequence[Detection]:
        """Give the same detections with ``doubted`` set; raises ``StageError``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A file's pictures and what each shows, in the same order."""

    pictures: tuple[Any, ...]
    frames: tuple[FrameDetections, ...]

    @property
    def covered(self) -> bool:
        """Tell whether no picture shows a scene."""
        known = [frame.quality for frame in self.frames]
        return bool(known) and all(one is not None and one.covered for one in known)

    @property
    def bad(self) -> bool:
        """Tell whether a picture is too bad to be believed as it is."""
        return any(frame.quality is not None and frame.quality.bad for frame in self.frames)

    @property
    def fallen(self) -> PictureQuality | None:
        """Give the worst picture that fell suddenly behind the camera's earlier ones, None without any."""
        qualities = [frame.quality for frame in self.frames if frame.quality is not None]
        return worst([one for one in qualities if one.usual is not None])

    @property
    def doubtful(self) -> bool:
        """Tell whether there are people of whom the detector is not sure."""
        return any(is_doubtful(one) for frame in self.frames for one in frame.detections)


class Seeing:
    """Loads, detects, measures and filters; raises ``StageError`` and never takes a failure for an empty picture."""

    def __init__(
        self,
        *,
        frames: Frames,
        detector: Detector,
        filters: BoxFilters,
        zone: tzinfo,
        meter: Meter | None = None,
        confirmer: Confirmer | None = None,
    ) -> None:
        """Take the decoder, the detector, the filters with the home's time zone, and what measures and confirms."""
        self._frames = frames
        self._detector = detector
        self._filters = filters
        self._zone = zone
        self._meter = meter
        self._confirmer = confirmer

    async def look(self, media: Media) -> Seen:
        """Look at a file."""
        pictures = tuple(await self._frames.load(media))
        night = self._is_night(media)
        lowest = self._filters.lowest(media.camera_id, night=night)
        found = await self._detector.detect(pictures, confidence=lowest)
        kept = sift(found, [self._filters.screen(media.camera_id, night=night)])
        if self._meter is None:
            return Seen(pictures=pictures, frames=kept)
        qualities = await self._meter.measure(pictures)

        def threshold(one: Detection) -> float:
            return self._filters.threshold(media.camera_id, one.label, night=night)

        weighed = tuple(
            replace(trusted(frame, quality, threshold), quality=quality)
            for frame, quality in zip(kept, qualities, strict=True)
        )
        return Seen(pictures=pictures, frames=weighed)

    def against(self, seen: Seen, media: Media, before: Sequence[PictureQuality]) -> Seen:
        """Compare how good the pictures are with those that came before; ``before`` is the newest first."""
        night = self._is_night(media)
        frames = tuple(
            frame if frame.quality is None else replace(frame, quality=fallen(frame.quality, before, night=night))
            for frame in seen.frames
        )
        return replace(seen, frames=frames)

    async def confirmed(self, seen: Seen) -> Seen:
        """Look again at people of whom the detector was not sure."""
        if self._confirmer is None:
            return seen
        frames = []
        for picture, frame in zip(seen.pictures, seen.frames, strict=True):
            doubtful = [one for one in frame.detections if is_doubtful(one)]
            again = await self._confirmer.confirm(picture, doubtful) if doubtful else ()
            answers = dict(zip(doubtful, again, strict=True))
            refuted = sum(one.doubted is True for one in again)
            counts = (("confirm", len(doubtful)), ("confirm_refuted", refuted)) if doubtful else ()
            detections = tuple(answers.get(one, one) for one in frame.detections)
            frames.append(replace(frame, detections=detections, again=(*frame.again, *counts)))
        return replace(seen, frames=tuple(frames))

    def _is_night(self, media: Media) -> bool:
        return is_night(media.captured_at.astimezone(self._zone))


def is_doubtful(one: Detection) -> bool:
    """Tell whether a detection is a person of whom the detector is not sure, and nobody looked closer yet."""
    return one.label == "person" and one.doubted is None and _DOUBTFUL_FROM <= one.confidence < _DOUBTFUL_UNTIL


def without_doubtful(frames: Sequence[FrameDetections]) -> tuple[FrameDetections, ...]:
    """Give the frames without the people of whom the detector is not sure."""
    return tuple(
        replace(frame, detections=tuple(one for one in frame.detections if not is_doubtful(one))) for frame in frames
    )
