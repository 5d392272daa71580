"""JSON over HTTP with deadlines, a size limit, no redirects and no way to addresses that are never asked."""

from collections.abc import Mapping
import json
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from home_sentry_engine.language.errors import (
    BadOutput,
    ContextOverflow,
    LanguageError,
    ModelBlind,
    ModelTimeout,
    ModelUnreachable,
)
from home_sentry_engine.resilience.outbound import ForbiddenAddress, guarded_connector, why_forbidden

from .home_only import abroad, home_connector, is_abroad

MAX_BODY: Final = 256 * 1024
_OVERFLOW_WORDS: Final = ("context", "too long", "exceed", "maximum length")
# llama-server without its projector, vLLM and Ollama with a model of text alone
_BLIND_WORDS: Final = ("image input is not supported", "mmproj", "not a multimodal", "does not support image")


class JsonClient:
    """Talks to one server; raises ``LanguageError`` and nothing else."""

    def __init__(self, url: str, *, api_key: str | None, connect_timeout_s: float, home_only: bool = False) -> None:
        """Take the base address; the key goes into the Authorization header. ``home_only`` asks no public address."""
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._connect_timeout_s = connect_timeout_s
        self._home_only = home_only
        self._session: aiohttp.ClientSession | None = None
        parts = urlsplit(self._url)
        self.host = parts.hostname or "?"
        self.path = parts.path

    async def get(self, path: str, *, timeout_s: float) -> dict[str, Any]:
        """Fetch a JSON object."""
        return _object(await self._ask("GET", path, None, timeout_s))

    async def get_list(self, path: str, *, timeout_s: float) -> list[Any]:
        """Fetch a JSON list."""
        value = await self._ask("GET", path, None, timeout_s)
        if not isinstance(value, list):
            raise BadOutput("the server's answer is not a JSON list")
        return value

    async def post(self, path: str, body: Mapping[str, Any], *, timeout_s: float) -> dict[str, Any]:
        """Send a JSON object and give the JSON object that comes back."""
        return _object(await self._ask("POST", path, body, timeout_s))

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None, timeout_s: float) -> object:
        refuse_forbidden(self.host)
        if self._home_only and is_abroad(self.host):
            raise ModelUnreachable(abroad(self.host))
        limits = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(self._connect_timeout_s, timeout_s))
        try:
            async with self._open().request(
                method, self._url + path, json=body, timeout=limits, allow_redirects=False
            ) as response:
                raw = await _bounded(response)
                status = response.status
        except LanguageError:
            raise
        except aiohttp.ConnectionTimeoutError as err:
            raise ModelUnreachable(f"{self.host} does not accept connections", retryable=True) from err
        except TimeoutError as err:
            raise ModelTimeout(f"{self.host} gave no answer within {timeout_s:g} s") from err
        except (aiohttp.ClientError, OSError, ValueError) as err:
            if isinstance(err.__cause__, ForbiddenAddress):
                raise ModelUnreachable(str(err.__cause__)) from err
            raise ModelUnreachable(f"{self.host} cannot be reached: {type(err).__name__}", retryable=True) from err
        if status != 200:
            raise _refusal(self.host, status, raw)
        return _json(raw)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = home_connector() if self._home_only else guarded_connector()
            self._session = aiohttp.ClientSession(connector=connector, headers=self._headers, trust_env=False)
        return self._session


def refuse_forbidden(host: str) -> None:
    """Raise ``ModelUnreachable`` for a literal address that is never asked, such as a cloud's metadata service."""
    reason = why_forbidden(host)
    if reason is not None:
        raise ModelUnreachable(f"{host} is {reason}, which is never asked")


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_chunked(16 * 1024):
        size += len(part)
        if size > MAX_BODY:
            raise BadOutput(f"the answer is larger than {MAX_BODY} bytes")
        parts.append(part)
    return b"".join(parts)


def _json(raw: bytes) -> object:
    try:
        value: object = json.loads(raw)
    except (ValueError, RecursionError) as err:
        raise BadOutput("the server's answer is not JSON") from err
    return value


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadOutput("the server's answer is not a JSON object")
    return value


def _refusal(host: str, status: int, raw: bytes) -> LanguageError:
    said = raw[:2000].decode(errors="replace").casefold()
    if any(words in said for words in _BLIND_WORDS):
        return ModelBlind(f"the model at {host} takes no pictures: its server needs the projector (mmproj) beside it")
    if status in {400, 413, 422} and any(word in said for word in _OVERFLOW_WORDS):
        return ContextOverflow(f"{host} says that the prompt is too long")
    if 300 <= status < 400:
        return ModelUnreachable(f"{host} redirects elsewhere, which is not followed", status=status)
    if status in {401, 403}:
        return ModelUnreachable(f"{host} refuses the key (HTTP {status})", status=status)
    retryable = status in {408, 425, 429} or status >= 500
    return ModelUnreachable(f"{host} answers with HTTP {status}", retryable=retryable, status=status)
