"""Segmentation: which class each part of the picture belongs to, and what that says about clothes."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.vision.catalog import Layout
from home_sentry_engine.vision.session import Cancel

from .errors import MalformedOutput
from .graph import Array, Loaded, expect_labels, first, shaped
from .inputs import input_size, look
from .pictures import Frame

_WORN: Final = ("hat", "sunglasses", "upper clothes", "skirt", "pants", "dress", "belt", "scarf")
_SHOES: Final = ("left shoe", "right shoe")
_LEAST_SHARE: Final = 0.005
_LEAST_HEAD: Final = 0.01
_COVERED_BELOW: Final = 0.12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """``classes`` [rows, columns] of indices into ``labels`` at the model's input size, and the share of each label."""

    classes: NDArray[np.uint8]
    labels: tuple[str, ...]
    shares: Mapping[str, float]

    def mask(self, label: str) -> NDArray[np.bool_]:
        """Tell for each cell whether it is of this label."""
        return np.asarray(self.classes == self.labels.index(label))


@dataclass(frozen=True, slots=True, kw_only=True)
class Clothing:
    """What a person wears.

    ``face_covered`` is None where nothing can be said about it: no head is seen, or one of hair alone, from behind.
    """

    items: tuple[str, ...]
    has_bag: bool
    face_covered: bool | None


def decode_segments(logits: Array, labels: tuple[str, ...], size: tuple[int, int], layout: Layout) -> Segments:
    """Enlarge logits to (width, height) and take the best class of each cell; raises ``MalformedOutput``.

    ``logits`` are [1,C,h,w], or [1,h,w,C] where the layout ends in the classes.
    """
    value = shaped("logits", logits, 1, None, None, None)[0]
    planes = value if layout is Layout.NHWC else value.transpose(1, 2, 0)
    if planes.shape[2] != len(labels):
        raise MalformedOutput(f"{planes.shape[2]} classes and {len(labels)} labels", code="label_mismatch")
    if (planes.shape[1], planes.shape[0]) != size:
        enlarged = [
            cv2.resize(np.ascontiguousarray(planes[:, :, index], np.float32), size, interpolation=cv2.INTER_LINEAR)
            for index in range(planes.shape[2])
        ]
        planes = np.stack(enlarged, axis=2)
    classes = planes.argmax(axis=2).astype(np.uint8)
    counts = np.bincount(classes.ravel(), minlength=len(labels)) / classes.size
    shares = {label: float(share) for label, share in zip(labels, counts, strict=True) if share > 0}
    return Segments(classes=classes, labels=labels, shares=MappingProxyType(shares))


def clothing_of(segments: Segments) -> Clothing:
    """Read clothes from segments with the labels of the clothes model."""
    share = segments.shares.get
    items = [label for label in _WORN if share(label, 0.0) >= _LEAST_SHARE]
    if any(share(label, 0.0) >= _LEAST_SHARE / 2 for label in _SHOES):
        items.append("shoes")
    face = share("face", 0.0)
    covers = sum(share(label, 0.0) for label in ("hat", "sunglasses", "scarf"))
    head = face + covers + share("hair", 0.0)
    covered = face / head < _COVERED_BELOW if head >= _LEAST_HEAD else None
    if covered and covers < _LEAST_SHARE:
        covered = None
    return Clothing(items=tuple(items), has_bag=share("bag", 0.0) >= _LEAST_SHARE, face_covered=covered)


class Segmenter:
    """Divides a picture into classes."""

    def __init__(self, loaded: Loaded) -> None:
        """Match card and graph; raises ``UnsupportedGraph``."""
        loaded.contract("segment_logits")
        self._graph, self._image, self._labels = loaded.graph(), loaded.image, loaded.card.labels
        self._size = input_size(self._graph, self._image)
        shape = self._graph.outputs[0].shape
        axis = -1 if self._image.layout is Layout.NHWC else 1
        expect_labels(loaded, shape[axis] if len(shape) == 4 else 0)

    def canary(self, frame: Frame) -> None:
        """Look once; raises ``StageError``."""
        self.divide(frame)

    def divide(self, frame: Frame, *, cancel: Cancel | None = None) -> Segments:
        """Look at one picture; blocks, raises ``StageError``."""
        value = first(look(self._graph, frame, self._image, size=self._size, cancel=cancel))
        return decode_segments(value, self._labels, self._size, self._image.layout)
