"""Disk guard: intake pauses before the disk is full, and goes on by itself when there is room again."""

from collections.abc import Callable
from dataclasses import dataclass
import errno
import logging
import os
from pathlib import Path
import shutil
from typing import Final

from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.domain.errors import Unavailable

_LOGGER = logging.getLogger(__name__)
RESERVE_FILE: Final = "reserve.bin"
RESERVE_BYTES: Final = 4 * 1024 * 1024
_RETRY_S: Final = 5.0
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

type FreeBytes = Callable[[Path], int]


class DiskFull(Unavailable):
    """There is too little room to take another file; it stays where it is and is taken later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskLimits:
    """Intake pauses below ``stop_bytes`` of free space and goes on from ``resume_bytes`` on."""

    stop_bytes: int
    resume_bytes: int

    @classmethod
    def above(cls, floor_bytes: int) -> DiskLimits:
        """Give the limits around a floor: room for the reserve and a quarter more before intake goes on."""
        return cls(stop_bytes=floor_bytes, resume_bytes=floor_bytes + max(RESERVE_BYTES * 2, floor_bytes // 4))


def free_bytes(folder: Path) -> int:
    """Give what this process may still write; blocks for a moment."""
    return shutil.disk_usage(folder).free


def is_full(err: BaseException) -> bool:
    """Tell whether a failure means that the disk is full."""
    return isinstance(err, OSError) and err.errno in _FULL


class DiskGuard:
    """Knows whether there is room; a reserve file beside the database lets deletes succeed on a full disk.

    ``check``, ``hit_full`` and ``keep_reserve`` touch the disk and block; ``admit`` does not.
    """

    def __init__(self, folder: Path, limits: DiskLimits, free: FreeBytes = free_bytes) -> None:
        """Take the data folder and the limits."""
        self._folder = folder
        self._limits = limits
        self._free = free
        self._reserve = folder / RESERVE_FILE
        self.paused: str | None = None
        self.pauses = 0

    @property
    def folder(self) -> Path:
        """Give the folder that is guarded."""
        return self._folder

    @property
    def limits(self) -> DiskLimits:
        """Give the limits."""
        return self._limits

    def admit(self) -> None:
        """Raise ``DiskFull`` while there is too little room."""
        if self.paused is not None:
            raise DiskFull(self.paused, code="disk_full", retry_after_s=_RETRY_S)

    def check(self) -> Component:
        """Look at the disk, pause or go on, keep the reserve, and describe the component ``disk``."""
        free = self._free(self._folder)
        if self.paused is None and free < self._limits.stop_bytes:
            self._pause(f"only {_mb(free)} are free, {_mb(self._limits.stop_bytes)} are kept: files wait")
        elif self.paused is not None and free >= self._limits.resume_bytes:
            _LOGGER.info("There is room again, files are taken")
            self.paused = None
        if self.paused is None:
            self.keep_reserve()
        details: dict[str, str | int | float | bool | None] = {
            "free_bytes": free,
            "stop_bytes": self._limits.stop_bytes,
            "resume_bytes": self._limits.resume_bytes,
            "reserve": self._reserve.exists(),
            "pauses": self.pauses,
        }
        if self.paused is None:
            return Component(id="disk", state=ComponentState.HEALTHY, details=details)
        fix = "free some space, give the data folder a larger disk, or lower retention_days"
        return Component(id="disk", state=ComponentState.UNHEALTHY, reason=self.paused, fix=fix, details=details)

    def hit_full(self) -> None:
        """Take note that a write failed for want of room: give the reserve up and pause."""
        self._reserve.unlink(missing_ok=True)
        if self.paused is None:
            self._pause("the disk is full: files wait")

    def keep_reserve(self) -> None:
        """Make the reserve file where it is missing and there is room for it."""
        if self._reserve.exists() or self._free(self._folder) < self._limits.stop_bytes + RESERVE_BYTES:
            return
        part = self._reserve.with_suffix(".part")
        try:
            with part.open("wb") as stream:
                os.posix_fallocate(stream.fileno(), 0, RESERVE_BYTES)
            part.replace(self._reserve)
        except OSError as err:
            part.unlink(missing_ok=True)
            _LOGGER.warning("The reserve file could not be made: %s", err.strerror)

    def _pause(self, reason: str) -> None:
        self.paused = reason
        self.pauses += 1
        _LOGGER.warning("Intake pauses: %s", reason)


def _mb(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
