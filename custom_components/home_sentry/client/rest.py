"""REST side of the client: identity, status and pictures, each with a deadline."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from aiohttp import (
    ClientConnectorCertificateError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    ClientWSTimeout,
    ServerFingerprintMismatch,
)
from aiohttp import ClientError as HttpError

from ..contract import Info, KeyRole, Problem, Status, Summary, Whoami, WireError, decode
from ..contract.errors import InvalidRequest
from .certificate import pin
from .errors import (
    BadAnswer,
    CertificateChanged,
    NoPicture,
    NotAllPowers,
    Refused,
    Unreachable,
    Untrusted,
    require_compatible,
)

_API: Final = "/api/v1"
_MAX_JSON_BYTES: Final = 1 << 20
_MAX_PICTURE_BYTES: Final = 32 << 20
_MAX_MESSAGE_BYTES: Final = 16 << 20
_CHUNK_BYTES: Final = 1 << 16
_OF_CLIPS: Final = {HTTPStatus.PARTIAL_CONTENT, HTTPStatus.NOT_MODIFIED, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}
_NO_CLIP: Final = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}
_PASSED: Final = (
    "Content-Type",
    "Content-Length",
    "Content-Disposition",
    "Content-Range",
    "Accept-Ranges",
    "ETag",
    "Last-Modified",
)
_PROBLEM: Final = "application/problem+json"
_REFUSALS: Final = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long each kind of answer may take; ``heartbeat_s`` is the pause between pings on the WebSocket."""

    request_s: float = 10.0
    picture_s: float = 15.0
    clip_s: float = 210.0
    summary_s: float = 95.0
    greeting_s: float = 10.0
    heartbeat_s: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Encoded picture and its media type."""

    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """A clip on its way: HTTP status (200, 206, 304 or 416), the headers that a player needs, and the bytes."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class Engine:
    """One engine at one address; the token travels in the header only and never follows a redirect."""

    def __init__(
        self,
        session: ClientSession,
        url: str,
        token: str,
        deadlines: Deadlines | None = None,
        *,
        fingerprint: str | None = None,
    ) -> None:
        """Use the caller's session; ``url`` is ``scheme://host:port``, ``fingerprint`` pins the certificate there."""
        self._session = session
        self._ssl = pin(fingerprint)
        self._base = url.rstrip("/")
        self._token = token
        self.deadlines = deadlines or Deadlines()

    @property
    def url(self) -> str:
        """Address without path."""
        return self._base

    @property
    def token(self) -> str:
        """Secret that the engine asks for."""
        return self._token

    async def info(self) -> Info:
        """Give identity and abilities; raises a ``ClientError``, ``Incompatible`` among them."""
        info = await self._record(Info, "info")
        require_compatible(info)
        return info

    async def require_all_powers(self) -> None:
        """Raise ``NotAllPowers`` for the token of a key that is limited in what it may do or see."""
        caller = await self._record(Whoami, "whoami")
        if caller.role is not KeyRole.ADMIN or caller.cameras:
            raise NotAllPowers(f"the key '{caller.name}' has the role '{caller.role}'")

    async def status(self) -> Status:
        """Give the state of the whole engine."""
        return await self._record(Status, "status")

    async def alive(self) -> None:
        """Return if the process answers; raises ``Unreachable`` or ``Untrusted``. No token is sent."""
        try:
            async with self._session.get(
                f"{self._base}/health",
                timeout=ClientTimeout(total=self.deadlines.request_s),
                allow_redirects=False,
                ssl=self._ssl,
            ) as response:
                _require_ok(response)
        except (HttpError, OSError, TimeoutError) as err:
            if isinstance(err, Unreachable | Refused | Untrusted):
                raise
            raise _translated(err) from err

    async def event_snapshot(self, event_id: str) -> Picture:
        """Give the whole picture of an event with its boxes drawn."""
        return await self._picture("events", event_id, "snapshot.jpg")

    async def latest_picture(self, camera_id: str) -> Picture:
        """Give the newest picture of a camera."""
        return await self._picture("cameras", camera_id, "latest.jpg")

    async def summarise(self, since: datetime, until: datetime, property_id: str | None) -> Summary:
        """Have a time summarised, which may take a minute; raises a ``ClientError`` or the engine's ``WireError``."""
        asked = {"since": since.isoformat(), "until": until.isoformat(), "property": property_id}
        try:
            async with self._session.post(
                self._url("summaries"),
                json=asked,
                headers={"Authorization": f"Bearer {self._token}"},
                timeout=ClientTimeout(total=self.deadlines.summary_s),
                allow_redirects=False,
                ssl=self._ssl,
            ) as response:
                body = await _body(response, _MAX_JSON_BYTES)
                if response.content_type == _PROBLEM and response.status not in _REFUSALS:
                    raise _told(body)
                if response.status != HTTPStatus.CREATED:
                    _require_ok(response)
        except (HttpError, OSError, TimeoutError) as err:
            if isinstance(err, Unreachable | Refused | Untrusted):
                raise
            raise _translated(err) from err
        return _decoded(Summary, body)

    @asynccontextmanager
    async def clip(
        self, *parts: str, query: Mapping[str, str], wanted: Mapping[str, str], only_headers: bool = False
    ) -> AsyncIterator[Footage]:
        """Open the clip at a path below the API, the part of it that ``wanted`` (request headers) names.

        The engine may have to make it first, which takes up to minutes. Raises ``NoPicture`` with the reason where
        there is none.
        """
        try:
            async with self._session.request(
                "HEAD" if only_headers else "GET",
                self._url(*parts),
                params=query,
                headers={**wanted, "Authorization": f"Bearer {self._token}"},
                timeout=ClientTimeout(total=None, connect=self.deadlines.request_s, sock_read=self.deadlines.clip_s),
                allow_redirects=False,
                ssl=self._ssl,
            ) as response:
                if response.status in _NO_CLIP:
                    raise NoPicture(f"the engine answered {response.status}")
                if response.status not in _OF_CLIPS:
                    _require_ok(response)
                headers = {name: value for name in _PASSED if (value := response.headers.get(name)) is not None}
                yield Footage(
                    status=response.status, headers=headers, chunks=response.content.iter_chunked(_CHUNK_BYTES)
                )
        except (HttpError, OSError, TimeoutError) as err:
            if isinstance(err, Unreachable | Refused | Untrusted):
                raise
            raise _translated(err) from err

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[ClientWebSocketResponse]:
        """Open the WebSocket; raises ``Unreachable``, ``Refused`` or ``BadAnswer``."""
        try:
            async with asyncio.timeout(self.deadlines.request_s):
                socket = await self._session.ws_connect(
                    self._url("ws"),
                    heartbeat=self.deadlines.heartbeat_s,
                    max_msg_size=_MAX_MESSAGE_BYTES,
                    timeout=ClientWSTimeout(ws_close=2.0),
                    ssl=self._ssl,
                )
        except (HttpError, OSError, TimeoutError) as err:
            raise _translated(err) from err
        try:
            yield socket
        finally:
            await socket.close()

    def _url(self, *parts: str) -> str:
        path = "/".join(quote(part, safe="") for part in parts)
        return f"{self._base}{_API}/{path}"

    async def _record[T](self, shape: type[T], *parts: str) -> T:
        async with self._get(self.deadlines.request_s, *parts) as response:
            body = await _body(response, _MAX_JSON_BYTES)
        return _decoded(shape, body)

    async def _picture(self, *parts: str) -> Picture:
        async with self._get(self.deadlines.picture_s, *parts) as response:
            if not response.content_type.startswith("image/"):
                raise BadAnswer(f"a picture was asked for and {response.content_type} came")
            return Picture(content=await _body(response, _MAX_PICTURE_BYTES), content_type=response.content_type)

    @asynccontextmanager
    async def _get(self, deadline_s: float, *parts: str) -> AsyncIterator[ClientResponse]:
        try:
            async with self._session.get(
                self._url(*parts),
                headers={"Authorization": f"Bearer {self._token}"},
                timeout=ClientTimeout(total=deadline_s),
                allow_redirects=False,
                ssl=self._ssl,
            ) as response:
                _require_ok(response)
                yield response
        except (HttpError, OSError, TimeoutError) as err:
            if isinstance(err, Unreachable | Refused | Untrusted):
                raise
            raise _translated(err) from err


