"""What the API asks of the engine; ``app`` implements it over the repositories and the pipeline.

Every call may raise a ``WireError`` or a failure of ``domain.errors``; both reach the client in the documented shape.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from home_sentry_engine.contract import (
    AuditEntry,
    Baseline,
    Camera,
    DeadJobPage,
    Detection,
    Dropped,
    Enrichment,
    Event,
    Info,
    Look,
    Mask,
    MaskList,
    Media,
    Mode,
    Part,
    QueueDepth,
    RejectedFile,
    Requeued,
    Snapshot,
    Status,
    Zone,
)
from home_sentry_engine.domain.filetypes import FileType
from home_sentry_engine.storage.query import DetectionQuery, EventQuery, MediaQuery, Page, SearchQuery
from home_sentry_engine.storage.repositories.audit import AuditQuery, Deed
from home_sentry_engine.storage.repositories.media import RejectionQuery

from .change_ports import CameraRegistry, TokenKeeper
from .clip_ports import Clips
from .enrich_ports import Enricher
from .evaluation_ports import Review
from .eye_ports import Eyes
from .household_ports import Entities, HouseholdDesk
from .idempotency import Replies
from .key_ports import Belongings, KeyDesk
from .load_ports import Load
from .model_ports import ModelShelf
from .notification_ports import Notifications
from .rule_ports import AlertDesk, RuleDesk
from .summary_ports import Exports, Properties, Summaries
from .triage_ports import Triage
from .upkeep_ports import Upkeep
from .verdict_ports import Verdicts
from .watch_ports import Home, Learning, Scenes


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Answer of ``/ready``: may work be sent here, and in which mode."""

    ready: bool
    mode: Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An encoded picture; ``etag`` changes whenever the bytes do (a hash or an id, no quotes)."""

    body: bytes
    content_type: str
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that a client sent for a camera; ``file_type`` comes from its first bytes."""

    camera_id: str
    data: bytes
    file_type: FileType
    captured_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The upload is stored and queued."""

    media_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """The camera sent the same content a moment ago; ``media_id`` is the first one, where it is known."""

    media_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One sequenced message, encoded once for everybody; ``body`` is UTF-8 JSON that carries the same ``seq``.

    ``kind`` is its type. ``grave``: an event of level high or critical, which clients may have to acknowledge.
    """

    seq: int
    body: bytes
    kind: str = ""
    camera_id: str | None = None
    grave: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Sequence numbers that ``Feed.since`` can still replay; ``first`` is ``last + 1`` when nothing is kept."""

    first: int
    last: int


class Catalogue(Protocol):
    """Reads of what is stored."""

    async def cameras(self) -> tuple[Camera, ...]:
        """Give every camera, by name."""
        ...

    async def camera(self, camera_id: str) -> Camera | None:
        """Give one camera."""
        ...

    async def media(self, media_id: str) -> Media | None:
        """Give one media file."""
        ...

    async def media_page(self, query: MediaQuery) -> Page[Media]:
        """Give a page of media files, newest first; a cursor of another query raises ``InvalidRequest``."""
        ...

    async def rejections_page(self, query: RejectionQuery) -> Page[RejectedFile]:
        """Give a page of refused files, newest first."""
        ...

    async def detections_page(self, query: DetectionQuery) -> Page[Detection]:
        """Give a page of detections, newest first."""
        ...

    async def event(self, event_id: str) -> Event | None:
        """Give one event."""
        ...

    async def events_page(self, query: EventQuery) -> Page[Event]:
        """Give a page of events, newest first."""
        ...

    async def search(self, query: SearchQuery) -> Page[Event]:
        """Find events by words; raises ``MalformedSearch``."""
        ...

    async def enrichment(self, event_id: str) -> Enrichment | None:
        """Give what models found in the pictures of one event, None while nobody looked closely."""
        ...

    async def event_detections(self, event_id: str) -> tuple[Detection, ...]:
        """Give all detections of one event, in order of time."""
        ...


class Places(Protocol):
    """Zones and habits of cameras; None where there is no such camera."""

    async def zones(self, camera_id: str) -> tuple[Zone, ...] | None:
        """Give a camera's zones, the highest priority first."""
        ...

    async def set_zones(self, camera_id: str, zones: tuple[Zone, ...]) -> tuple[Zone, ...] | None:
        """Replace a camera's zones by checked ones."""
        ...

    async def baseline(self, camera_id: str) -> Baseline | None:
        """Give what is usual at a camera."""
        ...

    async def reset_baseline(self, camera_id: str) -> Baseline | None:
        """Forget what is usual at a camera."""
        ...


class Masks(Protocol):
    """Privacy masks of cameras; None where there is no such camera."""

    async def masks(self, camera_id: str) -> MaskList | None:
        """Give a camera's masks."""
        ...

    async def set_masks(self, camera_id: str, masks: tuple[Mask, ...]) -> MaskList | None:
        """Replace a camera's masks by checked ones."""
        ...


