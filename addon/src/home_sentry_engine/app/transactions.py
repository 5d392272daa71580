"""The pipeline's transactions over the database's repositories and the queue."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from home_sentry_engine.broker.queue import PutOutcome, Queue
from home_sentry_engine.context.crosscamera import Elsewhere
from home_sentry_engine.contract import (
    BaselineLimits,
    BatchReason,
    Camera,
    CameraStatus,
    Event,
    HomeReport,
    SceneChange,
    Zone,
    encode,
)
from home_sentry_engine.contract import Detection as DetectionRecord
from home_sentry_engine.domain.batch import ClosedBatch, OpenBatch
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.jobs import Job, NewJob
from home_sentry_engine.domain.messages import Media, Sighting, Verdict
from home_sentry_engine.domain.resting import KeptMemory, Resting, ViewNews
from home_sentry_engine.pipeline.ports import QueueFull, Receipt, Tx
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.activity import Activity
from home_sentry_engine.storage.repositories.assessments import Assessments, assessment_of
from home_sentry_engine.storage.repositories.audit import Audit
from home_sentry_engine.storage.repositories.batches import Batches
from home_sentry_engine.storage.repositories.cameras import Cameras
from home_sentry_engine.storage.repositories.components import Components
from home_sentry_engine.storage.repositories.detections import Detections
from home_sentry_engine.storage.repositories.enrichments import Enrichments
from home_sentry_engine.storage.repositories.entities import Entities, Recognitions
from home_sentry_engine.storage.repositories.events import Events
from home_sentry_engine.storage.repositories.household import Household
from home_sentry_engine.storage.repositories.masks import MaskRows
from home_sentry_engine.storage.repositories.media import MediaFiles
from home_sentry_engine.storage.repositories.notes import FactRows, PlateReads
from home_sentry_engine.storage.repositories.outbox import Outbox
from home_sentry_engine.storage.repositories.reassessments import Reassessments
from home_sentry_engine.storage.repositories.resting import RestingRows
from home_sentry_engine.storage.repositories.rhythm import Rhythm
from home_sentry_engine.storage.repositories.scenes import SceneMemory, Scenes, UsualView
from home_sentry_engine.storage.repositories.traces import TraceRows
from home_sentry_engine.storage.repositories.zones import Zones

from .enrichment_rows import BoundEnrichments
from .home import HomeRows
from .identity_rows import BoundIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The repositories and the queue that share one database."""

    cameras: Cameras
    media: MediaFiles
    detections: Detections
    batches: Batches
    events: Events
    assessments: Assessments
    outbox: Outbox
    queue: Queue[Connection]
    reassessments: Reassessments
    components: Components
    audit: Audit
    zones: Zones
    masks: MaskRows
    activity: Activity
    resting: RestingRows
    scenes: Scenes
    traces: TraceRows
    household: Household
    enrichments: Enrichments
    entities: Entities
    recognitions: Recognitions
    facts: FactRows
    plates: PlateReads
    rhythm: Rhythm = field(default_factory=Rhythm)
    home: HomeRows = field(default_factory=HomeRows)


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
        self.cameras = _CameraRows(conn, tables.cameras, now)
        self.media = _MediaRows(conn, tables.media)
        self.detections = _DetectionRows(conn, tables.detections)
        self.batches = _BatchRows(conn, tables.batches)
        self.events = _EventRows(conn, tables, now)
        self.places = _PlaceRows(conn, tables)
        self.identity = BoundIdentity(conn, tables, now)
        self.enrichments = BoundEnrichments(conn, tables.enrichments, now)
        self.jobs = _JobRows(conn, tables.queue, now)
        self.outbox = _OutboxRows(conn, tables.outbox, now, news)


class _CameraRows:
    def __init__(self, conn: Connection, rows: Cameras, now: datetime) -> None:
        self._conn, self._rows, self._now = conn, rows, now

    def ensure(self, *, camera_id: str, name: str, folder: str | None, now: datetime) -> tuple[Camera, bool]:
        return self._rows.ensure(self._conn, camera_id=camera_id, name=name, folder=folder, now=now)

    def get(self, camera_id: str) -> Camera | None:
        return self._rows.get(self._conn, camera_id)

    def all(self) -> tuple[Camera, ...]:
        return self._rows.all(self._conn)

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

    def reject(
        self, *, camera_id: str, source_key: str | None, reason: str, detail: str, sha256: str | None, now: datetime
    ) -> None:
        self._rows.reject(
            self._conn,
            camera_id=camera_id,
            source_key=source_key,
            reason=reason,
            detail=detail,
            sha256=sha256,
            now=now,
        )


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

    def sightings_of_event(self, event_id: str, *, best: int) -> tuple[Sighting, ...]:
        return self._rows.sightings_of_event(self._conn, event_id, best=best)

    def of_media(self, media_id: str) -> tuple[DetectionRecord, ...]:
        return self._rows.of_media(self._conn, media_id)


