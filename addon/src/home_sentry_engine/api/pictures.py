"""Serves pictures from memory: a bounded cache in front of the port, entity tags, no ranges."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from home_sentry_engine.contract.errors import NotFound

from .ports import Picture
from .routing import Call

_FRESH_S: Final = 3600.0
_LARGEST_SHARE: Final = 8
CACHED: Final = "private, max-age=3600"
REVALIDATED: Final = "private, no-cache"


class PictureShelf:
    """Remembers encoded pictures for an hour, the least recently asked for give way."""

    def __init__(self, monotonic: Callable[[], float], budget_bytes: int = 32 * 1024 * 1024) -> None:
        """Hold at most that many bytes; a picture larger than an eighth of it is not kept."""
        self._monotonic = monotonic
        self._budget_bytes = budget_bytes
        self._held: OrderedDict[str, tuple[float, Picture]] = OrderedDict()
        self._size = 0

    async def answer(self, call: Call, key: str, load: Callable[[], Awaitable[Picture | None]]) -> web.Response:
        """Answer with a picture that never changes under its id; raises ``NotFound``."""
        held = self._held.get(key)
        if held is not None and self._monotonic() - held[0] < _FRESH_S:
            self._held.move_to_end(key)
            return respond(call, held[1], CACHED)
        self._drop(key)
        picture = existing(await load())
        if len(picture.body) * _LARGEST_SHARE <= self._budget_bytes:
            self._drop(key)
            self._held[key] = (self._monotonic(), picture)
            self._size += len(picture.body)
            while self._size > self._budget_bytes:
                self._drop(next(iter(self._held)))
        return respond(call, picture, CACHED)

    def clear(self) -> None:
        """Forget all pictures."""
        self._held.clear()
        self._size = 0

    def _drop(self, key: str) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self._size -= len(held[1].body)


def existing(picture: Picture | None) -> Picture:
    """Give the picture; raises ``NotFound`` for None."""
    if picture is None:
        raise NotFound("there is no such picture")
    return picture


def respond(call: Call, picture: Picture, caching: str) -> web.Response:
    """Answer 200 with the bytes, or 304 when the client has them already."""
    tag = f'"{picture.etag}"'
    headers = {"ETag": tag, "Cache-Control": caching, "Accept-Ranges": "none"}
    known = {part.strip().removeprefix("W/") for part in call.request.headers.get("If-None-Match", "").split(",")}
    if tag in known or "*" in known:
        return web.Response(status=304, headers=headers)
    return web.Response(body=picture.body, content_type=picture.content_type, headers=headers)
