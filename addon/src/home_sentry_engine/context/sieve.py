"""The sieve: which boxes of a frame reach a visit at all; the others are counted by their reason."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

from home_sentry_engine.domain.detection import Detection, FrameDetections

from .zones import ZoneMap

# gives the reason for which a box is left out, None to keep it
type Screen = Callable[[Detection, tuple[int, int]], str | None]


def sift(frames: Iterable[FrameDetections], screens: Iterable[Screen]) -> tuple[FrameDetections, ...]:
    """Leave out what any screen objects to; reasons add to ``dropped``."""
    asked = tuple(screens)
    return tuple(_sifted(frame, asked) for frame in frames)


def zone_screen(zones: ZoneMap) -> Screen:
    """Object to boxes in ``ignore_zone`` and outside ``required_zone``."""

    def screen(detection: Detection, image: tuple[int, int]) -> str | None:
        if zones.ignored(detection.box, image):
            return "ignore_zone"
        return "required_zone" if zones.outside_required(detection.label, detection.box, image) else None

    return screen


def _sifted(frame: FrameDetections, screens: tuple[Screen, ...]) -> FrameDetections:
    image = frame.image_width, frame.image_height
    kept: list[Detection] = []
    reasons: Counter[str] = Counter(dict(frame.dropped))
    for detection in frame.detections:
        reason = next((why for screen in screens if (why := screen(detection, image)) is not None), None)
        if reason is None:
            kept.append(detection)
        else:
            reasons[reason] += 1
    if len(kept) == len(frame.detections):
        return frame
    return replace(frame, detections=tuple(kept), dropped=tuple(sorted(reasons.items())))
