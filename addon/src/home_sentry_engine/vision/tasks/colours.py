"""The colour of a thing by its pixels: the name that most of its middle has; nothing without colours or light."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .pictures import Frame, require_picture

MODEL_ID: Final = "colour-statistics"
_SIDE: Final = 64
_MIDDLE: Final = (0.2, 0.25, 0.8, 0.7)
# a colour counts by its chroma (saturation times value), because dark glass has a hue and nobody sees it
_GREY_BELOW, _BLACK_BELOW, _WHITE_FROM = 45, 70, 165
_LEAST_SHARE: Final = 0.45
_COLOURLESS: Final = 12.0
_DARK: Final = 45.0
# upper ends of hue in OpenCV's half degrees
_HUES: Final = (
    (8, "red"), (22, "orange"), (35, "yellow"), (85, "green"), (130, "blue"), (160, "purple"), (180, "red")
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    """A colour name and the share of the pixels that have it."""

    name: str
    share: float


def has_colours(pixels: NDArray[np.uint8]) -> bool:
    """Tell whether a picture shows colours at all: neither infrared nor too dark for them."""
    require_picture(pixels)
    small = np.asarray(cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)).astype(np.int16)
    spread = small.max(axis=2) - small.min(axis=2)
    light = float(np.percentile(small.max(axis=2), 95))
    return light >= _DARK and float(np.percentile(spread, 95)) >= _COLOURLESS


def colour_of(frame: Frame) -> Colour | None:
    """Name the colour of the thing that fills a cut-out; None where no colour has a clear share."""
    require_picture(frame.pixels)
    rows, columns = frame.pixels.shape[:2]
    left, top, right, bottom = _MIDDLE
    middle = frame.pixels[
        int(rows * top) : max(int(rows * bottom), int(rows * top) + 1),
        int(columns * left) : max(int(columns * right), int(columns * left) + 1),
    ]
    small = cv2.resize(middle, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    planes = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2HSV), np.uint8)
    counts = _shares(planes[:, :, 0], planes[:, :, 1], planes[:, :, 2])
    name, share = max(counts.items(), key=lambda pair: pair[1])
    return Colour(name=name, share=share) if share >= _LEAST_SHARE else None


def _shares(hue: NDArray[np.uint8], saturation: NDArray[np.uint8], value: NDArray[np.uint8]) -> dict[str, float]:
    faint = saturation.astype(np.int32) * value // 255 < _GREY_BELOW
    black = faint & (value < _BLACK_BELOW)
    grey = faint & ~black
    shares = {
        "black": float(black.mean()),
        "white": float((grey & (value >= _WHITE_FROM)).mean()),
        "grey": float((grey & (value < _WHITE_FROM)).mean()),
    }
    lowest = 0
    for end, name in _HUES:
        inside = ~faint & (hue >= lowest) & (hue < end)
        shares[name] = shares.get(name, 0.0) + float(inside.mean())
        lowest = end
    return shares
