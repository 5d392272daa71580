"""Seeing: from a file's pictures to the detections that may count, with the doubts that the pictures raise."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
import logging
from typing import Any, Final, Protocol

from home_sentry_engine.context.association import AssociationRules
from home_sentry_engine.context.boxes import BoxFilters
from home_sentry_engine.context.sieve import sift
from home_sentry_engine.context.trust import fallen, trusted, worst
from home_sentry_engine.domain.daypart import is_night
from home_sentry_engine.domain.detection import Detection, FrameDetections
from home_sentry_engine.domain.errors import Permanent
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.domain.quality import PictureQuality

from .flashes import is_other, moments_beside
from .ports import Detector, Frames

_LOGGER = logging.getLogger(__name__)
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
class Checks:
    """What checks the first look: how good pictures are, and single boxes looked at again; None does neither.

    By ``association`` frames of a video show one subject; what they do not agree on is looked for beside them.
    """

    meter: Meter | None = None
    confirmer: Confirmer | None = None
    association: AssociationRules = field(default_factory=AssociationRules)


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
        checks: Checks | None = None,
    ) -> None:
        """Take the decoder, the detector, the filters with the home's time zone, and what checks the first look."""
        self._frames = frames
        self._detector = detector
        self._filters = filters
        self._zone = zone
        self._checks = checks or Checks()

    async def look(self, media: Media) -> Seen:
        """Look at a file."""
        seen = await self._seen(media, tuple(await self._frames.load(media)))
        beside = moments_beside(media, seen.frames, self._checks.association) if len(seen.frames) > 1 else ()
        if not beside:
            return seen
        known = [frame.offset_s or 0.0 for frame in seen.frames]
        others = [one for one in await self._beside(media, beside) if is_other(one.offset_s or 0.0, known)]
        return _in_order(seen, await self._seen(media, tuple(others))) if others else seen

    async def _beside(self, media: Media, moments: Sequence[float]) -> list[Any]:
        pictures = []
        for offset_s in moments:
            try:
                pictures.append(await self._frames.picture(media, offset_s))
            except Permanent as err:
                # the frames that were chosen decode, so the file as a whole is sound
                _LOGGER.info("No look beside a frame: %s", err.reason, extra={"media_id": media.media_id})
        return pictures

    async def _seen(self, media: Media, pictures: tuple[Any, ...]) -> Seen:
        night = self._is_night(media)
        lowest = self._filters.lowest(media.camera_id, night=night)
        found = await self._detector.detect(pictures, confidence=lowest)
        kept = sift(found, [self._filters.screen(media.camera_id, night=night)])
        if self._checks.meter is None:
            return Seen(pictures=pictures, frames=kept)
        qualities = await self._checks.meter.measure(pictures)

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
        if self._checks.confirmer is None:
            return seen
        frames = []
        for picture, frame in zip(seen.pictures, seen.frames, strict=True):
            doubtful = [one for one in frame.detections if is_doubtful(one)]
            again = await self._checks.confirmer.confirm(picture, doubtful) if doubtful else ()
            answers = dict(zip(doubtful, again, strict=True))
            refuted = sum(one.doubted is True for one in again)
            counts = (("confirm", len(doubtful)), ("confirm_refuted", refuted)) if doubtful else ()
            detections = tuple(answers.get(one, one) for one in frame.detections)
            frames.append(replace(frame, detections=detections, again=(*frame.again, *counts)))
        return replace(seen, frames=tuple(frames))

    def _is_night(self, media: Media) -> bool:
        return is_night(media.captured_at.astimezone(self._zone))


def _in_order(one: Seen, other: Seen) -> Seen:
    pairs = zip((*one.pictures, *other.pictures), (*one.frames, *other.frames), strict=True)
    ordered = sorted(pairs, key=lambda pair: pair[1].offset_s or 0.0)
    return Seen(pictures=tuple(picture for picture, _ in ordered), frames=tuple(frame for _, frame in ordered))


def is_doubtful(one: Detection) -> bool:
    """Tell whether a detection is a person of whom the detector is not sure, and nobody looked closer yet."""
    return one.label == "person" and one.doubted is None and _DOUBTFUL_FROM <= one.confidence < _DOUBTFUL_UNTIL


def without_doubtful(frames: Sequence[FrameDetections]) -> tuple[FrameDetections, ...]:
    """Give the frames without the people of whom the detector is not sure."""
    return tuple(
        replace(frame, detections=tuple(one for one in frame.detections if not is_doubtful(one))) for frame in frames
    )
