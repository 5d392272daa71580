"""The pipeline's transactions over the database's repositories and the queue."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from home_sentry_engine.broker.queue import PutOutcome, Queue
from home_sentry_engine.contract import (
    BatchReason,
    Camera,
    CameraStatus,
    Event,
    EventAudit,
    encode,
)
from home_sentry_engine.contract import Detection as DetectionRecord
from home_sentry_engine.domain.batch import ClosedBatch, OpenBatch
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.jobs import Job, NewJob
from home_sentry_engine.domain.messages import Media, Refusal, Sighting, Verdict
from home_sentry_engine.domain.quality import PictureQuality
from home_sentry_engine.pipeline.ports import QueueFull, Receipt, Tx
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.assessments import assessment_of
from home_sentry_engine.storage.repositories.batches import Batches
from home_sentry_engine.storage.repositories.detections import Detections
from home_sentry_engine.storage.repositories.media import MediaFiles
from home_sentry_engine.storage.repositories.outbox import Outbox

from .alerting import keep_evaluation
from .enrichment_rows import BoundEnrichments
from .identity_rows import BoundIdentity
from .place_rows import BoundPlaces
from .tables import Tables
from .veils import veil_of


class Transactions:
    """``pipeline.ports.Store`` over a database; ``announced`` is called on the event loop after commits with news."""

    def __init__(self, database: Database, tables: Tables, clock: Clock, announced: Callable[[], None]) -> None:
        """Take the database, its tables, the clock of ``tx.now`` and who wants to know of announcements."""
        self._database = database
        self._tables = tables
        self._clock = clock
        self._announced = announced

    async def write[T](self, work: Callable[[Tx], T]) -> T:
        """Run ``work`` in a write transaction."""
        return await self._database.write(lambda conn: work(self._bind(conn)))

    async def read[T](self, work: Callable[[Tx], T]) -> T:
        """Run ``work`` on a snapshot."""
        return await self._database.read(lambda conn: work(self._bind(conn)))

    def _bind(self, conn: Connection) -> Tx:
        return _Bound(conn, self._tables, self._clock.steady(), lambda: self._notify(conn))

    def _notify(self, conn: Connection) -> None:
        self._database.after_commit(conn, self._announced)


class _Bound:
    def __init__(self, conn: Connection, tables: Tables, now: datetime, news: Callable[[], None]) -> None:
        self.now = now
        self.cameras = _CameraRows(conn, tables, now)
        self.media = _MediaRows(conn, tables.media)
        self.detections = _DetectionRows(conn, tables.detections)
        self.batches = _BatchRows(conn, tables.batches)
        self.events = _EventRows(conn, tables, now)
        self.places = BoundPlaces(conn, tables)
        self.identity = BoundIdentity(conn, tables, now)
        self.enrichments = BoundEnrichments(conn, tables.enrichments, now)
        self.jobs = _JobRows(conn, tables.queue, now)
        self.outbox = _OutboxRows(conn, tables.outbox, now, news)


class _CameraRows:
    def __init__(self, conn: Connection, tables: Tables, now: datetime) -> None:
        self._conn, self._tables, self._now = conn, tables, now
        self._rows = tables.cameras

    def ensure(self, *, camera_id: str, name: str, folder: str | None, now: datetime) -> tuple[Camera, bool]:
        return self._rows.ensure(self._conn, camera_id=camera_id, name=name, folder=folder, now=now)

    def get(self, camera_id: str) -> Camera | None:
        return self._rows.get(self._conn, camera_id)

    def all(self) -> tuple[Camera, ...]:
        return self._rows.all(self._conn)

    def veil(self, camera_id: str) -> str | None:
        found = self._tables.masks.of(self._conn, camera_id)
        if found is None:
            return None
        holding = veil_of(found, self._tables.home.report(self._conn), self._now)
        return holding.key if holding is not None else None

    def expose(self, media: Media, path: Path, source_key: str | None) -> None:
        self._tables.masks.expose(self._conn, media.camera_id, path, source_key, self._now)

    def seen(self, camera_id: str, *, media_id: str | None, at: datetime) -> Camera:
        return self._rows.seen(self._conn, camera_id, media_id=media_id, at=at)

    def set_status(self, camera_id: str, status: CameraStatus, reason: str | None) -> Camera | None:
        return self._rows.set_status(self._conn, camera_id, status, reason, at=self._now)


class _MediaRows:
    def __init__(self, conn: Connection, rows: MediaFiles) -> None:
        self._conn, self._rows = conn, rows

    def claim(self, *, camera_id: str, sha256: str, media_id: str, now: datetime, ttl_s: float) -> bool:
        return self._rows.claim(self._conn, camera_id=camera_id, sha256=sha256, media_id=media_id, now=now, ttl_s=ttl_s)

    def insert(self, media: Media, *, source_key: str | None, origin: str) -> None:
        self._rows.insert(self._conn, media, source_key=source_key, origin=origin)

    def get(self, media_id: str) -> Media | None:
        stored = self._rows.get(self._conn, media_id)
        return stored.media if stored is not None else None

    def known_sources(self, keys: Sequence[str]) -> set[str]:
        return self._rows.known_sources(self._conn, keys)

    def mark_detected(self, media_id: str) -> bool:
        return self._rows.mark_detected(self._conn, media_id)

    def mark_failed(self, media_id: str, reason: str) -> bool:
        return self._rows.mark_failed(self._conn, media_id, reason)

    def count_duplicate(self, *, source_key: str | None, now: datetime) -> None:
        self._rows.count_duplicate(self._conn, source_key=source_key, now=now)

    def reject(self, refusal: Refusal) -> None:
        self._rows.reject(self._conn, refusal)


class _DetectionRows:
    def __init__(self, conn: Connection, rows: Detections) -> None:
        self._conn, self._rows = conn, rows

    def exists(self, media_id: str, model_id: str) -> bool:
        return self._rows.exists(self._conn, media_id, model_id)

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
        return self._rows.add(
            self._conn,
            media_id=media_id,
            camera_id=camera_id,
            event_id=event_id,
            batch_id=batch_id,
            at=at,
            frames=frames,
        )

    def sightings_of_event(self, event_id: str, *, best: int, shared: bool = False) -> tuple[Sighting, ...]:
        return self._rows.sightings_of_event(self._conn, event_id, best=best, shared=shared)

    def of_media(self, media_id: str) -> tuple[DetectionRecord, ...]:
        return self._rows.of_media(self._conn, media_id)

    def qualities(self, camera_id: str, *, before: datetime, most: int) -> tuple[PictureQuality, ...]:
        return self._rows.qualities(self._conn, camera_id, before=before, most=most)


class _BatchRows:
    def __init__(self, conn: Connection, rows: Batches) -> None:
        self._conn, self._rows = conn, rows

    def open_for(self, camera_id: str) -> OpenBatch | None:
        return self._rows.open_for(self._conn, camera_id)

    def last_closed(self, camera_id: str) -> ClosedBatch | None:
        return self._rows.last_closed(self._conn, camera_id)

    def last_containing(
        self, camera_id: str, captured_at: datetime, since: datetime, *, idle: timedelta
    ) -> ClosedBatch | None:
        return self._rows.last_containing(self._conn, camera_id, captured_at, since, idle=idle)

    def save_open(self, batch: OpenBatch, *, deadline: datetime) -> None:
        self._rows.save_open(self._conn, batch, deadline=deadline)

    def save_closed(self, batch: OpenBatch, *, reason: BatchReason, at: datetime) -> None:
        self._rows.save_closed(self._conn, batch, reason=reason, at=at)

    def close(self, batch_id: str, *, reason: BatchReason, at: datetime) -> bool:
        return self._rows.close(self._conn, batch_id, reason=reason, at=at)

    def grow_closed(self, batch_id: str, *, detections: int) -> int:
        return self._rows.grow_closed(self._conn, batch_id, detections=detections)

    def due(self, now: datetime, limit: int) -> tuple[OpenBatch, ...]:
        return self._rows.due(self._conn, now, limit)

    def get(self, batch_id: str) -> tuple[OpenBatch | ClosedBatch, int] | None:
        return self._rows.get(self._conn, batch_id)

    def mark_assessed(self, batch_id: str, version: int) -> None:
        self._rows.mark_assessed(self._conn, batch_id, version)

    def next_deadline(self) -> datetime | None:
        return self._rows.next_deadline(self._conn)

    def closed_unended(self, before: datetime) -> tuple[str, ...]:
        return self._rows.closed_unended(self._conn, before)


class _EventRows:
    def __init__(self, conn: Connection, tables: Tables, now: datetime) -> None:
        self._conn, self._tables, self._now = conn, tables, now

    def insert(self, event: Event) -> None:
        self._tables.events.insert(self._conn, event)
        keep_evaluation(self._conn, self._tables, event, self._now)

    def get(self, event_id: str) -> Event | None:
        # work on a visit ends as it began, also when a person put it into the trash meanwhile
        return self._tables.events.get(self._conn, event_id, trashed=True)

    def save(self, event: Event) -> None:
        self._tables.events.save(self._conn, event)
        keep_evaluation(self._conn, self._tables, event, self._now)

    def add_assessment(
        self, event_id: str, *, batch_id: str, version: int, verdict: Verdict, audit: EventAudit | None = None
    ) -> None:
        record = assessment_of(verdict, event_id=event_id, batch_id=batch_id, evidence_version=version, at=self._now)
        self._tables.assessments.add(self._conn, record)
        if audit is not None:
            self._tables.evaluations.save(self._conn, audit)

    def unjudged(self, since: datetime, *, tries: int, limit: int) -> tuple[tuple[str, int], ...]:
        return self._tables.reassessments.wanted(self._conn, since, tries, limit)

    def note_second_chance(self, event_id: str) -> int:
        return self._tables.reassessments.note(self._conn, event_id, self._now)


class _JobRows:
    def __init__(self, conn: Connection, queue: Queue[Connection], now: datetime) -> None:
        self._conn, self._queue, self._now = conn, queue, now

    def put(self, job: NewJob) -> Receipt:
        result = self._queue.put(self._conn, job, self._now)
        if result.outcome is PutOutcome.REJECTED:
            raise QueueFull(result.reason or f"the queue {job.queue} is full", code="queue_full")
        refused = result.reason if result.outcome is PutOutcome.DEAD_LETTERED else None
        return Receipt(refused=refused, dropped=result.dropped, displaced=result.displaced)

    def ack(self, job: Job) -> None:
        self._queue.ack(self._conn, job)

    def retry(self, job: Job, *, after_s: float, error: str, counted: bool = True) -> None:
        self._queue.retry(self._conn, job, after_s=after_s, error=error, counted=counted)

    def bury(self, job: Job, *, error: str, error_type: str, stack: str | None = None) -> None:
        self._queue.bury(self._conn, job, error=error, error_type=error_type, stack=stack)


class _OutboxRows:
    def __init__(self, conn: Connection, rows: Outbox, now: datetime, news: Callable[[], None]) -> None:
        self._conn, self._rows, self._now, self._news = conn, rows, now, news

    def add(self, kind: str, body: object, *, camera_id: str | None) -> None:
        self._rows.add(self._conn, kind=kind, camera_id=camera_id, body=encode(body), now=self._now)
        self._news()
