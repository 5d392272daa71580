"""Where the engine keeps its files: ids in the names, nothing outside the root, never half a file."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
import os
from pathlib import Path
import re
import secrets
import stat
from typing import BinaryIO, Final

from home_sentry_engine.domain.filetypes import FileType

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_MODE: Final = 0o640


class UnsafeName(ValueError):
    """An id holds characters that could lead out of its folder."""


class MediaPaths:
    """Places below the data folder: ``media/<camera>/<yyyy-mm-dd>/`` and ``thumbnails/``.

    Videos stay below ``cameras``, where whoever writes for a camera may put links in their way.
    """

    def __init__(self, data: Path, cameras: Path | None = None) -> None:
        """Take the data folder and that of the cameras; folders are made when something is written."""
        self.root = data
        self.cameras = cameras
        self._media = data / "media"
        self._thumbnails = data / "thumbnails"

    def still(self, camera_id: str, media_id: str, captured_at: datetime, file_type: FileType) -> Path:
        """Give the place of an accepted file's own copy."""
        day = captured_at.astimezone(UTC).date().isoformat()
        return self._media / _safe(camera_id) / day / f"{_safe(media_id)}.{file_type.value}"

    def frame(self, camera_id: str, media_id: str, captured_at: datetime, offset_s: float) -> Path:
        """Give the place of one frame of a video; ``captured_at`` is the video's, as in ``still``."""
        day = captured_at.astimezone(UTC).date().isoformat()
        return self._media / _safe(camera_id) / day / f"{_safe(media_id)}_{round(offset_s * 1000):08d}.jpg"

    def frames_of(self, camera_id: str, media_id: str, captured_at: datetime) -> tuple[Path, ...]:
        """Give the frames that are kept of a video."""
        folder = self.frame(camera_id, media_id, captured_at, 0.0).parent
        return tuple(folder.glob(f"{_safe(media_id)}_*.jpg"))

    def thumbnail(self, owner_id: str) -> Path:
        """Give the place of the thumbnail of an event, detection or media file."""
        return self._thumbnails / f"{_safe(owner_id)}_thumb.jpg"

    def video_thumbnail(self, owner_id: str) -> Path:
        """Give the place of the thumbnail of a video."""
        return self._thumbnails / f"{_safe(owner_id)}_video_thumb.jpg"

    def contains(self, path: Path) -> bool:
        """Tell whether a path, with all its links followed, lies below the root."""
        return path.resolve().is_relative_to(self.root.resolve())


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that readers see all of it or none, also after a crash of the process; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        temporary.replace(path)
    except BaseException:
        remove(temporary)
        raise


def remove(path: Path) -> bool:
    """Delete a file; False when it was gone already."""
    with suppress(FileNotFoundError):
        path.unlink()
        return True
    return False


def open_regular(path: Path, *, below: Path | None = None) -> BinaryIO:
    """Open a regular file for reading; raises ``OSError`` for a link, device, fifo or socket without waiting on it.

    No folder from ``below`` on to the file may be a link: ``FileNotFoundError``.
    """
    inner = path.relative_to(below).parts if below is not None and path.is_relative_to(below) else ()
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    if below is None or len(inner) < 2:
        descriptor = os.open(path, flags)
    else:
        folder = _folder_within(below, inner[:-1])
        try:
            descriptor = os.open(inner[-1], flags, dir_fd=folder)
        finally:
            os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path.name} is not a regular file")
    return os.fdopen(descriptor, "rb")


def _folder_within(folder: Path, names: Sequence[str]) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    descriptor = os.open(folder, flags)
    try:
        for name in names:
            inner = os.open(name, flags | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
    except BaseException as err:
        os.close(descriptor)
        if isinstance(err, NotADirectoryError):
            raise FileNotFoundError(err.errno, "a link stands in the way", names[-1]) from err
        raise
    return descriptor


def _safe(one_id: str) -> str:
    if not _ID.fullmatch(one_id):
        raise UnsafeName(f"{one_id[:40]!r} is not an id")
    return one_id
