"""What models found in the pictures of an event beyond boxes, and what nobody could look at."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .records import Detection, Event
from .triage import AlertEvaluation, EventHop, Feedback
from .values import Box
from .vocabulary import EnrichmentStatus, RegionKind, StepOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrichmentStep:
    """One question to the models and what became of it; ``looks`` counts the cut-outs or pictures looked at.

    ``reason`` says why nobody looked (``skipped``, ``unavailable``), or what was left out (``ran``).
    """

    about: str
    outcome: StepOutcome
    model_id: str | None = None
    confidence: float | None = None
    reason: str | None = None
    looks: int = 0
    duration_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrichmentFinding:
    """One answer: about the event, a subject of it, or the part ``box`` of the picture of a detection."""

    about: str
    model_id: str
    value: dict[str, Any] = field(default_factory=dict)
    confidence: float | None = None
    subject: int | None = None
    detection_id: int | None = None
    box: Box | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrichment:
    """All questions about one event; ``success_rate`` 0..1 counts those that were asked.

    What is not among the findings of a step with outcome ``ran`` was not seen; everything else was not looked at.
    """

    status: EnrichmentStatus
    at: datetime
    success_rate: float
    successful_models: tuple[str, ...] = ()
    failed_models: tuple[str, ...] = ()
    errors: dict[str, str] = field(default_factory=dict)
    steps: tuple[EnrichmentStep, ...] = ()
    findings: tuple[EnrichmentFinding, ...] = ()
    unreadable: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A part of a detection's picture, in original pixels; ``text`` is what is written there."""

    kind: RegionKind
    box: Box
    confidence: float | None = None
    text: str | None = None
    model_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionDetail(Detection):
    """A detection with what models said about it: values by question, and regions of its picture."""

    attributes: dict[str, Any] = field(default_factory=dict)
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionDetailPage:
    """The detections of one event, in the order of their time."""

    items: tuple[DetectionDetail, ...]
    next_cursor: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDetail(Event):
    """An event with what models found in its pictures; None while nobody looked closely.

    ``reviewed_by`` are the users who reviewed it, ``hops`` the way it took, in the order of time,
    ``alerts`` what was decided for its revisions.
    """

    enrichment: Enrichment | None = None
    reviewed_by: tuple[str, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    hops: tuple[EventHop, ...] = ()
    alerts: tuple[AlertEvaluation, ...] = ()
