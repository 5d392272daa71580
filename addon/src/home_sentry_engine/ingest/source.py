"""Files of camera folders: whose camera they are, whether they may be opened, and how they are recognised again."""

from collections.abc import Container, Mapping
from contextlib import suppress
from dataclasses import dataclass
import errno
from hashlib import blake2b
import os
from pathlib import Path
import re
import secrets
import stat
from typing import BinaryIO, Final, NamedTuple

from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.errors import HomeSentryError, Rejected, RejectReason
from home_sentry_engine.domain.filetypes import kind_of_name
from home_sentry_engine.domain.identity import InvalidCameraName, camera_id_of

_PRIVATE: Final = (".", "@", "#")
# controls, what turns the direction of a text, and bytes that are no text: neither stored nor shown
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSTORED: Final = re.compile(r"[\ud800-\udfff]")
_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_NEW_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class SourceUnreadable(HomeSentryError, OSError):
    """A file is there and cannot be read now."""


class Stamp(NamedTuple):
    """Size in bytes and modification time in ns: equal stamps of one path mean the same content."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Take the stamp out of a stat result."""
        return cls(status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a path below the root says about its file."""

    camera_id: str
    camera_name: str
    kind: MediaKind


def is_private(name: str) -> bool:
    """Tell whether a file or folder name belongs to a tool (hidden, recycle bin, thumbnails of a NAS)."""
    return name.startswith(_PRIVATE) or name == "lost+found"


def source_key(relative: str, stamp: Stamp) -> str:
    """Name a file so that it is recognised after a restart without reading it; at most 80 ASCII characters."""
    place = blake2b(os.fsencode(relative), digest_size=16).hexdigest()
    return f"{place}-{stamp.size:x}-{stamp.mtime_ns:x}"


class CameraFolders:
    """The root folder with one sub-folder per camera; ``owners`` maps known camera ids to their folder names."""

    def __init__(self, root: Path, owners: Mapping[str, str] | None = None) -> None:
        """Take the root; it need not exist yet."""
        self.root = root
        self._owners = dict(owners or {})
        self.refused: dict[str, str] = {}

    def place(self, relative: str) -> Place | None:
        """Give camera and kind of a path relative to the root; None for what is no picture or video, or a tool's own.

        Raises ``Rejected`` for one that lies in no folder of a camera or in one whose camera id another folder has, and
        for a name that cannot be stored.
        """
        kind = kind_of_name(relative)
        parts = Path(relative).parts
        if kind is None or any(is_private(part) for part in parts):
            return None
        if len(parts) < 2:
            raise Rejected(RejectReason.CAMERA_REFUSED, "it lies beside the folders of the cameras, not in one of them")
        if kind is MediaKind.VIDEO and _UNSTORED.search(relative):
            detail = "the name of the video is not UTF-8: let the camera, or the server that it uploads to, write UTF-8"
            raise Rejected(RejectReason.UNREADABLE, detail)
        return Place(camera_id=self._camera_of(parts[0]), camera_name=parts[0], kind=kind)

    def _camera_of(self, folder: str) -> str:
        if _UNFIT.search(folder):
            shown = _UNFIT.sub("\ufffd", folder)[:40]
            detail = f"the folder '{shown}' has characters in its name that cannot be shown: rename it"
            raise Rejected(RejectReason.CAMERA_REFUSED, detail)
        try:
            camera_id = camera_id_of(folder)
        except InvalidCameraName as err:
            raise Rejected(RejectReason.CAMERA_REFUSED, str(err)) from err
        owner = self._owners.setdefault(camera_id, folder)
        if owner != folder and not (self.root / owner).is_dir():
            self._owners[camera_id] = owner = folder
        if owner != folder:
            self.refused[folder] = owner
            raise Rejected(
                RejectReason.CAMERA_REFUSED, f"the folders '{owner}' and '{folder}' both stand for camera '{camera_id}'"
            )
        return camera_id

    def gone(self) -> frozenset[str]:
        """Give the known folders that are not there any more; blocks."""
        known = {*self._owners.values(), *self.refused}
        return frozenset(folder for folder in known if not (self.root / folder).is_dir())

    def forget(self, folders: Container[str]) -> None:
        """Forget folders: whichever comes first may stand for their cameras from now on."""
        self._owners = {camera_id: owner for camera_id, owner in self._owners.items() if owner not in folders}
        standing = {folder: owner for folder, owner in self.refused.items() if folder not in folders}
        self.refused = {folder: owner for folder, owner in standing.items() if owner not in folders}

    def leads_outside(self, relative: str) -> bool:
        """Tell whether a link ends outside the root, or nowhere."""
        target = Path(os.path.realpath(self.root / relative))
        return not target.is_relative_to(os.path.realpath(self.root)) or not target.exists()

    def look(self, relative: str) -> os.stat_result:
        """Give the file's own status without following a link; raises ``FileNotFoundError`` or ``SourceUnreadable``."""
        try:
            return os.lstat(self.root / relative)
        except FileNotFoundError, NotADirectoryError:
            raise FileNotFoundError(relative) from None
        except OSError as err:
            raise SourceUnreadable(err.errno, err.strerror) from err

    def open(self, path: Path) -> BinaryIO:
        """Open a regular file below the root; no component of the way may be a link.

        Raises ``Rejected`` (link, no regular file), ``FileNotFoundError`` if it is gone, else ``SourceUnreadable``.
        """
        try:
            descriptor = self._open_below(path.relative_to(self.root).parts)
        except FileNotFoundError:
            raise
        except OSError as err:
            if err.errno in {errno.ELOOP, errno.ENOTDIR}:
                raise Rejected(RejectReason.LINK_OUTSIDE, "a link stands in the way to the file") from err
            if err.errno in {errno.ENXIO, errno.ENODEV}:
                raise Rejected(RejectReason.NOT_REGULAR, "a socket or device, not a file") from err
            raise SourceUnreadable(err.errno, err.strerror) from err
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise Rejected(RejectReason.NOT_REGULAR, "not a regular file")
        return os.fdopen(descriptor, "rb")

    def replace(self, path: Path, content: bytes) -> None:
        """Put other content in the place of a file below the root, whole or not at all, with the same rights.

        Raises ``OSError``; no component of the way may be a link.
        """
        *folders, name = path.relative_to(self.root).parts
        folder = self._folder_below(tuple(folders))
        new = f".{name}.{secrets.token_hex(4)}.tmp"
        try:
            rights = stat.S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
            descriptor = os.open(new, _NEW_FLAGS, rights, dir_fd=folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(new, dir_fd=folder)
                raise
        finally:
            os.close(folder)

    def _open_below(self, parts: tuple[str, ...]) -> int:
        folder = self._folder_below(parts[:-1])
        try:
            return os.open(parts[-1], _FILE_FLAGS, dir_fd=folder)
        finally:
            os.close(folder)

    def _folder_below(self, parts: tuple[str, ...]) -> int:
        folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts:
                inner = os.open(part, _FOLDER_FLAGS, dir_fd=folder)
                os.close(folder)
                folder = inner
        except BaseException:
            os.close(folder)
            raise
        return folder
