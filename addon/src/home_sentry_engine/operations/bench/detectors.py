"""Benchmark ``detectors``: every detector that is here, on every provider, with one thread and with all.

With labelled pictures it also says how right each is, so that an INT8 variant shows what it costs and what it gains.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
import time
from typing import Any, Final

from home_sentry_engine.domain.errors import HomeSentryError, StageError
from home_sentry_engine.settings import ModelSettings
from home_sentry_engine.vision.catalog import Card, Task, load_catalogue
from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.needs import provider_for
from home_sentry_engine.vision.session import Session, available_providers, choose_provider, open_session
from home_sentry_engine.vision.store import LocalModel, ModelStore
from home_sentry_engine.vision.tasks.boxes import BoxRules
from home_sentry_engine.vision.tasks.detect import detect, feeds_of, plan_for
from home_sentry_engine.vision.tasks.graph import Array
from home_sentry_engine.vision.tasks.pictures import RgbFrame, prepare

from .labelled import LabelledPicture, coco_pictures, person_pictures, voc_pictures
from .quality_detect import CLASSES
from .scoring import Guess, mean_score, scores
from .weighing import Weight, weigh

_ANYTHING: Final = BoxRules(confidence=0.01)
_WARM_UP: Final = 3
_THREADS: Final = {"one thread": 1, "all cores": 0}


class NoDetectors(HomeSentryError, LookupError):
    """No detector's file is here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorRun:
    """One detector on one provider: the least ms of the rounds; mean AP50 where labelled pictures were given.

    ``loaded_bytes`` and ``used_bytes`` are its memory on the processor, as ``weighing.Weight`` has them.
    """

    model_id: str
    variant_of: str | None
    provider: str
    file_bytes: int
    loaded_bytes: int
    used_bytes: int
    one_thread_ms: float
    all_cores_ms: float
    voc: float | None = None
    coco: float | None = None

    @property
    def memory(self) -> str:
        """Its memory in words."""
        return f"memory loaded {self.loaded_bytes / 1e6:.0f}, used {self.used_bytes / 1e6:.0f} MB"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorsBench:
    """All runs; ``left_out`` tells what could not be run."""

    rounds: int
    runs: tuple[DetectorRun, ...]
    left_out: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """There is no target: the table serves a choice."""
        return True

    def document(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"bench": "detectors", **asdict(self), "passed": self.passed}

    def rows(self) -> list[tuple[str, str, str]]:
        """Give the table: what, ms, AP50."""
        return [
            (
                f"{one.model_id} on {one.provider}, {one.file_bytes / 1e6:.1f} MB, {one.memory}",
                f"one thread {one.one_thread_ms:.1f} ms, all cores {one.all_cores_ms:.1f} ms",
                "" if one.voc is None or one.coco is None else f"AP50 {one.voc:.3f} VOC, {one.coco:.3f} COCO",
            )
            for one in self.runs
        ]


@dataclass(frozen=True, slots=True)
class _Entry:
    model: LocalModel
    provider: str
    sessions: tuple[Session, ...]
    feeds: dict[str, Array]


async def bench_detectors(models: ModelSettings, *, media: Path | None, rounds: int) -> DetectorsBench:
    """Measure all detectors in turn, so that a busy machine slows all alike; raises ``NoDetectors``, ``NoLabels``."""
    store = ModelStore(models)
    found: list[LocalModel] = []
    for card in load_catalogue(models.folder).of_task(Task.DETECT):
        model = await store.find(card) if card.files else None
        if model is not None:
            found.append(model)
    if not found:
        raise NoDetectors("no detector's file is here: fetch one, or name a mirror")
    weights = {model.card.id: await weigh(model) for model in found}
    return await asyncio.to_thread(_all, found, weights, media, rounds)


def _all(
    models: Sequence[LocalModel], weights: Mapping[str, Weight], media: Path | None, rounds: int
) -> DetectorsBench:
    entries: list[_Entry] = []
    left_out: list[str] = []
    available = available_providers()
    for model in models:
        for provider in available:
            try:
                entry = _entry(model, provider, available)
            except StageError as err:
                left_out.append(f"{model.card.id} on {provider}: {err.reason}")
                continue
            if entry is not None:
                entries.append(entry)
    spent: dict[tuple[int, int], list[float]] = {}
    for number in range(rounds + _WARM_UP):
        for place, entry in enumerate(entries):
            for thread, session in enumerate(entry.sessions):
                began = time.perf_counter()
                session.run(entry.feeds)
                if number >= _WARM_UP:
                    spent.setdefault((place, thread), []).append((time.perf_counter() - began) * 1000)
    sets = _labelled(media) if media is not None else ()
    runs = [
        DetectorRun(
            model_id=entry.model.card.id,
            variant_of=entry.model.card.variant_of,
            provider=entry.provider,
            file_bytes=entry.model.size_bytes,
            loaded_bytes=weights[entry.model.card.id].loaded_bytes,
            used_bytes=weights[entry.model.card.id].used_bytes,
            one_thread_ms=min(spent[place, 0]),
            all_cores_ms=min(spent[place, 1]),
            **dict(zip(("voc", "coco"), (_right(entry, one) for one in sets), strict=False)),
        )
        for place, entry in enumerate(entries)
    ]
    return DetectorsBench(rounds=rounds, runs=tuple(runs), left_out=tuple(left_out))


def _entry(model: LocalModel, provider: str, available: tuple[str, ...]) -> _Entry | None:
    """Open a detector with each number of threads; None where its card does not run on this provider."""
    card: Card = model.card
    choice = provider_for(card, choose_provider(provider, available))
    if choice.wanted[0] != provider:
        return None
    sessions = tuple(open_session(model.main, choice=choice, threads=threads) for threads in _THREADS.values())
    plan = plan_for(card, sessions[0])
    frame = RgbFrame.of(draw_canary())
    feeds = feeds_of(plan, prepare([frame], plan.image, size=plan.size), [(frame.width, frame.height)])
    return _Entry(model, sessions[0].provider, sessions, feeds)


def _labelled(media: Path) -> tuple[list[LabelledPicture], ...]:
    return voc_pictures(media), coco_pictures(person_pictures(media))


def _right(entry: _Entry, pictures: Sequence[LabelledPicture]) -> float:
    session = entry.sessions[-1]
    plan = plan_for(entry.model.card, session)
    guesses = [Guess.of(found) for picture in pictures for found in detect(plan, session, [picture.frame], _ANYTHING)]
    return mean_score(scores(guesses, [picture.truths for picture in pictures], CLASSES))
