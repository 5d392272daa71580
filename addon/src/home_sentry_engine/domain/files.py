"""What a look at a file found out, without its content."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .filetypes import FileType


class TimeSource(StrEnum):
    """Where a capture time was taken from, the most trusted first."""

    EXIF = "exif"
    NAME = "name"
    MODIFIED = "modified"
    ARRIVAL = "arrival"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureTime:
    """When a picture was taken, aware UTC, and how that is known."""

    at: datetime
    source: TimeSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What is known of a file without opening it; ``name`` is the bare file name or the uploader's.

    Where ``camera_id`` is known, its privacy masks apply.
    """

    seen_at: datetime
    name: str | None = None
    modified_at: datetime | None = None
    camera_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """A file that decodes: its format, size in pixels, capture time; ``duration_s`` and ``codec`` for a video."""

    file_type: FileType
    width: int
    height: int
    captured: CaptureTime
    duration_s: float | None = None
    codec: str | None = None
