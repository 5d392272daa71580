"""Benchmark ``detect``: what the engine adds around the graph, as images/s over bare ``session.run`` images/s.

Both sides run in one process in alternating rounds over the same decoded pictures. Bare is what a plain script gets:
ONNX Runtime with its default threads, one picture after the other, tensors made beforehand. The engine resizes, runs,
decodes and selects, fed by as many tasks as its workers. A second comparison drives the bare graph in parallel too,
with the engine's own thread setting.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
import time
from typing import Any, Final

import numpy as np

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError, Rejected, Unavailable
from home_sentry_engine.media.picture import decode
from home_sentry_engine.settings import DetectSettings, ModelSettings
from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.session import Session, available_providers, choose_provider, open_session
from home_sentry_engine.vision.tasks.detect import DetectPlan, feeds_of, plan_for
from home_sentry_engine.vision.tasks.pictures import Frame, RgbFrame, prepare
from home_sentry_engine.vision.zoo import Zoo

LIMIT: Final = 0.85
_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_ROUND_S: Final = 1.5
_FEWEST, _MOST = 8, 64
_DRAWN: Final = ((1280, 720), (640, 480), (704, 576), (960, 540))

type Feeds = dict[str, np.ndarray[Any, Any]]


class NoPictures(HomeSentryError, ValueError):
    """None of the given files is a picture that decodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectBench:
    """Result: medians over rounds; a ratio is the median of the rounds' own ratios."""

    model_id: str
    provider: str
    pictures: str
    images_per_round: int
    rounds: int
    workers: int
    bare_images_per_s: float
    engine_images_per_s: float
    ratio: float
    parallel_bare_images_per_s: float
    ratio_to_parallel_bare: float
    serial_engine_images_per_s: float
    prepare_ms: float
    graph_ms: float
    limit: float = LIMIT

    @property
    def passed(self) -> bool:
        """Whether the engine keeps at least ``limit`` of the bare images/s."""
        return self.ratio >= self.limit

    def document(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"bench": "detect", **asdict(self), "passed": self.passed}

    def rows(self) -> list[tuple[str, str, str]]:
        """Give the table: what, images/s, ratio."""
        bare, parallel = self.bare_images_per_s, self.parallel_bare_images_per_s
        return [
            ("bare session.run, one at a time, default threads", f"{bare:.1f}/s", "1.00"),
            (f"engine, {self.workers} workers", f"{self.engine_images_per_s:.1f}/s", f"{self.ratio:.2f}"),
            ("engine, one at a time", f"{self.serial_engine_images_per_s:.1f}/s", ""),
            (f"bare session.run, {self.workers} at a time, engine's threads", f"{parallel:.1f}/s", "1.00"),
            (f"engine, {self.workers} workers, to that", "", f"{self.ratio_to_parallel_bare:.2f}"),
            ("resize to tensor, one picture", f"{self.prepare_ms:.2f} ms", ""),
            ("graph, one picture, alone", f"{self.graph_ms:.2f} ms", ""),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    bare: float
    engine: float
    parallel: float
    serial: float


async def bench_detect(
    detect: DetectSettings,
    models: ModelSettings,
    clock: Clock,
    *,
    pictures: Sequence[Path] = (),
    rounds: int = 5,
) -> DetectBench:
    """Measure the detector that the settings choose; ``pictures`` are files or folders, drawn pictures without any.

    Raises ``StageError`` where no graph can be loaded, ``NoPictures`` where nothing given decodes.
    """
    async with Zoo(detect, models, clock) as zoo:
        status = await zoo.prepare()
        if status.basic:
            raise Unavailable(f"there is no graph to compare with: {status.reason}", code="no_graph")
        model = await zoo.store.fetch(zoo.catalogue.get(status.model_id))
        frames = await asyncio.to_thread(_frames, pictures, zoo.detector.input_side)
        choice = choose_provider(detect.provider, await asyncio.to_thread(available_providers))
        bare = await asyncio.to_thread(lambda: open_session(model.main, choice=choice))
        own = next(entry.session for entry in zoo.pool.entries if entry.spec.key == model.card.id)
        plan = plan_for(model.card, own)
        chosen = await asyncio.to_thread(_enough, frames, plan, bare)
        feeds = [_feeds(plan, frame) for frame in chosen]
        side = _Sides(zoo=zoo, bare=bare, own=own, frames=chosen, feeds=feeds, workers=detect.concurrency)
        await side.measure()
        measured = [await side.measure() for _ in range(rounds)]
    return DetectBench(
        model_id=status.model_id,
        provider=status.provider or "cpu",
        pictures="given" if pictures else "drawn",
        images_per_round=len(chosen),
        rounds=rounds,
        workers=detect.concurrency,
        bare_images_per_s=median(one.bare for one in measured),
        engine_images_per_s=median(one.engine for one in measured),
        ratio=median(one.engine / one.bare for one in measured),
        parallel_bare_images_per_s=median(one.parallel for one in measured),
        ratio_to_parallel_bare=median(one.engine / one.parallel for one in measured),
        serial_engine_images_per_s=median(one.serial for one in measured),
        prepare_ms=await asyncio.to_thread(lambda: _each_ms(lambda frame: _feeds(plan, frame), chosen)),
        graph_ms=await asyncio.to_thread(lambda: _each_ms(bare.run, feeds)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    zoo: Zoo
    bare: Session
    own: Session
    frames: Sequence[Frame]
    feeds: Sequence[Feeds]
    workers: int

    async def measure(self) -> _Round:
        """Run all sides once, in turn."""
        return _Round(
            bare=await self._rate(lambda: asyncio.to_thread(self._run_bare)),
            engine=await self._rate(lambda: self._share(self._look, self.frames)),
            parallel=await self._rate(lambda: self._share(self._run_own, self.feeds)),
            serial=await self._rate(self._one_by_one),
        )

    async def _rate(self, work: Callable[[], Awaitable[None]]) -> float:
        began = time.perf_counter()
        await work()
        return len(self.frames) / (time.perf_counter() - began)

    def _run_bare(self) -> None:
        for feeds in self.feeds:
            self.bare.run(feeds)

    async def _share[T](self, work: Callable[[T], Awaitable[None]], items: Sequence[T]) -> None:
        """Let the workers take one item after the other, as the pipeline's do."""
        waiting = iter(items)

        async def worker() -> None:
            for item in waiting:
                await work(item)

        async with asyncio.TaskGroup() as group:
            for _ in range(self.workers):
                group.create_task(worker())

    async def _look(self, frame: Frame) -> None:
        await self.zoo.detector.detect([frame])

    async def _run_own(self, feeds: Feeds) -> None:
        await asyncio.to_thread(self.own.run, feeds)

    async def _one_by_one(self) -> None:
        for frame in self.frames:
            await self._look(frame)


def _feeds(plan: DetectPlan, frame: Frame) -> Feeds:
    return feeds_of(plan, prepare([frame], plan.image, size=plan.size), [(frame.width, frame.height)])


def _enough(frames: Sequence[Frame], plan: DetectPlan, bare: Session) -> list[Frame]:
    """Repeat the pictures until a round lasts long enough to measure."""
    feeds = _feeds(plan, frames[0])
    bare.run(feeds)
    spent_s = _each_ms(bare.run, [feeds] * 3) / 1000.0
    count = max(_FEWEST, min(_MOST, round(_ROUND_S / spent_s)))
    return [frames[index % len(frames)] for index in range(count)]


def _each_ms[T](work: Callable[[T], object], items: Sequence[T]) -> float:
    spent: list[float] = []
    for item in items:
        began = time.perf_counter()
        work(item)
        spent.append(time.perf_counter() - began)
    return median(spent) * 1000.0


def _frames(places: Sequence[Path], input_side: int | None) -> list[Frame]:
    if not places:
        return [RgbFrame.of(draw_canary(width, height)) for width, height in _DRAWN]
    found: list[Frame] = []
    for file in sorted({file for place in places for file in _files(place)})[:_MOST]:
        try:
            found.append(decode(file.read_bytes(), at_least=input_side))
        except Rejected:
            continue
    if not found:
        raise NoPictures(f"no picture that decodes in {', '.join(place.name for place in places)}")
    return found


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return [file for file in place.rglob("*") if file.suffix.lower() in _SUFFIXES]
