"""What a detector says about one frame."""

from dataclasses import dataclass

from .box import Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """One object in one frame: canonical label, confidence 0..1, box in original pixels."""

    label: str
    confidence: float
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameDetections:
    """All objects of one frame; ``offset_s`` is its time in a video, None for a still.

    ``dropped`` counts boxes that filters removed, by reason (``confidence``, ``class``, ``size``, ``duplicate``).
    """

    detections: tuple[Detection, ...]
    image_width: int
    image_height: int
    model_id: str
    inference_ms: float
    offset_s: float | None = None
    dropped: tuple[tuple[str, int], ...] = ()
