"""Pictures for people: the small one with boxes, and the full one with or without them. Never any metadata."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

import cv2
import numpy as np

from home_sentry_engine.domain.box import Box, InvalidBoundingBoxError
from home_sentry_engine.domain.lazy import lazy

from .mask import Veil, veil_part, veiled
from .picture import Picture, Pixels, encode

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont
else:
    Image, ImageDraw, ImageFont = lazy("PIL.Image"), lazy("PIL.ImageDraw"), lazy("PIL.ImageFont")

THUMBNAIL_SIZE: Final = (320, 240)
QUALITY: Final = 85
_LINE_PX: Final = 3
_BLOCK: Final = 8
_TEXT_PX: Final = 12
_OTHER: Final = "#FFFFFF"
_COLOURS: Final[dict[str, str]] = {
    "person": "#E74856",
    **dict.fromkeys(("car", "truck"), "#3B82F6"),
    **dict.fromkeys(("dog", "cat"), "#76B900"),
    **dict.fromkeys(("bicycle", "motorcycle"), "#FFB800"),
    "bird": "#A855F7",
}
_FONTS: Final = ("DejaVuSans-Bold.ttf", "DejaVuSans.ttf", "LiberationSans-Bold.ttf")

type Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


class Sides(Protocol):
    """A box in pixels of the original picture; a side may be missing in foreign data."""

    @property
    def x(self) -> int | None:
        """Left column."""
        ...

    @property
    def y(self) -> int | None:
        """Top row."""
        ...

    @property
    def width(self) -> int | None:
        """Columns."""
        ...

    @property
    def height(self) -> int | None:
        """Rows."""
        ...


class Marked(Protocol):
    """Something to draw a box around: a domain detection or a record of the contract."""

    @property
    def label(self) -> str:
        """Canonical label, it chooses the colour."""
        ...

    @property
    def confidence(self) -> float | None:
        """How sure, 0..1."""
        ...

    @property
    def box(self) -> Sides | None:
        """Where."""
        ...


def colour_of(label: str) -> str:
    """Give the colour of a label's boxes as #RRGGBB."""
    return _COLOURS.get(label, _OTHER)


@lru_cache(maxsize=32)
def load_font(size_px: int, names: tuple[str, ...] = _FONTS) -> Font:
    """Give the first font that the machine has, else the one inside Pillow."""
    for name in names:
        try:
            return ImageFont.truetype(name, size_px)
        except OSError:
            continue
    return ImageFont.load_default(size_px)


def thumbnail(
    picture: Picture,
    detections: Sequence[Marked] = (),
    *,
    size: tuple[int, int] = THUMBNAIL_SIZE,
    veil: Veil | None = None,
) -> bytes:
    """Draw a JPEG of exactly ``size``, padded with black, boxes on top; boxes that are incomplete are left out.

    Nothing is drawn on what a ``veil`` covers.
    """
    width, height = size
    scale = min(width / picture.width, height / picture.height)
    inner = _resized(picture.pixels, scale * picture.width, scale * picture.height)
    rows, columns = inner.shape[:2]
    left, top = (width - columns) // 2, (height - rows) // 2
    canvas = np.zeros((height, width, 3), dtype=np.uint8)
    canvas[top : top + rows, left : left + columns] = inner
    drawn = _annotated(canvas, picture, detections, (left, top, scale))
    if veil is not None:
        drawn = veil_part(drawn, veil, (left, top, columns, rows), block=_BLOCK)
    return encode(drawn, quality=QUALITY, sharp_colours=True)


def snapshot(
    picture: Picture,
    detections: Sequence[Marked] = (),
    *,
    boxes: bool = True,
    max_side: int | None = None,
    veil: Veil | None = None,
) -> bytes:
    """Encode the whole picture as a JPEG whose longer side is at most ``max_side``; None keeps the original size."""
    longer = max(picture.width, picture.height)
    wanted = min(longer, max_side or longer)
    source = picture if wanted <= max(picture.pixels.shape[:2]) else picture.full()
    scale = wanted / longer
    pixels = _resized(source.pixels, scale * picture.width, scale * picture.height)
    if boxes:
        pixels = _annotated(pixels, picture, detections, (0, 0, scale))
    if veil is not None:
        pixels = veiled(pixels, veil)
    return encode(pixels, quality=QUALITY, sharp_colours=boxes)


def _resized(pixels: Pixels, width: float, height: float) -> Pixels:
    size = max(1, round(width)), max(1, round(height))
    if size == (pixels.shape[1], pixels.shape[0]):
        return pixels
    way = cv2.INTER_AREA if size[0] < pixels.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=way), dtype=np.uint8)


def _annotated(pixels: Pixels, picture: Picture, detections: Sequence[Marked], place: tuple[int, int, float]) -> Pixels:
    if not detections:
        return pixels
    left, top, scale = place
    image = Image.fromarray(pixels)
    draw, font = ImageDraw.Draw(image), load_font(max(_TEXT_PX, image.height // 45))
    for one in detections:
        box = _whole_box(one.box, (picture.width, picture.height))
        if box is None or one.confidence is None:
            continue
        corners = (left + box.x * scale, top + box.y * scale, left + box.right * scale, top + box.bottom * scale)
        _draw_box(draw, corners, colour_of(one.label), f"{one.label} {one.confidence:.0%}", font)
    return np.asarray(image, dtype=np.uint8)


def _whole_box(sides: Sides | None, image: tuple[int, int]) -> Box | None:
    if sides is None or sides.x is None or sides.y is None or sides.width is None or sides.height is None:
        return None
    try:
        return Box.from_corners((sides.x, sides.y, sides.x + sides.width, sides.y + sides.height), image=image)
    except InvalidBoundingBoxError:
        return None


def _draw_box(
    draw: ImageDraw.ImageDraw, corners: tuple[float, float, float, float], colour: str, text: str, font: Font
) -> None:
    left, top, right, bottom = (round(side) for side in corners)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    draw.rectangle((left, top, right - 1, bottom - 1), outline=colour, width=_LINE_PX)
    _, _, wide, high = draw.textbbox((0, 0), text, font=font)
    x = max(0, min(left, draw.im.size[0] - round(wide) - 4))
    y = top - round(high) - 3 if top - high - 3 >= 0 else top + _LINE_PX
    draw.rectangle((x, y, x + wide + 3, y + high + 2), fill=colour)
    draw.text((x + 2, y), text, fill="#000000", font=font)
