"""Average precision at an overlap (IoU) of one half, with 101 recall points as COCO counts it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from home_sentry_engine.domain.box import Box, intersection_over_union
from home_sentry_engine.domain.detection import FrameDetections

_OVERLAP: Final = 0.5
_POINTS: Final = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """A labelled object; ``difficult`` ones count neither way."""

    label: str
    box: Box
    difficult: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What a model claims."""

    label: str
    confidence: float
    box: Box

    @classmethod
    def of(cls, found: FrameDetections) -> tuple[Self, ...]:
        """Take over what a detector found in one frame."""
        return tuple(cls(label=one.label, confidence=one.confidence, box=one.box) for one in found.detections)


type Pictures[T] = Sequence[Sequence[T]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """AP50 of one class over all pictures; ``n`` labelled objects were looked for."""

    label: str
    precision: float
    n: int


def scores(guesses: Pictures[Guess], truths: Pictures[Truth], labels: Iterable[str]) -> tuple[ClassScore, ...]:
    """Give the score of each class that the truth holds, in the order of ``labels``."""
    found = ((label, _count(truths, label)) for label in labels)
    return tuple(
        ClassScore(label=label, precision=average_precision(guesses, truths, label), n=count)
        for label, count in found
        if count
    )


def mean_score(found: Sequence[ClassScore]) -> float:
    """Give the mean over classes; raises ``ValueError`` without any."""
    if not found:
        raise ValueError("the truth holds none of these classes")
    return float(np.mean([one.precision for one in found]))


def average_precision(guesses: Pictures[Guess], truths: Pictures[Truth], label: str) -> float:
    """Give AP50 of one class; raises ``ValueError`` where the truth holds none of it."""
    wanted = _count(truths, label)
    if not wanted:
        raise ValueError(f"the truth holds no {label}")
    ranked = sorted(
        ((one, number) for number, picture in enumerate(guesses) for one in picture if one.label == label),
        key=lambda claim: -claim[0].confidence,
    )
    used: set[tuple[int, int]] = set()
    hits = [hit for one, number in ranked if (hit := _hit(one, number, truths[number], used)) is not None]
    if not hits:
        return 0.0
    right = np.cumsum(hits)
    precision = np.maximum.accumulate((right / np.arange(1, len(hits) + 1))[::-1])[::-1]
    places = np.searchsorted(right / wanted, _POINTS - 1e-9, side="left")
    return float(np.where(places < len(hits), precision[np.minimum(places, len(hits) - 1)], 0.0).mean())


def _hit(guess: Guess, number: int, truths: Sequence[Truth], used: set[tuple[int, int]]) -> bool | None:
    """Match a guess with the object that it overlaps most; None = a difficult one, which counts neither way."""
    best, place = _OVERLAP, None
    for index, truth in enumerate(truths):
        free = truth.difficult or (number, index) not in used
        if truth.label == guess.label and free and (overlap := intersection_over_union(guess.box, truth.box)) >= best:
            best, place = overlap, index
    if place is None:
        return False
    if truths[place].difficult:
        return None
    used.add((number, place))
    return True


def _count(truths: Pictures[Truth], label: str) -> int:
    return sum(one.label == label and not one.difficult for picture in truths for one in picture)
