"""What the pipeline needs of the rooms below it, as protocols that name only the calls it makes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from home_sentry_engine.contract import BatchReason, Camera, CameraStatus, Event, EventAudit
from home_sentry_engine.contract import Detection as DetectionRecord
from home_sentry_engine.domain.batch import ClosedBatch, OpenBatch
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.errors import Transient
from home_sentry_engine.domain.jobs import Job, NewJob
from home_sentry_engine.domain.messages import (
    Media,
    ModelFailure,
    ModelVerdict,
    Refusal,
    RuleVerdict,
    Scene,
    Sighting,
    Verdict,
)
from home_sentry_engine.domain.quality import PictureQuality

from .enrichment_ports import EnrichmentRows
from .identity_ports import IdentityRows
from .place_ports import PlaceRows


class CameraRows(Protocol):
    """Cameras inside one transaction."""

    def ensure(self, *, camera_id: str, name: str, folder: str | None, now: datetime) -> tuple[Camera, bool]:
        """Give the camera, made now if it is new; raises if another folder has this id."""
        ...

    def get(self, camera_id: str) -> Camera | None:
        """Give one camera."""
        ...

    def all(self) -> tuple[Camera, ...]:
        """Give every camera."""
        ...

    def veil(self, camera_id: str) -> str | None:
        """Name the privacy masks that hold for a camera now, None without any."""
        ...

    def expose(self, media: Media, path: Path, source_key: str | None) -> None:
        """Note that an upload has yet to be replaced by its masked form."""
        ...

    def seen(self, camera_id: str, *, media_id: str | None, at: datetime) -> Camera:
        """Note that the camera delivered; sets it online."""
        ...

    def set_status(self, camera_id: str, status: CameraStatus, reason: str | None) -> Camera | None:
        """Change the status; None when it was so already."""
        ...


class MediaRows(Protocol):
    """Accepted and rejected files inside one transaction."""

    def claim(self, *, camera_id: str, sha256: str, media_id: str, now: datetime, ttl_s: float) -> bool:
        """Claim this content for the camera; False for a duplicate."""
        ...

    def insert(self, media: Media, *, source_key: str | None, origin: str) -> None:
        """Store an accepted file."""
        ...

    def get(self, media_id: str) -> Media | None:
        """Give one accepted file."""
        ...

    def known_sources(self, keys: Sequence[str]) -> set[str]:
        """Tell which of these source keys were accepted or rejected before."""
        ...

    def mark_detected(self, media_id: str) -> bool:
        """Note that a file was looked at; False if that was known."""
        ...

    def mark_failed(self, media_id: str, reason: str) -> bool:
        """Note that a file is quarantined; False if that was known."""
        ...

    def count_duplicate(self, *, source_key: str | None, now: datetime) -> None:
        """Count a delivery whose content was known already."""
        ...

    def reject(self, refusal: Refusal) -> None:
        """Store why a file was refused."""
        ...


class DetectionRows(Protocol):
    """Detections inside one transaction."""

    def exists(self, media_id: str, model_id: str) -> bool:
        """Tell whether this model's look at this file is stored."""
        ...

    def add(
        self,
        *,
        media_id: str,
        camera_id: str,
        event_id: str | None,
        batch_id: str | None,
        at: datetime,
        frames: Sequence[FrameDetections],
    ) -> tuple[tuple[int, ...], ...]:
        """Store what was found, once per (file, model); gives the row ids per frame."""
        ...

    def sightings_of_event(self, event_id: str, *, best: int, shared: bool = False) -> tuple[Sighting, ...]:
        """Give a visit's sightings in time order, with its ``best`` detections; every label has some if ``shared``."""
        ...

    def of_media(self, media_id: str) -> tuple[DetectionRecord, ...]:
        """Give the stored rows of one file."""
        ...

    def qualities(self, camera_id: str, *, before: datetime, most: int) -> tuple[PictureQuality, ...]:
        """Give how good the files of a camera were that came before a time, the newest first."""
        ...


class BatchRows(Protocol):
    """Batches inside one transaction."""

    def open_for(self, camera_id: str) -> OpenBatch | None:
        """Give the camera's open batch."""
        ...

    def last_closed(self, camera_id: str) -> ClosedBatch | None:
        """Give the camera's newest closed batch."""
        ...

    def last_containing(
        self, camera_id: str, captured_at: datetime, since: datetime, *, idle: timedelta
    ) -> ClosedBatch | None:
        """Give the batch closed after ``since`` that spans this capture time, ``idle`` after its last sighting too."""
        ...

    def save_open(self, batch: OpenBatch, *, deadline: datetime) -> None:
        """Insert or update an open batch."""
        ...

    def save_closed(self, batch: OpenBatch, *, reason: BatchReason, at: datetime) -> None:
        """Insert a batch that is closed already; the camera may have an open one."""
        ...

    def close(self, batch_id: str, *, reason: BatchReason, at: datetime) -> bool:
        """Close a batch; False if it was closed already."""
        ...

    def grow_closed(self, batch_id: str, *, detections: int) -> int:
        """Count a late file's detections into a closed batch; gives its new evidence version."""
        ...

    def due(self, now: datetime, limit: int) -> tuple[OpenBatch, ...]:
        """Give open batches whose deadline has passed."""
        ...

    def get(self, batch_id: str) -> tuple[OpenBatch | ClosedBatch, int] | None:
        """Give a batch and the evidence version that was assessed last."""
        ...

    def mark_assessed(self, batch_id: str, version: int) -> None:
        """Note which evidence was assessed."""
        ...

    def next_deadline(self) -> datetime | None:
        """Give the earliest deadline of all open batches."""
        ...

    def closed_unended(self, before: datetime) -> tuple[str, ...]:
        """Give ids of events that nothing joined since ``before`` and that are not ended."""
        ...


