"""Bodies of REST answers that are not records themselves: pages, uploads, looks, problems."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .records import Camera, Detection, Event, Media
from .values import Box
from .vocabulary import MediaKind, ObjectGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraPage:
    """All cameras, by name; never cut."""

    items: tuple[Camera, ...]
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Part of a list of events, newest first; ``next_cursor`` is None on the last page, ``total`` where it is cheap."""

    items: tuple[Event, ...]
    next_cursor: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMatches:
    """Part of what a search for words found, in the order that was asked for.

    With ``total_capped`` there are more than ``total``: the counting ended there.
    """

    items: tuple[Event, ...]
    next_cursor: str | None = None
    total: int | None = None
    total_capped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPage:
    """Part of a list of media files, newest first."""

    items: tuple[Media, ...]
    next_cursor: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedFile:
    """A file that was refused at ``at``; ``name`` is that of the file without its folders, None for an upload."""

    id: int
    at: datetime
    camera_id: str
    name: str | None = None
    reason: str
    detail: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectionPage:
    """Part of a list of refused files, newest first."""

    items: tuple[RejectedFile, ...]
    next_cursor: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionPage:
    """Part of a list of detections, newest first."""

    items: tuple[Detection, ...]
    next_cursor: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """An upload was accepted and is queued; follow it under ``/api/v1/media/{media_id}``."""

    media_id: str
    camera_id: str
    kind: MediaKind


@dataclass(frozen=True, slots=True, kw_only=True)
class LookObject:
    """One object of a picture that was looked at without being stored."""

    label: str
    group: ObjectGroup
    confidence: float
    box: Box
    offset_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the detector saw in an uploaded file; nothing was stored."""

    kind: MediaKind
    width: int
    height: int
    frames: int
    model_id: str
    duration_ms: float
    objects: tuple[LookObject, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Every error answer (``application/problem+json``); ``code`` is stable, ``detail`` is for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraDeleted:
    """A camera was deleted with everything of it: so many events and media files."""

    camera_id: str
    events: int
    media: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStats:
    """Events that fit the filters, counted by level, camera, day at home (2026-11-20) and kind of object."""

    total: int
    reviewed: int
    by_level: dict[str, int] = field(default_factory=dict)
    by_camera: dict[str, int] = field(default_factory=dict)
    by_day: dict[str, int] = field(default_factory=dict)
    by_object: dict[str, int] = field(default_factory=dict)
    mean_score: float | None = None
