"""One box per thing, where a model's own head repeats itself."""

import numpy as np
from numpy.typing import NDArray

from .graph import Array


def strongest(boxes: Array, scores: Array, *, iou: float, limit: int = 300) -> NDArray[np.int64]:
    """Give the indices of xyxy boxes that no stronger box covers by ``iou`` or more, strongest first."""
    order = np.argsort(-scores, kind="stable")
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    kept: list[int] = []
    while order.size and len(kept) < limit:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        corner = np.maximum(boxes[rest, :2], boxes[best, :2])
        sides = np.maximum(np.minimum(boxes[rest, 2:], boxes[best, 2:]) - corner, 0)
        shared = sides[:, 0] * sides[:, 1]
        joined = np.maximum(areas[rest] + areas[best] - shared, np.finfo(np.float64).tiny)
        order = rest[shared / joined < iou]
    return np.asarray(kept, np.int64)
