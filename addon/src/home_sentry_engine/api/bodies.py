"""Request bodies: read with a limit and a deadline, never decompressed, never trusted about their own type."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import BadHttpMessage
import orjson

from home_sentry_engine.contract.errors import (
    DeadlineExceeded,
    InvalidRequest,
    ServiceUnavailable,
    TooLarge,
    UnsupportedType,
)
from home_sentry_engine.domain.filetypes import SNIFF_BYTES, FileType, sniff

from .caller import CALLER, NAMED
from .fields import Field, read_object
from .idempotency import arrived

_CHUNK: Final = 64 * 1024
_MOST_PARTS: Final = 8
_SEVERAL: Final = 4
_UNTYPED: Final = frozenset({"", "application/octet-stream", "application/x-www-form-urlencoded"})
_ALIASES: Final = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "video/avi": "video/x-msvideo",
    "video/msvideo": "video/x-msvideo",
    "video/webm": "video/x-matroska",
    "video/quicktime": "video/mp4",
}
FILE_TYPES: Final = tuple(file_type.mime for file_type in FileType)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedFile:
    """A file as it came, with the type that its first bytes show."""

    data: bytes
    file_type: FileType


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    most: int
    max_bytes: int


class BodyReader:
    """Reads bodies under the server's limits; only so many files are in memory at once."""

    def __init__(self, *, max_json_bytes: int, max_file_bytes: int, files_at_once: int = 8) -> None:
        """Take the limits; a file slot that does not come free within ten seconds is ``ServiceUnavailable``."""
        self._max_json_bytes = max_json_bytes
        self._max_file_bytes = max_file_bytes
        self._slots = asyncio.Semaphore(files_at_once)
        self._slot_timeout_s = 10.0
        self._json_timeout_s = 10.0
        self._file_timeout_s = 60.0

    async def json(self, request: web.BaseRequest, fields: tuple[Field, ...]) -> dict[str, Any]:
        """Read a JSON object, empty for a body that is absent and need not be there.

        Raises ``InvalidRequest``, ``TooLarge``, ``UnsupportedType`` or ``DeadlineExceeded``.
        """
        _refuse_encoding(request)
        if request.content_type not in {"application/json", "application/octet-stream"}:
            raise UnsupportedType("the body must be application/json")
        data = await self._bounded(request, self._max_json_bytes, self._json_timeout_s)
        try:
            value = orjson.loads(data) if data or is_needed(fields) else {}
        except orjson.JSONDecodeError as err:
            raise InvalidRequest("the body is not valid JSON") from err
        found = read_object(fields, value)
        if "user" in found and (caller := request.get(CALLER)) is not None:
            user = found["user"] = caller.user(found["user"])
            if user is not None:
                request[NAMED] = user
        await arrived(request, data)
        return found

    async def nothing(self, request: web.BaseRequest) -> None:
        """Read the body of an operation that takes none; raises ``InvalidRequest`` for one that asks for something."""
        data = await self._bounded(request, self._max_json_bytes, self._json_timeout_s) if request.body_exists else b""
        if data.strip() not in {b"", b"{}", b"null"}:
            raise InvalidRequest("this operation takes no body; leave it out, what it says would not be done")
        await arrived(request, b"")

    async def file(self, request: web.BaseRequest) -> ReceivedFile:
        """Read one file, raw or from a form; raises ``TooLarge``, ``UnsupportedType``, ``InvalidRequest`` and such."""
        _refuse_encoding(request)
        _refuse_length(request, self._max_file_bytes + _CHUNK)
        async with self._slot():
            if request.content_type.startswith("multipart/"):
                ((declared, data),) = await self._form(request, _Form(most=1, max_bytes=self._max_file_bytes))
            else:
                declared = request.content_type
                data = await self._bounded(request, self._max_file_bytes, self._file_timeout_s)
        received = _received(declared, data)
        await arrived(request, data)
        return received

    async def pictures(self, request: web.BaseRequest, *, most: int, max_bytes: int) -> tuple[ReceivedFile, ...]:
        """Read 1 to ``most`` files: raw, from a form, or as base64 in JSON under ``image`` or ``images``."""
        _refuse_encoding(request)
        limit = max_bytes * most
        room = limit * 4 // 3 + _CHUNK if request.content_type == "application/json" else limit + _CHUNK
        _refuse_length(request, room)
        async with self._slot():
            if request.content_type.startswith("multipart/"):
                found = await self._form(request, _Form(most=most, max_bytes=max_bytes))
            elif request.content_type == "application/json":
                found = _images(await self._bounded(request, room, self._file_timeout_s), most)
            else:
                found = [(request.content_type, await self._bounded(request, max_bytes, self._file_timeout_s))]
        if any(len(data) > max_bytes for _, data in found):
            raise _too_large(max_bytes)
        return tuple(_received(declared, data) for declared, data in found)

    async def shown(
        self, request: web.BaseRequest, fields: tuple[Field, ...], *, most: int, max_bytes: int
    ) -> tuple[dict[str, Any], tuple[ReceivedFile, ...]]:
        """Read a JSON object with pictures in base64, one under ``image`` or up to ``most`` under ``frames``.

        Gives the other values and the pictures, which together take at most four times ``max_bytes``.
        """
        _refuse_encoding(request)
        if request.content_type != "application/json":
            raise UnsupportedType("the body must be application/json")
        several = any(field.name == "frames" for field in fields)
        room = (_SEVERAL if several else 1) * max_bytes * 4 // 3 + _CHUNK
        _refuse_length(request, room)
        async with self._slot():
            data = await self._bounded(request, room, self._file_timeout_s)
            try:
                values = read_object(fields, orjson.loads(data))
            except orjson.JSONDecodeError as err:
                raise InvalidRequest("the body is not valid JSON") from err
            texts = values.pop("frames") if several else [values.pop("image")]
            found = _from_base64(texts, most)
        await arrived(request, data)
        if any(len(one) > max_bytes for _, one in found):
            raise _too_large(max_bytes)
        return values, tuple(_received(declared, one) for declared, one in found)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._slot_timeout_s):
                await self._slots.acquire()
        except TimeoutError as err:
            raise ServiceUnavailable("too many uploads at once", details={"retry_after_s": 5}) from err
        try:
            yield
        finally:
            self._slots.release()

    async def _bounded(self, request: web.BaseRequest, limit: int, timeout_s: float) -> bytes:
        _refuse_length(request, limit)
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(timeout_s):
                while chunk := await request.content.readany():
                    size += len(chunk)
                    if size > limit:
                        raise _too_large(limit)
                    parts.append(chunk)
        except TimeoutError as err:
            raise DeadlineExceeded("the body did not arrive in time") from err
        except (web.RequestPayloadError, BadHttpMessage) as err:
            raise InvalidRequest("the body is broken") from err
        return b"".join(parts)

    async def _form(self, request: web.BaseRequest, form: _Form) -> list[tuple[str, bytes]]:
        try:
            async with asyncio.timeout(self._file_timeout_s):
                return await self._files(await request.multipart(), form)
        except TimeoutError as err:
            raise DeadlineExceeded("the body did not arrive in time") from err
        except TooLarge, InvalidRequest:
            raise
        except (
            web.RequestPayloadError,
            BadHttpMessage,
            ValueError,
            LookupError,
            TypeError,
            AssertionError,
            RuntimeError,
            EOFError,
        ) as err:
            raise InvalidRequest("the multipart form is broken") from err

    async def _files(self, reader: MultipartReader, form: _Form) -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []
        for _ in range(_MOST_PARTS + form.most):
            part = await reader.next()
            if part is None:
                break
            if not isinstance(part, BodyPartReader):
                raise InvalidRequest("a form within a form is not accepted")
            if part.filename is None:
                await self._part(part, _CHUNK)
            elif len(found) >= form.most:
                raise InvalidRequest("one file at a time" if form.most == 1 else f"at most {form.most} files at a time")
            else:
                declared = part.headers.get("Content-Type", "").partition(";")[0].strip()
                found.append((declared, await self._part(part, form.max_bytes)))
        else:
            raise InvalidRequest("the form has too many parts")
        if not found:
            raise InvalidRequest("the form holds no file")
        return found

    async def _part(self, part: BodyPartReader, limit: int) -> bytes:
        collected = bytearray()
        while chunk := await part.read_chunk(_CHUNK):
            collected += chunk
            if len(collected) > limit:
                raise _too_large(limit)
        return bytes(collected)


