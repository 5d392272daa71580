"""Pose: 17 points of one person in a cut-out, from MoveNet or from heat maps.

Sources: MoveNet's model card (TensorFlow Hub); heat maps as in Xiao et al. 2018, "Simple Baselines", with their shift
of a quarter of a cell towards the higher neighbour.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from home_sentry_engine.vision.session import Cancel

from .errors import UnsupportedGraph
from .graph import Array, Loaded, answer, shaped
from .inputs import fit, input_size
from .pictures import Frame

POINTS: Final = (
    "nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder", "left elbow",
    "right elbow", "left wrist", "right wrist", "left hip", "right hip", "left knee", "right knee", "left ankle",
    "right ankle",
)  # fmt: skip
_COUNT: Final = len(POINTS)
_QUARTER: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One joint in original pixels of the picture that was looked at; confidence 0..1."""

    x: float
    y: float
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """The 17 joints in COCO's order (``POINTS``)."""

    points: tuple[Point, ...]
    model_id: str

    def point(self, name: str) -> Point:
        """Give one joint by its name."""
        return self.points[POINTS.index(name)]

    def moved(self, left: float, top: float) -> Pose:
        """Give the same pose in a larger picture, in which this one's origin lies at (left, top)."""
        moved = tuple(Point(x=one.x + left, y=one.y + top, confidence=one.confidence) for one in self.points)
        return Pose(points=moved, model_id=self.model_id)


def decode_movenet(value: Array, size: tuple[int, int]) -> Array:
    """Turn [1,1,17,3] of (y, x, score) as fractions into [17,3] of (x, y, score) in input pixels."""
    rows = shaped("keypoints", value, 1, 1, _COUNT, 3)[0, 0].astype(np.float64)
    return np.stack([rows[:, 1] * size[0], rows[:, 0] * size[1], rows[:, 2]], axis=1)


def decode_heatmaps(value: Array, size: tuple[int, int]) -> Array:
    """Turn heat maps [1,17,h,w] into [17,3] of (x, y, score) in input pixels; the score is the map's peak."""
    maps = shaped("heatmaps", value, 1, _COUNT, None, None)[0].astype(np.float64)
    rows, columns = maps.shape[1:]
    peak = maps.reshape(_COUNT, -1).argmax(axis=1)
    y, x = np.divmod(peak, columns)
    joint = np.arange(_COUNT)
    found = np.stack([x, y, maps[joint, y, x]], axis=1).astype(np.float64)
    inner = (x > 0) & (x < columns - 1) & (y > 0) & (y < rows - 1)
    j, i, k = joint[inner], y[inner], x[inner]
    found[inner, 0] += _QUARTER * np.sign(maps[j, i, k + 1] - maps[j, i, k - 1])
    found[inner, 1] += _QUARTER * np.sign(maps[j, i + 1, k] - maps[j, i - 1, k])
    found[:, 0] = (found[:, 0] + 0.5) * size[0] / columns
    found[:, 1] = (found[:, 1] + 0.5) * size[1] / rows
    found[:, 2] = np.clip(found[:, 2], 0, 1)
    return found


class PoseFinder:
    """Finds the joints of the one person in a cut-out."""

    def __init__(self, loaded: Loaded) -> None:
        """Match card and graph; raises ``UnsupportedGraph``."""
        self._movenet = loaded.contract("movenet", "pose_heatmaps") == "movenet"
        self._graph, self._image, self._model_id = loaded.graph(), loaded.image, loaded.card.id
        self._size = input_size(self._graph, self._image)
        self._expert = int(loaded.number("expert", 0))
        shape = self._graph.outputs[0].shape
        joints = shape[2] if self._movenet and len(shape) == 4 else shape[1] if len(shape) == 4 else 0
        if joints not in {None, _COUNT}:
            raise UnsupportedGraph(f"{self._model_id} gives {joints} points, not {_COUNT}", code="label_mismatch")

    def canary(self, frame: Frame) -> None:
        """Look once; raises ``StageError``."""
        self.find(frame)

    def find(self, frame: Frame, *, cancel: Cancel | None = None) -> Pose:
        """Find the joints in original pixels of the frame; blocks, raises ``StageError``."""
        pixels = self._graph.inputs[0]
        fitted = fit(frame, self._image, size=self._size, dtype=pixels.dtype)
        feeds = {pixels.name: fitted.tensor}
        if len(self._graph.inputs) > 1:
            feeds[self._graph.inputs[1].name] = np.array([self._expert], np.int64)
        value = next(iter(answer(self._graph, feeds, cancel).values()))
        found = (decode_movenet if self._movenet else decode_heatmaps)(value, self._size)
        where = fitted.back(found[:, :2])
        points = tuple(
            Point(x=float(x), y=float(y), confidence=float(score))
            for (x, y), score in zip(where, found[:, 2], strict=True)
        )
        return Pose(points=points, model_id=self._model_id)
