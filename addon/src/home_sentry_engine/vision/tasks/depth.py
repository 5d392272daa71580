"""Depth: which things are nearer than others in one picture. Inverse depth has no unit, so metres need a scale."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.box import Box
from home_sentry_engine.vision.session import Cancel

from .graph import Array, Loaded, first
from .inputs import input_size, look
from .pictures import Frame

_LOWEST, _HIGHEST = 2.0, 98.0
_LABELS: Final = ((0.75, "very near"), (0.5, "near"), (0.25, "at a distance"))


class DepthOf(StrEnum):
    """Which part of a box speaks for the thing in it; ``min`` is its nearest part."""

    CENTRE = "center"
    MEAN = "mean"
    MEDIAN = "median"
    MIN = "min"


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthScale:
    """Distances that somebody measured for the nearest and the farthest part of a camera's picture, in metres."""

    nearest_m: float
    farthest_m: float

    def __post_init__(self) -> None:
        """Refuse a scale without extent; raises ``ValueError``."""
        if not 0 < self.nearest_m < self.farthest_m:
            raise ValueError("the nearest part of a picture is nearer than the farthest")

    def distance_m(self, nearness: float) -> float:
        """Give the distance of a nearness 0..1; inverse depth is linear between the two ends."""
        near, far = 1.0 / self.nearest_m, 1.0 / self.farthest_m
        return 1.0 / (far + nearness * (near - far))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DepthMap:
    """``nearness`` [rows, columns], 0 = farthest, 1 = nearest part of a picture of (width, height) pixels.

    ``model_id`` is set where another program says which model measured.
    """

    nearness: NDArray[np.float32]
    width: int
    height: int
    model_id: str | None = None

    def at(self, box: Box, how: DepthOf = DepthOf.MEDIAN) -> float:
        """Give the nearness 0..1 of the thing in a box of original pixels."""
        rows, columns = self.nearness.shape
        left, right = box.x * columns // self.width, max(1, -(-box.right * columns // self.width))
        top, bottom = box.y * rows // self.height, max(1, -(-box.bottom * rows // self.height))
        part = self.nearness[min(top, rows - 1) : bottom, min(left, columns - 1) : right]
        match how:
            case DepthOf.CENTRE:
                return float(part[part.shape[0] // 2, part.shape[1] // 2])
            case DepthOf.MEAN:
                return float(part.mean())
            case DepthOf.MEDIAN:
                return float(np.median(part))
            case DepthOf.MIN:
                return float(part.max())


def decode_depth(value: Array, *, larger_is_closer: bool, frame: tuple[int, int]) -> DepthMap:
    """Scale a map [1,h,w] or [1,1,h,w] to 0..1 between its 2nd and 98th percentile, 1 = nearest."""
    plane = np.squeeze(value).astype(np.float64)
    nearness = plane if larger_is_closer else -plane
    low, high = np.percentile(nearness, [_LOWEST, _HIGHEST])
    scaled = np.clip((nearness - low) / (high - low), 0, 1) if high > low else np.full(plane.shape, 0.5)
    return DepthMap(nearness=scaled.astype(np.float32), width=frame[0], height=frame[1])


def proximity(nearness: float) -> str:
    """Give a word for a nearness 0..1."""
    return next((word for least, word in _LABELS if nearness >= least), "far")


class DepthGauge:
    """Measures relative depth."""

    def __init__(self, loaded: Loaded) -> None:
        """Match card and graph; raises ``UnsupportedGraph``."""
        loaded.contract("inverse_depth")
        self._graph, self._image = loaded.graph(), loaded.image
        self._size = input_size(self._graph, self._image)
        self._larger_is_closer = bool(loaded.card.quirks.get("larger_is_closer", True))

    def canary(self, frame: Frame) -> None:
        """Look once; raises ``StageError``."""
        self.measure(frame)

    def measure(self, frame: Frame, *, cancel: Cancel | None = None) -> DepthMap:
        """Look at one picture; blocks, raises ``StageError``."""
        value = first(look(self._graph, frame, self._image, size=self._size, cancel=cancel))
        return decode_depth(value, larger_is_closer=self._larger_is_closer, frame=(frame.width, frame.height))
