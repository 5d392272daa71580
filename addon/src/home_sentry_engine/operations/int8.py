"""Making an INT8 variant of a detector from pictures of its own cameras, and measuring what that gains and costs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
import hashlib
from pathlib import Path
import shutil
from statistics import median
import tempfile
import time
from typing import Final

from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.errors import HomeSentryError, Rejected
from home_sentry_engine.media.picture import decode
from home_sentry_engine.vision.catalog import OWN_CARD, Card, CardFile, Source, Task, card_text
from home_sentry_engine.vision.session import (
    Calibration,
    Session,
    calibrate,
    choose_provider,
    open_session,
    write_int8,
)
from home_sentry_engine.vision.tasks.boxes import BoxRules
from home_sentry_engine.vision.tasks.detect import DetectPlan, detect, feeds_of, plan_for
from home_sentry_engine.vision.tasks.graph import Array
from home_sentry_engine.vision.tasks.pictures import Frame, prepare

from .bench.scoring import Guess, Truth, mean_score, scores

SUFFIX: Final = "-int8-own"
_PICTURES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_FEWEST, _MOST = 10, 200
_EVERY: Final = 4
_SURE: Final = 0.5
_ANYTHING: Final = BoxRules(confidence=0.01)
_SHARES: Final = (0.0, 0.1, 0.25, 0.5)
_RUNS, _WARM_UP = 15, 3


class CannotQuantize(HomeSentryError, ValueError):
    """This model or these pictures give no INT8 variant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Pictures below ``pictures`` to measure with, AP50 that may be lost, and whether to register it in any case."""

    pictures: Path
    most_loss: float = 0.01
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One INT8 graph: how many convolutions it computes in INT8, what AP50 it loses, and its speed.

    The loss is measured on pictures that were kept out of the calibration, against the boxes of the float32 model.
    """

    int8_convolutions: int
    loss: float
    int8_ms: float
    float_ms: float
    size_bytes: int

    @property
    def gain(self) -> float:
        """How many times as fast as float32 it is."""
        return self.float_ms / self.int8_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8Variant:
    """What was made: ``card`` is registered beside the model's file when ``kept``; every attempt is told."""

    card: Card
    convolutions: int
    calibrated_on: int
    judged_on: int
    attempts: tuple[Attempt, ...]
    chosen: Attempt
    kept: bool


def make_int8(
    card: Card, model: Path, folder: Path, wish: Wish, tell: Callable[[str], None] = lambda _: None
) -> Int8Variant:
    """Calibrate on the pictures of the wish, keeping in float32 what costs too much; blocks for minutes.

    The variant is registered in ``folder`` only if its loss is at most ``wish.most_loss`` and it is faster than
    float32, or with ``wish.force``. Raises ``CannotQuantize``, ``RuntimeMissing``, ``SessionFailed``.
    """
    if card.task is not Task.DETECT or len(card.files) != 1 or card.variant_of:
        raise CannotQuantize(f"{card.id} is no float32 detector of one graph")
    frames = _frames(wish.pictures)
    judged = frames[::_EVERY]
    learnt = [frame for number, frame in enumerate(frames) if number % _EVERY]
    choice = choose_provider("cpu", ("cpu",))
    plain = open_session(model, choice=choice)
    plan = plan_for(card, plain)
    truths = [_truths(found) for found in _look(plan, plain, judged)]
    if not any(truths):
        raise CannotQuantize("float32 sees nothing in the pictures that were kept out: give pictures with objects")
    tell(f"measuring ranges on {len(learnt)} pictures")
    calibration = calibrate(model, (_feeds(plan, frame) for frame in learnt))
    with tempfile.TemporaryDirectory() as place:
        target = Path(place, "int8.onnx")
        attempts: list[Attempt] = []
        for share in _SHARES:
            attempt = _attempt(calibration, target, share, _Bench(plan, plain, judged, truths))
            attempts.append(attempt)
            tell(
                f"{attempt.int8_convolutions} of {len(calibration.convolutions)} convolutions in INT8:"
                f" AP50 loss {attempt.loss:.3f}, {attempt.gain:.2f} x as fast"
            )
            if attempt.loss <= wish.most_loss:
                break
        chosen = attempts[-1]
        kept = wish.force or (chosen.loss <= wish.most_loss and chosen.gain > 1.0)
        made = _card(card, target, chosen, model)
        if kept:
            _register(made, target, folder)
    return Int8Variant(
        card=made,
        convolutions=len(calibration.convolutions),
        calibrated_on=len(learnt),
        judged_on=len(judged),
        attempts=tuple(attempts),
        chosen=chosen,
        kept=kept,
    )


