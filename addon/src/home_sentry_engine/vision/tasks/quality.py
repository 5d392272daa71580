"""Image quality by statistics: whether this is a picture of the scene at all, and how far it can be trusted.

MSCN coefficients (mean-subtracted, contrast-normalised) as in BRISQUE, Mittal et al. 2012; noise after Immerkaer 1996;
the limits were set on labelled household and street pictures, on none of which a flag may be raised.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .graph import Loaded
from .pictures import Frame, require_picture

type Plane = NDArray[np.floating[Any]]

_LONG_SIDE: Final = 512
_WINDOW, _SIGMA = (7, 7), 7 / 6
_DARK_BELOW: Final = 40.0
_UNIFORM_BELOW: Final = 4.0
_TEXTURE_FROM: Final = 6.0
_COVERED_BELOW: Final = 0.05
_TILES: Final = (9, 16)
_BLUR_RATIO, _BLUR_MSCN = 0.75, 0.095
_SEAM_STEP, _SEAM_CHANGE, _SEAM_WIDTH, _SEAM_PROMINENCE, _SEAM_ROWS = 3, 15.0, 0.6, 0.5, 25
_STRIPED_FROM: Final = 5
# none of the pictures measured, by day and at night, has more than four seams or a variance below 0.1
_HIDING_SEAMS: Final = 7
_HIDING_MSCN: Final = 0.03
_NOISY_ABOVE: Final = 18.0
_GOOD_RATIO, _GOOD_CONTRAST, _GOOD_LIGHT = 2.5, 45.0, 150.0
_GRADES: Final = ((20.0, "excellent"), (40.0, "good"), (60.0, "fair"))


class Defect(StrEnum):
    """What is wrong with a frame."""

    DARK = "dark"
    UNIFORM = "uniform"
    COVERED = "covered"
    BLURRED = "blurred"
    STRIPED = "striped"
    NOISY = "noisy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What the verdict rests on.

    ``light`` is the 95th percentile and ``contrast`` the deviation of brightness (0..255), ``texture`` the share of
    tiles that hold any, ``sharpness`` the strongest edges over the strongest contrasts, ``mscn`` the variance of the
    normalised picture, ``seams`` how often whole rows break, ``noise`` its deviation in brightness.
    """

    light: float
    contrast: float
    texture: float
    sharpness: float
    mscn: float
    seams: int
    noise: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """``score`` 0 (excellent) to 100 (useless) with its ``grade``, the defects, and what was measured."""

    score: float
    grade: str
    defects: tuple[Defect, ...]
    measures: Measures

    @property
    def hidden(self) -> bool:
        """Tell whether the picture shows no scene: it is covered or uniform, or blur or stripes leave nothing of it."""
        found, seen = set(self.defects), self.measures
        return bool(
            {Defect.COVERED, Defect.UNIFORM} & found
            or (Defect.STRIPED in found and seen.seams >= _HIDING_SEAMS)
            or (Defect.BLURRED in found and seen.mscn < _HIDING_MSCN)
        )

    @property
    def verdict(self) -> str | None:
        """``view covered`` or ``bad quality`` where objects should not be believed, None for a usable picture."""
        if self.hidden:
            return "view covered"
        return "bad quality" if {Defect.DARK, Defect.BLURRED, Defect.STRIPED} & set(self.defects) else None


