"""Evidence packs: what was stored of events, in a form in which every later change shows.

A pack holds a list of the SHA-256 of its files and a link: the hash of the list, of the pack before, and its own. Who
changes a byte breaks a hash; who computes all of them anew breaks the link of the next pack, and what the engine noted.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import pairwise
import json
from pathlib import Path
import tempfile
from typing import Any, Final, Self
import zipfile

from .evidence_report import Told, report_of, told_of

LIST: Final = "SHA256SUMS"
LINK: Final = "chain.json"
_FIRST: Final = "0" * 64
_CHUNK: Final = 1024 * 1024
_DAMAGED: Final = (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A pack's place in the chain; ``previous`` is the digest of the pack before, zeros for the first."""

    number: int
    pack: str
    made_at: str
    list_sha256: str
    previous: str = _FIRST

    @property
    def digest(self) -> str:
        """Hash everything in it."""
        return sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def document(self) -> dict[str, Any]:
        """Write it with its digest."""
        return asdict(self) | {"digest": self.digest}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read it; raises ``ValueError`` where something is missing or its digest is another."""
        try:
            link = cls(**{name: document[name] for name in cls.__dataclass_fields__})
        except (KeyError, TypeError) as err:
            raise ValueError("the link is incomplete") from err
        if document.get("digest") != link.digest or document.keys() != link.document().keys():
            raise ValueError("the link was changed")
        return link


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What is wrong with a pack, nothing for a sound one; ``link`` is None where it cannot be read."""

    path: Path
    sha256: str
    link: Link | None
    faults: tuple[str, ...] = ()


class EvidencePack:
    """``export_files.ExportFile`` for evidence: ``seal`` before ``close``, which takes the link. All calls block."""

    def __init__(self, folder: Path) -> None:
        """Begin a pack in a fresh folder."""
        self._path = folder / "evidence.zip"
        self._zip = zipfile.ZipFile(self._path, "x")
        self._sums: dict[str, str] = {}
        self._events: list[Mapping[str, Any]] = []
        self._told: list[Told] = []
        self._size = 0

    def add(self, document: Mapping[str, Any]) -> None:
        """Take an event with its detections."""
        self._events.append(document)
        self._told.append(told_of(document))
        self._size += len(json.dumps(document))

    def picture(self, name: str, jpeg: bytes) -> None:
        """Write a picture."""
        self._write(name, jpeg)

    def seal(self, about: Mapping[str, Any]) -> str:
        """Write timeline, report and list; gives the hash of the list."""
        timeline = {"about": about, "events": self._events}
        self._write("timeline.json", json.dumps(timeline, ensure_ascii=False, indent=1).encode())
        self._write("report.html", report_of(about, self._told, self._sums).encode())
        listed = "".join(f"{digest}  {name}\n" for name, digest in sorted(self._sums.items())).encode()
        self._put(LIST, listed)
        return sha256(listed).hexdigest()

    def close(self, about: Mapping[str, Any]) -> Path:
        """Write the link that is given as ``chain`` and end the file."""
        self._put(LINK, json.dumps(about["chain"], indent=1).encode())
        self._zip.close()
        return self._path

    def size(self) -> int:
        """Tell how many bytes are written or wait to be."""
        return self._size + (self._zip.fp.tell() if self._zip.fp is not None else 0)

    def abandon(self) -> None:
        """Let go of a pack that is not to be ended."""
        if self._zip.fp is not None:
            self._zip.fp.close()
            self._zip.fp = None

    def _write(self, name: str, content: bytes) -> None:
        self._sums[name] = sha256(content).hexdigest()
        self._put(name, content)

    def _put(self, name: str, content: bytes) -> None:
        _add(self._zip, name, content)


def check_pack(path: Path) -> Checked:
    """Look at every byte of a pack; blocks."""
    whole = _digest(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return Checked(path=path, sha256=whole, **_contents(archive, path))
    except _DAMAGED as err:
        return Checked(path=path, sha256=whole, link=None, faults=(f"the archive is damaged: {err}",))


def check_chain(packs: Sequence[Checked], noted: Mapping[int, Mapping[str, str]] | None) -> tuple[str, ...]:
    """Compare packs with each other, and with what the engine noted by number (``digest`` and ``sha256``)."""
    faults: list[str] = []
    linked = sorted((one for one in packs if one.link is not None), key=lambda one: one.link.number if one.link else 0)
    for one, after in pairwise(linked):
        assert one.link is not None
        assert after.link is not None
        if after.link.number == one.link.number + 1 and after.link.previous != one.link.digest:
            faults.append(f"{after.path.name} does not follow {one.path.name}: one of them was made anew")
        elif after.link.number == one.link.number and after.sha256 != one.sha256:
            faults.append(f"{after.path.name} and {one.path.name} claim the same place in the chain")
    for one in linked if noted is not None else ():
        assert one.link is not None
        known = (noted or {}).get(one.link.number)
        if known is None:
            faults.append(f"{one.path.name}: the engine made no pack with the number {one.link.number}")
        elif known.get("digest") != one.link.digest or known.get("sha256", one.sha256) != one.sha256:
            faults.append(f"{one.path.name} is not the pack that the engine made")
    return tuple(faults)


def _contents(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    names = archive.namelist()
    if any(one.compress_type != zipfile.ZIP_STORED for one in archive.infolist()):
        # nor may a few bytes become many
        return {"link": None, "faults": ("the archive is compressed, which no pack is",)}
    faults = [f"{_told(name)} is there twice" for name, count in Counter(names).items() if count > 1]
    missing = [name for name in (LIST, LINK) if name not in names]
    if missing:
        return {"link": None, "faults": (*faults, *(f"{name} is missing" for name in missing))}
    listed = archive.read(LIST)
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in listed.decode().splitlines())}
    found = {name: sha256(archive.read(name)).hexdigest() for name in names if name not in {LIST, LINK}}
    faults += [f"{_told(name)} was changed" for name in sums.keys() & found.keys() if sums[name] != found[name]]
    faults += [f"{_told(name)} is missing" for name in sums.keys() - found.keys()]
    faults += [f"{_told(name)} was added" for name in found.keys() - sums.keys()]
    link: Link | None = None
    try:
        link = Link.of(json.loads(archive.read(LINK)))
    except ValueError as err:
        faults.append(str(err))
    if link is not None and link.list_sha256 != sha256(listed).hexdigest():
        faults.append(f"{LIST} was changed")
    if not faults and not _same_container(archive, path):
        faults.append("the archive around the files was changed")
    return {"link": link, "faults": tuple(sorted(faults))}


def _told(name: str) -> str:
    """Give a name in which nothing is obeyed by a terminal."""
    return name if name.isprintable() else ascii(name)


def _same_container(archive: zipfile.ZipFile, path: Path) -> bool:
    """Write the same files anew: a pack is written in one way only."""
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "again.zip"
        with zipfile.ZipFile(again, "x") as copy:
            for name in archive.namelist():
                _add(copy, name, archive.read(name))
        return _digest(again) == _digest(path)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # no compression and no time of its own: the same files always make the same bytes
    archive.writestr(zipfile.ZipInfo(name), content, compress_type=zipfile.ZIP_STORED)


def _digest(path: Path) -> str:
    found = sha256()
    with path.open("rb") as file:
        for chunk in _chunks(file):
            found.update(chunk)
    return found.hexdigest()


def _chunks(file: Any) -> Iterable[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk
