"""Plate text: what was read, brought to one form and judged; and a reader that knows plates only.

Source of the slots: ``fast-plate-ocr`` (its card carries alphabet, slots and padding as quirks).
"""

from collections.abc import Sequence
from dataclasses import dataclass
import re
from typing import Final
import unicodedata

import numpy as np

from home_sentry_engine.vision.session import Cancel

from .errors import MalformedOutput
from .graph import Array, Loaded, answer
from .inputs import fit, input_size
from .pictures import Frame
from .plates import Plate, Quad, straightened
from .text import TextLine, TextReader, plate_lines

_WIDER: Final = 1.3
_PLATE: Final = re.compile(r"(?=.*\d)[A-Z0-9]{4,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateText:
    """Letters and digits of a plate; ``plausible`` when they look like one anywhere in the world."""

    text: str
    confidence: float
    plausible: bool


def normalise_plate(text: str) -> str:
    """Give capital Latin letters and digits only, without spaces, dots, dashes and signs of other scripts."""
    folded = unicodedata.normalize("NFKD", text).upper()
    return "".join(sign for sign in folded if sign.isascii() and sign.isalnum())


def plate_text(lines: Sequence[TextLine]) -> PlateText:
    """Join the lines of one plate; slogans and shop signs come out as not plausible."""
    text = normalise_plate("".join(line.text for line in lines))
    signs = sum(len(line.text) for line in lines)
    confidence = sum(line.confidence * len(line.text) for line in lines) / signs if signs else 0.0
    return PlateText(text=text, confidence=confidence, plausible=_PLATE.fullmatch(text) is not None)


def read_plate(reader: TextReader, frame: Frame, plate: Plate, *, cancel: Cancel | None = None) -> PlateText:
    """Read a plate that was found in a frame, with some of its surroundings; blocks, raises ``StageError``."""
    box = plate.box
    corners = plate.corners or ((box.x, box.y), (box.right, box.y), (box.right, box.bottom), (box.x, box.bottom))
    return plate_text(plate_lines(reader, straightened(frame, _widened(corners)), cancel=cancel))


def _widened(corners: Quad) -> Quad:
    x, y = sum(one for one, _ in corners) / 4, sum(one for _, one in corners) / 4
    a, b, c, d = ((x + (one - x) * _WIDER, y + (two - y) * _WIDER) for one, two in corners)
    return a, b, c, d


def decode_slots(value: Array, alphabet: str, pad_char: str) -> TextLine:
    """Read [slots, signs] shares: best sign per slot, padding at the end dropped, confidence = mean of what is left."""
    best = value.argmax(axis=1)
    text = "".join(alphabet[index] for index in best).rstrip(pad_char)
    kept = value[np.arange(len(text)), best[: len(text)]]
    return TextLine(text=text, confidence=float(kept.mean()) if len(text) else 0.0)


class SlotReader:
    """Reads a cut-out plate with a fixed number of slots."""

    def __init__(self, loaded: Loaded) -> None:
        """Match card and graph; raises ``UnsupportedGraph``."""
        loaded.contract("plate_slots")
        self._graph, self._image = loaded.graph(), loaded.image
        self._size = input_size(self._graph, self._image)
        self._slots = int(loaded.number("slots", 0))
        self._alphabet = str(loaded.card.quirks.get("alphabet", ""))
        self._pad_char = str(loaded.card.quirks.get("pad_char", "_"))
        self._name = next((info.name for info in self._graph.outputs if info.name == "plate"), None)

    def canary(self, frame: Frame) -> None:
        """Look once; raises ``StageError``."""
        self.read_line(frame)

    def read_line(self, frame: Frame, *, cancel: Cancel | None = None) -> TextLine:
        """Read the plate that fills the picture; blocks, raises ``StageError``."""
        pixels = self._graph.inputs[0]
        tensor = fit(frame, self._image, size=self._size, dtype=pixels.dtype).tensor
        if pixels.shape and pixels.shape[-1] == 1:
            weights = np.asarray((0.299, 0.587, 0.114))
            tensor = np.rint(tensor @ weights)[..., np.newaxis].astype(tensor.dtype)
        named = answer(self._graph, {pixels.name: tensor}, cancel)
        value = named[self._name] if self._name else next(iter(named.values()))
        signs = len(self._alphabet)
        if value.size != self._slots * signs:
            raise MalformedOutput(
                f"{value.shape} is not {self._slots} slots of {signs} signs: another alphabet than the card's",
                code="label_mismatch",
            )
        return decode_slots(value.reshape(self._slots, signs).astype(np.float64), self._alphabet, self._pad_char)