class Pictures(Protocol):
    """JPEGs by id, without any metadata; None when the thing or its picture does not exist (any more)."""

    async def of_media(self, media_id: str) -> Picture | None:
        """Give the picture as delivered; of a video, its first interesting frame."""
        ...

    async def thumbnail_of_media(self, media_id: str) -> Picture | None:
        """Give the 320x240 thumbnail without boxes; of a video, its frame at 1 s or a tenth of its length."""
        ...

    async def latest_of(self, camera_id: str) -> Picture | None:
        """Give the newest picture of a camera."""
        ...

    async def thumbnail_of(self, event_id: str) -> Picture | None:
        """Give the 320x240 thumbnail with boxes of the frame that triggered the event."""
        ...

    async def snapshot_of(self, event_id: str) -> Picture | None:
        """Give the full-size frame that triggered the event, with boxes."""
        ...

    async def of_detection(self, detection_id: int) -> Picture | None:
        """Give the full-size frame of a detection, with its box alone."""
        ...

    async def thumbnail_of_detection(self, detection_id: int) -> Picture | None:
        """Give the 320x240 thumbnail of a detection's own frame, with its box alone."""
        ...


class Uploads(Protocol):
    """Entrance for files that come over HTTP."""

    async def offer(self, upload: Upload) -> Accepted | Duplicate:
        """Check, store and queue a file; raises ``Rejected`` for one that is refused, ``NotFound`` for the camera."""
        ...


class Analyzer(Protocol):
    """The detector, for a look without storing."""

    async def look(self, data: bytes, file_type: FileType, camera_id: str | None = None) -> Look:
        """Detect objects in a file; raises ``Rejected`` or ``Unavailable``."""
        ...


class Health(Protocol):
    """What the engine says about itself; these calls answer at once from what is known."""

    async def info(self) -> Info:
        """Give identity and abilities."""
        ...

    async def status(self) -> Status:
        """Give the state of every component."""
        ...

    async def readiness(self) -> Readiness:
        """Tell whether work may be sent here."""
        ...

    async def changed(self, timeout_s: float) -> bool:
        """Wait until the status changes (True) or the time is over (False)."""
        ...


class Feed(Protocol):
    """Sequenced messages: what was announced, and what will be."""

    async def snapshot(self) -> Snapshot:
        """Give the whole state and the sequence number that it includes, from one read."""
        ...

    async def span(self) -> Span:
        """Tell which messages can be replayed."""
        ...

    async def since(self, seq: int, limit: int) -> tuple[Published, ...]:
        """Give up to ``limit`` messages after ``seq``, in order."""
        ...

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[Published]]:
        """Receive messages, in order, from the moment of entering."""
        ...


class Queues(Protocol):
    """Queues and the jobs that were given up."""

    async def depths(self) -> tuple[QueueDepth, ...]:
        """Count the jobs of every queue."""
        ...

    async def dead(self, queue: str, limit: int, cursor: str | None) -> DeadJobPage:
        """List given-up jobs, newest first; raises ``InvalidRequest`` for a bad cursor."""
        ...

    async def requeue(self, queue: str, letter_id: int | None) -> Requeued:
        """Put one or all back; raises ``NotFound``, or ``Conflict`` for one that does not fit."""
        ...

    async def drop(self, queue: str, letter_id: int | None) -> Dropped:
        """Delete one or all for good; raises ``NotFound``."""
        ...


class Parts(Protocol):
    """The engine's components; every call raises ``NotFound`` for an unknown one."""

    async def all(self) -> tuple[Part, ...]:
        """Give every component."""
        ...

    async def one(self, part_id: str) -> Part:
        """Give one component."""
        ...

    async def restart(self, part_id: str) -> Part:
        """Begin a component anew; raises ``Conflict`` where that is impossible."""
        ...

    async def start(self, part_id: str) -> Part:
        """Let a stopped component work again; raises ``Conflict`` where that is impossible."""
        ...

    async def stop(self, part_id: str) -> Part:
        """End a component for now; raises ``Conflict`` where that is impossible."""
        ...

    async def switch(self, part_id: str, *, on: bool) -> Part:
        """Enable or disable a component; raises ``Conflict`` where that is impossible."""
        ...


class AuditLog(Protocol):
    """Who did what; only added to."""

    async def note(self, deed: Deed) -> None:
        """Append a deed."""
        ...

    async def page(self, query: AuditQuery) -> Page[AuditEntry]:
        """Give deeds, newest first; a cursor of another query raises ``InvalidCursor``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything that the API calls."""

    catalogue: Catalogue
    pictures: Pictures
    uploads: Uploads
    analyzer: Analyzer
    eyes: Eyes
    enricher: Enricher
    health: Health
    load: Load
    replies: Replies
    registry: CameraRegistry
    keys: TokenKeeper
    api_keys: KeyDesk
    belongings: Belongings
    feed: Feed
    queues: Queues
    parts: Parts
    audit: AuditLog
    places: Places
    masks: Masks
    scenes: Scenes
    home: Home
    learning: Learning
    triage: Triage
    verdicts: Verdicts
    upkeep: Upkeep
    entities: Entities
    household: HouseholdDesk
    models: ModelShelf
    review: Review
    summaries: Summaries
    exports: Exports
    properties: Properties
    clips: Clips
    rules: RuleDesk
    alerts: AlertDesk
    notifications: Notifications
