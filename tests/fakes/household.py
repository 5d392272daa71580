"""A whole pipeline over a real database, with a detector and a model that a test directs and a clock that it moves."""

from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
import itertools
from pathlib import Path
from typing import Any

from home_sentry_engine.app.parts import Senses, Sinks, Surroundings, make_pipeline, make_queue, make_tables
from home_sentry_engine.app.transactions import Transactions
from home_sentry_engine.broker.sql.queue import SqlQueue
from home_sentry_engine.contract import AnalysisReason, Event, MediaKind
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection, FrameDetections
from home_sentry_engine.domain.messages import Arrival, Media, ModelFailure, ModelVerdict, RuleVerdict, Scene
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.language.asking import Assessor
from home_sentry_engine.pipeline.ledger import Ledger
from home_sentry_engine.settings import load_settings
from home_sentry_engine.storage.database import Database, sqlite_url
from home_sentry_engine.storage.query import EventQuery

from .clock import FakeClock

MODEL = "fake-detector"
# never begins anew: a second household over the same rows must not repeat an id of the first
_NUMBERS = itertools.count()


class Eyes:
    """Frames and detector in one: shows for each media id what the test prepared, or raises it."""

    model_id = MODEL

    def __init__(self) -> None:
        self.shows: dict[str, list[tuple[str, float]] | Exception] = {}
        self.boxes: dict[str, Sequence[Box]] = {}
        self.before: Callable[[], Any] = lambda: None
        self.looks = 0

    async def load(self, media: Media) -> Sequence[Any]:
        return (media,)

    async def keep(self, media: Media, frame: Any) -> None:
        raise AssertionError("stills are not kept twice")

    async def detect(self, frames: Sequence[Any], *, confidence: float | None) -> Sequence[FrameDetections]:
        self.looks += 1
        self.before()
        shown = self.shows[frames[0].media_id]
        if isinstance(shown, Exception):
            raise shown
        usual = [Box(x=50 + 40 * n, y=40, width=60, height=120) for n in range(len(shown))]
        boxes = self.boxes.get(frames[0].media_id, usual)
        found = tuple(
            Detection(label=label, confidence=score, box=box) for (label, score), box in zip(shown, boxes, strict=False)
        )
        return (FrameDetections(detections=found, image_width=640, image_height=480, model_id=MODEL, inference_ms=1.0),)


