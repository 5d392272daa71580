"""An engine without an engine: the ports of the API over dictionaries, and a server in front of them."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
import hashlib
import io
import itertools
import ssl

import aiohttp
from PIL import Image

from home_sentry_engine.api.evaluation_ports import Review
from home_sentry_engine.api.eye_ports import Sight
from home_sentry_engine.api.hub import Pace
from home_sentry_engine.api.limits import Limit, LimitClass, Limits
from home_sentry_engine.api.peer import Patience
from home_sentry_engine.api.ports import (
    Accepted,
    Catalogue,
    Duplicate,
    Picture,
    Ports,
    Published,
    Readiness,
    Upload,
)
from home_sentry_engine.api.server import ApiServer, Surroundings
from home_sentry_engine.api.tokens import TokenKeys, hash_of
from home_sentry_engine.contract import (
    MIN_SCHEMA,
    SCHEMA,
    VERSION,
    Box,
    Enrichment,
    EventCreated,
    Info,
    Look,
    LookObject,
    MediaKind,
    Mode,
    ObjectGroup,
    Status,
)
from home_sentry_engine.contract.errors import NotFound
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import Rejected, RejectReason
from home_sentry_engine.domain.filetypes import FileType
from home_sentry_engine.settings import ApiSettings
from home_sentry_engine.telemetry.metrics import Registry
from tests.fakes.acquaintances import FakeEntities, FakeHousehold
from tests.fakes.catalogue import FakeCatalogue
from tests.fakes.changes import FakeKeys, FakeRegistry, FakeReplies
from tests.fakes.clips import FakeClips
from tests.fakes.clock import START, FakeClock
from tests.fakes.enricher import FakeEnricher
from tests.fakes.feed import FakeFeed
from tests.fakes.keys import FakeBelongings, FakeKeyDesk
from tests.fakes.load import FakeLoad
from tests.fakes.looking_back import LookingBack
from tests.fakes.model_shelf import FakeModels
from tests.fakes.notifying import FakeNotifications
from tests.fakes.operating import FakeAudit, FakeParts, FakeQueues
from tests.fakes.places import FakeMasks, FakePlaces
from tests.fakes.prompting import FakeEvaluations, FakePrompts
from tests.fakes.records import camera, detection, event, jpeg, media, refused_file
from tests.fakes.rules import FakeAlerts, FakeRules
from tests.fakes.triage import FakeTriage
from tests.fakes.upkeep import FakeUpkeep
from tests.fakes.verdicts import FakeVerdicts
from tests.fakes.watching import FakeHome, FakeLearning, FakeScenes

TOKEN = "t0k3n-for-tests-" + "x" * 43
GENEROUS = Limits(classes={name: Limit(per_minute=1e9) for name in LimitClass}, failed_logins=10**9)
# the status is told once and then not again
QUIET = Pace(status_every_s=3600, status_pause_s=0.01)
PATIENT = Patience(frames=Limit(per_minute=1e9), auth_s=60.0, send_s=60.0)


@dataclass
class FakeEngine:
    """Everything that the ports answer from; a test changes what it likes."""

    clock: Clock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self._store_records()
        self.ready = Readiness(ready=True, mode=Mode.NORMAL)
        self.info_now = Info(
            instance_id="engine-1", name="Home", version=VERSION, schema=SCHEMA, min_schema=MIN_SCHEMA, started_at=START
        )
        self.status_now = Status(mode=Mode.NORMAL, at=START, cameras_active=1, cameras_total=1)
        self.failure: Exception | None = None
        self.delay_s = 0.0
        self.status_changed = asyncio.Event()
        self.feed = FakeFeed(self)
        self.catalogue: Catalogue = FakeCatalogue(self)
        self.intake = FakeUploads(self)
        self.analyzer = FakeAnalyzer(self)
        self.load = FakeLoad(self.pause)
        self.replies = FakeReplies(self.pause)
        self.registry = FakeRegistry(self.pause, self.cameras)
        self.keys = FakeKeys()
        self.api_keys = FakeKeyDesk(self.clock)
        self.belongings = FakeBelongings(self)
        self.queues = FakeQueues(self.pause)
        self.parts = FakeParts(self.pause)
        self.models = FakeModels(self.pause)
        self.prompts = FakePrompts(self.pause)
        self.evaluations = FakeEvaluations(self.pause)
        self.clips, self.enricher = FakeClips(self.pause, self.events, self.cameras), FakeEnricher(self.pause)
        self.audit = FakeAudit(self.pause)
        self.entities = FakeEntities(self.pause)
        self.household = FakeHousehold(self.pause)
        self.places = FakePlaces(self.pause, self.cameras)
        self.masks = FakeMasks(self.pause, self.cameras)
        self.scenes = FakeScenes(self.pause, self.cameras)
        self.home = FakeHome(self.pause)
        self.learning = FakeLearning(self.pause, self.cameras)
        self.triage = FakeTriage(self.pause, self.events, self.feed)
        self.upkeep = FakeUpkeep(self.pause)
        self.verdicts = FakeVerdicts(self.pause, self.events)
        self.back = LookingBack(self.pause, self.cameras)
        self.rules = FakeRules(self.pause, self.events)
        self.notifications = FakeNotifications()
        self.alerts = FakeAlerts(self.pause)
        self._numbers = itertools.count(1)

    def _store_records(self) -> None:
        self.cameras = {"front_door": camera()}
        self.enrichments: dict[str, Enrichment] = {}
        self.events = {
            f"e{number}": event(f"e{number}", at=START + timedelta(minutes=number)) for number in range(1, 4)
        }
        self.media_files = {"m1": media(), "m2": media("m2")}
        self.pictures = {"m1": jpeg(), "m2": jpeg(colour="red")}
        self.detections = [detection(number) for number in range(1, 6)]
        self.refused = [refused_file(2, "empty"), refused_file(1, "corrupt")]
        self.uploads: list[Upload] = []
        self.picture_reads = 0

    @property
    def ports(self) -> Ports:
        return Ports(
            catalogue=self.catalogue,
            pictures=FakePictures(self),
            uploads=self.intake,
            analyzer=self.analyzer,
            eyes=self.analyzer,
            enricher=self.enricher,
            health=FakeHealth(self),
            load=self.load,
            replies=self.replies,
            registry=self.registry,
            keys=self.keys,
            api_keys=self.api_keys,
            belongings=self.belongings,
            feed=self.feed,
            queues=self.queues,
            parts=self.parts,
            models=self.models,
            review=Review(prompts=self.prompts, evaluations=self.evaluations),
            clips=self.clips,
            audit=self.audit,
            places=self.places,
            masks=self.masks,
            entities=self.entities,
            household=self.household,
            scenes=self.scenes,
            home=self.home,
            learning=self.learning,
            triage=self.triage,
            verdicts=self.verdicts,
            upkeep=self.upkeep,
            **self.back.ports(),
            rules=self.rules,
            alerts=self.alerts,
            notifications=self.notifications,
        )

    def announce(self, number: int | None = None, summary: str = "A person at the door") -> Published:
        seq = self.feed.last + 1
        name = f"a{number or next(self._numbers)}"
        self.events[name] = replace(event(name), summary=summary)
        return self.feed.publish(EventCreated(seq=seq, event=self.events[name]))

    def change_status(self, mode: Mode) -> None:
        self.status_now = replace(self.status_now, mode=mode)
        self.status_changed.set()

    async def pause(self) -> None:
        if self.failure is not None:
            raise self.failure
        await asyncio.sleep(self.delay_s)


class FakePictures:
    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine

    async def _picture(self, media_id: str | None) -> Picture | None:
        await self._engine.pause()
        self._engine.picture_reads += 1
        body = self._engine.pictures.get(media_id or "")
        return None if body is None else Picture(body=body, content_type="image/jpeg", etag=f"{media_id}-1")

    async def of_media(self, media_id: str) -> Picture | None:
        return await self._picture(media_id)

    async def thumbnail_of_media(self, media_id: str) -> Picture | None:
        return await self._picture(media_id)

    async def latest_of(self, camera_id: str) -> Picture | None:
        return await self._picture("m2" if camera_id in self._engine.cameras else None)

    async def thumbnail_of(self, event_id: str) -> Picture | None:
        found = self._engine.events.get(event_id)
        return await self._picture(found.media_id if found else None)

    async def snapshot_of(self, event_id: str) -> Picture | None:
        return await self.thumbnail_of(event_id)

    async def of_detection(self, detection_id: int) -> Picture | None:
        found = next((one for one in self._engine.detections if one.id == detection_id), None)
        return await self._picture(found.media_id if found else None)

    async def thumbnail_of_detection(self, detection_id: int) -> Picture | None:
        return await self.of_detection(detection_id)


class FakeUploads:
    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self._seen: dict[tuple[str, bytes], str] = {}

    async def offer(self, upload: Upload) -> Accepted | Duplicate:
        await self._engine.pause()
        if upload.camera_id not in self._engine.cameras:
            raise NotFound("there is no such camera")
        if upload.file_type.kind is MediaKind.IMAGE:
            try:
                Image.open(io.BytesIO(upload.data)).verify()
            except (OSError, SyntaxError, ValueError) as err:
                raise Rejected(RejectReason.CORRUPT, "the picture cannot be decoded") from err
        key = (upload.camera_id, hashlib.sha256(upload.data).digest())
        if key in self._seen:
            return Duplicate(media_id=self._seen[key])
        self._engine.uploads.append(upload)
        self._seen[key] = f"u{len(self._engine.uploads)}"
        return Accepted(media_id=self._seen[key])


class FakeAnalyzer:
    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine

    async def detect(self, pictures: Sequence[bytes]) -> list[Sight]:
        await self._engine.pause()
        one = ("person", 0.9, 1, 2, 3, 4)
        return [Sight(width=64, height=48, inference_ms=1.5, objects=(one,) * (len(data) > 0)) for data in pictures]

    async def look(self, data: bytes, file_type: FileType, camera_id: str | None = None) -> Look:
        await self._engine.pause()
        assert camera_id in {None, *self._engine.cameras}
        person = LookObject(
            label="person",
            group=ObjectGroup.PERSON,
            confidence=0.9,
            box=Box(x=0, y=0, width=len(data) % 60 + 1, height=4),
        )
        return Look(
            kind=file_type.kind, width=64, height=48, frames=1, model_id="test", duration_ms=1.5, objects=(person,)
        )


class FakeHealth:
    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine

    async def info(self) -> Info:
        return self._engine.info_now

    async def status(self) -> Status:
        await self._engine.pause()
        return self._engine.status_now

    async def readiness(self) -> Readiness:
        return self._engine.ready

    async def changed(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._engine.status_changed.wait()
        except TimeoutError:
            return False
        self._engine.status_changed.clear()
        return True


@asynccontextmanager
async def serving(
    engine: FakeEngine,
    *,
    settings: ApiSettings | None = None,
    limits: Limits = GENEROUS,
    pace: Pace | None = None,
    patience: Patience = PATIENT,
    tls: ssl.SSLContext | None = None,
    most_silent: int = 512,
) -> AsyncGenerator[ApiServer]:
    """A server on a free port, its feed running."""
    numbers = itertools.count(1)
    server = ApiServer(
        settings or ApiSettings(port=0),
        engine.ports,
        lambda: TokenKeys(current=hash_of(TOKEN)),
        Surroundings(
            clock=engine.clock,
            request_id=lambda: f"r{next(numbers)}",
            metrics=Registry(),
            limits=limits,
            pace=pace or Pace(),
            patience=patience,
            tls=tls,
            most_silent=most_silent,
        ),
    )
    async with server:
        running = asyncio.create_task(server.run())
        try:
            yield server
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def speaking(server: ApiServer, token: str = TOKEN) -> aiohttp.ClientSession:
    """A client with the token."""
    return aiohttp.ClientSession(server.url, headers={"Authorization": f"Bearer {token}"})
