"""Average precision at IoU 0.5 with 101 recall points; objects marked difficult count neither way."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

type Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    label: str
    corners: Corners
    difficult: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    label: str
    score: float
    corners: Corners


def iou(a: Corners, b: Corners) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    shared = wide * high
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def average_precision(
    guesses: Sequence[Sequence[Guess]], truths: Sequence[Sequence[Truth]], label: str
) -> float | None:
    """Give AP50 of one class over pictures; None where the truth holds none of it."""
    wanted = sum(one.label == label and not one.difficult for picture in truths for one in picture)
    if not wanted:
        return None
    ranked = sorted(
        (
            (one.score, index, one.corners)
            for index, picture in enumerate(guesses)
            for one in picture
            if one.label == label
        ),
        key=lambda entry: -entry[0],
    )
    used: set[tuple[int, int]] = set()
    hits: list[bool] = []
    for _, index, corners in ranked:
        best, place = 0.5, None
        for number, one in enumerate(truths[index]):
            free = one.difficult or (index, number) not in used
            if one.label == label and free and (overlap := iou(corners, one.corners)) >= best:
                best, place = overlap, number
        if place is None:
            hits.append(False)
        elif not truths[index][place].difficult:
            used.add((index, place))
            hits.append(True)
    right = np.cumsum(hits)
    recall = right / wanted
    precision = np.maximum.accumulate((right / np.arange(1, len(hits) + 1))[::-1])[::-1]
    places = np.searchsorted(recall, np.linspace(0, 1, 101) - 1e-9, side="left")
    return float(np.mean([precision[place] if place < len(precision) else 0.0 for place in places]))


def mean_average_precision(
    guesses: Sequence[Sequence[Guess]], truths: Sequence[Sequence[Truth]], labels: Sequence[str]
) -> float:
    """Give the mean over those classes that the truth holds."""
    found = [average_precision(guesses, truths, label) for label in labels]
    return float(np.mean([one for one in found if one is not None]))
