"""The concrete parts of an engine, built from settings without touching anything."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import random

from home_sentry_engine.broker.queue import Overflow, Queue, QueueLimits
from home_sentry_engine.broker.sql.queue import SqlQueue
from home_sentry_engine.context.boxes import BoxFilter, BoxFilters
from home_sentry_engine.context.gather import Gather, Leg
from home_sentry_engine.contract import PromptModel
from home_sentry_engine.domain.batch import Batcher
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.identity import IdSource
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.media.frames import Frames, Rules
from home_sentry_engine.media.limits import Limits
from home_sentry_engine.media.mask import Fresh, Veils
from home_sentry_engine.media.paths import MediaPaths
from home_sentry_engine.media.video import Sampling
from home_sentry_engine.operations.data_folder import database_url
from home_sentry_engine.pipeline.circumstances import Circumstances, ContextRules, cross_camera
from home_sentry_engine.pipeline.closely import CloseGather, WholePictures
from home_sentry_engine.pipeline.enrich.desk import Models
from home_sentry_engine.pipeline.enrich.enrichment import Renew, as_they_are
from home_sentry_engine.pipeline.gathering import Gathering
from home_sentry_engine.pipeline.lane import Lane
from home_sentry_engine.pipeline.place_ports import Views
from home_sentry_engine.pipeline.ports import Assessor, Detector
from home_sentry_engine.pipeline.ports import Frames as Pictures
from home_sentry_engine.pipeline.seeing import Checks, Confirmer, Meter, Seeing
from home_sentry_engine.pipeline.stages.assess import AssessStage
from home_sentry_engine.pipeline.stages.detect import DetectStage
from home_sentry_engine.pipeline.timers import VisitTimers
from home_sentry_engine.pipeline.trace_memory import TraceMemory
from home_sentry_engine.pipeline.trials import Means, Mind, Trials
from home_sentry_engine.pipeline.visit import Visit
from home_sentry_engine.pipeline.worker import Worker, WorkerRules
from home_sentry_engine.settings import IngestSettings, Settings, StorageSettings
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.activity import Activity
from home_sentry_engine.storage.repositories.assessments import Assessments
from home_sentry_engine.storage.repositories.audit import Audit
from home_sentry_engine.storage.repositories.batches import Batches
from home_sentry_engine.storage.repositories.cameras import Cameras
from home_sentry_engine.storage.repositories.components import Components
from home_sentry_engine.storage.repositories.detections import Detections
from home_sentry_engine.storage.repositories.enrichments import Enrichments, record_of
from home_sentry_engine.storage.repositories.entities import Entities, Recognitions
from home_sentry_engine.storage.repositories.events import Events
from home_sentry_engine.storage.repositories.household import Household
from home_sentry_engine.storage.repositories.masks import MaskRows
from home_sentry_engine.storage.repositories.media import MediaFiles
from home_sentry_engine.storage.repositories.notes import FactRows, PlateReads
from home_sentry_engine.storage.repositories.outbox import Outbox
from home_sentry_engine.storage.repositories.reassessments import Reassessments
from home_sentry_engine.storage.repositories.resting import RestingRows
from home_sentry_engine.storage.repositories.scenes import Scenes
from home_sentry_engine.storage.repositories.traces import TraceRows
from home_sentry_engine.storage.repositories.zones import Zones

from .alert_parts import AlertParts
from .enriching import Eyes, association_of, make_closely, services_s
from .notifying import AlertPosts
from .queues import QueueFigures
from .recognising import Comparers, make_recognising
from .tables import Tables
from .transactions import Transactions

_DETECT_DEADLINE_S = 120.0
_ASSESS_SLACK_S = 60.0
_QUESTIONS_IN_A_ROW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a test may replace: time, new ids, chance; ``supervisor_token`` is there inside a Home Assistant app.

    ``hide`` takes names and number plates that no log line may show, ``learn`` a secret.
    """

    clock: Clock
    ids: IdSource
    random: Callable[[], float] = random.random
    supervisor_token: str | None = None
    hide: Callable[[Iterable[str]], None] = field(default=lambda _names: None)
    learn: Callable[[str], None] = field(default=lambda _secret: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sinks:
    """Who else wants to know of what the pipeline did."""

    looked: Callable[[Media, tuple[FrameDetections, ...]], None]


def make_database(settings: Settings, clock: Clock) -> Database:
    """Give the database of the settings: SQLite in the data folder by default."""
    return Database(database_url(settings), clock)


def make_tables(settings: Settings, clock: Clock, queue: Queue[Connection]) -> Tables:
    """Give the repositories of a database beside its queue."""
    zone = settings.time_zone

    def day_start() -> datetime:
        return clock.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)

    return Tables(
        cameras=Cameras(day_start, learning=timedelta(days=settings.operations.learning_days)),
        media=MediaFiles(),
        detections=Detections(),
        batches=Batches(),
        events=Events(),
        assessments=Assessments(),
        outbox=Outbox(),
        queue=queue,
        queues=QueueFigures(queue, limits_of_queue(settings.storage)),
        reassessments=Reassessments(),
        components=Components(),
        audit=Audit(),
        zones=Zones(),
        masks=MaskRows(),
        activity=Activity(),
        resting=RestingRows(),
        scenes=Scenes(),
        traces=TraceRows(),
        household=Household(),
        enrichments=Enrichments(),
        entities=Entities(),
        recognitions=Recognitions(),
        facts=FactRows(),
        plates=PlateReads(),
        alerting=alert_parts(settings, queue),
    )


