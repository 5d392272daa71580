"""Folders: may the engine write there, is there room, will it hear of new files."""

import asyncio
from collections.abc import Iterator
import itertools
import os
from pathlib import Path
import shutil
import tempfile
from typing import Final

from home_sentry_engine.settings import IngestSettings, Settings
from home_sentry_engine.storage.location import file_system_of

from .findings import Finding, fail, ok, warn

_LIMITS: Final = Path("/proc/sys/fs/inotify")
_MOUNTS: Final = Path("/proc/self/mountinfo")
_SILENT: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "fuse.rclone", "vboxsf", "drvfs"}
)
_DISK_FAIL_BYTES: Final = 200_000_000
_DISK_WARN_BYTES: Final = 5_000_000_000
_FOLDERS_COUNTED: Final = 100_000
_SHARE_OF_WATCHES: Final = 0.8


async def look(settings: Settings) -> tuple[Finding, ...]:
    """Look at the data folder, its disk, the camera folder and the limit of the file watcher."""
    return await asyncio.to_thread(_look, settings)


def _look(settings: Settings) -> tuple[Finding, ...]:
    return (
        data_folder(settings.data),
        disk(settings.data, shutil.disk_usage(nearest(settings.data)).free),
        camera_folder(settings.ingest),
        watches(settings.ingest, _limit("max_user_watches")),
    )


def nearest(folder: Path) -> Path:
    """Give the folder itself or the closest one above it that exists."""
    return next(one for one in (folder, *folder.parents) if one.is_dir())


def data_folder(folder: Path) -> Finding:
    """Judge whether the engine can write its data."""
    trouble = _cannot_write(nearest(folder))
    if trouble:
        fix = f"give the user that runs the engine the right to write in {nearest(folder)}, or choose another --data"
        return fail("data", f"{folder}: {trouble}", fix)
    return ok("data", f"{folder} can be written" if folder.is_dir() else f"{folder} will be made at the first start")


def disk(folder: Path, free_bytes: int) -> Finding:
    """Judge free space for pictures, database and models."""
    text = f"{free_bytes / 1e9:.1f} GB free for {folder}"
    if free_bytes < _DISK_FAIL_BYTES:
        return fail("disk", text, "make room: nothing can be accepted on a full disk", free_bytes=free_bytes)
    if free_bytes < _DISK_WARN_BYTES:
        return warn(
            "disk", text, "make room or move the data folder: pictures and models need it", free_bytes=free_bytes
        )
    return ok("disk", text, free_bytes=free_bytes)


def camera_folder(settings: IngestSettings) -> Finding:
    """Judge the folder that cameras write into."""
    root = settings.camera_root
    if root.exists() and not root.is_dir():
        return fail("cameras", f"{root} is no folder", "set camera_root to a folder")
    if not root.is_dir():
        trouble = _cannot_write(nearest(root))
        if trouble:
            return fail("cameras", f"{root} does not exist and cannot be made: {trouble}", f"make {root}")
        return ok("cameras", f"{root} will be made at the first start")
    if not os.access(root, os.R_OK | os.X_OK):
        return fail("cameras", f"{root} cannot be read", f"give the user that runs the engine the right to read {root}")
    kind = _file_system(root)
    if kind in _SILENT and not settings.polling:
        fix = "set file_watcher_polling: true (or HOME_SENTRY_FILE_WATCHER_POLLING=true)"
        return warn("cameras", f"{root} lies on {kind}, which reports no new files", fix, file_system=kind)
    cameras = sum(1 for entry in os.scandir(root) if entry.is_dir())
    return ok("cameras", f"{root}, {cameras} camera folder{'' if cameras == 1 else 's'}", cameras=cameras)


def watches(settings: IngestSettings, limit: int | None) -> Finding:
    """Judge the kernel's limit of watched folders against those that are there."""
    if settings.polling or limit is None:
        return ok("watcher", "asks the folder by itself" if settings.polling else "the kernel tells no limit")
    folders = sum(1 for _ in _folders(settings.camera_root))
    text = f"{folders} of {limit} folders that the kernel can watch"
    if folders > limit * _SHARE_OF_WATCHES:
        fix = f"sysctl fs.inotify.max_user_watches={max(limit * 2, 524_288)}, or set file_watcher_polling: true"
        return warn("watcher", text, fix, folders=folders, limit=limit)
    return ok("watcher", text, folders=folders, limit=limit)


def _folders(root: Path) -> Iterator[str]:
    return (folder for folder, _, _ in itertools.islice(os.walk(root), _FOLDERS_COUNTED))


def _limit(name: str) -> int | None:
    try:
        return int((_LIMITS / name).read_text(encoding="ascii"))
    except OSError, ValueError:
        return None


def _file_system(folder: Path) -> str | None:
    try:
        return file_system_of(folder, _MOUNTS.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None


def _cannot_write(folder: Path) -> str | None:
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".home-sentry-"):
            return None
    except OSError as err:
        return err.strerror or str(err)
