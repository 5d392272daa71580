"""One file over HTTP into one place: resumed, hashed while it streams, made visible only when it is right."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
import fcntl
import hashlib
import os
from pathlib import Path
import re
import shutil
from typing import IO, Final
from urllib.parse import urlsplit

import aiohttp

from home_sentry_engine.resilience.outbound import ForbiddenAddress, guarded_connector, only_allowed

from .errors import DiskTooFull, DownloadFailed, HashMismatch
from .ledger import Digest

_CHUNK_BYTES: Final = 256 * 1024
_TRIES: Final = 3
_RETRY_S: Final = 1.0
_PARTIAL, _OK = 206, 200
_NOT_SATISFIABLE = 416
_COMMIT: Final = re.compile("[0-9a-f]{40}")
_SHA256: Final = re.compile("[0-9a-f]{64}")
_MISSING = frozenset({401, 403, 404, 410})


class NotThere(DownloadFailed):
    """The server has no such file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is fetched, to where, and what it must be; ``report`` gets (bytes done, bytes in all or None)."""

    url: str
    target: Path
    sha256: str | None
    size_bytes: int | None
    timeout_s: float
    disk_floor_bytes: int
    report: Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What came; ``commit`` is the state of the repository that the server served, where it told."""

    digest: Digest
    commit: str | None = None


async def download(order: Order) -> Arrived:
    """Fetch a file; ``target`` appears only complete and verified.

    Raises ``NotThere``, ``DownloadFailed`` (what arrived stays for the next try), ``HashMismatch`` (nothing stays) or
    ``DiskTooFull``.
    """
    timeout = aiohttp.ClientTimeout(total=None, connect=order.timeout_s, sock_read=order.timeout_s)
    async with aiohttp.ClientSession(
        timeout=timeout, auto_decompress=False, connector=guarded_connector(), middlewares=(only_allowed,)
    ) as http:
        for attempt in range(1, _TRIES + 1):
            try:
                return await _attempt(order, http)
            except NotThere:
                raise
            except DownloadFailed:
                if attempt == _TRIES:
                    raise
                await asyncio.sleep(_RETRY_S * attempt)
    raise AssertionError("unreachable")


async def _attempt(order: Order, http: aiohttp.ClientSession) -> Arrived:
    part = order.target.with_name(f"{order.target.name}.part")
    with _exclusive(part) as stream:
        running = await asyncio.to_thread(_hash_existing, stream)
        headers = {"Accept-Encoding": "identity"}
        if running.size:
            headers["Range"] = f"bytes={running.size}-"
        try:
            async with http.get(order.url, headers=headers) as response:
                await _receive(order, response, stream, running)
                answers = (*response.history, response)
                commit = _told(answers, "X-Repo-Commit", _COMMIT)
                whole = replace(order, sha256=order.sha256 or _told(answers, "X-Linked-ETag", _SHA256))
        except NotThere:
            if not running.size:
                part.unlink(missing_ok=True)
            raise
        except (aiohttp.ClientError, ForbiddenAddress, TimeoutError) as err:
            raise DownloadFailed(
                f"{_host(order.url)} broke off: {str(err) or type(err).__name__}", code="download"
            ) from err
        # small files are in the buffer until here
        stream.flush()
        digest = Digest(sha256=running.sha.hexdigest(), size_bytes=running.size)
        try:
            _check(whole, digest, part)
        except HashMismatch:
            part.unlink(missing_ok=True)
            raise
        await asyncio.to_thread(_publish, stream, part, order.target)
    return Arrived(digest=digest, commit=commit)


def _told(answers: Iterable[aiohttp.ClientResponse], name: str, form: re.Pattern[str]) -> str | None:
    """Read what Hugging Face tells with its first answer, which sends on to where the file lies."""
    told = (answer.headers.get(name, "").strip('"').lower() for answer in answers)
    return next((one for one in told if form.fullmatch(one)), None)