class Mind:
    """An assessor that answers what the test says and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: int | ModelFailure = ModelFailure(reason=AnalysisReason.DISABLED, detail="off")
        self.asked: list[Scene] = []

    async def assess(self, scene: Scene, rule: RuleVerdict) -> ModelVerdict | ModelFailure:
        self.asked.append(scene)
        if isinstance(self.answer, ModelFailure):
            return self.answer
        return ModelVerdict(
            score=self.answer,
            summary="what the model says",
            reasoning="its reasons",
            recommended_action="none",
            confidence=0.8,
            flags=(),
            entities=(),
            model_id="fake-model",
            prompt_version="1",
            prompt="…",
            prompt_tokens=10,
            answer_tokens=10,
            duration_ms=1.0,
        )


class Household:
    """Cameras deliver with ``deliver``, ``work`` empties the queues, ``pass_time`` moves the clock and sweeps."""

    def __init__(
        self,
        database: Database,
        clock: FakeClock,
        data: Path,
        *,
        eyes: Eyes | None = None,
        mind: Assessor | None = None,
        senses: dict[str, Any] | None = None,
        **overrides: Any,
    ) -> None:
        self.database, self.clock = database, clock
        self.eyes, self.mind = eyes or Eyes(), Mind()
        usual = {"ai_max_concurrent_inferences": 1, "time_zone": "UTC"}
        self.settings = load_settings(data=data, overrides={**usual, **overrides})
        self._ids = lambda: f"{data.name[-4:].lstrip('_-')}-{next(_NUMBERS):06d}"
        around = Surroundings(clock=clock, ids=self._ids, random=lambda: 0.0)
        self.tables = make_tables(self.settings, clock, make_queue(self.settings.storage, database, clock, "engine"))
        self.news = 0
        self.media_root = Path()
        self.store = Transactions(database, self.tables, clock, self._announced)
        self.ledger = Ledger(self.store, dedupe_ttl_s=300, auto_create_cameras=True)
        given: dict[str, Any] = {"frames": self.eyes, "detector": self.eyes, "judge": Judge()}
        seeing = Senses(**given | {"assessor": mind or self.mind} | (senses or {}))
        self.pipeline = make_pipeline(
            self.settings, self.store, self.tables, seeing, Sinks(looked=lambda _media, _found: None), around
        )

    def _announced(self) -> None:
        self.news += 1

    async def recover(self) -> None:
        """Do what an engine does before its workers start."""
        queue, now = self.tables.queue, self.clock.steady()
        assert isinstance(queue, SqlQueue)
        await self.database.write(queue.recover)
        await self.database.write(lambda conn: self.tables.batches.recover(conn, now))

    async def deliver(
        self,
        *shown: tuple[str, float] | Exception,
        camera: str = "door",
        late_s: float = 0.0,
        sha256: str | None = None,
    ) -> str | None:
        """Book a still that shows these objects (or makes the detector raise); gives its id, None for a duplicate."""
        media_id = self._ids()
        first = shown[0] if shown else None
        self.eyes.shows[media_id] = first if isinstance(first, Exception) else list(shown)  # type: ignore[arg-type]
        media, arrival = self.arrival_from(camera.title(), camera, media_id, sha256=sha256, late_s=late_s)
        entry = await self.ledger.accept(media, arrival)
        return media_id if entry.accepted else None

    def arrival_from(
        self,
        folder: str,
        camera: str,
        media_id: str | None = None,
        *,
        sha256: str | None = None,
        late_s: float = 0.0,
    ) -> tuple[Media, Arrival]:
        """Make the booking of a still that lies in a folder."""
        media_id = media_id or self._ids()
        now = self.clock.now()
        media = Media(
            media_id=media_id,
            camera_id=camera,
            path=self.media_root / f"{media_id}.jpg",
            sha256=sha256 or media_id.rjust(64, "0"),
            kind=MediaKind.IMAGE,
            captured_at=now - timedelta(seconds=late_s),
            received_at=now,
            size_bytes=1000,
            width=640,
            height=480,
        )
        arrival = Arrival(
            camera_id=camera,
            camera_name=folder,
            kind=MediaKind.IMAGE,
            seen_at=now,
            source_key=media_id,
            path=media.path,
        )
        return media, arrival

    async def work(self, *, assess: bool = True) -> None:
        """Run every job that is due."""
        workers = [*self.pipeline.detect, *(self.pipeline.assess if assess else ())]
        while any([await worker.step() for worker in workers]):
            pass

    async def pass_time(self, seconds: float, *, step: float = 5.0) -> None:
        """Let time go by, sweeping and working every ``step`` seconds."""
        left = seconds
        while left > 0:
            self.clock.tick(min(step, left))
            left -= step
            await self.pipeline.timers.sweep()
            await self.work()

    async def events(self) -> list[Event]:
        """Give every stored event, oldest first."""
        page = await self.database.read(lambda conn: self.tables.events.page(conn, EventQuery(limit=1000)))
        return list(reversed(page.items))

    async def announced(self) -> list[str]:
        """Give the kinds of all announcements in order."""
        rows = await self.database.read(lambda conn: self.tables.outbox.since(conn, 0, 10_000))
        return [row.kind for row in rows]


@asynccontextmanager
async def household(data: Path, *, clock: FakeClock | None = None, **overrides: Any):
    """Open a household over the database in ``data``, which may be there already."""
    clock = clock or FakeClock()
    async with Database(sqlite_url(data / "home.db"), clock) as database:
        yield Household(database, clock, data, **overrides)
