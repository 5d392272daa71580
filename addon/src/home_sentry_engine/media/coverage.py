"""Coverage: which moments of a stir together show everything that moves in it, and show it large.

What stirs is followed from moment to moment by the overlap of its places, without knowing what it is. Moments are then
taken one by one, each for what the others do not show yet and for its distance from them (greedy maximum coverage,
Nemhauser, Wolsey, Fisher 1978).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

type Blocks = NDArray[np.bool_]

_LARGE: Final = 0.4
_SPREAD: Final = 3.0
_SHARP: Final = 0.25
_AROUND: Final = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stirring:
    """One moment of a stir: its time, the blocks that stir, and how sharp they are, 0..1."""

    offset_s: float
    blocks: Blocks
    sharp: float = 1.0


def covering(moments: Sequence[Stirring], count: int) -> list[int]:
    """Give the indices of ``count`` moments, or of all if there are fewer, the one that shows most first."""
    shown = _shown(moments)
    peaks: dict[int, float] = {}
    for places in shown:
        for number, size in places.items():
            peaks[number] = max(peaks.get(number, 0.0), size)
    worth = [
        {number: moment.sharp**_SHARP * math.sqrt(size / peaks[number]) for number, size in places.items()}
        for moment, places in zip(moments, shown, strict=True)
    ]
    weights = {number: size**_LARGE for number, size in peaks.items()}
    offsets = np.array([moment.offset_s for moment in moments])
    step_s = max(float(np.ptp(offsets)) / count, 1e-6) if len(moments) else 1.0
    known: dict[int, float] = {}
    apart = np.zeros(len(moments))
    nearest = np.full(len(moments), np.inf)
    taken: list[int] = []
    while len(taken) < min(count, len(moments)):
        gains = np.array([_gain(one, known, weights) for one in worth]) + _SPREAD * apart
        gains[taken] = -1.0
        index = int(gains.argmax())
        taken.append(index)
        for number, value in worth[index].items():
            known[number] = max(known.get(number, 0.0), value)
        nearest = np.minimum(nearest, np.abs(offsets - offsets[index]))
        apart = np.minimum(1.0, nearest / step_s)
    return taken


def _gain(worth: Mapping[int, float], known: Mapping[int, float], weights: Mapping[int, float]) -> float:
    return sum(max(0.0, value - known.get(number, 0.0)) * weights[number] for number, value in worth.items())


def _shown(moments: Sequence[Stirring]) -> list[dict[int, float]]:
    """Give for each moment what it shows: the number of each thing that stirs, and its share of the picture."""
    before: NDArray[np.int32] | None = None
    following, shown = 1, []
    for moment in moments:
        count, marks, stats, _ = cv2.connectedComponentsWithStats(moment.blocks.astype(np.uint8), connectivity=8)
        now = np.zeros(moment.blocks.shape, np.int32)
        sizes: dict[int, float] = {}
        areas = stats[:, cv2.CC_STAT_AREA]
        for mark in sorted(range(1, count), key=lambda mark: -areas[mark]):
            place = marks == mark
            number = _same(place, before, sizes)
            if number is None:
                number, following = following, following + 1
            now[place] = number
            sizes[number] = float(areas[mark]) / moment.blocks.size
        before = now
        shown.append(sizes)
    return shown


def _same(place: Blocks, before: NDArray[np.int32] | None, given: Mapping[int, float]) -> int | None:
    """Give the number of what was at this place, or beside it, and was not found at another one."""
    if before is None or before.shape != place.shape:
        return None
    around = cv2.dilate(place.astype(np.uint8), _AROUND) > 0
    overlaps = np.bincount(before[around])
    overlaps[0] = 0
    overlaps[[number for number in given if number < len(overlaps)]] = 0
    return int(overlaps.argmax()) if overlaps.any() else None
