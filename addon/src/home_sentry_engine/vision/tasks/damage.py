"""Damage of vehicles: boxes with masks, from a segmentation head of the YOLO family (one class score per column)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.box import Box, InvalidBoundingBoxError
from home_sentry_engine.vision.session import Cancel

from .errors import UnsupportedGraph
from .graph import Array, Loaded, answer, expect_labels, shaped, sigmoid
from .inputs import fit, input_size
from .pictures import Frame
from .suppress import strongest

_BOX: Final = 4
_HIGH_SECURITY: Final = frozenset({"glass shatter", "lamp broken"})
_APART: Final = 8192.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """One damage; ``mask_share`` is the part of the vehicle's picture that it covers, 0..1."""

    label: str
    confidence: float
    box: Box
    mask_share: float

    @property
    def high_security(self) -> bool:
        """Whether somebody may have tried to get in."""
        return self.label in _HIGH_SECURITY


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawDamage:
    """``boxes`` [K,4] xyxy in input pixels, ``scores`` [K], ``classes`` [K], ``masks`` [K,h,w] 0..1 of the input."""

    boxes: Array
    scores: Array
    classes: NDArray[np.int64]
    masks: Array


def decode_masks(
    rows: Array, prototypes: Array, size: tuple[int, int], *, confidence: float, same_box: float
) -> RawDamage:
    """Decode rows [1,4+C+M,N] of cxcywh, class shares and mask weights, and prototypes [1,M,h,w].

    Boxes of the same class that overlap by ``same_box`` are one. Raises ``MalformedOutput``.
    """
    shapes = shaped("prototypes", prototypes, 1, None, None, None)[0].astype(np.float64)
    table = shaped("rows", rows, 1, None, None)[0].T.astype(np.float64)
    classes_end = table.shape[1] - len(shapes)
    shares = table[:, _BOX:classes_end]
    kind, score = shares.argmax(axis=1), shares.max(axis=1)
    sure = np.flatnonzero(score >= confidence)
    half = table[sure, 2:_BOX] / 2
    corners = np.concatenate([table[sure, :2] - half, table[sure, :2] + half], axis=1)
    kept = strongest(corners + kind[sure, np.newaxis] * _APART, score[sure], iou=same_box)
    chosen = sure[kept]
    masks = sigmoid(np.tensordot(table[chosen, classes_end:], shapes, axes=1))
    high, wide = shapes.shape[1:]
    y, x = np.mgrid[:high, :wide]
    across, down = (x + 0.5) * size[0] / wide, (y + 0.5) * size[1] / high
    for mask, (left, top, right, bottom) in zip(masks, corners[kept], strict=True):
        mask[(across < left) | (across > right) | (down < top) | (down > bottom)] = 0.0
    return RawDamage(boxes=corners[kept], scores=score[chosen], classes=kind[chosen].astype(np.int64), masks=masks)


class DamageFinder:
    """Finds damage on a cut-out vehicle."""

    def __init__(self, loaded: Loaded) -> None:
        """Match card and graph; raises ``UnsupportedGraph``."""
        loaded.contract("yolo_masks")
        self._graph, self._image, self._labels = loaded.graph(), loaded.image, loaded.card.labels
        self._size = input_size(self._graph, self._image)
        self._same_box = loaded.number("same_box_iou", 0.7)
        shapes = {len(info.shape): info for info in self._graph.outputs}
        if set(shapes) != {3, 4}:
            raise UnsupportedGraph(f"{loaded.card.id} gives no rows with prototypes", code="unsupported_graph")
        self._rows, self._prototypes = shapes[3].name, shapes[4].name
        columns, weights = shapes[3].shape[1], shapes[4].shape[1]
        expect_labels(loaded, columns - _BOX - weights if columns and weights else None)

    def canary(self, frame: Frame) -> None:
        """Look once; raises ``StageError``."""
        self.find(frame)

    def find(self, frame: Frame, *, confidence: float = 0.4, cancel: Cancel | None = None) -> tuple[Damage, ...]:
        """Find damage, most confident first; blocks, raises ``StageError``."""
        pixels = self._graph.inputs[0]
        fitted = fit(frame, self._image, size=self._size, dtype=pixels.dtype)
        named: Mapping[str, Array] = answer(self._graph, {pixels.name: fitted.tensor}, cancel)
        raw = decode_masks(
            named[self._rows], named[self._prototypes], self._size, confidence=confidence, same_box=self._same_box
        )
        used = frame.width * fitted.scale[0] * frame.height * fitted.scale[1] / (self._size[0] * self._size[1])
        found: list[Damage] = []
        for index, corners in enumerate(fitted.back_boxes(raw.boxes)):
            left, top, right, bottom = (float(value) for value in corners)
            try:
                box = Box.from_corners((left, top, right, bottom), image=(frame.width, frame.height))
            except InvalidBoundingBoxError:
                continue
            covered = float(np.mean(cv2.threshold(raw.masks[index], 0.5, 1.0, cv2.THRESH_BINARY)[1]))
            found.append(
                Damage(
                    label=self._labels[raw.classes[index]],
                    confidence=float(raw.scores[index]),
                    box=box,
                    mask_share=min(1.0, covered / used),
                )
            )
        return tuple(found)
