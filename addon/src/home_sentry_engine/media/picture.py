"""The one decode: encoded bytes in, a checked picture out, at the smallest scale that serves."""

from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray
import simplejpeg

from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.errors import Rejected, RejectReason
from home_sentry_engine.domain.filetypes import FileType, sniff
from home_sentry_engine.domain.lazy import lazy

from .exif import ExifFacts, read_exif
from .jpeg import read_header
from .limits import Limits
from .raster import read_png_header, read_webp_header

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = lazy("PIL.Image")

type Pixels = NDArray[np.uint8]

_SCALES: Final = (8, 4, 2)
_PILLOW_FORMATS: Final = {FileType.PNG: "PNG", FileType.WEBP: "WEBP"}
_WIDE_MODES: Final = ("I", "F")
_REDUCIBLE: Final = frozenset({"L", "RGB", "RGBA"})
_BROKEN: Final = (OSError, ValueError, SyntaxError, EOFError, IndexError, Warning)


@dataclass(frozen=True, slots=True, kw_only=True)
class StillHeader:
    """What is known of a still before its decode; ``width`` and ``height`` are as shown, after the orientation."""

    file_type: FileType
    width: int
    height: int
    scans: int
    exif: ExifFacts

    @property
    def work(self) -> int:
        """Pixels times scans: what a decode costs at the most, at any scale."""
        return self.width * self.height * max(1, self.scans)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """A decoded picture: RGB ``pixels`` of shape (rows, columns, 3), perhaps smaller than ``width`` x ``height``.

    ``source`` is the encoded original, ``offset_s`` the time in a video, None for a still; ``stirred`` tells that a
    video moves there, ``veil`` names the privacy masks that are burned in. Do not write to ``pixels``.
    """

    pixels: Pixels
    width: int
    height: int
    source: bytes
    offset_s: float | None = None
    stirred: bool = False
    veil: str | None = None

    @property
    def reduced(self) -> bool:
        """Tell whether ``pixels`` is smaller than the original."""
        return bool(self.pixels.shape[1] != self.width)

    @property
    def scale(self) -> float:
        """Columns in ``pixels`` per column of the original, 0..1."""
        return float(self.pixels.shape[1] / self.width)

    @property
    def held_bytes(self) -> int:
        """Memory that the picture holds."""
        return self.pixels.nbytes + len(self.source)

    def full(self, limits: Limits | None = None) -> Picture:
        """Give the picture at its original size; decodes again only if it was reduced."""
        if not self.reduced:
            return self
        whole = decode(self.source, limits=limits)
        return replace(self, pixels=whole.pixels, width=whole.width, height=whole.height)

    def crop(self, corners: tuple[float, float, float, float]) -> Pixels:
        """Cut out (x1, y1, x2, y2) of the original, clamped to it, at the scale that was decoded.

        Raises ``InvalidBoundingBoxError`` for an inverted box or one outside the picture.
        """
        box = Box.from_corners(corners, image=(self.width, self.height))
        rows, columns = self.pixels.shape[:2]
        left, right = box.x * columns // self.width, -(-box.right * columns // self.width)
        top, bottom = box.y * rows // self.height, -(-box.bottom * rows // self.height)
        return self.pixels[top:bottom, left:right]


def read_still_header(data: bytes, limits: Limits | None = None) -> StillHeader:
    """Check markers, pixel and scan counts without decoding; raises ``Rejected``."""
    limits = limits or Limits()
    file_type = sniff(data[:16])
    if not data:
        raise Rejected(RejectReason.EMPTY, "the file is empty")
    if file_type is FileType.JPEG:
        jpeg = read_header(data)
        width, height, scans, block = jpeg.width, jpeg.height, jpeg.scans, jpeg.exif
    elif file_type in _PILLOW_FORMATS:
        raster = read_png_header(data) if file_type is FileType.PNG else read_webp_header(data)
        width, height, scans, block = raster.width, raster.height, 1, raster.exif
    else:
        raise Rejected(RejectReason.NOT_MEDIA, "the content is not a JPEG, PNG or WebP picture")
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        raise Rejected(RejectReason.TOO_MANY_PIXELS, f"{width}x{height} pixels are more than allowed")
    if scans > limits.max_scans:
        raise Rejected(RejectReason.TOO_MANY_SCANS, f"{scans} scans are more than {limits.max_scans}")
    exif = read_exif(block)
    if exif.orientation >= 5:
        width, height = height, width
    return StillHeader(file_type=file_type, width=width, height=height, scans=scans, exif=exif)


