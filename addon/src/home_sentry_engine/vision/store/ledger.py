"""The lock file of the model folder: hashes and commits pinned at first download, and which files were checked."""

from dataclasses import dataclass
import hashlib
import json
import logging
import os
from pathlib import Path
import threading
from typing import Any, Final

_LOGGER = logging.getLogger(__name__)
_FILE_NAME: Final = "models.lock.json"
_CHUNK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What a file's bytes are."""

    sha256: str
    size_bytes: int


class Ledger:
    """Pins and checks that outlive the process; thread-safe, every change is on disk when the call returns.

    A check is remembered by path, size and modification time, so that a large file is read once and not at every start.
    A folder that cannot be written costs the memory, never the check.
    """

    def __init__(self, folder: Path) -> None:
        """Read the lock file of ``folder`` if there is one."""
        self._path = folder / _FILE_NAME
        self._lock = threading.Lock()
        self._pins: dict[str, dict[str, Any]] = {}
        self._checked: dict[str, list[Any]] = {}
        self._commits: dict[str, str] = {}
        self._read()

    def pinned(self, name: str) -> str | None:
        """Give the sha256 that was pinned for a file name."""
        with self._lock:
            pin = self._pins.get(name)
            return str(pin["sha256"]) if pin else None

    def pin(self, name: str, digest: Digest, origin: str) -> None:
        """Pin a file name to what was seen first."""
        with self._lock:
            self._pins[name] = {"sha256": digest.sha256, "bytes": digest.size_bytes, "from": origin}
            self._write()

    def commit(self, source: str) -> str | None:
        """Give the commit to which a source is pinned."""
        with self._lock:
            return self._commits.get(source)

    def pin_commit(self, source: str, commit: str) -> None:
        """Pin a source to the commit of its first file."""
        with self._lock:
            if self._commits.setdefault(source, commit) == commit:
                self._write()

    def forget_commit(self, source: str) -> None:
        """Drop the pin of a source."""
        with self._lock:
            if self._commits.pop(source, None) is not None:
                self._write()

    def forget(self, name: str) -> None:
        """Drop the pin of a file name."""
        with self._lock:
            if self._pins.pop(name, None) is not None:
                self._write()

    def digest(self, path: Path, *, again: bool = False) -> Digest:
        """Give a file's digest, read now or remembered; ``again`` always reads. Raises ``OSError``."""
        stat = path.stat()
        key, stamp = str(path.resolve()), [stat.st_size, stat.st_mtime_ns]
        with self._lock:
            known = self._checked.get(key)
        if not again and known is not None and known[:2] == stamp:
            return Digest(sha256=str(known[2]), size_bytes=stat.st_size)
        digest = digest_of(path)
        self.remember(path, digest)
        return digest

    def remember(self, path: Path, digest: Digest) -> None:
        """Note that a file as it lies there now has this digest."""
        stat = path.stat()
        with self._lock:
            self._checked[str(path.resolve())] = [stat.st_size, stat.st_mtime_ns, digest.sha256]
            self._checked = {known: entry for known, entry in self._checked.items() if Path(known).exists()}
            self._write()

    def _read(self) -> None:
        try:
            raw = json.loads(self._path.read_text(encoding="utf-8"))
            pins, checked, commits = dict(raw["pins"]), dict(raw["checked"]), dict(raw.get("commits", {}))
            if not all(len(entry["sha256"]) == 64 for entry in pins.values()):
                raise ValueError("a pin is not a sha256")
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as err:
            _LOGGER.warning("the model lock file cannot be read and is started anew: %s", err)
            return
        self._pins, self._checked, self._commits = pins, checked, commits

    def _write(self) -> None:
        kept = {"pins": self._pins, "checked": self._checked, "commits": self._commits}
        body = json.dumps(kept, indent=1, sort_keys=True)
        temporary = self._path.with_name(f"{_FILE_NAME}.{os.getpid()}.tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(body, encoding="utf-8")
            temporary.replace(self._path)
        except OSError as err:
            _LOGGER.warning("the model lock file cannot be written: %s", err.strerror)


def digest_of(path: Path) -> Digest:
    """Read a file and give its digest."""
    running, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            running.update(chunk)
            size += len(chunk)
    return Digest(sha256=running.hexdigest(), size_bytes=size)
