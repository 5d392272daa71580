"""From an arrival to a booked file: read once, checked once, copied, then accepted or refused in one transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from io import BytesIO
import logging
import os
from pathlib import Path
from typing import Any, BinaryIO, Final

from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.errors import HomeSentryError, MasksChanged, Rejected, RejectReason
from home_sentry_engine.domain.files import FileFacts, Provenance
from home_sentry_engine.domain.identity import IdSource
from home_sentry_engine.domain.messages import Arrival, Media
from home_sentry_engine.resilience.courtesy import Courtesy

from .ports import Copies, Inspector, Ledger, Looked
from .source import SourceUnreadable
from .turns import Gate

_LOGGER = logging.getLogger(__name__)
_AT_ONCE: Final = 20
_LOOKS_AGAIN: Final = 4
_PERHAPS_UNFINISHED: Final = frozenset(
    {
        RejectReason.EMPTY,
        RejectReason.TOO_SMALL,
        RejectReason.TRUNCATED,
        RejectReason.CORRUPT,
        RejectReason.NOT_MEDIA,
        RejectReason.NO_VIDEO_STREAM,
    }
)


class CopyFailed(HomeSentryError, OSError):
    """The engine's own copy could not be written: the disk is full or broken."""


class Unfinished(HomeSentryError):
    """The content is not whole, and somebody may still be writing it."""

    def __init__(self, rejected: Rejected) -> None:
        """Keep what would be the reason if nothing more came."""
        super().__init__(str(rejected))
        self.rejected = rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The file is booked and its detection is queued; ``replaced`` tells that the upload itself was changed."""

    media: Media
    replaced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """This content came from this camera a moment ago."""

    sha256: str
    replaced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The file is booked as refused, with the reason."""

    rejected: Rejected


type Outcome = Accepted | Duplicate | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeLimits:
    """How many bytes a file may have; a still is read into memory."""

    max_image_bytes: int = 50 * 1024 * 1024
    min_video_bytes: int = 1024
    max_video_bytes: int = 2 * 1024 * 1024 * 1024


async def _never(_camera_id: str, _path: Path, _content: bytes) -> bool:
    return False


