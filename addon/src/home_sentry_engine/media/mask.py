"""Privacy masks: what lies under a veil is black in every pixel that is stored, looked at or sent.

A veil covers whole blocks of the encoders and a margin around its shapes, so that no colour from beside it bleeds in.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .picture import Pixels, encode

type Shape = tuple[tuple[float, float], ...]
type Region = NDArray[np.bool_]

BLOCK: Final = 16
_MARGIN_PX: Final = 2
_QUALITY: Final = 92
_COMMENT: Final = b"home-sentry masked "
_KEY_LENGTH: Final = 16
_REMEMBERED: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Veil:
    """The masks of one camera: shapes as fractions of the picture; ``key`` names them."""

    shapes: tuple[Shape, ...]
    key: str = field(init=False)

    def __post_init__(self) -> None:
        """Name the shapes."""
        object.__setattr__(self, "key", sha256(repr(self.shapes).encode()).hexdigest()[:_KEY_LENGTH])


# gives the veil of a camera by its id, None where it has no masks
type Veils = Callable[[str], Veil | None]


# learns the newest masks
type Fresh = Callable[[], Awaitable[None]]


def no_veils(_camera_id: str) -> None:
    """Give no veil to any camera."""


async def known_here() -> None:
    """Learn nothing: every change of masks is told to this process."""


def region(veil: Veil, size: tuple[int, int], *, block: int = BLOCK) -> Region:
    """Give what is covered of a picture of (width, height): the shapes, a margin, and whole blocks around them."""
    width, height = size
    rows, columns = -(-height // block) * block, -(-width // block) * block
    drawn = np.zeros((rows, columns), np.uint8)
    for shape in veil.shapes:
        corners = np.rint(np.asarray(shape, np.float64) * (width, height)).astype(np.int32)
        cv2.fillPoly(drawn, [corners], 1)
        cv2.polylines(drawn, [corners], isClosed=True, color=1, thickness=2 * _MARGIN_PX + 1)
    blocks = drawn.reshape(rows // block, block, columns // block, block).max(axis=(1, 3))
    return np.asarray(blocks.repeat(block, axis=0).repeat(block, axis=1)[:height, :width], np.bool_)


def veiled(pixels: Pixels, veil: Veil, *, block: int = BLOCK) -> Pixels:
    """Give a copy of RGB pixels of any scale with the veil burned in."""
    shown = _bare(veil, pixels.shape[1], pixels.shape[0], block)
    burned = np.asarray(cv2.bitwise_and(pixels, pixels, mask=shown), np.uint8)
    burned.flags.writeable = False
    return burned


def veil_part(canvas: Pixels, veil: Veil, place: tuple[int, int, int, int], *, block: int) -> Pixels:
    """Burn a veil into the part (left, top, width, height) of a canvas that shows the picture."""
    left, top, width, height = place
    rows, columns = canvas.shape[:2]
    shapes = tuple(
        tuple(((left + x * width) / columns, (top + y * height) / rows) for x, y in shape) for shape in veil.shapes
    )
    return veiled(canvas, Veil(shapes=shapes), block=block)


def veiled_jpeg(pixels: Pixels, veil: Veil) -> bytes:
    """Encode RGB pixels with the veil burned in, and say so in the file."""
    return marked(encode(veiled(pixels, veil), quality=_QUALITY), veil)


def marked(jpeg: bytes, veil: Veil) -> bytes:
    """Write into a JPEG which veil it wears."""
    comment = _COMMENT + veil.key.encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + jpeg[2:]


def mark_of(jpeg: bytes) -> str | None:
    """Give the key of the veil that a JPEG wears."""
    if jpeg[:4] != b"\xff\xd8\xff\xfe" or jpeg[6 : 6 + len(_COMMENT)] != _COMMENT:
        return None
    return jpeg[6 + len(_COMMENT) : 4 + int.from_bytes(jpeg[4:6])].decode("ascii", errors="replace")


def unmarked(jpeg: bytes) -> bytes:
    """Give a JPEG without the note of the veil that it wears."""
    return jpeg if mark_of(jpeg) is None else jpeg[:2] + jpeg[4 + int.from_bytes(jpeg[4:6]) :]


@lru_cache(maxsize=_REMEMBERED)
def _bare(veil: Veil, width: int, height: int, block: int) -> NDArray[np.uint8]:
    shown = (~region(veil, (width, height), block=block)).view(np.uint8)
    shown.flags.writeable = False
    return shown