def measure(pixels: NDArray[np.uint8]) -> Measures:
    """Measure an RGB picture of any size; raises ``Permanent`` for what is none."""
    require_picture(pixels)
    rows, columns = pixels.shape[:2]
    ratio = min(1.0, _LONG_SIDE / max(rows, columns))
    size = max(8, round(columns * ratio)), max(8, round(rows * ratio))
    colour = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)
    grey = colour @ np.asarray((0.299, 0.587, 0.114), np.float32)
    edges = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    mean = cv2.GaussianBlur(grey, _WINDOW, _SIGMA)
    spread = np.sqrt(np.maximum(cv2.GaussianBlur(grey * grey, _WINDOW, _SIGMA) - mean * mean, 0))
    return Measures(
        light=float(np.percentile(grey, 95)),
        contrast=float(grey.std()),
        texture=_texture(spread),
        sharpness=float(np.percentile(edges, 99.5) / (np.percentile(spread, 99.5) + 2.0)),
        mscn=float(((grey - mean) / (spread + 1.0)).var()),
        seams=_seams(colour),
        # the Laplacian weighs a pixel's neighbours so that noise of deviation 1 comes out as the root of 20
        noise=float(np.median(edges) / 0.6745 / np.sqrt(20.0)),
    )


def judge(measures: Measures) -> Quality:
    """Give the verdict on what was measured."""
    defects = [defect for defect, found in _defects(measures).items() if found]
    loss = (
        0.5 * (1 - min(1.0, measures.sharpness / _GOOD_RATIO))
        + 0.3 * (1 - min(1.0, measures.contrast / _GOOD_CONTRAST))
        + 0.2 * (1 - min(1.0, measures.light / _GOOD_LIGHT))
    )
    floor = 60.0 if defects else 0.0
    score = min(100.0, floor + (100.0 - floor) * loss + max(0.0, measures.noise - _NOISY_ABOVE))
    grade = next((name for limit, name in _GRADES if score < limit), "poor")
    return Quality(score=score, grade=grade, defects=tuple(defects), measures=measures)


def quality_of(frame: Frame) -> Quality:
    """Measure and judge a frame."""
    return judge(measure(frame.pixels))


def _defects(measures: Measures) -> dict[Defect, bool]:
    dark = measures.light < _DARK_BELOW
    uniform = measures.contrast < _UNIFORM_BELOW and not dark
    covered = not uniform and measures.texture < _COVERED_BELOW and measures.contrast < _GOOD_CONTRAST
    blurred = measures.sharpness < _BLUR_RATIO and measures.mscn < _BLUR_MSCN
    return {
        Defect.DARK: dark,
        Defect.UNIFORM: uniform,
        Defect.COVERED: covered and not dark,
        Defect.BLURRED: blurred and not (dark or uniform or covered),
        Defect.STRIPED: measures.seams >= _STRIPED_FROM,
        Defect.NOISY: measures.noise > _NOISY_ABOVE,
    }


def _texture(spread: Plane) -> float:
    rows, columns = spread.shape
    down, across = _TILES
    tiles = [
        spread[top * rows // down : (top + 1) * rows // down, left * columns // across : (left + 1) * columns // across]
        for top in range(down)
        for left in range(across)
    ]
    return float(np.mean([tile.max() >= _TEXTURE_FROM for tile in tiles if tile.size]))


def _seams(colour: Plane) -> int:
    """Count places where nearly whole rows change although the rows around them do not."""
    change = np.abs(colour[_SEAM_STEP:] - colour[:-_SEAM_STEP]).max(axis=2)
    broken = (change > _SEAM_CHANGE).mean(axis=1)
    padded = np.pad(broken, _SEAM_ROWS // 2, mode="reflect" if len(broken) > _SEAM_ROWS else "edge")
    usual = np.median(np.lib.stride_tricks.sliding_window_view(padded, _SEAM_ROWS), axis=1)
    seam = (broken > _SEAM_WIDTH) & (broken - usual > _SEAM_PROMINENCE)
    return int(np.count_nonzero(np.diff(np.concatenate([[False], seam]).astype(np.int8)) == 1))


class QualityMeter:
    """The same as a model, so that it is asked for like all others; it has no file."""

    def __init__(self, loaded: Loaded) -> None:
        """Check the card."""
        loaded.contract("statistics")

    def canary(self, frame: Frame) -> None:
        """Look once."""
        self.judge(frame)

    def judge(self, frame: Frame) -> Quality:
        """Measure and judge a frame."""
        return quality_of(frame)