class _BatchRows:
    def __init__(self, conn: Connection, rows: Batches) -> None:
        self._conn, self._rows = conn, rows

    def open_for(self, camera_id: str) -> OpenBatch | None:
        return self._rows.open_for(self._conn, camera_id)

    def last_closed(self, camera_id: str) -> ClosedBatch | None:
        return self._rows.last_closed(self._conn, camera_id)

    def last_containing(self, camera_id: str, captured_at: datetime, since: datetime) -> ClosedBatch | None:
        return self._rows.last_containing(self._conn, camera_id, captured_at, since)

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

    def get(self, event_id: str) -> Event | None:
        return self._tables.events.get(self._conn, event_id)

    def save(self, event: Event) -> None:
        self._tables.events.save(self._conn, event)

    def add_assessment(self, event_id: str, *, batch_id: str, version: int, verdict: Verdict) -> None:
        record = assessment_of(verdict, event_id=event_id, batch_id=batch_id, evidence_version=version, at=self._now)
        self._tables.assessments.add(self._conn, record)

    def unjudged(self, since: datetime, *, tries: int, limit: int) -> tuple[tuple[str, int], ...]:
        return self._tables.reassessments.wanted(self._conn, since, tries, limit)

    def note_second_chance(self, event_id: str) -> int:
        return self._tables.reassessments.note(self._conn, event_id, self._now)


class _PlaceRows:
    def __init__(self, conn: Connection, tables: Tables) -> None:
        self._conn, self._tables = conn, tables

    def zones(self, camera_id: str) -> tuple[Zone, ...]:
        return self._tables.zones.of(self._conn, camera_id)

    def resting(self, camera_id: str) -> tuple[Resting, ...]:
        return self._tables.resting.of(self._conn, camera_id)

    def rest(self, camera_id: str, things: Sequence[Resting]) -> None:
        self._tables.resting.replace(self._conn, camera_id, things)

    def watch(self, camera_id: str, day: date) -> None:
        self._tables.activity.watch(self._conn, camera_id, day)

    def count(self, camera_id: str, labels: Sequence[str], *, day: date, hour: int) -> None:
        self._tables.activity.add(self._conn, camera_id, labels, day=day, hour=hour)

    def since(self, camera_id: str) -> date | None:
        return self._tables.activity.since(self._conn, camera_id)

    def counts(
        self, camera_id: str, labels: Sequence[str], *, hour: int, first: date
    ) -> Mapping[str, Mapping[date, int]]:
        return self._tables.activity.counts(self._conn, camera_id, labels, hour=hour, first=first)

    def note_view(self, media: Media, news: ViewNews) -> tuple[SceneChange, ...]:
        rows, camera_id, at = self._tables.scenes, media.camera_id, media.captured_at
        if news.keep is not None:
            kept = news.keep
            rows.save(
                self._conn,
                UsualView(camera_id=camera_id, light=kept.light, picture=kept.picture, state=kept.state, at=at),
            )
        if news.memory is not None:
            self._remember(camera_id, news.memory, at)
        ended = rows.end(self._conn, camera_id, at) if news.over else ()
        if news.change is None:
            return ended
        made = rows.change(
            self._conn, rows.add_change(self._conn, camera_id, news.change, at=at, media_id=media.media_id)
        )
        return (*ended, made) if made is not None else ended

    def _remember(self, camera_id: str, kept: KeptMemory, at: datetime) -> None:
        memory = SceneMemory(
            camera_id=camera_id,
            light=kept.light,
            model_id=kept.model_id,
            learned=kept.learned,
            vector=kept.vector,
            spread=kept.spread,
            at=at,
        )
        self._tables.scenes.remember(self._conn, memory)
        self._tables.cameras.anomaly(self._conn, camera_id, kept.anomaly)

    def anomaly(self, camera_id: str) -> float | None:
        camera = self._tables.cameras.get(self._conn, camera_id)
        return camera.scene_anomaly if camera is not None else None

    def view_changes(self, camera_id: str, *, since: datetime) -> tuple[str, ...]:
        return tuple(change.kind for change in self._tables.scenes.recent(self._conn, camera_id, since))

    def home(self) -> HomeReport | None:
        return self._tables.home.report(self._conn)

    def zone(self, otherwise: ZoneInfo) -> ZoneInfo:
        return self._tables.home.zone(self._conn, otherwise)

    def limits(self) -> BaselineLimits:
        return self._tables.home.limits(self._conn)

    def elsewhere(self, camera_id: str, *, since: datetime, until: datetime, most: int) -> tuple[Elsewhere, ...]:
        seen = self._tables.detections.elsewhere(self._conn, camera_id, since=since, until=until, most=most)
        return tuple(Elsewhere(camera_name=camera, label=label, at=at) for camera, label, at in seen)


class _JobRows:
    def __init__(self, conn: Connection, queue: Queue[Connection], now: datetime) -> None:
        self._conn, self._queue, self._now = conn, queue, now

    def put(self, job: NewJob) -> Receipt:
        result = self._queue.put(self._conn, job, self._now)
        if result.outcome is PutOutcome.REJECTED:
            raise QueueFull(result.reason or f"the queue {job.queue} is full", code="queue_full")
        refused = result.reason if result.outcome is PutOutcome.DEAD_LETTERED else None
        return Receipt(refused=refused, dropped=result.dropped)

    def ack(self, job: Job) -> None:
        self._queue.ack(self._conn, job)

    def retry(self, job: Job, *, after_s: float, error: str, counted: bool = True) -> None:
        self._queue.retry(self._conn, job, after_s=after_s, error=error, counted=counted)

    def bury(self, job: Job, *, error: str, error_type: str) -> None:
        self._queue.bury(self._conn, job, error=error, error_type=error_type)


class _OutboxRows:
    def __init__(self, conn: Connection, rows: Outbox, now: datetime, news: Callable[[], None]) -> None:
        self._conn, self._rows, self._now, self._news = conn, rows, now, news

    def add(self, kind: str, body: object, *, camera_id: str | None) -> None:
        self._rows.add(self._conn, kind=kind, camera_id=camera_id, body=encode(body), now=self._now)
        self._news()
