"""Text: where it stands in a picture and what it says, with the two graphs of PP-OCR.

Sources: DB (Liao et al. 2020) for the lines, CRNN with CTC for the characters, both as PaddleOCR runs them: the graphs
were trained on BGR pictures, blank is class 0, and a space comes after the characters that the file itself names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.vision.session import Cancel

from .errors import UnsupportedGraph
from .graph import Array, Loaded, answer, shaped
from .inputs import resized
from .pictures import Frame, RgbFrame, require_picture
from .plates import Quad, ordered_quad, straightened

_LONG_SIDE: Final = 736
_GRID: Final = 32
_LARGEST_ZOOM: Final = 4.0
_INK: Final = 0.3
_LINE: Final = 0.5
_UNCLIP: Final = 1.6
_SMALLEST_SIDE: Final = 3.0
_MOST_LINES: Final = 100
_READ_HEIGHT: Final = 48
_READ_WIDTHS: Final = (160, 1600)
_UPRIGHT: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLine:
    """Characters of one line and the mean confidence of those that were read."""

    text: str
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRegion:
    """One line and where it stands, in original pixels, round from the top left."""

    line: TextLine
    corners: Quad


def decode_lines(ink: Array, *, size: tuple[int, int]) -> list[tuple[Array, float]]:
    """Find lines in a map [1,1,h,w] of how much each cell is text: corners [4,2] and score of each.

    Corners lie in a picture of ``size`` (width, height).
    """
    plane = shaped("ink", ink, 1, 1, None, None)[0, 0].astype(np.float32)
    rows, columns = plane.shape
    spread = cv2.dilate((plane > _INK).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(spread, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found: list[tuple[Array, float]] = []
    for contour in contours[:_MOST_LINES]:
        centre, sides, angle = cv2.minAreaRect(contour)
        if min(sides) < _SMALLEST_SIDE:
            continue
        score = _mean_inside(plane, np.asarray(cv2.boxPoints((centre, sides, angle))))
        if score < _LINE:
            continue
        # the net draws lines smaller than they are: grow by area * ratio / circumference on every side
        grown = 2 * sides[0] * sides[1] * _UNCLIP / (2 * (sides[0] + sides[1]))
        corners = np.asarray(cv2.boxPoints((centre, (sides[0] + grown, sides[1] + grown), angle)), np.float64)
        found.append((np.clip(corners * (size[0] / columns, size[1] / rows), 0, size), score))
    return found


def decode_characters(shares: Array, characters: Sequence[str]) -> TextLine:
    """Read CTC output [T,C]: best class per step, repeats joined, blanks (class 0) dropped."""
    best = shares.argmax(axis=1)
    fresh = np.concatenate([[True], best[1:] != best[:-1]]) & (best != 0)
    steps = np.flatnonzero(fresh)
    if not steps.size:
        return TextLine(text="", confidence=0.0)
    text = "".join(characters[index - 1] for index in best[steps])
    return TextLine(text=text, confidence=float(np.mean(shares[steps, best[steps]])))


def _mean_inside(plane: NDArray[np.float32], corners: Array) -> float:
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (plane.shape[1] - 1, plane.shape[0] - 1))
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, (plane.shape[1] - 1, plane.shape[0] - 1))
    mask = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(mask, [np.rint(corners - (left, top)).astype(np.int32)], (1,))
    return float(cv2.mean(plane[top : bottom + 1, left : right + 1], mask)[0])


class TextReader:
    """Finds and reads lines of text."""

    def __init__(self, loaded: Loaded) -> None:
        """Match card and graphs; raises ``UnsupportedGraph``."""
        loaded.contract("pp_ocr")
        self._finder, self._reader = loaded.graph("find"), loaded.graph("read")
        listed = self._reader.metadata.get("character", "")
        self._characters = (*listed.splitlines(), " ")
        classes = self._reader.outputs[0].shape[-1]
        if not listed or classes not in {None, len(self._characters) + 1}:
            raise UnsupportedGraph(
                f"{loaded.card.id} reads {classes} classes and lists {len(self._characters)} characters",
                code="label_mismatch",
            )

    def canary(self, frame: Frame) -> None:
        """Look once; raises ``StageError``."""
        self.read(frame)
        self.read_line(frame.pixels)

    def read(self, frame: Frame, *, cancel: Cancel | None = None) -> tuple[TextRegion, ...]:
        """Find and read all lines, in reading order; blocks, raises ``StageError``."""
        regions: list[TextRegion] = []
        for corners in self.find(frame, cancel=cancel):
            line = self.read_line(_level(straightened(frame, corners)), cancel=cancel)
            if line.text.strip():
                regions.append(TextRegion(line=line, corners=corners))
        return reading_order(regions)

    def find(self, frame: Frame, *, cancel: Cancel | None = None) -> tuple[Quad, ...]:
        """Find lines without reading them."""
        require_picture(frame.pixels)
        rows, columns = frame.pixels.shape[:2]
        zoom = min(_LARGEST_ZOOM, _LONG_SIDE / max(rows, columns))
        width, height = (max(_GRID, round(side * zoom / _GRID) * _GRID) for side in (columns, rows))
        tensor = _normalised(resized(frame.pixels, (width, height)))[np.newaxis]
        ink = next(iter(answer(self._finder, {self._finder.inputs[0].name: tensor}, cancel).values()))
        return tuple(ordered_quad(corners) for corners, _ in decode_lines(ink, size=(frame.width, frame.height)))

    def read_line(self, pixels: NDArray[np.uint8], *, cancel: Cancel | None = None) -> TextLine:
        """Read one upright line that fills the RGB picture."""
        require_picture(pixels)
        least, most = _READ_WIDTHS
        width = min(most, max(8, round(pixels.shape[1] * _READ_HEIGHT / pixels.shape[0])))
        tensor = np.zeros((1, 3, _READ_HEIGHT, max(least, width)), np.float32)
        tensor[0, :, :, :width] = _normalised(resized(pixels, (width, _READ_HEIGHT)))
        shares = next(iter(answer(self._reader, {self._reader.inputs[0].name: tensor}, cancel).values()))
        return decode_characters(shaped("characters", shares, 1, None, len(self._characters) + 1)[0], self._characters)


def _normalised(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    planes = pixels[:, :, ::-1].transpose(2, 0, 1).astype(np.float32)
    return np.ascontiguousarray(planes / np.float32(127.5) - np.float32(1.0))


def _level(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn a line that runs from the bottom up."""
    return np.ascontiguousarray(np.rot90(pixels)) if pixels.shape[0] > _UPRIGHT * pixels.shape[1] else pixels


