"""Which files are media: by their name for watching, by their first bytes for opening."""

from enum import StrEnum
from pathlib import PurePath
from typing import Final

from home_sentry_engine.contract import MediaKind

SNIFF_BYTES: Final = 4096


class FileType(StrEnum):
    """A format that the engine opens; the value is its usual suffix without the dot."""

    JPEG = "jpg"
    PNG = "png"
    WEBP = "webp"
    MOV = "mp4"
    MATROSKA = "mkv"
    AVI = "avi"

    @property
    def kind(self) -> MediaKind:
        """Tell whether it holds one picture or a video."""
        return MediaKind.IMAGE if self in _STILLS else MediaKind.VIDEO

    @property
    def mime(self) -> str:
        """Give the media type to serve it under."""
        return _MIME[self]


_STILLS: Final = frozenset({FileType.JPEG, FileType.PNG, FileType.WEBP})
_MIME: Final[dict[FileType, str]] = {
    FileType.JPEG: "image/jpeg",
    FileType.PNG: "image/png",
    FileType.WEBP: "image/webp",
    FileType.MOV: "video/mp4",
    FileType.MATROSKA: "video/x-matroska",
    FileType.AVI: "video/x-msvideo",
}
_KINDS: Final[dict[str, MediaKind]] = {
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".webp"), MediaKind.IMAGE),
    **dict.fromkeys((".mp4", ".mkv", ".avi", ".mov"), MediaKind.VIDEO),
}
# first atoms that writers of MP4 and QuickTime files put at the start
_MOV_ATOMS: Final = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})


def kind_of_name(name: str | PurePath) -> MediaKind | None:
    """Tell by the suffix, in any letter case, whether a file is an image, a video or neither."""
    return _KINDS.get(PurePath(name).suffix.lower())


def sniff(head: bytes) -> FileType | None:
    """Tell the format by the first bytes (16 are enough); None for everything that the engine does not open."""
    if head.startswith(b"\xff\xd8\xff"):
        return FileType.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return FileType.PNG
    if head.startswith(b"\x1aE\xdf\xa3"):
        return FileType.MATROSKA
    if head.startswith(b"RIFF"):
        return {b"WEBP": FileType.WEBP, b"AVI ": FileType.AVI}.get(head[8:12])
    return FileType.MOV if head[4:8] in _MOV_ATOMS else None
