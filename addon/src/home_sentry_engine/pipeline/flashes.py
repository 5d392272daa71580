"""Flashes: what one frame of a video shows alone is looked for in the moments beside it, before it is left out.

Key frames lie seconds apart, so that who crosses the picture may be in one of them only, or be called something else in
the next; a reflection is gone a moment later, a person is not.
"""

from collections.abc import Sequence
from typing import Final

from home_sentry_engine.context.association import AssociationRules, associate
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.messages import Media, sightings_of

BESIDE_S: Final = 0.3
_FRAMES_MOST: Final = 4
_SAME_S: Final = 0.1


def moments_beside(
    media: Media, frames: Sequence[FrameDetections], rules: AssociationRules | None = None
) -> tuple[float, ...]:
    """Give the times in a video, in seconds and in order, at which another look would tell a flash from a subject.

    They lie before and after frames that show something on which too few agree, at most four of them, the surest first.
    """
    rules = rules or AssociationRules()
    lonely: dict[float, float] = {}
    for subject in associate(sightings_of(frames, media.media_id, media.camera_id, media.captured_at), rules=rules):
        surest = max(subject.looks, key=lambda look: look.detection.confidence)
        at, confidence = surest.offset_s, surest.detection.confidence
        if at is not None and subject.confidence < rules.counted <= confidence:
            lonely[at] = max(lonely.get(at, 0.0), confidence)
    best = sorted(lonely, key=lambda at: -lonely[at])[:_FRAMES_MOST]
    known = [frame.offset_s for frame in frames if frame.offset_s is not None]
    end_s = media.duration_s if media.duration_s is not None else float("inf")
    beside = {at + step for at in best for step in (-BESIDE_S, BESIDE_S) if 0.0 <= at + step <= end_s}
    return tuple(at for at in sorted(beside) if is_other(at, known))


def is_other(at_s: float, known: Sequence[float]) -> bool:
    """Tell whether a time is none of these, so that its picture is another one."""
    return all(abs(at_s - one) > _SAME_S for one in known)
