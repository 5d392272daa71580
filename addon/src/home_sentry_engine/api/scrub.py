"""Takes what a picture says beside its pixels (EXIF, GPS, XMP, comments) out of the bytes that are served.

Only containers are rewritten, the pixels stay as they are. A JPEG keeps its colour profile and its orientation.
"""

import struct
from typing import Final

_SOI: Final = b"\xff\xd8"
_SOS: Final = 0xDA
_EOI: Final = 0xD9
_APP1: Final = 0xE1
_APP2: Final = 0xE2
_KEPT_APPS: Final = frozenset({0xE0, 0xEE})
_COMMENT: Final = 0xFE
_ORIENTATION: Final = 0x0112
_PNG_HEAD: Final = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT: Final = frozenset(
    {
        b"IHDR",
        b"PLTE",
        b"IDAT",
        b"IEND",
        b"tRNS",
        b"gAMA",
        b"cHRM",
        b"sRGB",
        b"iCCP",
        b"sBIT",
        b"cICP",
        b"pHYs",
        b"bKGD",
    }
)
_WEBP_DROPPED: Final = frozenset({b"EXIF", b"XMP "})
_WEBP_FLAGS: Final = 0x08 | 0x04


def without_metadata(data: bytes) -> bytes:
    """Give the same picture without metadata; raises ``ValueError`` for what is no well-formed JPEG, PNG or WebP."""
    try:
        if data.startswith(_SOI):
            return _jpeg(data)
        if data.startswith(_PNG_HEAD):
            return _png(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except (struct.error, IndexError) as err:
        raise ValueError("the picture is truncated") from err
    raise ValueError("not a JPEG, PNG or WebP picture")


def _jpeg(data: bytes) -> bytes:
    kept = [_SOI]
    at = 2
    while at + 2 <= len(data):
        if data[at] != 0xFF:
            raise ValueError("a JPEG segment does not begin with its marker")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _EOI:
            kept.append(data[at : at + 2])
            break
        (length,) = struct.unpack_from(">H", data, at + 2)
        if length < 2:
            raise ValueError("a JPEG segment has no length")
        kept.append(_kept_part(marker, data[at : at + 2 + length]))
        at += 2 + length
        if marker == _SOS:
            end = _end_of_scan(data, at)
            kept.append(data[at:end])
            at = end
    return b"".join(kept)


def _kept_part(marker: int, segment: bytes) -> bytes:
    if marker == _APP1:
        return _orientation_segment(segment)
    if marker == _APP2:
        return segment if segment[4:].startswith(b"ICC_PROFILE\0") else b""
    dropped = marker == _COMMENT or (0xE0 <= marker <= 0xEF and marker not in _KEPT_APPS)
    return b"" if dropped else segment


def _end_of_scan(data: bytes, at: int) -> int:
    """Find the first marker in entropy-coded data that is neither a stuffed byte nor a restart."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        following = data[at + 1]
        if following == 0 or 0xD0 <= following <= 0xD7:
            at += 2
        else:
            return at
    return len(data)


def _orientation_segment(segment: bytes) -> bytes:
    orientation = _orientation_of(segment[4:])
    if orientation in {None, 1}:
        return b""
    tiff = b"MM\x00\x2a" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, orientation, 0, 0)
    body = b"Exif\x00\x00" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _orientation_of(body: bytes) -> int | None:
    if not body.startswith(b"Exif\x00\x00"):
        return None
    tiff = body[6:]
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for index in range(min(count, 64)):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * index)
            if tag == _ORIENTATION and kind == 3:
                return value if 1 <= value <= 8 else None
    except struct.error:
        return None
    return None


def _png(data: bytes) -> bytes:
    kept = [_PNG_HEAD]
    at = len(_PNG_HEAD)
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise ValueError("a PNG chunk is truncated")
        if name in _PNG_KEPT:
            kept.append(data[at:end])
        if name == b"IEND":
            break
        at = end
    return b"".join(kept)


def _webp(data: bytes) -> bytes:
    kept: list[bytes] = []
    at = 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2
        chunk = data[at:end]
        if name == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_FLAGS & 0xFF]) + chunk[9:]
        if name not in _WEBP_DROPPED:
            kept.append(chunk)
        at = end
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
