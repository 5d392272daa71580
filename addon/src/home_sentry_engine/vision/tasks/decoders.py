"""Detector contracts: told apart by a graph's inputs and outputs, each with its pure decoder to ``Candidates``.

Sources: A ``lyuwenyu/RT-DETR`` ``export_onnx.py`` and ``rtdetr_postprocessor.py``; B transformers
``image_processing_rt_detr.py``; C ``open_image_models`` (RF-DETR); D YOLOX ``demo/ONNXRuntime``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import numpy as np

from home_sentry_engine.vision.session import TensorInfo

from .boxes import Candidates
from .errors import MalformedOutput, UnsupportedGraph

type Array = np.ndarray[Any, Any]

TOP_QUERIES: Final = 300
_YOLOX_STRIDES: Final = (8, 16, 32)
_YOLOX_COLUMNS: Final = 85
_LOGIT_LIMIT: Final = 88.0
_SCORE_SLACK: Final = 1e-3


class Contract(StrEnum):
    """Shapes of detectors; the value is the name that cards use."""

    A = "labels_boxes_scores"
    B = "logits_boxes"
    C = "boxes_logits_91"
    D = "yolox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Sizes that decoding needs.

    ``originals`` is (width, height) of each picture, ``input_size`` that of the tensor, ``ratios`` the input pixels
    per original pixel (used after a letterbox only).
    """

    originals: tuple[tuple[int, int], ...]
    input_size: tuple[int, int]
    ratios: tuple[float, ...]


def contract_of(inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]) -> Contract:
    """Recognise a detector; raises ``UnsupportedGraph`` naming what was found."""
    names = {info.name for info in outputs}
    last = [info.shape[-1] if info.shape else None for info in outputs]
    if names == {"labels", "boxes", "scores"} and len(inputs) == 2:
        return Contract.A
    if names == {"logits", "pred_boxes"} and len(inputs) == 1:
        return Contract.B
    if len(outputs) == 2 and len(inputs) == 1 and last == [4, 91]:
        return Contract.C
    if len(outputs) == 1 and len(inputs) == 1 and last == [_YOLOX_COLUMNS]:
        return Contract.D
    found = ", ".join(f"{info.name}{list(info.shape)}" for info in outputs)
    raise UnsupportedGraph(f"no detector has the outputs {found}", code="unsupported_graph")


def decode(contract: Contract, outputs: dict[str, Array], order: Sequence[str], geometry: Geometry) -> list[Candidates]:
    """Decode one batch; ``order`` is the outputs' graph order. Raises ``MalformedOutput``."""
    tensors = [np.asarray(outputs[name]) for name in order]
    count = len(geometry.originals)
    for name, tensor in zip(order, tensors, strict=True):
        if tensor.shape[:1] != (count,):
            raise MalformedOutput(f"{name} has shape {tensor.shape} for {count} pictures", code="malformed_output")
        if not np.isfinite(tensor).all():
            raise MalformedOutput(f"{name} holds values that are no numbers", code="malformed_output")
    match contract:
        case Contract.A:
            found = _decode_a(outputs, geometry)
        case Contract.B:
            found = _decode_logits(outputs["logits"], outputs["pred_boxes"], geometry)
        case Contract.C:
            found = _decode_logits(tensors[1], tensors[0], geometry)
        case Contract.D:
            found = _decode_yolox(tensors[0], geometry)
    for candidates in found:
        _check(candidates)
    return found


def _decode_a(outputs: dict[str, Array], geometry: Geometry) -> list[Candidates]:
    labels, boxes, scores = outputs["labels"], outputs["boxes"], outputs["scores"]
    if boxes.shape != (*scores.shape, 4) or labels.shape != scores.shape:
        raise MalformedOutput(
            f"labels {labels.shape}, boxes {boxes.shape} and scores {scores.shape} do not match",
            code="malformed_output",
        )
    return [
        Candidates(
            boxes=boxes[index].astype(np.float64),
            scores=scores[index].astype(np.float64),
            classes=labels[index].astype(np.int64),
        )
        for index in range(len(geometry.originals))
    ]


def _decode_logits(logits: Array, boxes: Array, geometry: Geometry) -> list[Candidates]:
    if boxes.shape != (*logits.shape[:2], 4):
        raise MalformedOutput(f"logits {logits.shape} and boxes {boxes.shape} do not match", code="malformed_output")
    classes = logits.shape[2]
    found = []
    for index, (width, height) in enumerate(geometry.originals):
        scores = _sigmoid(logits[index].astype(np.float64)).ravel()
        best = _best(scores)
        centre = boxes[index].astype(np.float64)[best // classes]
        half = centre[:, 2:] / 2
        corners = np.concatenate([centre[:, :2] - half, centre[:, :2] + half], axis=1)
        found.append(
            Candidates(boxes=corners * (width, height, width, height), scores=scores[best], classes=best % classes)
        )
    return found


def _decode_yolox(output: Array, geometry: Geometry) -> list[Candidates]:
    grid, stride = _yolox_grid(*geometry.input_size)
    if output.shape[1:] != (len(grid), _YOLOX_COLUMNS):
        raise MalformedOutput(
            f"the grid of {geometry.input_size} has {len(grid)} cells, the output {output.shape}",
            code="malformed_output",
        )
    found = []
    for index, ratio in enumerate(geometry.ratios):
        raw = output[index].astype(np.float64)
        centre = (raw[:, :2] + grid) * stride
        half = np.exp(np.minimum(raw[:, 2:4], _LOGIT_LIMIT)) * stride / 2
        scores = (raw[:, 4:5] * raw[:, 5:]).ravel()
        best = _best(scores)
        cell, kind = np.divmod(best, output.shape[2] - 5)
        corners = np.concatenate([centre - half, centre + half], axis=1)[cell] / ratio
        found.append(Candidates(boxes=corners, scores=scores[best], classes=kind))
    return found


def _best(scores: Array) -> Array:
    """Give the indices of the highest scores, highest first; of equals the first one."""
    if scores.size > TOP_QUERIES:
        lowest = np.partition(scores, -TOP_QUERIES)[-TOP_QUERIES]
        candidates = np.flatnonzero(scores >= lowest)
    else:
        candidates = np.arange(scores.size)
    return np.asarray(candidates[np.argsort(-scores[candidates], kind="stable")][:TOP_QUERIES])


@lru_cache(maxsize=8)
def _yolox_grid(width: int, height: int) -> tuple[Array, Array]:
    cells, strides = [], []
    for stride in _YOLOX_STRIDES:
        rows, columns = height // stride, width // stride
        y, x = np.mgrid[:rows, :columns]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((rows * columns, 1), stride))
    return np.concatenate(cells).astype(np.float64), np.concatenate(strides).astype(np.float64)


def _sigmoid(logits: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -_LOGIT_LIMIT, _LOGIT_LIMIT))))


def _check(candidates: Candidates) -> None:
    scores = candidates.scores
    if scores.size and (scores.min() < -_SCORE_SLACK or scores.max() > 1.0 + _SCORE_SLACK):
        raise MalformedOutput(
            f"scores reach from {scores.min():.3g} to {scores.max():.3g} instead of 0 to 1", code="malformed_output"
        )
    if not np.isfinite(candidates.boxes).all():
        raise MalformedOutput("boxes hold values that are no numbers", code="malformed_output")
