"""Trust in what a picture shows: a bad picture lowers confidence, one that shows no scene yields no objects.

The rule: with a defect a confidence counts only by its factor below, the lowest where there are several; what then lies
below the threshold is left out as ``quality``. A picture that is covered or uniform yields nothing (``view_covered``).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from home_sentry_engine.domain.detection import Detection, FrameDetections
from home_sentry_engine.domain.quality import PictureQuality

FACTORS: Final[Mapping[str, float]] = {"dark": 0.9, "noisy": 0.9, "blurred": 0.8, "striped": 0.7}

# gives the lowest confidence at which a detection is reported
type Threshold = Callable[[Detection], float]


def trusted(frame: FrameDetections, quality: PictureQuality, threshold: Threshold) -> FrameDetections:
    """Weigh the detections of a frame by how good its picture is."""
    if quality.covered:
        return _without(frame, frame.detections, (), "view_covered")
    factor = min((FACTORS.get(defect, 1.0) for defect in quality.defects), default=1.0)
    if factor >= 1.0:
        return frame
    weighed = [replace(one, confidence=one.confidence * factor) for one in frame.detections]
    kept = tuple(one for one in weighed if one.confidence >= threshold(one))
    return _without(frame, weighed, kept, "quality")


def worst(qualities: Sequence[PictureQuality]) -> PictureQuality | None:
    """Give the worst quality of several pictures, None without any."""
    return max(qualities, key=lambda one: one.score, default=None)


def quality_leg(quality: PictureQuality) -> dict[str, object]:
    """Write the leg ``quality``."""
    return {
        "score": round(quality.score),
        "grade": quality.grade,
        "defects": list(quality.defects),
        "verdict": "view covered" if quality.covered else "bad quality" if quality.bad else "usable",
    }


def _without(
    frame: FrameDetections, before: Sequence[Detection], kept: tuple[Detection, ...], reason: str
) -> FrameDetections:
    reasons = Counter(dict(frame.dropped))
    if gone := len(before) - len(kept):
        reasons[reason] += gone
    return replace(frame, detections=kept, dropped=tuple(sorted(reasons.items())))
