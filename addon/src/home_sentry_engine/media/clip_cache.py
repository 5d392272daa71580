"""The folder of made clips is its own record: names tell content and masks, access times the last use."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
import os
from pathlib import Path
import re
import secrets
from typing import Final

from .clip_plan import ClipKind
from .paths import remove

EVENT: Final = "event"
DAY: Final = "day"
_NAME: Final = re.compile(r"(event|day)\.([A-Za-z0-9_-]+)\.([0-9a-f]+)\.([0-9a-f]+|open)\.(mp4|gif)")
_CAMERA: Final = re.compile(r"[a-z0-9_]{1,64}")
_PART: Final = ".part"
_OPEN: Final = "open"
_FULL_FROM: Final = 0.9
_FULL_TO: Final = 0.8
_NANO: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipName:
    """What a made clip is: of an ``event`` by its id or of a camera's ``day``, which content, under which masks."""

    camera_id: str
    owner: str
    owner_id: str
    digest: str
    veil: str
    kind: ClipKind

    @property
    def file_name(self) -> str:
        """Give the name of its file."""
        return f"{self.owner}.{self.owner_id}.{self.digest}.{self.veil or _OPEN}.{self.kind.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptClip:
    """A made clip that lies in the folder; ``used_at`` is in seconds since 1970."""

    name: ClipName
    path: Path
    size_bytes: int
    used_at: float


class ClipCache:
    """Made clips below a folder, at most ``budget_bytes``, none unused for ``kept_s``; every method blocks.

    Whoever shares the folder may delete from it at any time.
    """

    def __init__(self, folder: Path, *, budget_bytes: int, kept_s: float, now: Callable[[], datetime]) -> None:
        """Take the folder and its bounds; nothing is touched."""
        self._folder = folder
        self._budget_bytes = budget_bytes
        self._kept_s = kept_s
        self._now = now

    @property
    def budget_bytes(self) -> int:
        """Give how much may lie there."""
        return self._budget_bytes

    def recover(self) -> int:
        """Delete what a sudden end left half made; gives how many files."""
        return sum(remove(path) for path in self._folder.glob(f"*/.*{_PART}"))

    def find(self, name: ClipName) -> Path | None:
        """Give a made clip and note that it is used."""
        path = self._place(name)
        try:
            # its time of change stays, because the entity tag follows from it
            os.utime(path, ns=(round(self._now().timestamp() * _NANO), path.stat().st_mtime_ns), follow_symlinks=False)
        except FileNotFoundError:
            return None
        return path

    def begin(self, name: ClipName) -> Path:
        """Give a place to make a clip at; ``keep`` or ``remove`` it."""
        place = self._place(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.with_name(f".{place.name}.{secrets.token_hex(4)}{_PART}")

    def keep(self, made: Path, name: ClipName) -> Path:
        """Take a made clip in; what it replaces of the same owner and kind goes."""
        place = self._place(name)
        made.replace(place)
        for other in place.parent.glob(f"{name.owner}.{name.owner_id}.*.{name.kind.value}"):
            found = _name_of(other)
            if found is not None and found.veil != name.veil:
                remove(other)
        self.find(name)
        return place

    def clips(self) -> Iterator[KeptClip]:
        """Give all made clips."""
        for path in self._folder.glob("*/*"):
            name = _name_of(path)
            if name is None:
                continue
            try:
                facts = path.lstat()
            except FileNotFoundError:
                continue
            yield KeptClip(name=name, path=path, size_bytes=facts.st_size, used_at=facts.st_atime)

    def trim(self) -> int:
        """Delete what nobody used for too long, and from 90 % of the budget on what was used longest ago down to 80 %.

        Gives how many clips went.
        """
        oldest = self._now().timestamp() - self._kept_s
        kept = sorted(self.clips(), key=lambda one: one.used_at)
        gone = [one for one in kept if one.used_at < oldest]
        left = kept[len(gone) :]
        size = sum(one.size_bytes for one in left)
        if size > self._budget_bytes * _FULL_FROM:
            for one in left:
                if size <= self._budget_bytes * _FULL_TO:
                    break
                gone.append(one)
                size -= one.size_bytes
        return sum(remove(one.path) for one in gone)

    def drop(self, unwanted: Callable[[ClipName], bool]) -> int:
        """Delete the clips that are unwanted; gives how many."""
        return sum(remove(one.path) for one in self.clips() if unwanted(one.name))

    def _place(self, name: ClipName) -> Path:
        if not _CAMERA.fullmatch(name.camera_id) or not _NAME.fullmatch(name.file_name):
            raise ValueError("this is not the name of a clip")
        return self._folder / name.camera_id / name.file_name


def _name_of(path: Path) -> ClipName | None:
    found = _NAME.fullmatch(path.name)
    if found is None:
        return None
    owner, owner_id, digest, veil, kind = found.groups()
    return ClipName(
        camera_id=path.parent.name,
        owner=owner,
        owner_id=owner_id,
        digest=digest,
        veil="" if veil == _OPEN else veil,
        kind=ClipKind(kind),
    )