def is_needed(fields: tuple[Field, ...]) -> bool:
    """Tell whether a body with these fields has to be sent."""
    return any(field.required for field in fields)


def _images(body: bytes, most: int) -> list[tuple[str, bytes]]:
    try:
        value = orjson.loads(body)
        images = value["images"] if "images" in value else [value["image"]]
    except (orjson.JSONDecodeError, TypeError, KeyError) as err:
        raise InvalidRequest("the body must be JSON with a base64 'image', or 'images'") from err
    return _from_base64(images, most)


def _from_base64(images: object, most: int) -> list[tuple[str, bytes]]:
    if not isinstance(images, list) or not 1 <= len(images) <= most:
        raise InvalidRequest(f"1 to {most} images at a time")
    try:
        # a data URL carries the same after its comma
        return [("", b64decode(str(one).partition("base64,")[2] or str(one), validate=True)) for one in images]
    except ValueError as err:
        raise InvalidRequest("a picture is not base64") from err


def _received(declared: str, data: bytes) -> ReceivedFile:
    if not data:
        raise InvalidRequest("the file is empty")
    file_type = sniff(data[:SNIFF_BYTES])
    if file_type is None:
        raise UnsupportedType("not a JPEG, PNG, WebP, MP4, MOV, MKV or AVI file", details={"accepted": FILE_TYPES})
    declared = declared.lower()
    if declared not in _UNTYPED and _ALIASES.get(declared, declared) != file_type.mime:
        raise UnsupportedType(
            "the file is not what its Content-Type says",
            details={"declared": _plain(declared), "found": file_type.mime},
        )
    return ReceivedFile(data=data, file_type=file_type)


def _refuse_encoding(request: web.BaseRequest) -> None:
    if request.headers.get("Content-Encoding", "identity").lower() not in {"", "identity"}:
        raise UnsupportedType("compressed bodies are not accepted")


def _refuse_length(request: web.BaseRequest, limit: int) -> None:
    if request.content_length is not None and request.content_length > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body exceeds {limit} bytes", details={"limit_bytes": limit})


def _plain(text: str) -> str:
    return text[:60].encode("ascii", "replace").decode()
