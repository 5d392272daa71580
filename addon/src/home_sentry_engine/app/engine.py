"""The engine: every room entered in order, run under supervision, left in reverse."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final, Self

from home_sentry_engine.api.server import ApiServer
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.identity import random_id
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.operations.health import HealthBoard
from home_sentry_engine.settings import Settings
from home_sentry_engine.telemetry.metrics import Registry

from .api_room import open_api
from .clips import StoredClips
from .ground import open_ground
from .minds import open_minds
from .parts import Sinks, Surroundings
from .pipeline_room import open_pipeline
from .schedule import scheduled
from .secured import Secured
from .shared_clock import SharedClock

_CONFIDENCES: Final = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)

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
        self._server: ApiServer | None = None
        self._clips: StoredClips | None = None
        self.secured: Secured | None = None
        self.token_made = False
        self.board = HealthBoard(self._around.clock)
        self.metrics = Registry()
        self._inference = self.metrics.histogram("detect_seconds", "Time of the detector per picture")
        self._detections = self.metrics.counter("detections_total", "Detected objects", ("class",))
        self._errors = self.metrics.counter("detect_errors_total", "Looks of the detector that failed", ("code",))
        self._dropped = self.metrics.counter("boxes_dropped_total", "Boxes that filters removed", ("reason",))
        self._confidence = self.metrics.histogram(
            "detection_confidence", "How sure the detector was of what counts", ("class",), bounds=_CONFIDENCES
        )
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
        ground = await open_ground(self._stack, self.settings, self._around, self._clock, self.board, self.metrics)
        self.database, self.tables, self.secured = ground.database, ground.tables, ground.secured
        self.wellbeing, self._hops = ground.wellbeing, ground.measuring.hops
        minds = await open_minds(ground)
        self.zoo, self.language = minds.zoo, minds.language
        minds.zoo.detector.on_failure = lambda code: self._errors.add(1, code=code)
        room = await open_pipeline(ground, minds, Sinks(looked=self._observe), self._forget_pictures)
        self.pipeline, self.intake, self.health = room.pipeline, room.intake, room.health
        parts = scheduled(ground, minds, room, watch_folder=self._watch_folder)
        if ground.secured is not None:
            api = await open_api(ground, minds, room, ground.secured)
            self._server, self._clips, self.token_made = api.server, api.clips, api.token_made
            parts += api.parts
        await self.wellbeing.prepare(parts, minds.detector)

    def _forget_pictures(self) -> None:
        if self._server is not None:
            self._server.forget_pictures()
        if self._clips is not None:
            self._clips.nudge()

    def _observe(self, media: Media, found: tuple[FrameDetections, ...]) -> None:
        self._hops.looked(media)
        for frame in found:
            self._inference.observe(frame.inference_ms / 1000)
            for detection in frame.detections:
                self._detections.add(1, **{"class": detection.label})
                self._confidence.observe(detection.confidence, **{"class": detection.label})
            for reason, count in frame.dropped:
                self._dropped.add(count, reason=reason)
            for kind, count in frame.again:
                self._again.add(count, kind=kind)
        self._looked(media, found)