def alert_parts(settings: Settings, queue: Queue[Connection]) -> AlertParts:
    """Give what evaluating alerts needs."""
    return AlertParts(
        sink=AlertPosts(queue=queue, zone=settings.time_zone),
        zone=settings.time_zone,
        association=association_of(settings),
        best_detections=settings.batch.best_detections,
    )


def make_queue(settings: StorageSettings, database: Database, clock: Clock, owner: str) -> SqlQueue:
    """Give the queue in the database; ``owner`` is the engine's lasting id."""
    return SqlQueue(database, clock, owner=owner, limits=limits_of_queue(settings))


def limits_of_queue(settings: StorageSettings) -> QueueLimits:
    """Give the bounds of each queue."""
    return QueueLimits(limit=settings.queue_limit, overflow=Overflow(settings.overflow))


@dataclass(frozen=True, slots=True, kw_only=True)
class Masks:
    """The privacy masks of cameras, and what learns the newest ones."""

    veils: Veils
    fresh: Fresh


def make_frames(
    settings: Settings, paths: MediaPaths, executor: Executor, masks: Masks, halted: Callable[[], bool]
) -> tuple[Frames, Rules]:
    """Give the decoder of files, under the masks of their cameras, and its rules; ``halted`` ends long clips."""
    ingest = settings.ingest
    sampling = Sampling(
        interval_s=ingest.frame_interval_s,
        max_frames=ingest.max_frames,
        at_least=Rules().at_least,
        adaptive=ingest.adaptive_frames,
    )
    limits = replace(limits_of(ingest), halted=halted)
    rules = Rules(limits=limits, sampling=sampling, zone=settings.time_zone)
    return Frames(paths, rules, executor, veils=masks.veils, fresh=masks.fresh), rules


