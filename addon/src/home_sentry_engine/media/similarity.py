"""Structural similarity of two grey pictures by box filters, and what else tells a changed view from the usual one.

Wang, Bovik, Sheikh, Simoncelli: "Image quality assessment: from error visibility to structural similarity" (2004), with
the uniform 7x7 window and the unbiased variances that scikit-image uses by default. Scores depend on the down-scaler:
compare only pictures that ``grey_of`` made.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .picture import Pixels

type Grey = NDArray[np.uint8]
type _Plane = NDArray[np.float32]

WIDTH: Final = 640
# names what ``grey_of`` does; it has to change with that
SCALER: Final = "opencv-area-640"
_WINDOW: Final = 7
_PATCH: Final = 16
_TALLEST: Final = 4
_SIDES: Final = (_WINDOW, _WINDOW)
_EDGE: Final = _WINDOW // 2
_UNBIASED: Final = _WINDOW**2 / (_WINDOW**2 - 1)
_C1: Final = (0.01 * 255) ** 2
_C2: Final = (0.03 * 255) ** 2
_SAME: Final = 0.25
_BLOCK: Final = 5
_BLOCK_CHANGED: Final = 0.5
_BLOCK_APART: Final = 8
_COARSE: Final = (80, 45)
_NOISE: Final = 1.5
_EDGES: Final = 0.995
_INFRARED_SATURATION: Final = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How a picture differs from a reference.

    Noise and light change the plain SSIM as much as a different view does; what tells a view is ``coarse``, the SSIM of
    both at 80x45 after brightness and contrast are matched, -1..1, and ``changed``, the share 0..1 of blocks that it
    finds changed.
    """

    coarse: float
    changed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """A picture by itself: mean and spread of its grey values 0..255, and how steep its edges are to that."""

    brightness: float
    contrast: float
    sharpness: float


class Reference:
    """A picture to compare others with; keeps its own buffers, so use it from one thread at a time."""

    def __init__(self, grey: Grey) -> None:
        """Take a picture of any size of at least 7x7; only pictures of the same size compare."""
        self.grey = grey
        self._windows: _Windows | None = None
        self._small: Reference | None = None

    def ssim(self, grey: Grey) -> float:
        """Give the SSIM of a picture of the same size."""
        return float(self._map(grey).mean(dtype=np.float64))

    def compare(self, grey: Grey) -> Comparison:
        """Compare in every way; nearly equal pictures are not looked at closely."""
        if float(cv2.absdiff(self.grey, grey).mean()) < _SAME:
            return Comparison(coarse=1.0, changed=0.0)
        if self._small is None:
            self._small = Reference(_shrunk(self.grey))
        small = self._small._map(_matched(_shrunk(grey), self._small.grey))  # noqa: SLF001 its own kind
        return Comparison(coarse=float(small.mean(dtype=np.float64)), changed=_changed(small))

    def structure(self, grey: Grey) -> _Plane:
        """Give the SSIM of each 7x7 window of a picture of the same size; valid until the next call."""
        return self._map(grey)

    def _map(self, other: Grey) -> _Plane:
        # thirty times the picture itself: only for those that are compared at this size
        if self._windows is None:
            self._windows = _Windows(self.grey)
        return self._windows.like(other)


class _Windows:
    """What a picture's windows give by themselves, and room for what is worked out with another picture's."""

    def __init__(self, grey: Grey) -> None:
        self._grey = grey
        self._mean = _box(grey)
        self._luminance: _Plane = self._mean * self._mean
        self._contrast: _Plane = _squares(grey) - self._luminance
        self._contrast *= _UNBIASED
        self._contrast += _C2
        self._luminance += _C1
        self._buffers = tuple(np.empty(grey.shape, np.float32) for _ in range(4))

    def like(self, other: Grey) -> _Plane:
        """Give (2 mx my + C1)(2 cov + C2) / ((mx2 + my2 + C1)(vx + vy + C2)) for each window; a view of a buffer."""
        product, mean, squares, both = self._buffers
        cv2.multiply(self._grey, other, product, dtype=cv2.CV_32F)
        cv2.boxFilter(product, cv2.CV_32F, _SIDES, both)
        cv2.boxFilter(other, cv2.CV_32F, _SIDES, mean)
        cv2.sqrBoxFilter(other, cv2.CV_32F, _SIDES, squares)
        np.multiply(self._mean, mean, out=product)
        both -= product
        both *= 2 * _UNBIASED
        both += _C2
        product *= 2
        product += _C1
        product *= both
        np.multiply(mean, mean, out=mean)
        squares -= mean
        squares *= _UNBIASED
        squares += self._contrast
        mean += self._luminance
        mean *= squares
        product /= mean
        return product[_EDGE:-_EDGE, _EDGE:-_EDGE]


def ssim(one: Grey, other: Grey) -> float:
    """Give the SSIM of two grey pictures of one size, -1..1."""
    return Reference(one).ssim(other)


