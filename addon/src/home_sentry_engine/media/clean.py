"""A picture without what the camera wrote about itself: no EXIF, no GPS, no comments, no second picture behind it."""

import re
import struct
from typing import Final

from home_sentry_engine.domain.filetypes import FileType

from .limits import Limits
from .picture import decode_checked, encode, read_still_header

_QUALITY: Final = 92
_KEPT_APPS: Final = frozenset({0xE0, 0xE2, 0xEE})  # JFIF, colour profile, Adobe's colour transform
_COMMENT: Final = 0xFE
_SOS: Final = 0xDA
_EOI: Final = 0xD9
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_ICC: Final = b"ICC_PROFILE\x00"
_MOST_MARKERS: Final = 4096


def clean_jpeg(data: bytes, limits: Limits | None = None) -> bytes:
    """Give a still as a JPEG that may be served; raises ``Rejected`` for a file that does not decode.

    An upright JPEG keeps its pixels bit by bit; anything else, and one of thousands of segments, is encoded anew.
    """
    header = read_still_header(data, limits)
    if header.file_type is FileType.JPEG and header.exif.orientation == 1:
        clean = _without_metadata(data)
        if clean is not None:
            return clean
    return encode(decode_checked(data, header).pixels, quality=_QUALITY)


def _without_metadata(data: bytes) -> bytes | None:
    kept, at = [b"\xff\xd8"], 2
    for _ in range(_MOST_MARKERS):
        if (match := _MARKER.search(data, at)) is None:
            break
        kept.append(data[at : match.start()].rstrip(b"\xff") if at > 2 else b"")
        marker = data[match.start() + 1]
        if marker == _EOI:
            break
        (length,) = struct.unpack_from(">H", data, match.end())
        at = match.end() + length
        segment = data[match.start() : at]
        if _serves(marker, segment):
            kept.append(segment)
    else:
        return None
    return b"".join((*kept, b"\xff\xd9"))


def _serves(marker: int, segment: bytes) -> bool:
    if marker == _COMMENT or 0xE0 <= marker <= 0xEF:
        return marker in _KEPT_APPS and (marker != 0xE2 or segment[4:].startswith(_ICC))
    return True