def limits_of(settings: IngestSettings) -> Limits:
    """Give the bounds of a single file."""
    return Limits(
        min_image_bytes=settings.min_image_bytes,
        min_video_bytes=settings.min_video_bytes,
        max_image_bytes=settings.max_file_bytes,
        max_video_bytes=settings.max_video_bytes,
        max_pixels=settings.max_pixels,
        max_scans=settings.max_scans,
        timeout_s=settings.check_timeout_s,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Workers and timers of the roles that this engine plays."""

    detect: tuple[Worker, ...]
    assess: tuple[Worker, ...]
    timers: VisitTimers
    memory: TraceMemory
    trials: Trials


@dataclass(frozen=True, slots=True, kw_only=True)
class Senses:
    """What looks and judges."""

    frames: Pictures
    detector: Detector
    judge: Judge
    assessor: Assessor
    views: Views | None = None
    pictures: WholePictures | None = None
    meter: Meter | None = None
    confirmer: Confirmer | None = None
    models: Models | None = None
    comparers: Comparers = field(default_factory=Comparers)
    newest: Renew = as_they_are
    minds: Mapping[PromptModel, Mind] = field(default_factory=dict)


def slow_legs(store: Transactions) -> tuple[Leg, ...]:
    """Give the legs that look around while a visit is assessed."""
    return (cross_camera(store),)


def make_seeing(settings: Settings, senses: Senses) -> Seeing:
    """Give what looks at files, with the filters of the settings."""
    detect = settings.detect
    rules = {
        camera: {label: BoxFilter(**bounds) for label, bounds in labels.items()}
        for camera, labels in detect.box_rules.items()
    }
    return Seeing(
        frames=senses.frames,
        detector=senses.detector,
        filters=BoxFilters(confidence=detect.confidence, cameras=detect.camera_confidence, rules=rules),
        zone=settings.time_zone,
        checks=Checks(meter=senses.meter, confirmer=senses.confirmer, association=association_of(settings)),
    )


def make_pipeline(
    settings: Settings, store: Transactions, tables: Tables, senses: Senses, sinks: Sinks, around: Surroundings
) -> Pipeline:
    """Wire stages, workers and timers."""
    visit = Visit(settings.bands)
    known = make_recognising(settings.identity, store, senses.comparers, around.clock, around.ids)
    persons = senses.comparers.persons
    eyes = Eyes(pictures=senses.pictures, models=senses.models, persons=persons, legs=known.legs, newest=senses.newest)
    closely = make_closely(settings, store, eyes)
    circumstances = Circumstances(
        settings.time_zone,
        gather=Gather(slow_legs(store)),
        views=senses.views,
        rules=ContextRules(association=association_of(settings)),
        closely=closely,
        conclude=known.conclude,
    )
    gathering = Gathering(settings.batch, rules=senses.judge, visit=visit, ids=around.ids, circumstances=circumstances)
    seeing = make_seeing(settings, senses)
    detect = DetectStage(store=store, frames=senses.frames, seeing=seeing, gathering=gathering, observer=sinks.looked)
    assess = AssessStage(store=store, gathering=gathering, judge=senses.judge, assessor=senses.assessor, visit=visit)
    lane = Lane()

    def worker(stage: DetectStage | AssessStage, deadline_s: float) -> Worker:
        rules = WorkerRules(lease_s=settings.storage.lease_s, deadline_s=deadline_s, tries=settings.storage.tries)
        return Worker(stage, tables.queue, store, around.clock, around.random).ruled(rules).sharing(lane)

    return Pipeline(
        detect=tuple(worker(detect, _DETECT_DEADLINE_S) for _ in range(settings.detect.concurrency)),
        assess=(worker(assess, _slowest_s(settings)),),
        timers=_timers(settings, store, gathering, around),
        memory=known.memory,
        trials=_trials(store, senses, visit, gathering, closely, around),
    )


def _trials(
    store: Transactions,
    senses: Senses,
    visit: Visit,
    gathering: Gathering,
    closely: CloseGather | None,
    around: Surroundings,
) -> Trials:
    return Trials(
        Means(
            store=store,
            gathering=gathering,
            judge=senses.judge,
            level_of=visit.level_of,
            minds=senses.minds,
            closely=closely,
            record=record_of,
            now=around.clock.steady,
        )
    )


def _slowest_s(settings: Settings) -> float:
    slowest = settings.language.timeout_s * settings.language.tries + _ASSESS_SLACK_S
    slowest += _QUESTIONS_IN_A_ROW * settings.enrichment.timeout_s + services_s(settings.enrichment, settings.vision)
    if settings.vision.judges:
        slowest += settings.vision.timeout_s * settings.language.tries
    return slowest


def _timers(settings: Settings, store: Transactions, gathering: Gathering, around: Surroundings) -> VisitTimers:
    return VisitTimers(
        store=store,
        gathering=gathering,
        batcher=Batcher(settings.batch.rules, around.ids),
        visit=Visit(settings.bands),
        clock=around.clock,
        interval_s=settings.batch.check_interval_s,
    )
