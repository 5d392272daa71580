"""JPEG by its markers: size, scans and metadata, before a single pixel is decoded."""

from dataclasses import dataclass
import re
import struct
from typing import Final

from home_sentry_engine.domain.errors import Rejected, RejectReason

_START: Final = b"\xff\xd8"
_END: Final = b"\xff\xd9"
_SCAN: Final = b"\xff\xda"
_SOS: Final = 0xDA
_EOI: Final = 0xD9
_APP1: Final = 0xE1
_DHT_JPG_DAC: Final = frozenset({0xC4, 0xC8, 0xCC})
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - _DHT_JPG_DAC
_DECODABLE: Final = frozenset({0xC0, 0xC1, 0xC2})
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_EXIF: Final = b"Exif\x00\x00"
_FILLED: Final = re.compile(rb"\xff\xff+")
_MOST_SEGMENTS: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegHeader:
    """What the markers say; ``exif`` is the TIFF block without its prefix, None if there is none."""

    width: int
    height: int
    scans: int
    exif: bytes | None


def read_header(data: bytes) -> JpegHeader:
    """Walk the segments up to the first scan, count the scans and look for the end marker.

    Raises ``Rejected``: truncated without an end marker, corrupt for a broken segment or thousands of them, forbidden
    format for variants of JPEG that no camera writes (lossless, hierarchical, arithmetic).
    """
    if not data.startswith(_START):
        raise Rejected(RejectReason.NOT_MEDIA, "the file does not start like a JPEG")
    size: tuple[int, int] | None = None
    exif: bytes | None = None
    at = 2
    for _ in range(_MOST_SEGMENTS):
        marker, body, after = _segment(data, at)
        if marker in _FRAMES:
            size = _frame_size(marker, body)
        elif marker == _APP1 and body.startswith(_EXIF):
            exif = exif or body[len(_EXIF) :]
        elif marker == _SOS:
            break
        elif marker == _EOI:
            raise Rejected(RejectReason.CORRUPT, "the JPEG ends before its picture")
        at = after
    else:
        raise Rejected(RejectReason.CORRUPT, f"the JPEG has more than {_MOST_SEGMENTS} segments before its picture")
    if size is None:
        raise Rejected(RejectReason.CORRUPT, "the JPEG has a scan without a frame header")
    if data.rfind(_END, at) < 0:
        raise Rejected(RejectReason.TRUNCATED, "the JPEG has no end marker")
    return JpegHeader(width=size[0], height=size[1], scans=data.count(_SCAN, at), exif=exif)


def _segment(data: bytes, at: int) -> tuple[int, bytes, int]:
    if (filled := _FILLED.match(data, at)) is not None:
        at = filled.end() - 1
    if at + 2 > len(data):
        raise Rejected(RejectReason.TRUNCATED, "the JPEG ends inside its header")
    if data[at] != 0xFF:
        raise Rejected(RejectReason.CORRUPT, "the JPEG's header is broken")
    marker = data[at + 1]
    if marker in _STANDALONE or marker in {_EOI, 0xD8}:
        return marker, b"", at + 2
    if at + 4 > len(data):
        raise Rejected(RejectReason.TRUNCATED, "the JPEG ends inside its header")
    (length,) = struct.unpack_from(">H", data, at + 2)
    if length < 2:
        raise Rejected(RejectReason.CORRUPT, "the JPEG's header is broken")
    after = at + 2 + length
    if after > len(data):
        raise Rejected(RejectReason.TRUNCATED, "the JPEG ends inside its header")
    return marker, data[at + 4 : after], after


def _frame_size(marker: int, body: bytes) -> tuple[int, int]:
    if marker not in _DECODABLE:
        raise Rejected(RejectReason.FORBIDDEN_FORMAT, "a JPEG variant that is not supported")
    if len(body) < 6:
        raise Rejected(RejectReason.CORRUPT, "the JPEG's frame header is broken")
    height, width = struct.unpack_from(">HH", body, 1)
    if not width or not height:
        raise Rejected(RejectReason.CORRUPT, "the JPEG has no size")
    return width, height