class EventRows(Protocol):
    """Events inside one transaction."""

    def insert(self, event: Event) -> None:
        """Store a new event."""
        ...

    def get(self, event_id: str) -> Event | None:
        """Give one event."""
        ...

    def save(self, event: Event) -> None:
        """Replace an event."""
        ...

    def add_assessment(
        self, event_id: str, *, batch_id: str, version: int, verdict: Verdict, audit: EventAudit | None = None
    ) -> None:
        """Keep how a verdict on one version of the evidence came about: prompt, raw score, clamps, tokens, sources."""
        ...

    def unjudged(self, since: datetime, *, tries: int, limit: int) -> Sequence[tuple[str, int]]:
        """Give (id, tries so far) of visits that wait for a model in vain, worst first."""
        ...

    def note_second_chance(self, event_id: str) -> int:
        """Count one more try; gives which one it is."""
        ...


class QueueFull(Transient):
    """The queue takes no more jobs now; nothing of the transaction is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a put: why the job is a dead letter at once, or whom it dropped or displaced."""

    refused: str | None = None
    dropped: Mapping[str, Any] | None = None
    displaced: Mapping[str, Any] | None = None


class JobRows(Protocol):
    """The queue inside one transaction."""

    def put(self, job: NewJob) -> Receipt:
        """Queue a job together with the rows that it is about; raises ``QueueFull`` where the policy rejects."""
        ...

    def ack(self, job: Job) -> None:
        """Take a finished job out of the queue."""
        ...

    def retry(self, job: Job, *, after_s: float, error: str, counted: bool = True) -> None:
        """Give a job back; ``counted=False`` keeps its number of tries."""
        ...

    def bury(self, job: Job, *, error: str, error_type: str, stack: str | None = None) -> None:
        """Move a job to the dead letters."""
        ...


class OutboxRows(Protocol):
    """Announcements inside one transaction."""

    def add(self, kind: str, body: object, *, camera_id: str | None) -> None:
        """Append an announcement; ``body`` is a record or message of the contract without its sequence number."""
        ...


class Tx(Protocol):
    """One transaction over everything that the pipeline writes."""

    @property
    def now(self) -> datetime:
        """Steady time of this transaction, aware UTC."""
        ...

    @property
    def cameras(self) -> CameraRows:
        """Cameras."""
        ...

    @property
    def media(self) -> MediaRows:
        """Files."""
        ...

    @property
    def detections(self) -> DetectionRows:
        """Detections."""
        ...

    @property
    def batches(self) -> BatchRows:
        """Batches."""
        ...

    @property
    def events(self) -> EventRows:
        """Events."""
        ...

    @property
    def places(self) -> PlaceRows:
        """Places and habits."""
        ...

    @property
    def identity(self) -> IdentityRows:
        """Who came before and who belongs to the house."""
        ...

    @property
    def enrichments(self) -> EnrichmentRows:
        """What models found in the pictures of visits."""
        ...

    @property
    def jobs(self) -> JobRows:
        """Queue."""
        ...

    @property
    def outbox(self) -> OutboxRows:
        """Announcements."""
        ...


class Store(Protocol):
    """Transactions: ``work`` runs once, off the event loop, and its result is returned after the commit."""

    async def write[T](self, work: Callable[[Tx], T]) -> T:
        """Run ``work`` in a write transaction."""
        ...

    async def read[T](self, work: Callable[[Tx], T]) -> T:
        """Run ``work`` against a consistent view; it must not write."""
        ...


class Jobs(Protocol):
    """The asynchronous side of the queue."""

    async def claim(self, queue: str, n: int, lease_s: float) -> Sequence[Job]:
        """Lease up to ``n`` jobs."""
        ...

    async def extend(self, job: Job, lease_s: float) -> bool:
        """Prolong a lease; False when it was lost."""
        ...

    async def wait(self, queue: str, timeout_s: float) -> None:
        """Return when there may be work, at the latest after the time-out."""
        ...


class Frames(Protocol):
    """Pictures of a media file, decoded off the event loop."""

    async def load(self, media: Media) -> Sequence[Any]:
        """Decode a still, or the frames of a video; raises ``Permanent`` for a file that cannot be decoded."""
        ...

    async def picture(self, media: Media, offset_s: float | None = None) -> Any:
        """Decode a still, or the frame of a video at this time; raises as ``load``."""
        ...

    async def keep(self, media: Media, frame: Any) -> None:
        """Store a video's frame as a still of its own."""
        ...


class Detector(Protocol):
    """Finds objects."""

    @property
    def model_id(self) -> str:
        """Id of the model that looks now; rows are unique per (file, model)."""
        ...

    async def detect(self, frames: Sequence[Any], *, confidence: float | None) -> Sequence[FrameDetections]:
        """Look at frames; raises ``StageError``, never gives an empty result for a failure."""
        ...


class RuleJudge(Protocol):
    """Deterministic judgement."""

    def rule(self, scene: Scene) -> RuleVerdict:
        """Score a scene by rules."""
        ...

    def fuse(self, rule: RuleVerdict, model: ModelVerdict | ModelFailure | None) -> Verdict:
        """Join the rule verdict with the model's answer."""
        ...


class Assessor(Protocol):
    """Judgement by a language model."""

    async def assess(self, scene: Scene, rule: RuleVerdict) -> ModelVerdict | ModelFailure:
        """Ask the model; trouble comes back as ``ModelFailure``, never as an exception."""
        ...


class ModelAvailability(Protocol):
    """Knows whether the language model answers."""

    def answers(self) -> bool:
        """Tell whether its last use, or its last canary, was a success."""
        ...
