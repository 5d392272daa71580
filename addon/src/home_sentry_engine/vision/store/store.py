"""Finding a model's files: own folder, then mirror, then source; nothing unverified is ever given out."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
import importlib.util
import logging
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, urlsplit

from home_sentry_engine.settings import ModelSettings
from home_sentry_engine.vision.catalog import Card, CardFile, Source

from .download import NotThere, Order, download
from .errors import DownloadFailed, HashMismatch, ModelMissing, StoreError
from .ledger import Digest, Ledger

_LOGGER = logging.getLogger(__name__)
_SHORT: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a download is; ``total_bytes`` is None while the server has not told."""

    model_id: str
    file: str
    origin: str
    done_bytes: int
    total_bytes: int | None


type OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """Verified files of one card on this machine, by file name.

    ``origin`` is ``local``, ``mirror``, ``source`` or ``package``.
    """

    card: Card
    paths: Mapping[str, Path]
    origin: str

    @property
    def main(self) -> Path:
        """The first file, which is the model itself."""
        return self.paths[self.card.files[0].name]

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.paths.values())


class FileState(StrEnum):
    """What a check found."""

    VERIFIED = "verified"
    MISSING = "missing"
    CORRUPT = "corrupt"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """Result of checking one file; ``expected`` is None where no hash was known before."""

    model_id: str
    file: str
    state: FileState
    origin: str | None = None
    sha256: str | None = None
    expected: str | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """A card and where it can be had from: ``local``, ``mirror``, ``source`` (by fetching), ``package`` or ``none``."""

    card: Card
    place: str
    size_bytes: int | None


