"""Which parts of an engine run, by its roles, and how much each of them matters."""

from functools import partial

from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.opening import ModelWatch
from home_sentry_engine.operations.registry import PartPlan, Rank
from home_sentry_engine.pipeline.reassess import SecondChances

from .enriching import enrichment_component, enrichment_part
from .folders import WatchedFolder
from .ground import Ground
from .health import detector_component
from .housekeeping import Housekeeping
from .looking_back import attendance_part, summaries_part
from .minds import Minds
from .mqtt import mqtt_part
from .pipeline_room import PipelineRoom
from .quiet import QuietWatch, WatchTerms
from .reviewing import reviewing_parts
from .reviving import engine_part
from .services import ServiceWatch, services_part
from .sighted import vision_part
from .wellbeing import ModelState
from .workers import work_of


def scheduled(ground: Ground, minds: Minds, room: PipelineRoom, *, watch_folder: bool) -> list[PartPlan]:
    """Give the parts of everything but the API; the camera folder's is left out unless it is watched here."""
    settings, roles = ground.settings, ground.settings.roles
    parts = [*_upkeep(ground), _masking(ground, room, watch_folder=watch_folder)] if "ingest" in roles else []
    parts += [ground.measuring.part(), attendance_part(ground)]
    parts.append(engine_part(ground))
    if ground.links.jobs:
        parts.append(PartPlan(id="links", jobs=ground.links.jobs, fixed=True))
    if "detect" in roles:
        parts += _looking(minds, room)
    if "assess" in roles:
        parts += _judging(ground, minds, room)
    if "assess" not in roles or not settings.enrichment.enabled:
        # files that a person asks for over the API come also where no model looks closer
        jobs = {"model files": minds.zoo.models.run}
        told = partial(enrichment_component, minds.zoo, "models")
        parts.append(PartPlan(id="models", jobs=jobs, rank=Rank.OPTIONAL, describe=told))
    if settings.mqtt.url is not None:
        parts.append(mqtt_part(ground, room.health))
    if "ingest" in roles and watch_folder:
        source = WatchedFolder(settings.ingest, room.folders, room.intake, ground.clock, ground.board.report)
        parts.append(PartPlan(id="ingest", jobs={"camera folder": source.run}, describe=lambda: None))
    return parts


def _upkeep(ground: Ground) -> list[PartPlan]:
    tidy = Housekeeping(ground.store, ground.database, ground.tables, ground.settings, ground.clock)
    guard = ground.wellbeing.guard
    terms = WatchTerms(zone=ground.settings.time_zone, paused=lambda: guard.paused is not None)
    quiet = QuietWatch(ground.database, ground.tables, ground.clock, ground.links.announce, terms)
    jobs = {"housekeeping": tidy.run, **ground.wellbeing.upkeep()}
    return [
        PartPlan(id="housekeeping", jobs=jobs, rank=Rank.OPTIONAL),
        PartPlan(id="camera_watch", jobs={"camera watch": quiet.run}, rank=Rank.OPTIONAL),
    ]


def _masking(ground: Ground, room: PipelineRoom, *, watch_folder: bool) -> PartPlan:
    jobs = {"stored masks": room.masking.stored.run}
    if ground.settings.storage.is_local:
        jobs["masks"] = room.masks.run
    if watch_folder:
        jobs["upload masks"] = room.masking.uploads.run
    return PartPlan(id="masking", jobs=jobs, rank=Rank.OPTIONAL, fixed=True, describe=lambda: None)


def _looking(minds: Minds, room: PipelineRoom) -> list[PartPlan]:
    zoo = minds.zoo
    detector = PartPlan(
        id="detector",
        jobs={"detector": zoo.run},
        rank=Rank.MODEL,
        describe=lambda: detector_component(zoo.detector.describe()),
        renew=zoo.renew,
    )
    workers = {f"detect {n}": one.run for n, one in enumerate(room.pipeline.detect, start=1)}
    done = work_of([one.counts for one in room.pipeline.detect])
    return [detector, PartPlan(id="detect_workers", jobs=workers, details=done)]


def _judging(ground: Ground, minds: Minds, room: PipelineRoom) -> list[PartPlan]:
    language = minds.language
    model = ModelState(language, minds.vision if ground.settings.vision.judges else None)
    again = SecondChances(ground.store, model, ground.clock)
    workers = {f"assess {n}": one.run for n, one in enumerate(room.pipeline.assess, start=1)}
    timers = room.pipeline.timers
    done = work_of([one.counts for one in room.pipeline.assess])
    parts = [
        *reviewing_parts(ground, minds, room),
        PartPlan(id="timers", jobs={"visit timers": timers.run}, details=work_of([timers.counts])),
        PartPlan(id="assess_workers", jobs=workers, details=done),
        PartPlan(id="second_chances", jobs={"second chances": again.run}, rank=Rank.OPTIONAL),
        summaries_part(ground, minds),
    ]
    if ground.settings.enrichment.enabled:
        parts.append(enrichment_part(minds.zoo, ground.clock, ground.measuring.breakers))
        services = ServiceWatch(ground.settings.enrichment, ground.board.report, ground.clock)
        if services.needed:
            ground.wellbeing.registry.remote |= services.names
            parts.append(services_part(services, ground.threads(2, "service health")))
    if minds.vision is not None:
        parts.append(vision_part(ground, minds.vision))
    if isinstance(language, LanguageAssessor):
        ground.wellbeing.watch_model(language.backend)
        watch = ModelWatch(language, ground.clock)
        parts.append(
            PartPlan(
                id="llm",
                jobs={"language model": watch.run},
                rank=Rank.MODEL,
                describe=lambda: None,
                renew=model.renew,
                strategy=model.strategy,
            )
        )
    return parts