def grey_of(pixels: Pixels, width: int = WIDTH) -> Grey:
    """Give the grey picture of RGB pixels at this width, averaged over areas when it shrinks.

    What is more than four times as high as it is wide is pressed together.
    """
    rows, columns = pixels.shape[:2]
    size = (width, _height(rows, columns, width))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if columns > width else cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def grey_at(grey: Grey, width: int) -> Grey:
    """Give a grey picture at this width as ``grey_of`` does."""
    rows, columns = grey.shape
    size = (width, _height(rows, columns, width))
    way = cv2.INTER_AREA if columns > width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, size, interpolation=way), dtype=np.uint8)


def _height(rows: int, columns: int, width: int) -> int:
    return min(_TALLEST * width, max(_WINDOW, round(rows * width / columns)))


def patch_of(grey: Grey, place: tuple[float, float, float, float]) -> bytes:
    """Give a place (x, y, width, height as fractions) of a grey picture as 16x16 pixels, row by row."""
    rows, columns = grey.shape
    left, top = min(columns - 1, int(place[0] * columns)), min(rows - 1, int(place[1] * rows))
    right = min(columns, max(left + 1, round((place[0] + place[2]) * columns)))
    bottom = min(rows, max(top + 1, round((place[1] + place[3]) * rows)))
    patch = cv2.resize(grey[top:bottom, left:right], (_PATCH, _PATCH), interpolation=cv2.INTER_AREA)
    return np.asarray(patch, dtype=np.uint8).tobytes()


def stirred_blocks(reference: Reference, grey: Grey) -> NDArray[np.bool_]:
    """Tell for blocks of 5x5 pixels whether both structure and brightness differ from a reference of the same size.

    Brightness and contrast of the whole are matched before, and noise changes only one of the two.
    """
    level = _matched(grey, reference.grey)
    structure = reference.structure(level)
    rows, columns = structure.shape
    size = (max(1, columns // _BLOCK), max(1, rows // _BLOCK))
    inner = slice(_EDGE, -_EDGE), slice(_EDGE, -_EDGE)
    apart = cv2.absdiff(level, reference.grey)[inner]
    like = cv2.resize(structure, size, interpolation=cv2.INTER_AREA)
    far = cv2.resize(apart, size, interpolation=cv2.INTER_AREA)
    return np.asarray((like < _BLOCK_CHANGED) & (far >= _BLOCK_APART))


def is_infrared(pixels: Pixels) -> bool:
    """Tell whether RGB pixels carry no colour, as under infrared light."""
    small = cv2.resize(pixels, (64, 64), interpolation=cv2.INTER_AREA).astype(np.int16)
    return float((small.max(axis=2) - small.min(axis=2)).mean()) < _INFRARED_SATURATION


def appearance_of(grey: Grey) -> Appearance:
    """Measure a picture by itself; noise is smoothed away before edges are measured."""
    smooth, spread = cv2.GaussianBlur(grey, (0, 0), _NOISE), float(grey.std())
    edges = np.abs(cv2.Laplacian(smooth, cv2.CV_16S)[::2, ::2])
    return Appearance(
        brightness=float(grey.mean()),
        contrast=spread,
        sharpness=float(np.quantile(edges, _EDGES)) / max(spread, 1.0),
    )


def pack(grey: Grey) -> bytes:
    """Give a grey picture as a PNG."""
    return bytes(cv2.imencode(".png", grey)[1])


def unpack(data: bytes) -> Grey:
    """Give the grey picture of a PNG; raises ``ValueError`` for anything else."""
    grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise ValueError("not a picture")
    return np.asarray(grey, dtype=np.uint8)


def blend(old: Grey, new: Grey, share: float) -> Grey:
    """Let a picture move towards another one by a share 0..1."""
    return np.asarray(cv2.addWeighted(old, 1.0 - share, new, share, 0.0), dtype=np.uint8)


def _box(grey: Grey) -> _Plane:
    return np.asarray(cv2.boxFilter(grey, cv2.CV_32F, _SIDES), dtype=np.float32)


def _squares(grey: Grey) -> _Plane:
    return np.asarray(cv2.sqrBoxFilter(grey, cv2.CV_32F, _SIDES), dtype=np.float32)


def _shrunk(grey: Grey) -> Grey:
    return np.asarray(cv2.resize(grey, _COARSE, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _matched(grey: Grey, other: Grey) -> Grey:
    """Bring brightness and contrast to those of another picture."""
    gain = float(other.std()) / max(float(grey.std()), 1.0)
    shifted = (grey.astype(np.float32) - grey.mean()) * gain + other.mean()
    return np.clip(np.rint(shifted), 0, 255).astype(np.uint8)


def _changed(structure: _Plane) -> float:
    rows, columns = structure.shape
    size = (max(1, columns // _BLOCK), max(1, rows // _BLOCK))
    return float((cv2.resize(structure, size, interpolation=cv2.INTER_AREA) < _BLOCK_CHANGED).mean())
