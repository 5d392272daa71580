"""The detector in use: one facade over whatever looks now, with its state told plainly."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from home_sentry_engine.contract import ComponentState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.errors import Permanent, StageError, Unavailable
from home_sentry_engine.settings import DetectSettings

from .history import LatencyHistory
from .session import Cancel, InferenceFailed, MemoryExhausted, Runner
from .tasks.boxes import BoxRules
from .tasks.pictures import Frame

_EMA_WEIGHT: Final = 0.2
_FAILURES_TO_DEGRADED: Final = 3
_COLD_S: Final = 300.0
_RETRY_S: Final = 5.0


class Eye(Protocol):
    """Something that can look; blocking, thread-safe."""

    @property
    def model_id(self) -> str:
        """Id of its card."""
        ...

    @property
    def input_side(self) -> int:
        """Longer side of its input in pixels; a picture with that many on its shorter side loses nothing."""
        ...

    def look(
        self, frames: Sequence[Frame], rules: BoxRules, cancel: Cancel | None = None
    ) -> tuple[FrameDetections, ...]:
        """Find objects; raises ``StageError``."""
        ...


class Rescue(Protocol):
    """What helps an eye whose device has no memory left or fails."""

    def make_room(self) -> None:
        """Unload whatever nobody uses."""
        ...

    async def retreat(self, why: str) -> Eye | None:
        """Put in an eye on the processor and give it; None where the eye in use is there already."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorStatus:
    """What looks, on what, how fast, and why not better; ``inference_ms`` is a moving average per picture.

    ``basic`` marks the last resort; ``warm`` is False until the first look and after 5 minutes without one.
    """

    model_id: str
    name: str
    state: ComponentState
    reason: str | None = None
    fix: str | None = None
    provider: str | None = None
    provider_reason: str | None = None
    contract: str | None = None
    licence: str | None = None
    origin: str | None = None
    inference_ms: float | None = None
    looked: int = 0
    failures: int = 0
    basic: bool = False
    warm: bool = False


class Detector:
    """Finds objects with the eye that the zoo put in; without one every call raises ``Unavailable``."""

    def __init__(self, settings: DetectSettings, runner: Runner, clock: Clock) -> None:
        """Take the rules, the way to run blocking work, and the clock."""
        self._rules = BoxRules(
            confidence=settings.confidence,
            classes=settings.classes,
            min_box_px=settings.min_box_px,
            same_box_iou=settings.same_box_iou,
        )
        self._batch_frames = max(1, settings.batch_frames)
        self._runner = runner
        self._clock = clock
        self.rescue: Rescue | None = None
        self.history: LatencyHistory | None = None
        self.on_failure: Callable[[str], None] = lambda _code: None
        self._eye: Eye | None = None
        self._base = DetectorStatus(
            model_id=settings.detector, name=settings.detector, state=ComponentState.STARTING, reason="starting"
        )
        self._inference_ms: float | None = None
        self._looked = self._failures = self._failures_in_a_row = 0
        self._last_failure = ""
        self._last_look: float | None = None

    @property
    def model_id(self) -> str:
        """Id of what looks now, or of what is wanted."""
        return self._eye.model_id if self._eye else self._base.model_id

    @property
    def eye(self) -> Eye | None:
        """What looks now."""
        return self._eye

    @property
    def input_side(self) -> int | None:
        """Pixels that a picture's shorter side should have; None while nothing looks."""
        return self._eye.input_side if self._eye else None

    @property
    def rules(self) -> BoxRules:
        """Rules that apply when a call names no confidence."""
        return self._rules

    def equip(self, eye: Eye | None, status: DetectorStatus) -> None:
        """Put in another eye, or none, with what there is to say about it."""
        if eye is not self._eye:
            self._inference_ms, self._failures_in_a_row, self._last_look = None, 0, None
        self._eye, self._base = eye, status

    async def detect(
        self, frames: Sequence[Frame], *, confidence: float | None = None, priority: int = 0
    ) -> tuple[FrameDetections, ...]:
        """Look at frames, several at once; one result per frame in order.

        Raises ``Unavailable`` (nothing to look with), ``Transient`` (time-out, bad output), ``Permanent`` (no picture).
        """
        eye = self._eye
        if eye is None:
            raise Unavailable(
                f"the detector {self._base.name} cannot look: {self._base.reason}",
                code=f"detector_{self._base.state}",
                retry_after_s=_RETRY_S,
            )
        rules = self._rules if confidence is None else replace(self._rules, confidence=confidence)
        chunks = [frames[at : at + self._batch_frames] for at in range(0, len(frames), self._batch_frames)]
        try:
            async with asyncio.TaskGroup() as group:
                calls = [group.create_task(self._one_call(eye, chunk, rules, priority)) for chunk in chunks]
        except BaseExceptionGroup as errors:
            raise _first(errors) from errors
        return tuple(found for call in calls for found in call.result())

    async def _one_call(
        self, eye: Eye, frames: Sequence[Frame], rules: BoxRules, priority: int
    ) -> tuple[FrameDetections, ...]:
        try:
            found = await self._rescued(
                eye, lambda one: self._runner.run(lambda cancel: one.look(frames, rules, cancel), priority=priority)
            )
        except Permanent as err:
            self.on_failure(err.code)
            raise
        except StageError as err:
            self.on_failure(err.code)
            self._failures += 1
            self._failures_in_a_row += 1
            self._last_failure = err.reason
            raise
        if len(found) != len(frames):
            raise Unavailable(f"{eye.model_id} answered {len(found)} of {len(frames)} pictures", code="lost_frames")
        self._note(found)
        return found

    async def _rescued[T](self, eye: Eye, look: Callable[[Eye], Awaitable[T]]) -> T:
        """Look; where memory runs out, make room first; where the device fails twice, look on the processor."""
        try:
            return await look(eye)
        except InferenceFailed as err:
            full = isinstance(err, MemoryExhausted)
            if self.rescue is None or (not full and self._base.provider in {None, "cpu"}):
                raise
            if full:
                self.rescue.make_room()
        try:
            return await look(eye)
        except InferenceFailed as err:
            full = isinstance(err, MemoryExhausted)
            other = await self.rescue.retreat("the device has no memory left" if full else err.reason)
            if other is None:
                raise
        return await look(other)

    def _note(self, found: tuple[FrameDetections, ...]) -> None:
        self._failures_in_a_row = 0
        self._looked += len(found)
        self._last_look = self._clock.monotonic()
        for frame in found:
            before = self._inference_ms
            now = frame.inference_ms
            if self.history is not None:
                self.history.note(frame.model_id, now)
            self._inference_ms = now if before is None else before + _EMA_WEIGHT * (now - before)

    def describe(self) -> DetectorStatus:
        """Tell the state at this moment."""
        state, reason = self._base.state, self._base.reason
        if self._failures_in_a_row >= _FAILURES_TO_DEGRADED and state is ComponentState.HEALTHY:
            state = ComponentState.DEGRADED
            reason = f"the last {self._failures_in_a_row} looks failed: {self._last_failure}"
        warm = self._last_look is not None and self._clock.monotonic() - self._last_look < _COLD_S
        return replace(
            self._base,
            state=state,
            reason=reason,
            inference_ms=self._inference_ms,
            looked=self._looked,
            failures=self._failures,
            warm=warm,
        )


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    inner = errors.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
