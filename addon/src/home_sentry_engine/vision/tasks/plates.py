"""Number plates: boxes, and their four corners where the model gives them.

Sources: LPD-YuNet ``opencv_zoo/models/license_plate_detection_yunet/lpd_yunet.py``; YOLOv9 ``open_image_models``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.box import Box, InvalidBoundingBoxError
from home_sentry_engine.vision.session import Cancel

from .errors import UnsupportedGraph
from .graph import Array, Loaded, answer, expect_outputs, shaped
from .inputs import fit, input_size
from .pictures import Frame
from .suppress import strongest

type Quad = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]

_MIN_SIZES: Final = ((10, 16, 24), (32, 48), (64, 96), (128, 192, 256))
_STRIDES: Final = (8, 16, 32, 64)
_VARIANCE: Final = 0.1
_CORNER_COLUMNS: Final = (4, 6, 10, 12)
_END_TO_END_COLUMNS: Final = 7
_CONFIDENCE: Final = {"lpd_yunet": 0.6, "plates_end_to_end": 0.4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """A plate in original pixels; ``corners`` go round from the top left, None where the model gives none."""

    box: Box
    confidence: float
    corners: Quad | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawPlates:
    """``boxes`` [K,4] xyxy, ``scores`` [K], ``quads`` [K,4,2] or None, in input pixels, before suppression."""

    boxes: Array
    scores: Array
    quads: Array | None


def decode_lpd(outputs: Mapping[str, Array], size: tuple[int, int]) -> RawPlates:
    """Decode LPD-YuNet's ``loc``, ``conf`` and ``iou`` for an input of (width, height); raises ``MalformedOutput``."""
    priors = _priors(*size)
    loc = shaped("loc", outputs["loc"], len(priors), 14).astype(np.float64)
    conf = shaped("conf", outputs["conf"], len(priors), 2).astype(np.float64)
    iou = shaped("iou", outputs["iou"], len(priors), 1).astype(np.float64)
    corners = [priors[:, :2] + loc[:, at : at + 2] * _VARIANCE * priors[:, 2:] for at in _CORNER_COLUMNS]
    quads = np.stack(corners, axis=1) * size
    boxes = np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1)
    scores = np.sqrt(np.clip(conf[:, 1], 0, 1) * np.clip(iou[:, 0], 0, 1))
    return RawPlates(boxes=boxes, scores=scores, quads=quads)


def decode_end_to_end(outputs: Mapping[str, Array]) -> RawPlates:
    """Decode one output [n,7] = picture, x1, y1, x2, y2, class, score; raises ``MalformedOutput``."""
    ((name, value),) = outputs.items()
    rows = shaped(name, value, None, _END_TO_END_COLUMNS).astype(np.float64)
    return RawPlates(boxes=rows[:, 1:5], scores=rows[:, 6], quads=None)


@lru_cache(maxsize=4)
def _priors(width: int, height: int) -> Array:
    """Give [N,4] centre and size of every prior, as fractions of the input."""
    rows, columns = (height + 1) // 2 // 2, (width + 1) // 2 // 2
    found = []
    for sizes, stride in zip(_MIN_SIZES, _STRIDES, strict=True):
        rows, columns = rows // 2, columns // 2
        y, x, size = np.meshgrid(np.arange(rows), np.arange(columns), np.asarray(sizes), indexing="ij")
        found.append(
            np.stack(
                [(x + 0.5) * stride / width, (y + 0.5) * stride / height, size / width, size / height], axis=-1
            ).reshape(-1, 4)
        )
    return np.concatenate(found).astype(np.float64)


def ordered_quad(points: Array) -> Quad:
    """Put four points in the order top left, top right, bottom right, bottom left."""
    by_row = points[np.argsort(points[:, 1], kind="stable")]
    top, bottom = by_row[:2], by_row[2:]
    ring = (*top[np.argsort(top[:, 0])], *bottom[np.argsort(-bottom[:, 0])])
    one, two, three, four = ((float(x), float(y)) for x, y in ring)
    return one, two, three, four


def straightened(frame: Frame, quad: Quad) -> NDArray[np.uint8]:
    """Cut a quadrilateral in original pixels out of a frame and straighten it to an upright rectangle, RGB."""
    per = frame.pixels.shape[1] / frame.width, frame.pixels.shape[0] / frame.height
    source = (np.asarray(quad) * per).astype(np.float32)
    width = max(2, round(max(_length(source[0], source[1]), _length(source[3], source[2]))))
    height = max(2, round(max(_length(source[0], source[3]), _length(source[1], source[2]))))
    target = np.asarray([(0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)], np.float32)
    matrix = cv2.getPerspectiveTransform(source, target)
    return np.asarray(cv2.warpPerspective(frame.pixels, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE))


def _length(a: Array, b: Array) -> float:
    return float(np.hypot(*(a - b)))


class PlateFinder:
    """Finds plates with LPD-YuNet or an end-to-end YOLOv9."""

    def __init__(self, loaded: Loaded) -> None:
        """Match card and graph; raises ``UnsupportedGraph``."""
        self._contract = loaded.contract("lpd_yunet", "plates_end_to_end")
        self._graph, self._image = loaded.graph(), loaded.image
        self._size = input_size(self._graph, self._image)
        self._iou = loaded.number("same_box_iou", 0.5)
        if self._contract == "lpd_yunet":
            expect_outputs(loaded, self._graph, ("loc", "conf", "iou"))
        elif len(self._graph.outputs) != 1:
            raise UnsupportedGraph(f"{loaded.card.id} has more than one output", code="unsupported_graph")

    def canary(self, frame: Frame) -> None:
        """Look once; raises ``StageError``."""
        self.find(frame)

    def find(self, frame: Frame, *, confidence: float | None = None, cancel: Cancel | None = None) -> tuple[Plate, ...]:
        """Find plates, most confident first; None = the model's own usual confidence. Raises ``StageError``."""
        lowest = _CONFIDENCE[self._contract] if confidence is None else confidence
        fitted = fit(frame, self._image, size=self._size)
        outputs = answer(self._graph, {self._graph.inputs[0].name: fitted.tensor}, cancel)
        raw = decode_lpd(outputs, self._size) if self._contract == "lpd_yunet" else decode_end_to_end(outputs)
        sure = np.flatnonzero(raw.scores >= lowest)
        kept = sure[strongest(raw.boxes[sure], raw.scores[sure], iou=self._iou)]
        boxes = fitted.back_boxes(raw.boxes[kept])
        quads = None if raw.quads is None else fitted.back(raw.quads[kept])
        found: list[Plate] = []
        for index, (box, score) in enumerate(zip(boxes, raw.scores[kept], strict=True)):
            left, top, right, bottom = (float(value) for value in box)
            try:
                whole = Box.from_corners((left, top, right, bottom), image=(frame.width, frame.height))
            except InvalidBoundingBoxError:
                continue
            corners = None if quads is None else ordered_quad(quads[index])
            found.append(Plate(box=whole, confidence=min(1.0, float(score)), corners=corners))
        return tuple(found)
