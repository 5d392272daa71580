"""Parts of a picture made unrecognisable for good: a coarse mosaic, from which nothing can be computed back."""

from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np

from home_sentry_engine.domain.box import Box

from .picture import Pixels

_MARGIN: Final = 0.3
_CELLS: Final = 6


def blurred(pixels: Pixels, boxes: Iterable[Box]) -> Pixels:
    """Give a copy of RGB pixels whose boxes, with a margin around them, are means of a few large cells."""
    drawn = np.array(pixels, np.uint8)
    rows, columns = drawn.shape[:2]
    for box in boxes:
        across, down = round(box.width * _MARGIN), round(box.height * _MARGIN)
        left, top = max(0, box.x - across), max(0, box.y - down)
        right, bottom = min(columns, box.right + across), min(rows, box.bottom + down)
        if right <= left or bottom <= top:
            continue
        part = drawn[top:bottom, left:right]
        cells = min(_CELLS, part.shape[1]), min(_CELLS, part.shape[0])
        coarse = cv2.resize(part, cells, interpolation=cv2.INTER_AREA)
        drawn[top:bottom, left:right] = cv2.resize(coarse, part.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    drawn.flags.writeable = False
    return drawn
