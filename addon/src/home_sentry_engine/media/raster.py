"""PNG and WebP by their chunks: size and integrity, before a single pixel is decoded."""

from dataclasses import dataclass
import struct
from typing import Final
import zlib

from home_sentry_engine.domain.errors import Rejected, RejectReason

_PNG_HEAD: Final = 8
# encoders write 4 KB and more at once
_MOST_CHUNKS: Final = 65_536
_UNENDED: Final = "the PNG ends before its end chunk"


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterHeader:
    """What the container says; ``exif`` is the TIFF block, None if there is none."""

    width: int
    height: int
    exif: bytes | None = None


def read_png_header(data: bytes) -> RasterHeader:
    """Walk all chunks and check their sums; raises ``Rejected`` (truncated, corrupt, tens of thousands of chunks)."""
    size: tuple[int, int] | None = None
    exif: bytes | None = None
    at, view = _PNG_HEAD, memoryview(data)
    for _ in range(_MOST_CHUNKS):
        if at + 12 > len(data):
            raise Rejected(RejectReason.TRUNCATED, _UNENDED)
        (length,) = struct.unpack_from(">I", data, at)
        name, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            raise Rejected(RejectReason.TRUNCATED, _UNENDED)
        (stated,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(view[at + 4 : end - 4]) != stated:
            raise Rejected(RejectReason.CORRUPT, "a checksum of the PNG is wrong")
        if name == b"IHDR":
            size = _png_size(data, at, length, size)
        elif name == b"eXIf":
            exif = data[at + 8 : end - 4]
        elif name == b"IEND":
            if size is None or not all(size):
                raise Rejected(RejectReason.CORRUPT, "the PNG has no size")
            return RasterHeader(width=size[0], height=size[1], exif=exif)
        at = end
    raise Rejected(RejectReason.CORRUPT, f"the PNG has more than {_MOST_CHUNKS} chunks")


def _png_size(data: bytes, at: int, length: int, known: tuple[int, int] | None) -> tuple[int, int]:
    if known is not None or length < 8:
        raise Rejected(RejectReason.CORRUPT, "the PNG states two sizes")
    width, height = struct.unpack_from(">II", data, at + 8)
    return width, height


def read_webp_header(data: bytes) -> RasterHeader:
    """Read the size from the first chunk and compare the stated length; raises ``Rejected`` (truncated, corrupt)."""
    (stated,) = struct.unpack_from("<I", data.ljust(30, b"\0"), 4)
    if stated + 8 > len(data):
        raise Rejected(RejectReason.TRUNCATED, "the WebP is shorter than it says")
    size = _webp_size(data[12:16], data[20:30].ljust(10, b"\0"))
    if size is None:
        raise Rejected(RejectReason.CORRUPT, "the WebP has no size")
    return RasterHeader(width=size[0], height=size[1], exif=_webp_exif(data))


def _webp_size(name: bytes, body: bytes) -> tuple[int, int] | None:
    if name == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if name == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if name == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _webp_exif(data: bytes) -> bytes | None:
    at = 12
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(data):
            break
        (length,) = struct.unpack_from("<I", data, at + 4)
        if data[at : at + 4] == b"EXIF":
            return data[at + 8 : at + 8 + length].removeprefix(b"Exif\x00\x00")
        at += 8 + length + (length & 1)
    return None
