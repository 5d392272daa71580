"""Everything of an engine that takes figures: hops of pictures, graphics cards, the load of the machine."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from home_sentry_engine.contract import GpuSummary, ModelLoad, Part, RedisLoad
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.operations.gpu import open_reader
from home_sentry_engine.operations.gpu_watch import GpuWatch
from home_sentry_engine.operations.health import HealthBoard
from home_sentry_engine.operations.host import HostMeter
from home_sentry_engine.operations.registry import Details, PartPlan, Rank
from home_sentry_engine.resilience.breaker import Breakers
from home_sentry_engine.settings import Settings
from home_sentry_engine.storage.database import Database
from home_sentry_engine.telemetry.metrics import Registry
from home_sentry_engine.vision.detector import DetectorStatus

from .hops import Hops
from .load import Figures, Gauged, GpuMinutes
from .parts import Pipeline
from .tables import Tables
from .tallies import Tallies


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruments:
    """What figures are taken with and of; ``node`` is this engine's lasting name."""

    database: Database
    tables: Tables
    board: HealthBoard
    metrics: Registry
    clock: Clock
    node: str
    parts: Callable[[], Sequence[Part]]
    redis: Callable[[], Awaitable[RedisLoad]] | None = None


class Measuring:
    """Made once the database is open; ``attach`` then takes what works, and ``part`` runs."""

    def __init__(self, settings: Settings, instruments: Instruments) -> None:
        """Open nothing yet."""
        self._settings = settings
        self._with = instruments
        self.tallies = Tallies(instruments.metrics)
        self.breakers = Breakers()
        self.hops = Hops(instruments.database, instruments.tables, instruments.clock, instruments.metrics, self.tallies)
        self._figures: Figures | None = None
        self._watch: GpuWatch | None = None

    @property
    def attached(self) -> Figures:
        """The figures; raises ``RuntimeError`` before ``attach``."""
        if self._figures is None:
            raise RuntimeError("nothing is attached yet")
        return self._figures

    def attach(
        self,
        pipeline: Pipeline,
        detector: Callable[[], DetectorStatus],
        language: Callable[[], Awaitable[ModelLoad | None]],
    ) -> None:
        """Listen to the workers, and to the detector and the language model."""
        given, settings = self._with, self._settings
        workers = (*pipeline.detect, *pipeline.assess)
        for worker in workers:
            worker.finished = self.hops.finished
        gauged = Gauged(
            database=given.database,
            tables=given.tables,
            board=given.board,
            host=HostMeter(settings.data),
            latencies=self.hops.latencies,
            detector=detector,
            language=language,
            failures=lambda: sum(one.counts.retried + one.counts.buried for one in workers),
            quarantined=lambda: sum(one.counts.buried for one in pipeline.detect),
            parts=given.parts,
            breakers=self.breakers,
            tallies=self.tallies,
            detect_slots=settings.detect.concurrency,
            redis=given.redis,
        )
        saving = GpuMinutes(given.database, given.node)
        watch = GpuWatch(
            lambda: open_reader(demo=settings.demo),
            given.clock,
            saving.save,
            every_s=settings.operations.gpu_poll_s,
        )
        self._watch, self._figures = watch, Figures(gauged, watch, saving, given.clock, given.metrics)

    def summary(self) -> GpuSummary:
        """Give the busiest graphics card in one line, empty while nobody looks."""
        return self._figures.summary() if self._figures is not None else GpuSummary()

    def part(self) -> PartPlan:
        """Give what has to run; raises ``RuntimeError`` before ``attach``."""
        figures, watch = self.attached, self._watch
        if watch is None:
            raise RuntimeError("nothing is attached yet")
        jobs = {"graphics cards": watch.run, "load": figures.run, "hops": self.hops.run}
        return PartPlan(id="figures", jobs=jobs, rank=Rank.OPTIONAL, details=self._details)

    def _details(self) -> Details:
        return {f"breaker_{name}": state.value for name, state in self.breakers.states().items()}