def _decoded[T](shape: type[T], body: bytes) -> T:
    try:
        return decode(shape, body)
    except InvalidRequest as err:
        raise BadAnswer(f"{shape.__name__}: {err.message}") from err


def _told(body: bytes) -> WireError:
    problem = _decoded(Problem, body)
    return WireError.from_wire(problem.code, problem.detail, problem.details)


def _require_ok(response: ClientResponse) -> None:
    if response.status in _REFUSALS:
        raise Refused("the engine refused the token")
    if response.status == HTTPStatus.NOT_FOUND and "jpg" in response.url.suffix:
        raise NoPicture(response.url.path)
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Unreachable(f"the engine answered {response.status}")
    if response.status != HTTPStatus.OK:
        raise BadAnswer(f"the answer was HTTP {response.status}")


async def _body(response: ClientResponse, limit_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > limit_bytes:
            raise BadAnswer(f"the answer exceeds {limit_bytes} bytes")
    return bytes(body)


def _translated(err: Exception) -> Unreachable | Refused | Untrusted | BadAnswer:
    if isinstance(err, ServerFingerprintMismatch):
        return CertificateChanged(expected=err.expected.hex(), found=err.got.hex())
    if isinstance(err, ClientConnectorCertificateError):
        return Untrusted(str(err.certificate_error))
    status = getattr(err, "status", None)
    if status in _REFUSALS:
        return Refused("the engine refused the token")
    if isinstance(status, int) and status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return BadAnswer(f"the answer was HTTP {status}")
    if isinstance(err, TimeoutError):
        return Unreachable("no answer in time")
    return Unreachable(str(err) or type(err).__name__)
