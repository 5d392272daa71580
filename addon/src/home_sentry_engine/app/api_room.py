"""The API over everything that an engine has opened."""

import asyncio
from dataclasses import dataclass

from home_sentry_engine.api.ports import Ports
from home_sentry_engine.api.server import ApiServer, Surroundings
from home_sentry_engine.api.tokens import KeyRing, open_tokens
from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.media.mask import known_here
from home_sentry_engine.media.paths import MediaPaths
from home_sentry_engine.operations.data_folder import note_port
from home_sentry_engine.operations.registry import PartPlan, Rank

from .catalogue import StoredCatalogue
from .changes import StoredRegistry, StoredReplies, TokenFiles
from .clips import ClipRoom, StoredClips
from .discovery import Discovery
from .entities import StoredEntities
from .exports import ExportDesk
from .feed import OutboxFeed
from .ground import Ground
from .home import StoredHome
from .household import make_household
from .keys import StoredBelongings, StoredKeys
from .learning import StoredLearning
from .looking_back import exports_part, make_exports, make_summaries
from .minds import Minds
from .model_desk import ModelDesk
from .operating import PartDesk, QueueDesk, StoredAudit
from .pictures import GalleryPictures
from .pipeline_room import PipelineRoom
from .places import StoredPlaces
from .properties import StoredProperties
from .reviewing import open_reviewing
from .rules import StoredAlerts, StoredRules
from .scenes import StoredScenes
from .secured import Secured
from .telling import Telling, make_telling
from .triage import TriageDesk
from .upkeep import UpkeepDesk
from .uploads import UploadEntrance
from .verdicts import StoredVerdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRoom:
    """The server, listening; ``parts`` have to run. ``token_made`` tells whether its token is a new one."""

    server: ApiServer
    clips: StoredClips
    parts: list[PartPlan]
    token_made: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desks:
    """Desks that run too."""

    clips: StoredClips
    exports: ExportDesk
    telling: Telling


async def open_api(ground: Ground, minds: Minds, room: PipelineRoom, secured: Secured) -> ApiRoom:
    """Open the port; raises ``OSError`` where it cannot be had."""
    settings, clock = ground.settings, ground.clock
    keys, token_made = open_tokens(settings.data)
    ring = KeyRing(settings.data, keys, clock.monotonic)
    surroundings = Surroundings(clock=clock, request_id=ground.around.ids, metrics=ground.metrics, tls=secured.context)
    clips = _make_clips(ground, room)
    exports = make_exports(ground, minds, room)
    telling = make_telling(ground, GalleryPictures(ground.database, ground.tables, room.gallery))
    ports = await _make_ports(ground, minds, room, ring, _Desks(clips=clips, exports=exports, telling=telling))
    server = await ground.stack.enter_async_context(ApiServer(settings.api, ports, ring, surroundings))
    await asyncio.to_thread(note_port, settings.data, server.port)
    discovery = Discovery(
        settings.api,
        port=server.port,
        data=settings.data,
        supervisor_token=ground.around.supervisor_token,
        clock=clock,
    )
    info = await room.health.info()
    ground.board.report(Component(id="api", state=ComponentState.HEALTHY))
    parts = [
        PartPlan(id="api", jobs={"api feed": server.run, "certificate": secured.run}, fixed=True),
        PartPlan(id="discovery", jobs={"discovery": lambda: discovery.run(info)}, rank=Rank.OPTIONAL),
    ]
    parts.append(PartPlan(id="clips", jobs={"clips": clips.run}, rank=Rank.OPTIONAL, details=clips.details))
    parts += [exports_part(exports), telling.part]
    return ApiRoom(server=server, clips=clips, parts=parts, token_made=token_made)


def _make_clips(ground: Ground, room: PipelineRoom) -> StoredClips:
    settings, masks = ground.settings, room.masks
    where = ClipRoom(
        paths=MediaPaths(settings.media_root, settings.ingest.camera_root),
        folder=settings.data / "clips",
        veils=masks.veil_of,
        fresh=known_here if settings.storage.is_local else masks.read,
        guard=ground.wellbeing.guard,
    )
    clips = StoredClips(ground.database, where, settings.clips, ground.clock, settings.time_zone)
    ground.stack.push_async_callback(clips.aclose)
    return clips


def _make_registry(ground: Ground) -> StoredRegistry:
    retention, zone = ground.wellbeing.retention, ground.settings.time_zone
    registry = StoredRegistry(ground.database, ground.tables, retention, zone, ground.links.announce)
    ground.stack.push_async_callback(registry.aclose)
    return registry


def _make_uploads(ground: Ground, room: PipelineRoom, catalogue: StoredCatalogue) -> UploadEntrance:
    return UploadEntrance(
        take=room.intake.take,
        find_camera=catalogue.camera,
        clock=ground.clock,
        auto_create_cameras=ground.settings.ingest.auto_create_cameras,
    )


async def _make_ports(ground: Ground, minds: Minds, room: PipelineRoom, ring: KeyRing, desks: _Desks) -> Ports:
    settings, clock, database, tables = ground.settings, ground.clock, ground.database, ground.tables
    zone, announce = settings.time_zone, ground.links.announce
    catalogue = StoredCatalogue(database, tables)
    household = make_household(database, tables, ground.around, settings.identity, room.sight)
    await household.hide_names()
    return Ports(
        catalogue=catalogue,
        triage=TriageDesk(database, tables, clock, announce),
        verdicts=StoredVerdicts(ground.store, database, tables),
        pictures=GalleryPictures(database, tables, room.gallery),
        uploads=_make_uploads(ground, room, catalogue),
        analyzer=room.look,
        eyes=room.look,
        enricher=room.peers,
        health=room.health,
        load=ground.measuring.attached,
        replies=StoredReplies(database, clock),
        registry=_make_registry(ground),
        keys=TokenFiles(settings.data, ring, clock),
        api_keys=StoredKeys(database, tables.cameras, clock, ground.around.ids),
        belongings=StoredBelongings(database),
        feed=OutboxFeed(database, tables, ground.relay, room.health),
        queues=QueueDesk(database, tables),
        upkeep=UpkeepDesk(ground.wellbeing.backups, ground.wellbeing.cleaning, ground.board),
        parts=PartDesk(ground.wellbeing.registry),
        audit=StoredAudit(database, tables, clock),
        places=StoredPlaces(database, tables, clock, zone),
        masks=room.masks,
        scenes=StoredScenes(database, tables, clock, announce, pictures=room.frames.load),
        home=StoredHome(database, tables.home, clock, room.masks.read),
        learning=StoredLearning(database, tables, clock, zone, announce),
        entities=StoredEntities(database, tables, room.pipeline.memory, clock, settings.identity),
        household=household,
        models=ModelDesk(minds.zoo),
        review=await open_reviewing(ground, room),
        summaries=make_summaries(ground, minds),
        exports=desks.exports,
        properties=StoredProperties(database, tables),
        clips=desks.clips,
        rules=StoredRules(database, tables, clock, room.health.look_again),
        alerts=StoredAlerts(database, tables, clock, announce),
        notifications=desks.telling.desk,
    )
