"""The pipeline with everything that it looks through: the door for files, masks, views, pictures, the health of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
import logging
from typing import Final

from home_sentry_engine.ingest.intake import Intake, Means, SizeLimits
from home_sentry_engine.ingest.source import CameraFolders
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.media.frames import Frames, Rules
from home_sentry_engine.media.gallery import Gallery
from home_sentry_engine.media.mask import known_here
from home_sentry_engine.media.paths import MediaPaths
from home_sentry_engine.media.remask import Burner
from home_sentry_engine.media.video import VideoReader
from home_sentry_engine.operations.stray import stray_cameras
from home_sentry_engine.pipeline.enrich.desk import Models as CloseModels
from home_sentry_engine.pipeline.ledger import Ledger
from home_sentry_engine.resilience.courtesy import Courtesy
from home_sentry_engine.vision.second_look import SecondLook

from .clip_watch import ClipWatch
from .copies import StillCopies
from .enriching import SERVICE_THREADS, rules_of, watch_services, with_services
from .enrolment import Sight
from .entrance import GuardedDoor
from .ground import Ground
from .health import EngineHealth, Identity, Models
from .looking import DetectorLook
from .mask_state import MaskState
from .masking import UploadMasking
from .masks import MaskBook
from .minds import Minds
from .parts import Masks, Pipeline, Senses, Sinks, make_frames, make_pipeline
from .peers import PeerEyes
from .prompting import ActivePrompts, open_prompts
from .recognising import make_comparers
from .remasking import StoredMasking
from .scene_memory import SceneMemories, scene_eye
from .sight import QualityMeter, make_second_look
from .sighted import judges_of, judging_by, way_to
from .views import CameraViews

_LOGGER = logging.getLogger(__name__)
_DECODE_THREADS: Final = 2
_DRAW_THREADS: Final = 1
_UNHURRIED: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Masking:
    """What puts masks on files that lie there already."""

    uploads: UploadMasking
    stored: StoredMasking


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRoom:
    """The wired pipeline, where files come in, and what an API shows of both."""

    pipeline: Pipeline
    prompts: ActivePrompts
    folders: CameraFolders
    intake: GuardedDoor
    masks: MaskBook
    masking: Masking
    frames: Frames
    gallery: Gallery
    sight: Sight
    look: DetectorLook
    peers: PeerEyes
    health: EngineHealth


async def open_pipeline(
    ground: Ground, minds: Minds, sinks: Sinks, forget_pictures: Callable[[], None]
) -> PipelineRoom:
    """Wire the pipeline; ``forget_pictures`` is called when what is shown of a camera has changed."""
    settings, clock, zoo = ground.settings, ground.clock, minds.zoo
    decoding = ground.threads(_DECODE_THREADS, "decode")
    paths = MediaPaths(settings.media_root, settings.ingest.camera_root)
    memories = SceneMemories(ground.database, ground.tables.scenes, scene_eye(zoo.models))
    masks = await _open_masks(ground, forget_pictures)
    worn = Masks(veils=masks.veil_of, fresh=known_here if settings.storage.is_local else masks.read)
    frames, rules = make_frames(settings, paths, decoding, worn, ground.closing())
    gallery = Gallery(frames, paths, ground.threads(_DRAW_THREADS, "draw"))
    folders = await open_folders(ground)
    burner = Burner(paths, rules.limits, ground.threads(1, "masks", niceness=_UNHURRIED))
    masking = _make_masking(ground, folders, burner, gallery)
    second_look = make_second_look(zoo.detector, decoding, tiles=settings.detect.second_look)
    models = _close_models(ground, minds)
    judges = judges_of(ground, minds.language, minds.vision, frames, decoding)
    prompts = await open_prompts(ground, judges, rules_of(settings, models))
    senses = Senses(
        frames=frames,
        detector=second_look,
        confirmer=second_look,
        meter=QualityMeter(decoding) if settings.detect.quality_check else None,
        judge=Judge(bands=settings.bands),
        assessor=judging_by(judges, minds.language),
        views=CameraViews(ground.database, ground.tables.scenes, decoding, memories, veils=masks.widest_of),
        pictures=frames,
        models=models,
        newest=prompts.under,
        minds=judges,
        comparers=make_comparers(settings.identity, models, clock, settings.data / "index"),
    )
    watch_services(senses.models, ground.measuring.breakers)
    pipeline = make_pipeline(settings, ground.store, ground.tables, senses, sinks, ground.around)
    ground.measuring.attach(pipeline, zoo.detector.describe, minds.language_load)
    means = replace(_means(ground, decoding, pipeline), replace=masking.uploads.replace, renew=masks.read)
    return PipelineRoom(
        pipeline=pipeline,
        prompts=prompts,
        folders=folders,
        intake=_make_door(ground, frames, folders, paths, means),
        masks=masks,
        masking=masking,
        gallery=gallery,
        frames=frames,
        sight=Sight(pictures=frames, appearances=senses.comparers.appearances, faces=senses.comparers.faces),
        look=_make_look(ground, frames, rules, second_look, decoding),
        peers=PeerEyes(zoo, frames, rules.limits, decoding, clock),
        health=_make_health(ground, minds),
    )


def _close_models(ground: Ground, minds: Minds) -> CloseModels:
    calls = ground.threads(SERVICE_THREADS, "services")
    return with_services(ground.settings.enrichment, minds.zoo.models, calls, way_to(minds.vision, ground.settings))


def _make_look(
    ground: Ground, frames: Frames, rules: Rules, detector: SecondLook, decoding: ThreadPoolExecutor
) -> DetectorLook:
    return DetectorLook(
        frames=frames,
        reader=VideoReader(rules.limits),
        sampling=rules.sampling,
        detector=detector,
        executor=decoding,
        clock=ground.clock,
    )


async def _open_masks(ground: Ground, forget_pictures: Callable[[], None]) -> MaskBook:
    masks = MaskBook(ground.database, ground.tables, ground.clock, lambda _camera_id: forget_pictures())
    await masks.read()
    if not ground.settings.storage.is_local:
        ground.links.jobs["masks"] = masks.run
    return masks


def _make_masking(ground: Ground, folders: CameraFolders, burner: Burner, gallery: Gallery) -> Masking:
    database, tables, clock = ground.database, ground.tables, ground.clock
    state = MaskState(ground.board.report)
    return Masking(
        uploads=UploadMasking(folders, burner, database, tables, state, clock),
        stored=StoredMasking(burner, gallery.forget, database, tables, state, clock),
    )


async def open_folders(ground: Ground) -> CameraFolders:
    """Give the folders of the known cameras, and say of settings which cameras they name that nobody knows."""
    known = await ground.database.read(ground.tables.cameras.folders)
    for sentence in stray_cameras(
        ground.settings, [camera.id for camera in await ground.database.read(ground.tables.cameras.all)]
    ):
        _LOGGER.warning("%s", sentence)
    return CameraFolders(ground.settings.ingest.camera_root, {camera_id: folder for folder, camera_id in known.items()})


def _make_door(ground: Ground, frames: Frames, folders: CameraFolders, paths: MediaPaths, means: Means) -> GuardedDoor:
    ingest = ground.settings.ingest
    intake = Intake(
        ledger=Ledger(ground.store, dedupe_ttl_s=ingest.dedupe_ttl_s, auto_create_cameras=ingest.auto_create_cameras),
        inspector=ClipWatch(frames, ground.board.report),
        copies=StillCopies(paths),
        open_file=folders.open,
        means=means,
    )
    return GuardedDoor(intake, ground.wellbeing.guard, ground.measuring.tallies.file)


def _means(ground: Ground, decoding: ThreadPoolExecutor, pipeline: Pipeline) -> Means:
    courtesy = Courtesy(ground.clock)
    for worker in pipeline.detect:
        worker.courteous(courtesy)
    ingest = ground.settings.ingest
    limits = SizeLimits(
        max_image_bytes=ingest.max_file_bytes,
        min_video_bytes=ingest.min_video_bytes,
        max_video_bytes=ingest.max_video_bytes,
    )
    return Means(executor=decoding, ids=ground.around.ids, limits=limits, checks=_DECODE_THREADS, courtesy=courtesy)


def _make_health(ground: Ground, minds: Minds) -> EngineHealth:
    settings = ground.settings
    return EngineHealth(
        identity=Identity(
            instance_id=ground.instance_id,
            name=settings.name,
            started_at=ground.clock.now(),
            bands=settings.bands,
            demo=settings.demo,
            guarded=ground.secured,
        ),
        board=ground.board,
        database=ground.database,
        tables=ground.tables,
        models=Models(
            detector=minds.zoo.detector.describe,
            language=minds.language_name,
            looks_here=minds.detector is not None,
            gpu=ground.measuring.summary,
        ),
        clock=ground.clock,
    )
