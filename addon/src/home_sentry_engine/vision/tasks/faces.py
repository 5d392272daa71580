"""Faces: boxes and landmarks, nobody is named.

Sources: YuNet ``opencv_zoo/models/face_detection_yunet`` and OpenCV's ``face_detect.cpp``; UltraFace
``Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from home_sentry_engine.domain.box import Box, InvalidBoundingBoxError
from home_sentry_engine.vision.session import Cancel

from .graph import Array, Loaded, answer, expect_outputs, shaped
from .inputs import fit, input_size
from .pictures import Frame
from .suppress import strongest

_STRIDES: Final = (8, 16, 32)
_PARTS: Final = ("cls", "obj", "bbox", "kps")
_LANDMARKS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """A face in original pixels; ``landmarks`` are right eye, left eye, nose, right and left corner of the mouth."""

    box: Box
    confidence: float
    landmarks: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawFaces:
    """``boxes`` [K,4] xyxy, ``scores`` [K], ``landmarks`` [K,5,2] or [K,0,2], in input pixels, before suppression."""

    boxes: Array
    scores: Array
    landmarks: Array


def decode_yunet(outputs: Mapping[str, Array], size: tuple[int, int]) -> RawFaces:
    """Decode YuNet's twelve outputs for an input of (width, height); raises ``MalformedOutput``."""
    boxes, scores, landmarks = [], [], []
    for stride in _STRIDES:
        columns, rows = size[0] // stride, size[1] // stride
        count = rows * columns
        cls, obj, box, points = (
            shaped(f"{part}_{stride}", outputs[f"{part}_{stride}"], 1, count, width)[0].astype(np.float64)
            for part, width in zip(_PARTS, (1, 1, 4, 2 * _LANDMARKS), strict=True)
        )
        y, x = np.mgrid[:rows, :columns]
        grid = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64)
        centre, half = (grid + box[:, :2]) * stride, np.exp(np.minimum(box[:, 2:], 88.0)) * stride / 2
        boxes.append(np.concatenate([centre - half, centre + half], axis=1))
        scores.append(np.sqrt(np.clip(cls, 0, 1) * np.clip(obj, 0, 1))[:, 0])
        landmarks.append((points.reshape(-1, _LANDMARKS, 2) + grid[:, np.newaxis]) * stride)
    return RawFaces(boxes=np.concatenate(boxes), scores=np.concatenate(scores), landmarks=np.concatenate(landmarks))


def decode_ultraface(outputs: Mapping[str, Array], size: tuple[int, int]) -> RawFaces:
    """Decode UltraFace's ``scores`` [1,N,2] and normalised ``boxes`` [1,N,4]; raises ``MalformedOutput``."""
    scores = shaped("scores", outputs["scores"], 1, None, 2)[0, :, 1].astype(np.float64)
    boxes = shaped("boxes", outputs["boxes"], 1, len(scores), 4)[0].astype(np.float64)
    return RawFaces(boxes=boxes * (*size, *size), scores=scores, landmarks=np.zeros((len(scores), 0, 2)))


class FaceFinder:
    """Finds faces with YuNet or UltraFace."""

    def __init__(self, loaded: Loaded) -> None:
        """Match card and graph; raises ``UnsupportedGraph``."""
        self._yunet = loaded.contract("yunet", "ultraface") == "yunet"
        self._graph, self._image = loaded.graph(), loaded.image
        self._size = input_size(self._graph, self._image)
        self._iou = loaded.number("same_box_iou", 0.3)
        names = [f"{part}_{stride}" for part in _PARTS for stride in _STRIDES] if self._yunet else ["scores", "boxes"]
        expect_outputs(loaded, self._graph, names)

    def canary(self, frame: Frame) -> None:
        """Look once; raises ``StageError``."""
        self.find(frame)

    def find(self, frame: Frame, *, confidence: float = 0.6, cancel: Cancel | None = None) -> tuple[Face, ...]:
        """Find faces, most confident first; blocks, raises ``StageError``."""
        fitted = fit(frame, self._image, size=self._size)
        outputs = answer(self._graph, {self._graph.inputs[0].name: fitted.tensor}, cancel)
        raw = (decode_yunet if self._yunet else decode_ultraface)(outputs, self._size)
        sure = np.flatnonzero(raw.scores >= confidence)
        kept = sure[strongest(raw.boxes[sure], raw.scores[sure], iou=self._iou)]
        boxes, landmarks = fitted.back_boxes(raw.boxes[kept]), fitted.back(raw.landmarks[kept])
        found: list[Face] = []
        for box, score, points in zip(boxes, raw.scores[kept], landmarks, strict=True):
            left, top, right, bottom = (float(value) for value in box)
            try:
                whole = Box.from_corners((left, top, right, bottom), image=(frame.width, frame.height))
            except InvalidBoundingBoxError:
                continue
            marks = tuple((float(x), float(y)) for x, y in points)
            found.append(Face(box=whole, confidence=float(score), landmarks=marks))
        return tuple(found)
