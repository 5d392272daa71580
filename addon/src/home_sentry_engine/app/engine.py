"""The engine: every room entered in order, run under supervision, left in reverse."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final, Self

from home_sentry_engine.api.ports import Ports
from home_sentry_engine.api.server import ApiServer
from home_sentry_engine.api.server import Surroundings as ApiSurroundings
from home_sentry_engine.api.tokens import KeyRing, open_tokens
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
from home_sentry_engine.operations.registry import PartPlan, Rank
from home_sentry_engine.pipeline.ledger import Ledger
from home_sentry_engine.pipeline.reassess import SecondChances
from home_sentry_engine.pipeline.relay import Relay
from home_sentry_engine.settings import Settings
from home_sentry_engine.telemetry.metrics import Registry
from home_sentry_engine.vision.detector import DetectorStatus
from home_sentry_engine.vision.zoo import Zoo

from .catalogue import StoredCatalogue
from .changes import StoredRegistry, StoredReplies, TokenFiles
from .copies import StillCopies
from .database import SoundDatabase
from .discovery import Discovery
from .enriching import SERVICE_CALLS, enrichment_part, with_services
from .enrolment import Sight
from .entities import StoredEntities
from .entrance import GuardedDoor
from .feed import OutboxFeed, OutboxReader
from .folders import WatchedFolder
from .health import EngineHealth, Identity, Models, detector_component
from .home import StoredHome
from .household import make_household
from .housekeeping import Housekeeping
from .judging import CatalogueFiles
from .learning import StoredLearning
from .links import Names, node_of, open_links
from .lock import DataFolder
from .looking import DetectorLook
from .masks import MaskBook, Replacing
from .measuring import Instruments, Measuring
from .model_desk import ModelDesk
from .model_room import model_rules
from .neighbours import Neighbours
from .operating import PartDesk, QueueDesk, StoredAudit
from .parts import (
    Senses,
    Sinks,
    Surroundings,
    make_frames,
    make_pipeline,
    make_tables,
)
from .pictures import GalleryPictures
from .places import StoredPlaces
from .quiet import QuietWatch, WatchTerms
from .recognising import make_comparers
from .scene_memory import SceneMemories, scene_eye
from .scenes import StoredScenes
from .secured import Secured, secure
from .shared_clock import SharedClock
from .sight import QualityMeter, make_second_look
from .transactions import Transactions
from .uploads import UploadEntrance
from .views import CameraViews
from .wellbeing import ModelState, Wellbeing

_DECODE_THREADS: Final = 2
_DRAW_THREADS: Final = 1

type Looked = Callable[[Media, tuple[FrameDetections, ...]], None]


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
        around = around or Surroundings(clock=SystemClock(), ids=random_id)
        self._clock = SharedClock(around.clock)
        self._around = replace(around, clock=self._clock)
        self._watch_folder = watch_folder
        self._looked = looked or (lambda _media, _found: None)
        self._stack = AsyncExitStack()
        self._parts: list[PartPlan] = []
        self._server: ApiServer | None = None
        self.secured: Secured | None = None
        self.token_made = False
        self.board = HealthBoard(self._around.clock)
        self.metrics = Registry()
        self._inference = self.metrics.histogram("detect_seconds", "Time of the detector per picture")
        self._detections = self.metrics.counter("detections_total", "Detected objects", ("class",))
        self._dropped = self.metrics.counter("boxes_dropped_total", "Boxes that filters removed", ("reason",))
        self._again = self.metrics.counter("second_looks_total", "Further looks at parts of pictures", ("kind",))

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
        """Work until cancelled; a failing job is restarted, one that cannot be helped is reported.

        Returns when the engine takes too much memory (``wellbeing.exhausted``): all work is given back, begin anew.
        """
        well = self.wellbeing
        async with asyncio.TaskGroup() as group:
            runs = [group.create_task(one.run()) for one in (well.registry, well.monitor)]
            await well.exhausted.wait()
            for run in runs:
                run.cancel()

    async def _open(self) -> None:
        settings, clock, enter = self.settings, self._around.clock, self._stack.enter_async_context
        self._stack.enter_context(DataFolder(settings.data))
        await asyncio.to_thread(settings.media_root.mkdir, parents=True, exist_ok=True)
        if "api" in settings.roles:
            self.secured = await asyncio.to_thread(secure, settings.api, settings.data, clock)
        sound = await enter(SoundDatabase(settings, clock, self._around.ids))
        self.board.report(sound.component())
        database, instance_id = sound.database, sound.instance_id
        node = await asyncio.to_thread(node_of, settings.data, self._around.ids)
        names = Names(installation=instance_id, node=node)
        links = await enter(open_links(settings, database, self._clock, names, self.board.report))
        tables = make_tables(settings, clock, links.queue)
        await database.write(lambda conn: tables.batches.recover(conn, clock.steady()))
        relay = Relay(OutboxReader(database, tables), poll_s=links.poll_s)
        links.follow(relay.nudge)
        store = Transactions(database, tables, clock, links.announce)
        self.links = links
        if links.bus is not None:
            known = Neighbours(node=node, roles=settings.roles, board=self.board, clock=clock, bus=links.bus)
            links.jobs |= known.jobs()
        self.database, self.tables, self.store = database, tables, store
        self.wellbeing = Wellbeing(settings, sound, tables, self.board, clock, node)
        self.board.report(await asyncio.to_thread(self.wellbeing.guard.check))
        self.measuring = Measuring(
            settings,
            Instruments(
                database=database,
                tables=tables,
                board=self.board,
                metrics=self.metrics,
                clock=clock,
                node=node,
                redis=links.redis_load,
            ),
        )
        rules = await asyncio.to_thread(model_rules, settings)
        zoo = await enter(Zoo(settings.detect, settings.models, clock, on_status=self._on_detector, rules=rules))
        self._on_detector(zoo.detector.describe())
        files = CatalogueFiles(zoo.catalogue, zoo.store)
        judges = "assess" in settings.roles
        wanted = settings.language if judges else replace(settings.language, enabled=False)
        report = self.board.report if judges else _unheard
        language = await enter(open_assessor(wanted, files=files, clock=clock, report=report))
        self.zoo, self.language = zoo, language
        await self._open_pipeline(relay, instance_id)
        looks = self.zoo.detector if "detect" in settings.roles else None
        await self.wellbeing.prepare(self._parts, looks)

    async def _open_pipeline(self, relay: Relay, instance_id: str) -> None:
        settings, around = self.settings, self._around
        decoding = self._threads(_DECODE_THREADS, "decode")
        paths = MediaPaths(settings.media_root)
        memories = SceneMemories(self.database, self.tables.scenes, scene_eye(self.zoo.models))
        views = CameraViews(self.database, self.tables.scenes, decoding, memories)

        def masked(camera_id: str) -> None:
            views.forget(camera_id)
            if self._server is not None:
                self._server.forget_pictures()

        self.masks = MaskBook(self.database, self.tables, around.clock, masked)
        await self.masks.read()
        if not settings.storage.is_local:
            self.links.jobs |= {"masks": self.masks.run}
        frames, rules = make_frames(settings, paths, decoding, self.masks.veil_of)
        folders = await self._open_intake(frames, paths, decoding)
        self.gallery = Gallery(frames, paths, self._threads(_DRAW_THREADS, "draw"))
        sight = make_second_look(self.zoo.detector, decoding, tiles=settings.detect.second_look)
        senses = Senses(
            frames=frames,
            detector=sight,
            confirmer=sight,
            meter=QualityMeter(decoding) if settings.detect.quality_check else None,
            judge=Judge(bands=settings.bands),
            assessor=self.language,
            views=views,
            pictures=frames,
            models=with_services(settings.enrichment, self.zoo.models, self._threads(SERVICE_CALLS, "services")),
            comparers=make_comparers(settings.identity, self.zoo.models, around.clock, settings.data / "index"),
        )
        self._sight = Sight(pictures=frames, appearances=senses.comparers.appearances, faces=senses.comparers.faces)
        self.pipeline = make_pipeline(settings, self.store, self.tables, senses, Sinks(looked=self._observe), around)
        self.health = EngineHealth(
            identity=Identity(
                instance_id=instance_id,
                name=settings.name,
                started_at=around.clock.now(),
                bands=settings.bands,
                demo=settings.demo,
                guarded=self.secured,
            ),
            board=self.board,
            database=self.database,
            tables=self.tables,
            models=Models(
                detector=self.zoo.detector.describe,
                language=self._language_name,
                looks_here="detect" in settings.roles,
                gpu=self.measuring.summary,
            ),
            clock=around.clock,
        )
        self.measuring.attach(self.pipeline, self.zoo.detector.describe, self._language_name)
        self._parts = self._pipeline_parts(folders)
        if self.secured is not None:
            look = DetectorLook(
                frames=frames,
                reader=VideoReader(rules.limits),
                sampling=rules.sampling,
                detector=sight,
                executor=decoding,
                clock=around.clock,
            )
            await self._open_api(relay, self.secured, look)

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
        intake = Intake(
            ledger=ledger,
            inspector=frames,
            copies=StillCopies(paths),
            open_file=folders.open,
            means=Means(
                executor=decoding,
                ids=self._around.ids,
                limits=limits,
                replace=Replacing(folders, self.board.report),
            ),
        )
        self.intake = GuardedDoor(intake, self.wellbeing.guard)
        return folders

    async def _open_api(self, relay: Relay, secured: Secured, look: DetectorLook) -> None:
        settings, clock, health = self.settings, self._around.clock, self.health
        catalogue = StoredCatalogue(self.database, self.tables, clock, self.links.announce)
        keys, self.token_made = open_tokens(settings.data)
        ring = KeyRing(settings.data, keys, clock.monotonic)
        household = make_household(self.database, self.tables, self._around, settings.identity, self._sight)
        await household.hide_names()
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
            eyes=look,
            health=health,
            load=self.measuring.attached,
            replies=StoredReplies(self.database, clock),
            registry=StoredRegistry(
                self.database, self.tables, self.wellbeing.retention, settings.time_zone, self.links.announce
            ),
            keys=TokenFiles(settings.data, ring, clock),
            feed=OutboxFeed(self.database, self.tables, relay, health),
            queues=QueueDesk(self.database, self.tables),
            parts=PartDesk(self.wellbeing.registry),
            audit=StoredAudit(self.database, self.tables, clock),
            places=StoredPlaces(self.database, self.tables, clock, settings.time_zone),
            masks=self.masks,
            scenes=StoredScenes(self.database, self.tables, clock, self.links.announce),
            home=StoredHome(self.database, self.tables.home, clock),
            learning=StoredLearning(self.database, self.tables, clock, settings.time_zone, self.links.announce),
            entities=StoredEntities(self.database, self.tables, self.pipeline.memory, clock, settings.identity),
            household=household,
            models=ModelDesk(self.zoo),
        )
        surroundings = ApiSurroundings(
            clock=clock, request_id=self._around.ids, metrics=self.metrics, tls=secured.context
        )
        self._server = await self._stack.enter_async_context(ApiServer(settings.api, ports, ring, surroundings))
        discovery = Discovery(
            settings.api,
            port=self._server.port,
            data=settings.data,
            supervisor_token=self._around.supervisor_token,
            clock=clock,
        )
        info = await health.info()
        self._parts += [
            PartPlan(id="api", jobs={"api feed": self._server.run, "certificate": secured.run}, fixed=True),
            PartPlan(id="discovery", jobs={"discovery": lambda: discovery.run(info)}, rank=Rank.OPTIONAL),
        ]
        self.board.report(Component(id="api", state=ComponentState.HEALTHY))

    def _pipeline_parts(self, folders: CameraFolders) -> list[PartPlan]:
        roles, clock = self.settings.roles, self._around.clock
        tidy = Housekeeping(self.store, self.database, self.tables, self.settings, clock)
        upkeep = {"housekeeping": tidy.run, **self.wellbeing.upkeep()}
        guard = self.wellbeing.guard
        terms = WatchTerms(zone=self.settings.time_zone, paused=lambda: guard.paused is not None)
        quiet = QuietWatch(self.database, self.tables, clock, self.links.announce, terms)
        tidying = PartPlan(id="housekeeping", jobs=upkeep, rank=Rank.OPTIONAL)
        watching = PartPlan(id="camera_watch", jobs={"camera watch": quiet.run}, rank=Rank.OPTIONAL)
        parts = [tidying, watching] if "ingest" in roles else []
        parts.append(self.measuring.part())
        if self.links.jobs:
            parts.append(PartPlan(id="links", jobs=self.links.jobs, fixed=True))
        if "detect" in roles:
            parts += self._looking_parts()
        if "assess" in roles:
            parts += self._judging_parts()
        if "assess" not in roles or not self.settings.enrichment.enabled:
            # files that a person asks for over the API come also where no model looks closer
            parts.append(PartPlan(id="models", jobs={"model files": self.zoo.models.run}, rank=Rank.OPTIONAL))
        if "ingest" in roles and self._watch_folder:
            source = WatchedFolder(self.settings.ingest, folders, self.intake, clock, self.board.report)
            parts.append(PartPlan(id="ingest", jobs={"camera folder": source.run}, describe=lambda: None))
        return parts

    def _looking_parts(self) -> list[PartPlan]:
        detector = PartPlan(
            id="detector",
            jobs={"detector": self.zoo.run},
            rank=Rank.MODEL,
            describe=lambda: detector_component(self.zoo.detector.describe()),
            renew=self.zoo.renew,
        )
        workers = {f"detect {n}": one.run for n, one in enumerate(self.pipeline.detect, start=1)}
        return [detector, PartPlan(id="detect_workers", jobs=workers)]

    def _judging_parts(self) -> list[PartPlan]:
        clock, model = self._around.clock, ModelState(self.language)
        again = SecondChances(self.store, model, clock)
        workers = {f"assess {n}": one.run for n, one in enumerate(self.pipeline.assess, start=1)}
        parts = [
            PartPlan(id="timers", jobs={"visit timers": self.pipeline.timers.run}),
            PartPlan(id="assess_workers", jobs=workers),
            PartPlan(id="second_chances", jobs={"second chances": again.run}, rank=Rank.OPTIONAL),
        ]
        if self.settings.enrichment.enabled:
            parts.append(enrichment_part(self.zoo, clock))
        if isinstance(self.language, LanguageAssessor):
            self.wellbeing.watch_model(self.language.backend)
            watch = ModelWatch(self.language, clock)
            jobs = {"language model": watch.run}
            parts.append(PartPlan(id="llm", jobs=jobs, rank=Rank.MODEL, describe=lambda: None, renew=model.renew))
        return parts

    def _language_name(self) -> str | None:
        return self.language.backend.model_id if isinstance(self.language, LanguageAssessor) else None

    def _threads(self, count: int, name: str) -> ThreadPoolExecutor:
        pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        return pool

    def _on_detector(self, status: DetectorStatus) -> None:
        if "detect" not in self.settings.roles:
            return
        self.board.report(detector_component(status))
        self.wellbeing.monitor.hurry("detector")

    def _observe(self, media: Media, found: tuple[FrameDetections, ...]) -> None:
        self.measuring.hops.looked(media)
        for frame in found:
            self._inference.observe(frame.inference_ms / 1000)
            for detection in frame.detections:
                self._detections.add(1, **{"class": detection.label})
            for reason, count in frame.dropped:
                self._dropped.add(count, reason=reason)
            for kind, count in frame.again:
                self._again.add(count, kind=kind)
        self._looked(media, found)


def _unheard(_component: Component) -> None:
    return