class ModelStore:
    """Model files by card.

    A folder mirror is used in place and never written to. Where a card names no sha256 the first file seen is pinned in
    the lock file; from then on only the same bytes are accepted. Where it names a branch, the commit of the first file
    that its source serves is pinned, and the others come from there. One fetch per model at a time.
    """

    def __init__(self, settings: ModelSettings, *, on_progress: OnProgress | None = None) -> None:
        """Take the places; ``on_progress`` is called on the event loop for every piece that arrives."""
        self._settings = settings
        self._on_progress = on_progress
        self._ledger = Ledger(settings.folder)
        self._locks: dict[str, asyncio.Lock] = {}
        mirror = settings.mirror
        self._mirror_url = mirror.rstrip("/") if mirror and urlsplit(mirror).scheme in {"http", "https"} else None
        self._mirror_folder = Path(mirror) if mirror and self._mirror_url is None else None

    async def find(self, card: Card) -> LocalModel | None:
        """Give the verified files if all are here or in a folder mirror; None if one is missing.

        Raises ``HashMismatch``.
        """
        found: dict[str, Path] = {}
        origins: set[str] = set()
        for file in card.files:
            here = await asyncio.to_thread(self._verified, card, file)
            if here is None:
                return None
            found[file.name] = here[0]
            origins.add(here[1])
        origin = origins.pop() if len(origins) == 1 else "local"
        return LocalModel(card=card, paths=MappingProxyType(found), origin=origin)

    async def fetch(self, card: Card, *, on_progress: OnProgress | None = None) -> LocalModel:
        """Give the verified files, fetching what is missing; raises ``StoreError``."""
        if not card.files:
            raise ModelMissing(f"{card.id} has no files: {card.note or card.name}", code="no_files")
        async with self._locks.setdefault(card.id, asyncio.Lock()):
            found: dict[str, Path] = {}
            origins: list[str] = []
            for file in card.files:
                path, origin = await self._one(card, file, on_progress or self._on_progress)
                found[file.name] = path
                origins.append(origin)
        return LocalModel(card=card, paths=MappingProxyType(found), origin=origins[0])

    async def verify(self, card: Card) -> tuple[FileReport, ...]:
        """Read every file of a card again and compare; deletes nothing, pins what was not known yet."""
        return tuple([await asyncio.to_thread(self._report, card, file) for file in card.files])

    async def listing(self, cards: Iterable[Card]) -> tuple[StoredModel, ...]:
        """Tell where each model could be had from, without reading any file."""
        return await asyncio.to_thread(lambda: tuple(self._stored(card) for card in cards))

    async def remove(self, card: Card) -> int:
        """Delete our own copies of a model and their pins; gives the bytes freed. A mirror is left alone."""
        async with self._locks.setdefault(card.id, asyncio.Lock()):
            return await asyncio.to_thread(self._remove, card)

    async def _one(self, card: Card, file: CardFile, on_progress: OnProgress | None) -> tuple[Path, str]:
        troubles: list[StoreError] = []
        try:
            here = await asyncio.to_thread(self._verified, card, file)
            if here is not None:
                return here
        except HashMismatch as err:
            _LOGGER.warning("%s", err.reason, extra={"model_id": card.id})
            troubles.append(err)
        for origin, url in self._addresses(card, file):
            try:
                return await self._download(card, file, _Place(origin=origin, url=url, report=on_progress)), origin
            except (HashMismatch, DownloadFailed) as err:
                _LOGGER.warning("%s", err.reason, extra={"model_id": card.id})
                troubles.append(err)
        raise self._verdict(card, file, troubles)

    def _verdict(self, card: Card, file: CardFile, troubles: list[StoreError]) -> StoreError:
        why = "; ".join(trouble.reason for trouble in troubles)
        if any(isinstance(trouble, HashMismatch) for trouble in troubles):
            return HashMismatch(why, code="hash_mismatch")
        if any(not isinstance(trouble, NotThere) for trouble in troubles):
            return DownloadFailed(f"{card.name} could not be fetched: {why}", code="download")
        if self._settings.offline and card.source.url(file.path):
            why = "; ".join(filter(None, (why, "offline mode forbids fetching it")))
        help_text = f"put {file.name} into the model folder or a mirror"
        return ModelMissing(f"{card.name} is not here" + (f": {why}" if why else "") + f"; {help_text}", code="missing")

    def _addresses(self, card: Card, file: CardFile) -> list[tuple[str, str]]:
        addresses: list[tuple[str, str]] = []
        if self._mirror_url is not None:
            name = quote(file.name)
            addresses += [
                ("mirror", f"{self._mirror_url}/{name}"),
                ("mirror", f"{self._mirror_url}/{card.id}/{name}"),
            ]
        source = self._pinned(card.source).url(file.path)
        if source is not None and not self._settings.offline:
            addresses.append(("source", source))
        return addresses

    def _pinned(self, source: Source) -> Source:
        """Give a source at the commit from which its first file came, so that all of a model belongs together."""
        commit = self._ledger.commit(_named(source)) if source.moves else None
        return source if commit is None else replace(source, revision=commit)

    async def _download(self, card: Card, file: CardFile, place: _Place) -> Path:
        target = self._settings.folder / card.id / file.name
        expected = file.sha256 or self._ledger.pinned(file.name)

        def report(done: int, total: int | None) -> None:
            if place.report is not None:
                place.report(
                    Progress(model_id=card.id, file=file.name, origin=place.origin, done_bytes=done, total_bytes=total)
                )

        arrived = await download(
            Order(
                url=place.url,
                target=target,
                sha256=expected,
                size_bytes=file.size_bytes,
                timeout_s=self._settings.download_timeout_s,
                disk_floor_bytes=self._settings.disk_floor_bytes,
                report=report,
            )
        )
        await asyncio.to_thread(self._note, file, target, arrived.digest, place.origin)
        if place.origin == "source" and card.source.moves and arrived.commit is not None:
            await asyncio.to_thread(self._ledger.pin_commit, _named(card.source), arrived.commit)
        return target

    def _note(self, file: CardFile, path: Path, digest: Digest, origin: str) -> None:
        if file.sha256 is None and self._ledger.pinned(file.name) is None:
            self._ledger.pin(file.name, digest, origin)
        self._ledger.remember(path, digest)

    def _places(self, card: Card, file: CardFile) -> list[tuple[Path, str]]:
        places = [(self._settings.folder / card.id / file.name, "local"), (self._settings.folder / file.name, "local")]
        if self._mirror_folder is not None:
            places += [
                (self._mirror_folder / card.id / file.name, "mirror"),
                (self._mirror_folder / file.name, "mirror"),
            ]
        if card.source.host == "package":
            places += [(folder / file.path, "package") for folder in _package_folders(card.source.repository)]
        return [(path, origin) for path, origin in places if path.is_file()]

    def _verified(self, card: Card, file: CardFile) -> tuple[Path, str] | None:
        mismatch: HashMismatch | None = None
        for path, origin in self._places(card, file):
            digest = self._ledger.digest(path)
            expected = file.sha256 or self._ledger.pinned(file.name)
            if expected is None:
                self._ledger.pin(file.name, digest, origin)
            elif digest.sha256 != expected:
                mismatch = self._refuse(path, origin, digest, expected)
                continue
            return path, origin
        if mismatch is not None:
            raise mismatch
        return None

    def _refuse(self, path: Path, origin: str, digest: Digest, expected: str) -> HashMismatch:
        what = f"{path.name} has sha256 {digest.sha256[:_SHORT]}…, expected {expected[:_SHORT]}…"
        if origin != "local":
            return HashMismatch(f"{what}; the {origin}'s copy is not used", code="hash_mismatch")
        path.unlink(missing_ok=True)
        return HashMismatch(f"{what}; it was deleted", code="hash_mismatch")

    def _report(self, card: Card, file: CardFile) -> FileReport:
        expected = file.sha256 or self._ledger.pinned(file.name)
        for path, origin in self._places(card, file):
            digest = self._ledger.digest(path, again=True)
            if expected is None:
                self._ledger.pin(file.name, digest, origin)
            return FileReport(
                model_id=card.id,
                file=file.name,
                state=FileState.VERIFIED if expected in {None, digest.sha256} else FileState.CORRUPT,
                origin=origin,
                sha256=digest.sha256,
                expected=expected,
                size_bytes=digest.size_bytes,
            )
        return FileReport(model_id=card.id, file=file.name, state=FileState.MISSING, expected=expected)

    def _stored(self, card: Card) -> StoredModel:
        if not card.files:
            return StoredModel(card=card, place=card.source.host, size_bytes=None)
        places = [self._places(card, file) for file in card.files]
        if all(places):
            size = sum(found[0][0].stat().st_size for found in places)
            return StoredModel(card=card, place=places[0][0][1], size_bytes=size)
        if self._mirror_url is not None:
            return StoredModel(card=card, place="mirror", size_bytes=card.size_bytes)
        fetchable = all(card.source.url(file.path) for file in card.files) and not self._settings.offline
        return StoredModel(card=card, place="source" if fetchable else "none", size_bytes=card.size_bytes)

    def _remove(self, card: Card) -> int:
        freed = 0
        for file in card.files:
            for path, origin in self._places(card, file):
                if origin == "local":
                    freed += path.stat().st_size
                    path.unlink()
            (self._settings.folder / card.id / f"{file.name}.part").unlink(missing_ok=True)
            self._ledger.forget(file.name)
        self._ledger.forget_commit(_named(card.source))
        return freed


def _named(source: Source) -> str:
    return f"{source.host}:{source.repository}@{source.revision}"


def _package_folders(package: str) -> list[Path]:
    """Find an installed package without running any of its code."""
    spec = importlib.util.find_spec(package)
    return [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    origin: str
    url: str
    report: OnProgress | None
