"""The truth behind file events: what lies in the folders, listed again only where something can have changed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
import os
from pathlib import Path
import stat
import time
from typing import Final

from .source import Stamp, is_private

_TICK_S: Final = 2.0
_SMALL: Final = 2000


class Sort(Enum):
    """What kind of directory entry was found."""

    FILE = auto()
    LINK = auto()
    SPECIAL = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An entry that was not there, or not like this, at the last sweep.

    ``changed_s`` is the younger of modification and arrival in the folder, seconds since the epoch.
    """

    relative: str
    sort: Sort
    stamp: Stamp
    changed_s: float


@dataclass(slots=True)
class _Folder:
    mtime_ns: int = -1
    settled: bool = False
    stamps: dict[str, int] = field(default_factory=dict)
    inner: tuple[str, ...] = ()


class Sweep:
    """Remembers every name below a root; blocking, and used by one thread at a time.

    A folder is listed again if its modification time changed, or lay within one tick (2 s, the coarsest file system) of
    the last listing: a name could have been added within the same tick. It costs 4 µs per unchanged folder. In a listed
    folder of up to 2000 entries every file is looked at, in a larger one only new names.
    """

    def __init__(self, root: Path, *, wall: Callable[[], float] = time.time) -> None:
        """Take the root and the wall clock that its file system goes by."""
        self._root = root
        self._wall = wall
        self._folders: dict[str, _Folder] = {}
        self.unreadable_folders = 0

    @property
    def folders(self) -> int:
        """Folders below the root, itself included."""
        return len(self._folders)

    def scan(self, *, full: bool = False) -> list[Found]:
        """Give what is new since the last scan, the oldest first; ``full`` also finds files changed in place.

        Raises ``FileNotFoundError`` if the root is missing. A folder that cannot be read is counted and tried again.
        """
        found: list[Found] = []
        reached: set[str] = set()
        self.unreadable_folders = 0
        waiting = [""]
        while waiting:
            relative = waiting.pop()
            folder = self._folders.setdefault(relative, _Folder())
            try:
                found.extend(self._visit(relative, folder, full=full))
            except FileNotFoundError:
                if not relative:
                    raise
                continue
            except OSError:
                self.unreadable_folders += 1
                folder.mtime_ns = -1
            reached.add(relative)
            waiting.extend(f"{relative}/{name}" if relative else name for name in folder.inner)
        for gone in self._folders.keys() - reached:
            del self._folders[gone]
        return sorted(found, key=lambda one: one.stamp.mtime_ns)

    def _visit(self, relative: str, folder: _Folder, *, full: bool) -> Iterator[Found]:
        path = self._root / relative
        mtime_ns = path.stat(follow_symlinks=not relative).st_mtime_ns
        if folder.settled and mtime_ns == folder.mtime_ns and not full:
            return
        began = self._wall()
        with os.scandir(path) as entries:
            listed = [entry for entry in entries if not is_private(entry.name)]
        names, inner = set(), []
        full = full or len(listed) <= _SMALL
        for entry in listed:
            if entry.is_dir(follow_symlinks=False):
                inner.append(entry.name)
                continue
            names.add(entry.name)
            if full or entry.name not in folder.stamps:
                one = _looked_at(f"{relative}/{entry.name}" if relative else entry.name, entry)
                if one is not None and folder.stamps.get(entry.name) != hash(one.stamp):
                    folder.stamps[entry.name] = hash(one.stamp)
                    yield one
        for name in folder.stamps.keys() - names:
            del folder.stamps[name]
        folder.inner = tuple(inner)
        folder.mtime_ns, folder.settled = mtime_ns, began - mtime_ns / 1e9 > _TICK_S


def _looked_at(relative: str, entry: os.DirEntry[str]) -> Found | None:
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    sort = Sort.FILE
    if not stat.S_ISREG(status.st_mode):
        sort = Sort.LINK if stat.S_ISLNK(status.st_mode) else Sort.SPECIAL
    changed_s = max(status.st_mtime, status.st_ctime)
    return Found(relative=relative, sort=sort, stamp=Stamp.of(status), changed_s=changed_s)
