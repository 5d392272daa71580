"""The frozen messages that the pipeline's rooms hand to each other: ids and paths, never pixels or sessions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from home_sentry_engine.contract import AnalysisReason, AnalysisState, BatchReason, Factor, MediaKind, VisualVerdict

from .detection import Detection, FrameDetections
from .enrichment import EnrichmentResult
from .quality import PictureQuality
from .risk import ScoreRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A file that is complete and may be read; ``camera_name`` is the folder's or the user's name of the camera.

    ``path`` lies in the camera's folder; ``data`` carries an upload instead. ``source_key`` recognises the same
    file after a restart without reading it (path, size and modification time), None for uploads. ``behind`` others of
    its camera it stood in line.
    """

    camera_id: str
    camera_name: str
    kind: MediaKind
    seen_at: datetime
    path: Path | None = None
    data: bytes | None = None
    source_key: str | None = None
    captured_at: datetime | None = None
    origin: str = "folder"
    behind: bool = False

    @property
    def name(self) -> str | None:
        """Name of the file without its folders, in characters that can be shown and stored; None for an upload."""
        if self.path is None:
            return None
        return "".join(one if one.isprintable() else "\ufffd" for one in self.path.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """An accepted file; ``path`` is the engine's own copy of a still, or the delivered video.

    ``veil`` names the privacy masks that were burned in when it came, where that is known. ``mime`` and ``codec``, the
    latter of a video alone, tell what it was when it was accepted.
    """

    media_id: str
    camera_id: str
    path: Path
    sha256: str
    kind: MediaKind
    captured_at: datetime
    received_at: datetime
    size_bytes: int
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    mime: str | None = None
    codec: str | None = None
    veil: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A file that was not accepted: ``reason`` is one of the contract, ``name`` what its sender calls it."""

    camera_id: str
    reason: str
    detail: str
    at: datetime
    source_key: str | None = None
    sha256: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one frame showed; ``detection_ids`` are the stored rows in the order of ``detections``.

    ``looked`` is how many frames of the file were looked at, ``quality`` the worst of its pictures; None if unknown.
    """

    media_id: str
    camera_id: str
    at: datetime
    detections: tuple[Detection, ...]
    detection_ids: tuple[int, ...]
    image_width: int
    image_height: int
    offset_s: float | None = None
    looked: int | None = None
    quality: PictureQuality | None = None


def sightings_of(
    frames: Sequence[FrameDetections], media_id: str, camera_id: str, at: datetime
) -> tuple[Sighting, ...]:
    """Give what the looked-at frames of one file showed, before any of it is stored."""
    return tuple(
        Sighting(
            media_id=media_id,
            camera_id=camera_id,
            at=at,
            detections=frame.detections,
            detection_ids=(),
            image_width=frame.image_width,
            image_height=frame.image_height,
            offset_s=frame.offset_s,
            looked=len(frames),
        )
        for frame in frames
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Sightings of one camera that are judged together; ``evidence_version`` grows with each sighting."""

    batch_id: str
    event_id: str
    camera_id: str
    camera_name: str
    opened_at: datetime
    last_at: datetime
    closed: bool
    reason: BatchReason
    evidence_version: int
    sightings: tuple[Sighting, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A part of the scene that nobody looked at or could look at; never a negative finding."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A batch with everything known around it; each leg is a value or ``Absent``.

    ``local_time`` is the start of the visit in the home's time zone. ``legs`` maps a leg's name (``zones``,
    ``baseline``, ``household``, ``attributes`` …) to what it found as JSON values, or to why it found nothing.
    ``enrichment`` is the record of the closer look from which some of them follow, None before it.
    """

    batch: Batch
    local_time: datetime
    legs: dict[str, object | Absent] = field(default_factory=dict)
    enrichment: EnrichmentResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleVerdict:
    """Deterministic judgement of a scene: factors sum to ``score`` after clamping to ``allowed``.

    ``settled`` is why no model needs to be asked, None where one may be.
    """

    score: int
    factors: tuple[Factor, ...]
    allowed: ScoreRange
    summary: str
    settled: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVerdict:
    """What a language model answered, parsed and validated; ``score`` is its raw 0..100.

    ``visual`` is what a vision-language model said of the detections after it had seen the pictures ``stills`` (ids of
    media); ``note`` is what the event has to tell about how the answer came about.
    """

    score: int
    summary: str
    reasoning: str
    recommended_action: str
    confidence: float
    flags: tuple[str, ...]
    entities: tuple[str, ...]
    model_id: str
    prompt_version: str
    prompt: str
    prompt_tokens: int
    answer_tokens: int
    duration_ms: float
    state: AnalysisState = AnalysisState.LLM
    visual: VisualVerdict | None = None
    stills: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFailure:
    """Why there is no model verdict."""

    reason: AnalysisReason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Final judgement: rule score, model score or why not, and the clamped result."""

    rule: RuleVerdict
    model: ModelVerdict | ModelFailure | None
    score: int
    state: AnalysisState
    reason: AnalysisReason | None
    detail: str | None
    summary: str
    reasoning: str | None
    recommended_action: str | None
    confidence: float | None
    flags: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
