"""What a detector says about one frame."""

from dataclasses import dataclass

from .box import Box
from .quality import PictureQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """One object in one frame: canonical label, confidence 0..1, box in original pixels.

    ``doubted`` tells that a closer look did not find it again, False that it did, None that nobody looked closer.
    ``carried`` are things that a person has, by their labels, each with the detector's confidence.
    """

    label: str
    confidence: float
    box: Box
    doubted: bool | None = None
    carried: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameDetections:
    """All objects of one frame; ``offset_s`` is its time in a video, None for a still.

    ``dropped`` counts boxes that filters removed, by reason (``confidence``, ``class``, ``size``, ``duplicate``).
    ``uncertain`` holds the best of what was not sure enough to be reported, ``again`` counts further looks by kind.
    ``quality`` is the picture's, None where nobody measured it.
    """

    detections: tuple[Detection, ...]
    image_width: int
    image_height: int
    model_id: str
    inference_ms: float
    offset_s: float | None = None
    dropped: tuple[tuple[str, int], ...] = ()
    uncertain: tuple[Detection, ...] = ()
    again: tuple[tuple[str, int], ...] = ()
    quality: PictureQuality | None = None
