"""Trust in what a picture shows: a bad picture lowers confidence, one that shows no scene yields no objects.

The rule: with a defect a confidence counts only by its factor below, the lowest where there are several; what then lies
below the threshold is left out as ``quality``. A picture that is covered or uniform, or of which blur or stripes leave
nothing, yields nothing (``view_covered``).

A camera whose pictures suddenly fall behind its own earlier ones is named, until they are good again or have become
what is usual there; one that shows such pictures now and then, and darkness at night, are no news.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import dropwhile
from statistics import median
from typing import Final

from home_sentry_engine.domain.detection import Detection, FrameDetections
from home_sentry_engine.domain.quality import PictureQuality

FACTORS: Final[Mapping[str, float]] = {"dark": 0.9, "noisy": 0.9, "blurred": 0.8, "striped": 0.7}

HISTORY: Final = 50
_FALL: Final = 30.0
_KNOWN_FROM: Final = 5
_RARELY: Final = 0.1
_DARKNESS: Final = ("dark",)

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


def fallen(now: PictureQuality, before: Sequence[PictureQuality], *, night: bool) -> PictureQuality:
    """Give a quality with ``usual`` set where it fell suddenly; ``before`` is the camera's history, the newest first.

    The bad pictures that came just before belong to the same fall.
    """
    sound = list(dropwhile(lambda one: one.bad, before))
    if not now.bad or len(sound) < _KNOWN_FROM or (night and now.defects == _DARKNESS):
        return now
    usual = median(one.score for one in sound)
    alike = sum(one.bad and not set(one.defects).isdisjoint(now.defects) for one in sound)
    if now.score - usual < _FALL or alike > _RARELY * len(sound):
        return now
    return replace(now, usual=usual)


def quality_leg(quality: PictureQuality) -> dict[str, object]:
    """Write the leg ``quality``."""
    news = {} if quality.usual is None else {"suddenly_worse": True, "usual_score": round(quality.usual)}
    return news | {
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
