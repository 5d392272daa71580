"""The engine: every room entered in order, run under supervision, left in reverse."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final, Self

from home_sentry_engine.api.ports import Ports
from home_sentry_engine.api.server import ApiServer
from home_sentry_engine.api.server import Surroundings as ApiSurroundings
from home_sentry_engine.api.tokens import open_tokens
from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.identity import random_id
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.ingest.intake import Intake, Means, SizeLimits
from home_sentry_engine.ingest.source import CameraFolders
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.opening import ModelWatch, open_assessor
from home_sentry_engine.media.frames import Frames
from home_sentry_engine.media.gallery import Gallery
from home_sentry_engine.media.paths import MediaPaths
from home_sentry_engine.media.video import VideoReader
from home_sentry_engine.operations.health import HealthBoard
from home_sentry_engine.pipeline.ledger import Ledger
from home_sentry_engine.pipeline.relay import Relay
from home_sentry_engine.resilience.supervise import JobChange, JobState, supervise
from home_sentry_engine.settings import Settings
from home_sentry_engine.storage.repositories.meta import Meta
from home_sentry_engine.telemetry.metrics import Registry
from home_sentry_engine.vision.detector import DetectorStatus
from home_sentry_engine.vision.zoo import Zoo

from .catalogue import StoredCatalogue
from .copies import StillCopies
from .discovery import Discovery
from .feed import OutboxFeed, OutboxReader
from .folders import WatchedFolder
from .health import EngineHealth, Identity, Models, detector_component
from .housekeeping import Housekeeping
from .judging import CatalogueFiles
from .lock import DataFolder
from .looking import DetectorLook
from .parts import (
    Senses,
    Sinks,
    Surroundings,
    make_database,
    make_frames,
    make_pipeline,
    make_tables,
)
from .pictures import GalleryPictures
from .transactions import Transactions
from .uploads import UploadEntrance

_DECODE_THREADS: Final = 2
_DRAW_THREADS: Final = 1
_STATES: Final = {
    JobState.RUNNING: ComponentState.HEALTHY,
    JobState.CRASHED: ComponentState.DEGRADED,
    JobState.RESTARTING: ComponentState.DEGRADED,
    JobState.FAILED: ComponentState.FAILED,
    JobState.STOPPED: ComponentState.DISABLED,
}

type Run = Callable[[], Awaitable[None]]
type Looked = Callable[[Media, tuple[FrameDetections, ...]], None]


@dataclass(frozen=True, slots=True)
class _Job:
    name: str
    component: str | None
    run: Run


class Engine:
    """One engine process: an async context manager that is ready on entry; ``run`` works until cancelled.

    Entering raises ``DataFolderError``, the errors of ``storage.errors``, ``InsecureBinding`` or, for the
    port, ``OSError``.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        around: Surroundings | None = None,
        watch_folder: bool = True,
        looked: Looked | None = None,
    ) -> None:
        """Take the settings; ``looked`` hears of every file that was looked at; the folder is watched if told so."""
        self.settings = settings
        self._around = around or Surroundings(clock=SystemClock(), ids=random_id)
        self._watch_folder = watch_folder
        self._looked = looked or (lambda _media, _found: None)
        self._stack = AsyncExitStack()
        self._jobs: list[_Job] = []
        self._server: ApiServer | None = None
        self.token_made = False
        self.board = HealthBoard(self._around.clock)
        self.metrics = Registry()
        self._inference = self.metrics.histogram("detect_seconds", "Time of the detector per picture")
        self._detections = self.metrics.counter("detections_total", "Detected objects", ("class",))
        self._dropped = self.metrics.counter("boxes_dropped_total", "Boxes that filters removed", ("reason",))

    async def __aenter__(self) -> Self:
        """Open everything; on a failure what was opened is closed again."""
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close everything in reverse order."""
        await self._stack.aclose()

    @property
    def url(self) -> str:
        """Address of the API on this machine; raises ``RuntimeError`` without the role ``api``."""
        if self._server is None:
            raise RuntimeError("this engine has no API")
        return self._server.url

    async def run(self) -> None:
        """Work until cancelled; a failing job is restarted, one that cannot be helped is reported."""
        async with asyncio.TaskGroup() as group:
            for job in self._jobs:
                supervised = supervise(
                    job.name, job.run, clock=self._around.clock, report=self._reporter(job.component)
                )
                group.create_task(supervised, name=job.name)

    def _reporter(self, component: str | None) -> Callable[[JobChange], None]:
        def report(change: JobChange) -> None:
            if component is not None and change.state is not JobState.RUNNING:
                self.board.report(Component(id=component, state=_STATES[change.state], reason=change.reason))

        return report

    async def _open(self) -> None:
        settings, clock, enter = self.settings, self._around.clock, self._stack.enter_async_context
        self._stack.enter_context(DataFolder(settings.data))
        database = await enter(make_database(settings, clock))
        self.board.report(Component(id="database", state=ComponentState.HEALTHY))
        instance_id = str(await database.write(lambda conn: Meta().get_or_set(conn, "instance_id", self._around.ids())))
        tables = make_tables(settings, database, clock, instance_id)
        await database.write(tables.queue.recover)
        relay = Relay(OutboxReader(database, tables))
        store = Transactions(database, tables, clock, relay.nudge)
        self.database, self.tables, self.store = database, tables, store
        zoo = await enter(Zoo(settings.detect, settings.models, clock, on_status=self._on_detector))
        self._on_detector(zoo.detector.describe())
        files = CatalogueFiles(zoo.catalogue, zoo.store)
        language = await enter(open_assessor(settings.language, files=files, clock=clock, report=self.board.report))
        self.zoo, self.language = zoo, language
        await self._open_pipeline(relay, instance_id)

    async def _open_pipeline(self, relay: Relay, instance_id: str) -> None:
        settings, around = self.settings, self._around
        decoding = self._threads(_DECODE_THREADS, "decode")
        paths = MediaPaths(settings.data)
        frames, rules = make_frames(settings, paths, decoding)
        folders = await self._open_intake(frames, paths, decoding)
        self.gallery = Gallery(frames, paths, self._threads(_DRAW_THREADS, "draw"))
        senses = Senses(frames=frames, detector=self.zoo.detector, judge=Judge(), assessor=self.language)
        self.pipeline = make_pipeline(settings, self.store, self.tables, senses, Sinks(looked=self._observe), around)
        self.health = EngineHealth(
            identity=Identity(
                instance_id=instance_id,
                name=settings.name,
                started_at=around.clock.now(),
                bands=settings.bands,
                demo=settings.demo,
            ),
            board=self.board,
            database=self.database,
            tables=self.tables,
            models=Models(detector=self.zoo.detector.describe, language=self._language_name),
            clock=around.clock,
        )
        self._jobs = self._pipeline_jobs(folders)
        if "api" in settings.roles:
            look = DetectorLook(
                frames=frames,
                reader=VideoReader(rules.limits),
                sampling=rules.sampling,
                detector=self.zoo.detector,
                executor=decoding,
                clock=around.clock,
            )
            await self._open_api(relay, self.health, look)

    async def _open_intake(self, frames: Frames, paths: MediaPaths, decoding: ThreadPoolExecutor) -> CameraFolders:
        ingest = self.settings.ingest
        ledger = Ledger(self.store, dedupe_ttl_s=ingest.dedupe_ttl_s, auto_create_cameras=ingest.auto_create_cameras)
        known = await self.database.read(self.tables.cameras.folders)
        folders = CameraFolders(ingest.camera_root, {camera_id: folder for folder, camera_id in known.items()})
        limits = SizeLimits(
            max_image_bytes=ingest.max_file_bytes,
            min_video_bytes=ingest.min_video_bytes,
            max_video_bytes=ingest.max_video_bytes,
        )
        self.intake = Intake(
            ledger=ledger,
            inspector=frames,
            copies=StillCopies(paths),
            open_file=folders.open,
            means=Means(executor=decoding, ids=self._around.ids, limits=limits),
        )
        return folders

    async def _open_api(self, relay: Relay, health: EngineHealth, look: DetectorLook) -> None:
        settings, clock = self.settings, self._around.clock
        catalogue = StoredCatalogue(self.database, self.tables, clock, relay.nudge)
        ports = Ports(
            catalogue=catalogue,
            pictures=GalleryPictures(self.database, self.tables, self.gallery),
            uploads=UploadEntrance(
                take=self.intake.take,
                find_camera=catalogue.camera,
                clock=clock,
                auto_create_cameras=settings.ingest.auto_create_cameras,
            ),
            analyzer=look,
            health=health,
            feed=OutboxFeed(self.database, self.tables, relay, health),
        )
        keys, self.token_made = open_tokens(settings.data)
        surroundings = ApiSurroundings(clock=clock, request_id=self._around.ids, metrics=self.metrics)
        self._server = await self._stack.enter_async_context(ApiServer(settings.api, ports, lambda: keys, surroundings))
        discovery = Discovery(
            settings.api,
            port=self._server.port,
            data=settings.data,
            supervisor_token=self._around.supervisor_token,
            clock=clock,
        )
        info = await health.info()
        self._jobs.append(_Job("api feed", "api", self._server.run))
        self._jobs.append(_Job("discovery", None, lambda: discovery.run(info)))
        self.board.report(Component(id="api", state=ComponentState.HEALTHY))

    def _pipeline_jobs(self, folders: CameraFolders) -> list[_Job]:
        roles, pipeline = self.settings.roles, self.pipeline
        jobs = [
            _Job(
                "housekeeping",
                None,
                Housekeeping(self.store, self.database, self.tables, self.settings, self._around.clock).run,
            )
        ]
        if "detect" in roles:
            jobs.append(_Job("detector", None, self.zoo.run))
            jobs += [_Job(f"detect {n}", None, one.run) for n, one in enumerate(pipeline.detect, start=1)]
        if "assess" in roles:
            if isinstance(self.language, LanguageAssessor):
                watch = ModelWatch(self.language, self._around.clock)
                jobs.append(_Job("language model", None, watch.run))
            jobs.append(_Job("visit timers", None, pipeline.timers.run))
            jobs += [_Job(f"assess {n}", None, one.run) for n, one in enumerate(pipeline.assess, start=1)]
        if "ingest" in roles and self._watch_folder:
            source = WatchedFolder(self.settings.ingest, folders, self.intake, self._around.clock, self.board.report)
            jobs.append(_Job("camera folder", "ingest", source.run))
        return jobs

    def _language_name(self) -> str | None:
        return self.language.backend.model_id if isinstance(self.language, LanguageAssessor) else None

    def _threads(self, count: int, name: str) -> ThreadPoolExecutor:
        pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        return pool

    def _on_detector(self, status: DetectorStatus) -> None:
        self.board.report(detector_component(status))

    def _observe(self, media: Media, found: tuple[FrameDetections, ...]) -> None:
        for frame in found:
            self._inference.observe(frame.inference_ms / 1000)
            for detection in frame.detections:
                self._detections.add(1, **{"class": detection.label})
            for reason, count in frame.dropped:
                self._dropped.add(count, reason=reason)
        self._looked(media, found)
