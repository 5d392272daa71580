"""Files of exports while they are written: one document after the other, never more in memory; all calls block."""

from collections.abc import Mapping
import csv
from hashlib import sha256
import json
from pathlib import Path
import shutil
from typing import IO, Any, Final, Protocol
import zipfile

from home_sentry_engine.contract import ExportKind

from .evidence import EvidencePack
from .export_rows import DETECTION_COLUMNS, EVENT_COLUMNS, detection_rows, event_row

_CHUNK: Final = 1024 * 1024
# spreadsheets take a file without it for another encoding
_ENCODING: Final = "utf-8-sig"


class ExportFile(Protocol):
    """A file that grows in its own folder; ``close`` ends it and tells where it is."""

    def add(self, document: Mapping[str, Any]) -> None:
        """Write an event with its detections."""
        ...

    def picture(self, name: str, jpeg: bytes) -> None:
        """Write a picture; only a zip takes any."""
        ...

    def close(self, about: Mapping[str, Any]) -> Path:
        """End the file with what there is to say about it."""
        ...

    def size(self) -> int:
        """Tell how many bytes are written."""
        ...

    def abandon(self) -> None:
        """Let go of a file that is not to be ended; harmless after ``close``."""
        ...


def open_export(kind: ExportKind, folder: Path) -> ExportFile:
    """Begin a file in a fresh folder; what lay there from an interrupted try is deleted."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o750)
    match kind:
        case ExportKind.CSV:
            return _Table(folder / "events.csv")
        case ExportKind.JSON:
            return _Document(folder / "events.json")
        case ExportKind.EVIDENCE:
            return EvidencePack(folder)
    return _Archive(folder)


def digest(path: Path) -> str:
    """Give the SHA-256 of a file."""
    found = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


class _Table:
    def __init__(self, path: Path, *, detections: bool = False) -> None:
        self._path, self._detections = path, detections
        self._file: IO[str] = path.open("w", encoding=_ENCODING, newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow(DETECTION_COLUMNS if detections else EVENT_COLUMNS)

    def add(self, document: Mapping[str, Any]) -> None:
        self._rows.writerows(detection_rows(document) if self._detections else [event_row(document)])

    def picture(self, name: str, jpeg: bytes) -> None:
        raise ValueError(f"a table holds no pictures: {name} of {len(jpeg)} bytes")

    def close(self, about: Mapping[str, Any]) -> Path:
        del about
        self._file.close()
        return self._path

    def size(self) -> int:
        return self._file.tell()

    def abandon(self) -> None:
        self._file.close()


class _Document:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] = path.open("w", encoding="utf-8")
        self._file.write('{"events": [')
        self._first = True

    def add(self, document: Mapping[str, Any]) -> None:
        self._file.write(("\n" if self._first else ",\n") + json.dumps(document, ensure_ascii=False))
        self._first = False

    def picture(self, name: str, jpeg: bytes) -> None:
        raise ValueError(f"a document holds no pictures: {name} of {len(jpeg)} bytes")

    def close(self, about: Mapping[str, Any]) -> Path:
        self._file.write(f'\n], "about": {json.dumps(about, ensure_ascii=False)}}}\n')
        self._file.close()
        return self._path

    def size(self) -> int:
        return self._file.tell()

    def abandon(self) -> None:
        self._file.close()


class _Archive:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "export.zip"
        self._zip = zipfile.ZipFile(self._path, "x", compression=zipfile.ZIP_DEFLATED)
        self._parts: list[_Table | _Document] = [
            _Table(folder / "events.csv"),
            _Table(folder / "detections.csv", detections=True),
            _Document(folder / "events.json"),
        ]

    def add(self, document: Mapping[str, Any]) -> None:
        for part in self._parts:
            part.add(document)

    def picture(self, name: str, jpeg: bytes) -> None:
        # a JPEG does not become smaller
        self._zip.writestr(zipfile.ZipInfo(name), jpeg, compress_type=zipfile.ZIP_STORED)

    def close(self, about: Mapping[str, Any]) -> Path:
        for part in self._parts:
            path = part.close(about)
            self._zip.write(path, path.name)
            path.unlink()
        self._zip.writestr("about.json", json.dumps(about, ensure_ascii=False, indent=2))
        self._zip.close()
        return self._path

    def size(self) -> int:
        written = self._zip.fp.tell() if self._zip.fp is not None else 0
        return written + sum(part.size() for part in self._parts)

    def abandon(self) -> None:
        for part in self._parts:
            part.abandon()
        # its directory, which only ``close`` writes, is not wanted
        if self._zip.fp is not None:
            self._zip.fp.close()
            self._zip.fp = None