async def _nothing() -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What intake works with: the executor for blocking steps, new ids, bounds.

    ``replace`` puts other content in the place of an upload; False where that cannot be done. ``renew`` learns the
    newest privacy masks. ``checks`` files are looked at together, the cameras in turn; by ``courtesy`` those of a quiet
    camera pass.
    """

    executor: Executor
    ids: IdSource
    limits: SizeLimits
    replace: Callable[[str, Path, bytes], Awaitable[bool]] = _never
    renew: Callable[[], Awaitable[None]] = _nothing
    checks: int = 2
    courtesy: Courtesy = field(default_factory=lambda: Courtesy(SystemClock()))


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedMedia[L: Looked]:
    """A sound file; ``path`` is where it lies for the engine, ``copied`` tells that the engine wrote it."""

    media_id: str
    sha256: str
    size_bytes: int
    looked: L
    path: Path
    copied: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    sha256: str
    size_bytes: int
    data: bytes | None


class _Bad(Exception):
    def __init__(self, rejected: Rejected, sha256: str | None) -> None:
        super().__init__(str(rejected))
        self.rejected = rejected
        self.sha256 = sha256


class Intake[L: Looked]:
    """Takes arrivals, at most 20 at once; reading, checking and copying run in the executor."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        inspector: Inspector[L],
        copies: Copies,
        open_file: Callable[[Path], BinaryIO],
        means: Means,
    ) -> None:
        """Take what books, checks, copies and opens files."""
        self._ledger = ledger
        self._inspector = inspector
        self._copies = copies
        self._open_file = open_file
        self._means = means
        self._slots = Gate(_AT_ONCE)
        self._checks = Gate(means.checks)

    async def known_sources(self, keys: Sequence[str]) -> set[str]:
        """Tell which files were booked before."""
        return await self._ledger.known_sources(keys)

    async def take(self, arrival: Arrival, *, final: bool = True) -> Outcome:
        """Check and book one file.

        Raises ``Unfinished`` instead of refusing incomplete content unless this is the ``final`` look,
        ``FileNotFoundError`` for a file that vanished, ``SourceUnreadable`` for one that cannot be read now,
        ``CopyFailed``, and whatever the ledger raises; the same arrival may be taken again after any of them.
        ``MasksChanged`` comes only where masks change faster than a file can be looked at.
        """
        camera_id, courtesy = arrival.camera_id, self._means.courtesy
        async with (
            courtesy.turn(passes=courtesy.came(camera_id) and not arrival.behind),
            self._slots.entered(camera_id),
        ):
            for _ in range(_LOOKS_AGAIN):
                try:
                    return await self._take(arrival, final=final)
                except MasksChanged:
                    await self._means.renew()
            return await self._take(arrival, final=final)

    async def refuse(self, arrival: Arrival, rejected: Rejected) -> Refused:
        """Book a file as refused without reading it."""
        return await self._refuse(arrival, rejected, None)

    async def _take(self, arrival: Arrival, *, final: bool) -> Outcome:
        try:
            async with self._checks.entered(arrival.camera_id):
                checked = await self._in_executor(lambda: self._check(arrival))
        except _Bad as bad:
            if not final and bad.rejected.reason in _PERHAPS_UNFINISHED:
                raise Unfinished(bad.rejected) from bad
            return await self._refuse(arrival, bad.rejected, bad.sha256)
        if checked.looked.worn and arrival.path is not None:
            return await self._repeated(arrival, checked)
        return await self._book(arrival, checked)

    async def _book(self, arrival: Arrival, checked: CheckedMedia[L]) -> Outcome:
        media = _media(arrival, checked)
        # before the booking: detection may begin with its commit
        self._inspector.remember(checked.media_id, checked.looked)
        try:
            booked = await self._ledger.accept(media, arrival)
        except Rejected as err:
            await self._discard(checked)
            return await self._refuse(arrival, err, checked.sha256)
        except TimeoutError:
            # it may have been booked all the same: the copy stays
            raise
        except Exception:
            await self._discard(checked)
            raise
        replaced = await self._replace(arrival, checked.looked)
        if not booked.accepted:
            await self._discard(checked)
            return Duplicate(sha256=checked.sha256, replaced=replaced)
        return Accepted(media=media, replaced=replaced)

    async def _repeated(self, arrival: Arrival, checked: CheckedMedia[L]) -> Duplicate:
        await self._discard(checked)
        await self._ledger.repeat(arrival)
        return Duplicate(sha256=checked.sha256, replaced=await self._replace(arrival, checked.looked))

    async def _replace(self, arrival: Arrival, looked: L) -> bool:
        content, path = looked.content, arrival.path
        if content is None or path is None:
            return False
        return await self._means.replace(arrival.camera_id, path, content)

    async def _refuse(self, arrival: Arrival, rejected: Rejected, digest: str | None) -> Refused:
        await self._ledger.reject(arrival, rejected, sha256=digest)
        _LOGGER.info(
            "a file was refused: %s", rejected.detail, extra=_about(arrival) | {"reason": rejected.reason.value}
        )
        return Refused(rejected=rejected)

    async def _discard(self, checked: CheckedMedia[L]) -> None:
        if checked.copied:
            await self._in_executor(lambda: self._copies.discard(checked.path))

    async def _in_executor[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._means.executor, work)

    def _check(self, arrival: Arrival) -> CheckedMedia[L]:
        try:
            return self._checked(arrival)
        except Rejected as err:
            raise _Bad(err, None) from err

    def _checked(self, arrival: Arrival) -> CheckedMedia[L]:
        with self._opened(arrival) as file:
            modified_at = _modified_at(file) if arrival.path else None
            name = arrival.path.name if arrival.path else None
            provenance = Provenance(
                seen_at=arrival.seen_at, name=name, modified_at=modified_at, camera_id=arrival.camera_id
            )
            try:
                content = self._read(file, arrival.kind)
                looked = self._look(file, content, provenance)
            except OSError as err:
                raise SourceUnreadable(err.errno, err.strerror) from err
        media_id = self._means.ids()
        data = arrival.data if arrival.data is not None else content.data
        if looked.content is not None:
            data = looked.content
        path = arrival.path
        if data is not None or path is None:
            path = self._stored(media_id, arrival.camera_id, looked.facts, data or b"")
        return CheckedMedia(
            media_id=media_id,
            sha256=content.sha256,
            size_bytes=content.size_bytes if data is None else len(data),
            looked=looked,
            path=path,
            copied=data is not None,
        )

    def _look(self, file: BinaryIO, content: _Content, provenance: Provenance) -> L:
        try:
            if content.data is None:
                return self._inspector.inspect_video(file, provenance)
            return self._inspector.inspect_still(content.data, provenance)
        except Rejected as err:
            raise _Bad(err, content.sha256) from err

    def _stored(self, media_id: str, camera_id: str, facts: FileFacts, data: bytes) -> Path:
        try:
            return self._copies.store(media_id, camera_id, facts, data)
        except OSError as err:
            raise CopyFailed(err.errno, err.strerror) from err

    def _opened(self, arrival: Arrival) -> BinaryIO:
        if arrival.path is not None:
            return self._open_file(arrival.path)
        return BytesIO(arrival.data or b"")

    def _read(self, file: BinaryIO, kind: MediaKind) -> _Content:
        limits = self._means.limits
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        limit = limits.max_video_bytes if kind is MediaKind.VIDEO else limits.max_image_bytes
        if size == 0:
            raise Rejected(RejectReason.EMPTY, "the file is empty")
        if size > limit:
            raise Rejected(RejectReason.TOO_LARGE, f"{size} bytes are more than {limit}")
        if kind is MediaKind.VIDEO:
            if size < limits.min_video_bytes:
                raise Rejected(RejectReason.TOO_SMALL, f"{size} bytes are less than {limits.min_video_bytes}")
            return _Content(sha256=file_digest(_digestible(file), "sha256").hexdigest(), size_bytes=size, data=None)
        data = file.read(limit + 1)
        return _Content(sha256=sha256(data).hexdigest(), size_bytes=len(data), data=data)


def _digestible(file: BinaryIO) -> Any:
    # file_digest's protocol asks for readinto, which every file has and BinaryIO does not name
    return file


def _modified_at(file: BinaryIO) -> datetime | None:
    try:
        return datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
    except OverflowError, ValueError:
        return None


def _media[L: Looked](arrival: Arrival, checked: CheckedMedia[L]) -> Media:
    facts = checked.looked.facts
    return Media(
        media_id=checked.media_id,
        camera_id=arrival.camera_id,
        path=checked.path,
        sha256=checked.sha256,
        kind=facts.file_type.kind,
        captured_at=arrival.captured_at or facts.captured.at,
        received_at=arrival.seen_at,
        size_bytes=checked.size_bytes,
        width=facts.width,
        height=facts.height,
        duration_s=facts.duration_s,
        mime=facts.file_type.mime,
        codec=facts.codec,
        veil=checked.looked.veil,
    )


def _about(arrival: Arrival) -> dict[str, Any]:
    return {"camera_id": arrival.camera_id, "origin": arrival.origin, "file": arrival.name}