class _Running:
    def __init__(self) -> None:
        self.sha = hashlib.sha256()
        self.size = 0

    def add(self, data: bytes) -> None:
        self.sha.update(data)
        self.size += len(data)


async def _receive(order: Order, response: aiohttp.ClientResponse, stream: IO[bytes], running: _Running) -> None:
    if response.status in _MISSING:
        raise NotThere(f"{_host(order.url)} has no {order.target.name} ({response.status})", code="not_there")
    if response.status == _NOT_SATISFIABLE and running.size:
        return
    if response.status not in {_OK, _PARTIAL}:
        raise DownloadFailed(f"{_host(order.url)} answered {response.status}", code="download")
    if response.status == _OK and running.size:
        stream.seek(0)
        stream.truncate()
        running.sha, running.size = hashlib.sha256(), 0
    total = order.size_bytes
    if total is None and response.content_length is not None:
        total = running.size + response.content_length
    _leave_room(order, (total or 0) - running.size)
    order.report(running.size, total)
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        if order.size_bytes is not None and running.size > order.size_bytes:
            break
        _leave_room(order, len(chunk))
        await asyncio.to_thread(_append, stream, running, chunk)
        order.report(running.size, total)
    if order.size_bytes is None and total is not None and running.size < total:
        raise DownloadFailed(f"{_host(order.url)} stopped after {running.size} of {total} bytes", code="download")


def _append(stream: IO[bytes], running: _Running, chunk: bytes) -> None:
    stream.write(chunk)
    running.add(chunk)


def _hash_existing(stream: IO[bytes]) -> _Running:
    running = _Running()
    stream.seek(0)
    while chunk := stream.read(_CHUNK_BYTES):
        running.add(chunk)
    return running


def _leave_room(order: Order, more_bytes: int) -> None:
    free = shutil.disk_usage(order.target.parent).free
    if free - more_bytes < order.disk_floor_bytes:
        raise DiskTooFull(
            f"{order.target.name} needs {more_bytes / 1e6:.0f} MB more and the disk has {free / 1e6:.0f} MB free,"
            f" of which {order.disk_floor_bytes / 1e6:.0f} MB stay free",
            code="disk_full",
        )


def _check(order: Order, digest: Digest, part: Path) -> None:
    if order.size_bytes is not None and digest.size_bytes < order.size_bytes:
        raise DownloadFailed(
            f"{_host(order.url)} stopped after {digest.size_bytes} of {order.size_bytes} bytes", code="download"
        )
    if order.size_bytes is not None and digest.size_bytes > order.size_bytes:
        raise HashMismatch(
            f"{order.target.name} from {_host(order.url)} is longer than {order.size_bytes} bytes; it was deleted",
            code="hash_mismatch",
        )
    if order.sha256 is not None and digest.sha256 != order.sha256:
        raise HashMismatch(
            f"{order.target.name} from {_host(order.url)} has sha256 {digest.sha256[:12]}…, expected"
            f" {order.sha256[:12]}…; it was deleted",
            code="hash_mismatch",
        )
    with part.open("rb") as stream:
        head = stream.read(4)
    begins = {b"<"} if part.name.endswith(".json.part") else {b"<", b"{"}
    if not head or head[:1] in begins or (part.name.endswith(".gguf.part") and head != b"GGUF"):
        raise HashMismatch(
            f"what {_host(order.url)} sent as {order.target.name} is no model file; it was deleted", code="not_a_model"
        )


def _publish(stream: IO[bytes], part: Path, target: Path) -> None:
    stream.flush()
    os.fsync(stream.fileno())
    part.replace(target)


@contextmanager
def _exclusive(part: Path) -> Iterator[IO[bytes]]:
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("a+b") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DownloadFailed(f"another process is fetching {part.stem} already", code="busy") from None
        yield stream
        stream.flush()


def _host(url: str) -> str:
    return urlsplit(url).hostname or "the source"