@dataclass(frozen=True, slots=True)
class _Bench:
    plan: DetectPlan
    plain: Session
    frames: Sequence[Frame]
    truths: Sequence[Sequence[Truth]]


def _attempt(calibration: Calibration, target: Path, share: float, bench: _Bench) -> Attempt:
    count = write_int8(calibration, target, keep_float=int(len(calibration.convolutions) * share))
    session = open_session(target, choice=choose_provider("cpu", ("cpu",)))
    guesses = [Guess.of(found) for found in _look(bench.plan, session, bench.frames)]
    labels = {truth.label for picture in bench.truths for truth in picture}
    float_ms, int8_ms = _paired_ms(bench.plain, session, _feeds(bench.plan, bench.frames[0]))
    return Attempt(
        int8_convolutions=count,
        loss=1.0 - mean_score(scores(guesses, bench.truths, sorted(labels))),
        int8_ms=int8_ms,
        float_ms=float_ms,
        size_bytes=target.stat().st_size,
    )


def _paired_ms(one: Session, other: Session, feeds: dict[str, Array]) -> tuple[float, float]:
    """Time two sessions in turn, so that a busy machine slows both alike; medians."""
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(_RUNS + _WARM_UP):
        for place, session in enumerate((one, other)):
            began = time.perf_counter()
            session.run(feeds)
            if number >= _WARM_UP:
                spent[place].append((time.perf_counter() - began) * 1000.0)
    return median(spent[0]), median(spent[1])


def _look(plan: DetectPlan, session: Session, frames: Sequence[Frame]) -> list[FrameDetections]:
    return [found for frame in frames for found in detect(plan, session, [frame], _ANYTHING)]


def _truths(found: FrameDetections) -> list[Truth]:
    return [Truth(label=one.label, box=one.box) for one in found.detections if one.confidence >= _SURE]


def _feeds(plan: DetectPlan, frame: Frame) -> dict[str, Array]:
    return dict(feeds_of(plan, prepare([frame], plan.image, size=plan.size), [(frame.width, frame.height)]))


def _frames(folder: Path) -> list[Frame]:
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in _PICTURES)
    step = max(1, len(files) // _MOST)
    found: list[Frame] = []
    for file in files[::step][:_MOST]:
        try:
            found.append(decode(file.read_bytes(), at_least=640))
        except Rejected:
            continue
    if len(found) < _FEWEST:
        raise CannotQuantize(f"at least {_FEWEST} pictures are needed, {folder.name} has {len(found)} that decode")
    return found


def _card(card: Card, target: Path, chosen: Attempt, model: Path) -> Card:
    data = target.read_bytes()
    model_id = f"{card.id}{SUFFIX}"
    note = (
        f"INT8, made here from {card.id}: AP50 loss {chosen.loss:.3f} against its boxes,"
        f" {chosen.gain:.2f} x as fast on this processor"
    )
    origin = hashlib.sha256(model.read_bytes()).hexdigest()
    return replace(
        card,
        id=model_id,
        name=f"{card.name}, INT8 from own pictures",
        variant_of=card.id,
        note=note,
        default_on=False,
        memory_bytes=None,
        memory_estimated=False,
        source=Source(host="local", repository=card.id, revision=origin[:12]),
        quirks={**card.quirks, "cpu_only": True},
        files=(
            CardFile(
                name=f"{model_id}.onnx",
                path=f"{model_id}.onnx",
                size_bytes=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
            ),
        ),
    )


def _register(card: Card, target: Path, folder: Path) -> None:
    place = folder / card.id
    place.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(target, place / card.files[0].name)
    (place / OWN_CARD).write_text(card_text(card), encoding="utf-8")