def reading_order(regions: Sequence[TextRegion]) -> tuple[TextRegion, ...]:
    """Put lines in rows from top to bottom, each row from left to right."""
    rows: list[list[TextRegion]] = []
    for region in sorted(regions, key=lambda one: _centre(one.corners)[1]):
        if rows and _centre(region.corners)[1] - _centre(rows[-1][0].corners)[1] < _height(rows[-1][0].corners) / 2:
            rows[-1].append(region)
        else:
            rows.append([region])
    return tuple(region for row in rows for region in sorted(row, key=lambda one: _centre(one.corners)[0]))


def _centre(corners: Quad) -> tuple[float, float]:
    return sum(x for x, _ in corners) / 4, sum(y for _, y in corners) / 4


def plate_lines(reader: TextReader, pixels: NDArray[np.uint8], *, cancel: Cancel | None = None) -> tuple[TextLine, ...]:
    """Read a cut-out plate: its large lines in order; the whole of it as one line where none is found."""
    frame = RgbFrame.of(pixels)
    regions = reader.read(frame, cancel=cancel)
    heights = [_height(region.corners) for region in regions]
    large = [
        region.line for region, height in zip(regions, heights, strict=True) if height >= max(heights, default=0) / 2
    ]
    return tuple(large) or (reader.read_line(pixels, cancel=cancel),)


def _height(corners: Quad) -> float:
    return float(np.hypot(corners[3][0] - corners[0][0], corners[3][1] - corners[0][1]))
