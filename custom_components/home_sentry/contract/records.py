"""What the engine keeps and shows: cameras, media, detections, events. All times are aware UTC."""

from dataclasses import dataclass
from datetime import datetime

from .scenes import SceneChange
from .values import Box, Factor, Identity
from .vocabulary import (
    AnalysisReason,
    AnalysisState,
    CameraStatus,
    EventChange,
    MediaKind,
    MediaState,
    ObjectGroup,
    RiskLevel,
    VisualVerdict,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """One camera; ``latest_media_id`` is its newest picture, None before the first one.

    ``scene_change`` is the newest change of its view that stands, ``scene_anomaly`` 0..1 how strange the newest picture
    is to an image model, None until that is known. ``quiet_since`` is set while the camera is silent for longer than it
    ever is at this hour (``quiet_allowed_s``). Until ``learning_until`` nobody is alarmed because of this camera.
    """

    id: str
    name: str
    status: CameraStatus
    status_reason: str | None = None
    created_at: datetime
    last_seen_at: datetime | None = None
    latest_media_id: str | None = None
    latest_media_at: datetime | None = None
    events_today: int = 0
    previous_status: CameraStatus | None = None
    status_since: datetime | None = None
    scene_change: SceneChange | None = None
    scene_anomaly: float | None = None
    quiet_since: datetime | None = None
    quiet_allowed_s: float | None = None
    learning_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """One accepted file; ``captured_at`` is the camera's time, ``received_at`` the engine's.

    ``mime`` and ``codec`` tell what it was when it was accepted, such as ``video/mp4`` with ``h264``; only a video has
    a codec, and neither is known of files from before they were noted.
    """

    id: str
    camera_id: str
    kind: MediaKind
    state: MediaState
    sha256: str
    size_bytes: int
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    mime: str | None = None
    codec: str | None = None
    captured_at: datetime
    received_at: datetime
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """One object in one frame; ``offset_s`` is the frame's time in a video, None for a still."""

    id: int
    media_id: str
    camera_id: str
    event_id: str | None
    label: str
    group: ObjectGroup
    confidence: float
    box: Box
    image_width: int
    image_height: int
    detected_at: datetime
    offset_s: float | None = None
    model_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One change of an event; ``revision`` counts from 1 within the event."""

    revision: int
    change: EventChange
    at: datetime
    score: int
    level: RiskLevel
    state: AnalysisState


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One visit at one camera with its verdict; scores are 0..100, ``ended_at`` is None while it goes on.

    A ``favourite`` is never cleaned up; one with ``deleted_at`` lies in the trash and goes thirty days later.
    ``visual_verdict`` is what a vision-language model made of its pictures, None where none looked.
    """

    event_id: str
    batch_id: str
    camera_id: str
    camera_name: str
    started_at: datetime
    ended_at: datetime | None = None
    risk_score: int
    risk_level: RiskLevel
    rule_score: int
    llm_score: int | None = None
    floor: int = 0
    floor_reason: str | None = None
    ceiling: int = 100
    ceiling_reason: str | None = None
    analysis_state: AnalysisState
    analysis_reason: AnalysisReason | None = None
    analysis_detail: str | None = None
    summary: str
    reasoning: str | None = None
    recommended_action: str | None = None
    confidence: float | None = None
    flags: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
    factors: tuple[Factor, ...] = ()
    object_types: tuple[str, ...] = ()
    groups: tuple[ObjectGroup, ...] = ()
    detection_count: int
    media_id: str
    model_id: str | None = None
    prompt_version: str | None = None
    is_fast_path: bool = False
    reviewed: bool = False
    notes: str | None = None
    revision: int
    transitions: tuple[Transition, ...] = ()
    identities: tuple[Identity, ...] = ()
    flagged: bool = False
    favourite: bool = False
    snoozed_until: datetime | None = None
    deleted_at: datetime | None = None
    visual_verdict: VisualVerdict | None = None
