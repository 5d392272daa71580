"""Cut-outs of a picture, which are pictures again and know where they came from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.box import Box

from .pictures import Frame

type Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crop:
    """A frame cut out of a larger one; ``left`` and ``top`` are its origin in the larger one's original pixels."""

    pixels: NDArray[np.uint8]
    width: int
    height: int
    left: int
    top: int
    offset_s: float | None = None

    @property
    def box(self) -> Box:
        """Where it lies in the larger picture."""
        return Box(x=self.left, y=self.top, width=self.width, height=self.height)

    def outside(self, box: Box) -> Box:
        """Give a box of this cut-out as a box of the larger picture."""
        return Box(x=box.x + self.left, y=box.y + self.top, width=box.width, height=box.height)


def cut(frame: Frame, corners: Corners, *, margin: float = 0.0) -> Crop:
    """Cut an xyxy box in original pixels out of a frame, widened by ``margin`` of its sides, clamped to the picture.

    Raises ``InvalidBoundingBoxError`` for a box without area or outside the picture.
    """
    Box.from_corners(corners, image=(frame.width, frame.height))
    left, top, right, bottom = corners
    across, down = margin * (right - left), margin * (bottom - top)
    box = Box.from_corners(
        (left - across, top - down, right + across, bottom + down), image=(frame.width, frame.height)
    )
    rows, columns = frame.pixels.shape[:2]
    per_x, per_y = columns / frame.width, rows / frame.height
    x, y = min(columns - 1, int(box.x * per_x)), min(rows - 1, int(box.y * per_y))
    wide, high = max(1, round(box.width * per_x)), max(1, round(box.height * per_y))
    return Crop(
        pixels=frame.pixels[y : y + high, x : x + wide],
        width=box.width,
        height=box.height,
        left=box.x,
        top=box.y,
        offset_s=frame.offset_s,
    )


def cut_box(frame: Frame, box: Box, *, margin: float = 0.0) -> Crop:
    """Cut a box; raises ``InvalidBoundingBoxError``."""
    return cut(frame, (box.x, box.y, box.right, box.bottom), margin=margin)
