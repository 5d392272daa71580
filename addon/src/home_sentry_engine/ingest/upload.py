"""Uploads: bytes with a declared type become an arrival, or the reason why they are no picture or video."""

from datetime import datetime
from typing import Final

from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.filetypes import FileType, sniff
from home_sentry_engine.domain.identity import camera_id_of
from home_sentry_engine.domain.messages import Arrival

_UNDECLARED: Final = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_DECLARED: Final[dict[str, frozenset[FileType]]] = {
    **dict.fromkeys(("image/jpeg", "image/jpg", "image/pjpeg"), frozenset({FileType.JPEG})),
    "image/png": frozenset({FileType.PNG}),
    "image/webp": frozenset({FileType.WEBP}),
    **dict.fromkeys(("video/mp4", "video/quicktime"), frozenset({FileType.MOV})),
    **dict.fromkeys(("video/x-matroska", "video/matroska"), frozenset({FileType.MATROSKA})),
    **dict.fromkeys(("video/x-msvideo", "video/avi"), frozenset({FileType.AVI})),
}


class UnsupportedUpload(HomeSentryError, ValueError):
    """The declared type or the content is not one that the engine takes; the API answers 415."""


class EmptyUpload(HomeSentryError, ValueError):
    """The upload has no content; the API answers 400."""


def upload(
    data: bytes, *, camera_name: str, seen_at: datetime, content_type: str | None, captured_at: datetime | None = None
) -> Arrival:
    """Make an arrival of an upload whose first bytes agree with its declared type.

    Raises ``EmptyUpload``, ``UnsupportedUpload``, or ``InvalidCameraName`` for a name without letters and digits.
    """
    declared = (content_type or "").split(";", 1)[0].strip().lower()
    if declared not in _UNDECLARED and declared not in _DECLARED:
        raise UnsupportedUpload(f"'{declared[:60]}' is not a type of picture or video that the engine takes")
    if not data:
        raise EmptyUpload("the upload is empty")
    file_type = sniff(data[:16])
    if file_type is None:
        raise UnsupportedUpload("the content is not a JPEG, PNG, WebP, MP4, MOV, MKV or AVI file")
    if declared in _DECLARED and file_type not in _DECLARED[declared]:
        raise UnsupportedUpload(f"the content is {file_type.mime}, not {declared}")
    return Arrival(
        camera_id=camera_id_of(camera_name),
        camera_name=camera_name,
        kind=file_type.kind,
        seen_at=seen_at,
        data=data,
        captured_at=captured_at,
        origin="upload",
    )
