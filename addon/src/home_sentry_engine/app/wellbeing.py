"""What keeps an engine well: the disk guard, the monitor, the registry of parts, cleaning and backups."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from home_sentry_engine.contract import RestartStrategy
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.backends.disabled import Disabled
from home_sentry_engine.language.backends.local import LocalModel
from home_sentry_engine.language.health import COMPONENT as LANGUAGE
from home_sentry_engine.language.process import ProcessState
from home_sentry_engine.language.seeing import SeeingModel
from home_sentry_engine.media.paths import MediaPaths
from home_sentry_engine.operations.backups import DailyBackup
from home_sentry_engine.operations.data_folder import database_file
from home_sentry_engine.operations.disk import DiskGuard, DiskLimits, free_bytes
from home_sentry_engine.operations.health import HealthBoard
from home_sentry_engine.operations.heartbeat import Heartbeat
from home_sentry_engine.operations.memory import MemoryWatch, Watched, engine_limit_bytes, own_pid
from home_sentry_engine.operations.monitor import HealthMonitor, Probe
from home_sentry_engine.operations.registry import ComponentRegistry, PartPlan
from home_sentry_engine.operations.retention import Retention
from home_sentry_engine.resilience.supervise import Job
from home_sentry_engine.settings import Settings
from home_sentry_engine.storage.repositories.components import ComponentRecord
from home_sentry_engine.vision.detector import Detector
from home_sentry_engine.vision.session import host_total_bytes

from .cleaning import Cleaning
from .database import BACKUPS, SoundDatabase
from .probes import DatabaseProbe, DetectorProbe, disk_probe
from .queues import BackPressure
from .tables import Tables


class Wellbeing:
    """Made once the database is open; ``prepare`` then takes the parts, and ``registry`` and ``monitor`` run.

    ``exhausted`` is set when the engine has to begin anew, because it takes too much memory or somebody asked for it.
    """

    def __init__(
        self, settings: Settings, sound: SoundDatabase, tables: Tables, board: HealthBoard, clock: Clock, node: str
    ) -> None:
        """Take the settings, the open database, the board and this engine's lasting name."""
        self._settings = settings
        self._sound = sound
        self._tables = tables
        self._board = board
        self._clock = clock
        self._node = node
        self.guard = DiskGuard(settings.data, DiskLimits.above(settings.operations.disk_floor_bytes), self._free)
        kept = timedelta(days=settings.operations.retention_days)
        self.retention = Retention(sound.database, MediaPaths(settings.media_root), clock, kept)
        database = sound.database
        self.cleaning = Cleaning(self.retention, self.guard, database, clock, lambda: self._free(settings.data))
        self.backups = self._make_backups()
        self.registry = ComponentRegistry(board, clock, self._save)
        self.monitor = HealthMonitor(board, clock, ())
        self.exhausted = asyncio.Event()
        self._models_died: set[str] = set()
        limit = engine_limit_bytes(settings.operations.memory_limit_mb, host_total_bytes())
        self._watched = [Watched(name="engine", pid=own_pid, recycle=self.begin_anew, limit_bytes=limit)]

    def watch_model(self, backend: object, part: str = LANGUAGE) -> None:
        """Watch the memory of a language model's process; call before ``prepare``."""
        if isinstance(backend, LocalModel):
            self._watched.append(Watched(name=part, pid=lambda: backend.pid, recycle=backend.aclose))

    def model_process(self, state: ProcessState, reason: str | None, part: str = LANGUAGE) -> None:
        """Count the deaths and new beginnings of a language model's process."""
        if state is ProcessState.CRASHED:
            self.registry.count_failure(part, reason or "the model's process ended")
            self._models_died.add(part)
        elif state is ProcessState.STARTING and part in self._models_died:
            self._models_died.discard(part)
            self.registry.count_restart(part)

    async def prepare(self, plans: Sequence[PartPlan], detector: Detector | None) -> None:
        """Take the parts with what is remembered of them, and the detector where this engine looks."""
        kept: Mapping[str, ComponentRecord] = await self._sound.database.read(self._tables.components.all)
        records = {plan.id: replace(kept[name], id=plan.id) for plan in plans if (name := self._own(plan.id)) in kept}
        self.registry.add(plans, records)
        database = self._sound.database
        look = DatabaseProbe(database, self.guard, self._clock, self._sound.component, self._node)
        beat = Heartbeat(self._settings.data, self._clock)
        probes = [
            beat.probe(),
            look.probe(),
            disk_probe(self.guard),
            Probe(id="parts", check=self._review, damped=False),
        ]
        queues = self._tables.queues
        probes.append(BackPressure(queues.depths, queues.limits).probe())
        probes.append(MemoryWatch(self._clock, self._watched).probe())
        if detector is not None:
            probes.append(DetectorProbe(detector, self._clock).probe())
        self.monitor = HealthMonitor(self._board, self._clock, probes)

    def upkeep(self) -> dict[str, Job]:
        """Give the jobs that keep the data folder small and safe."""
        jobs: dict[str, Job] = {"cleaning": self.cleaning.run}
        if self.backups is not None and self._settings.operations.backups:
            jobs["backup"] = self.backups.run
        return jobs

    def _make_backups(self) -> DailyBackup | None:
        settings = self._settings
        file = database_file(settings)
        if file is None:
            return None
        # who wants none every day may still ask for one
        keep = max(1, settings.operations.backups)
        place = settings.data / BACKUPS
        return DailyBackup(file, place, self._clock, keep=keep, free=free_bytes, report=self._board.report)

    def _free(self, folder: Path) -> int:
        return min(free_bytes(folder), free_bytes(self._settings.media_root))

    async def begin_anew(self) -> None:
        """Have ``Engine.run`` return, with all work given back, so that its process begins anew."""
        self.exhausted.set()

    async def _review(self) -> None:
        self.registry.review()

    async def _save(self, record: ComponentRecord) -> None:
        own = replace(record, id=self._own(record.id))
        await self._sound.database.write(lambda conn: self._tables.components.save(conn, own))

    def _own(self, part_id: str) -> str:
        """Name the record of a part; engines that share a database have parts of the same name."""
        return part_id if self._settings.storage.is_local else f"{part_id}@{self._node}"


class ModelState:
    """``pipeline.ports.ModelAvailability``, and the way to begin with a fresh model."""

    def __init__(self, language: LanguageAssessor | Disabled, vision: SeeingModel | None = None) -> None:
        """Take what judges beside the rules; ``vision`` is the model that sees, where that judges."""
        self._language = language
        self._vision = vision

    def answers(self) -> bool:
        """Tell whether the last use of a model that judges, or its last canary, was a success."""
        seen = self._vision is not None and self._vision.worked
        return seen or (isinstance(self._language, LanguageAssessor) and self._language.worked)

    @property
    def strategy(self) -> RestartStrategy:
        """Tell whether the model runs in a process of this engine."""
        own = isinstance(self._language, LanguageAssessor) and isinstance(self._language.backend, LocalModel)
        return RestartStrategy.PROCESS if own else RestartStrategy.REMOTE

    async def renew(self) -> None:
        """End the model's process, so that the next question starts a new one; a remote model is only asked again."""
        if isinstance(self._language, LanguageAssessor):
            self._language.breaker.reset()
            if isinstance(self._language.backend, LocalModel):
                await self._language.backend.aclose()