def decode(data: bytes, *, at_least: int | None = None, limits: Limits | None = None) -> Picture:
    """Decode strictly: any damage raises ``Rejected`` with its reason; blocking, runs in the caller's thread.

    The scale is 1, 1/2, 1/4 or 1/8: the smallest whose shorter side has ``at_least`` pixels; None means full size.
    """
    header = read_still_header(data, limits)
    return decode_checked(data, header, at_least=at_least)


def decode_checked(data: bytes, header: StillHeader, *, at_least: int | None = None) -> Picture:
    """Decode a still whose header was checked before; raises ``Rejected``."""
    factor = reduction(header.width, header.height, at_least)
    if header.file_type is FileType.JPEG:
        pixels = _decode_jpeg(data, header, factor)
    else:
        pixels = _decode_with_pillow(data, header, factor)
    pixels = _upright(pixels, header.exif.orientation)
    pixels.flags.writeable = False
    return Picture(pixels=pixels, width=header.width, height=header.height, source=data)


def reduction(width: int, height: int, at_least: int | None) -> int:
    """Give the divisor (1, 2, 4, 8) that keeps the shorter side at ``at_least`` pixels or more."""
    if at_least is None:
        return 1
    shorter = min(width, height)
    return next((factor for factor in _SCALES if shorter >= at_least * factor), 1)


def reduced(pixels: Pixels, at_least: int | None) -> Pixels:
    """Give RGB pixels at the scale that ``decode`` would give them at."""
    rows, columns = pixels.shape[:2]
    factor = reduction(columns, rows, at_least)
    if factor == 1:
        return pixels
    size = -(-columns // factor), -(-rows // factor)
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    small.flags.writeable = False
    return small


def encode(pixels: Pixels, *, quality: int, sharp_colours: bool = False) -> bytes:
    """Encode RGB pixels as a JPEG without any metadata; thin coloured lines need ``sharp_colours``."""
    encoded: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels),
        quality=quality,
        colorspace="RGB",
        colorsubsampling="444" if sharp_colours else "420",
    )
    return encoded


def _decode_jpeg(data: bytes, header: StillHeader, factor: int) -> Pixels:
    sides = header.width, header.height
    width, height = sides if header.exif.orientation < 5 else sides[::-1]
    try:
        decoded: Pixels = simplejpeg.decode_jpeg(
            data, "RGB", min_height=-(-height // factor), min_width=-(-width // factor), min_factor=factor, strict=True
        )
    except ValueError as err:
        text = str(err)
        reason = RejectReason.TRUNCATED if "remature end" in text else RejectReason.CORRUPT
        raise Rejected(reason, f"the JPEG does not decode: {text[:120]}") from err
    return decoded


def _decode_with_pillow(data: bytes, header: StillHeader, factor: int) -> Pixels:
    try:
        with Image.open(BytesIO(data), formats=(_PILLOW_FORMATS[header.file_type],)) as image:
            if sorted(image.size) != sorted((header.width, header.height)):
                raise Rejected(RejectReason.CORRUPT, "the picture states two sizes")
            image.load()
            small = image.reduce(factor) if factor > 1 and image.mode in _REDUCIBLE else image
            if small.mode.startswith(_WIDE_MODES):
                return _from_wide(np.asarray(small))
            return np.array(small.convert("RGB"), dtype=np.uint8)
    except Rejected:
        raise
    except (*_BROKEN, Image.DecompressionBombError) as err:
        detail = f"the {header.file_type} does not decode: {str(err)[:120]}"
        raise Rejected(RejectReason.CORRUPT, detail) from err


def _from_wide(grey: NDArray[np.generic]) -> Pixels:
    eight = np.clip(grey.astype(np.int64) >> 8, 0, 255).astype(np.uint8)
    return np.repeat(eight[:, :, np.newaxis], 3, axis=2)


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    if orientation in {5, 6, 7, 8}:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
