"""Requests that may come twice: with an ``Idempotency-Key`` the second one gets the answer of the first."""

import asyncio
import hashlib
import logging
from typing import Final, Protocol

from aiohttp import web

from home_sentry_engine.contract.errors import Conflict, InvalidRequest
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.storage.repositories.replies import KeptReply

from .caller import Caller

_LOGGER = logging.getLogger(__name__)
HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
_LONGEST: Final = 255
_LARGEST_BODY: Final = 256 * 1024
_PATIENCE_S: Final = 5.0


class Replies(Protocol):
    """Answers that are kept for a day; several engines may share them."""

    async def claim(self, key: str, fingerprint: str) -> KeptReply | None:
        """Claim a key; gives what is there, None for a free one."""
        ...

    async def keep(self, key: str, *, status: int, body: bytes) -> None:
        """Keep the answer of a claimed key."""
        ...

    async def release(self, key: str) -> None:
        """Free a claimed key, so that the request may be tried again."""
        ...


class Replayed(Exception):
    """Not a failure: the answer is known already."""

    def __init__(self, response: web.Response) -> None:
        """Carry the answer of the first request."""
        super().__init__("answered before")
        self.response = response


class Claim:
    """The key of one request. It is taken once the body is there, since another body is another request."""

    def __init__(self, replies: Replies, key: str, target: str) -> None:
        """``target`` is method and address of the request."""
        self._replies = replies
        self._key = key
        self._target = target
        self._taken = False

    async def take(self, body: bytes) -> None:
        """Claim the key for this body; raises ``Replayed``, or ``Conflict`` for another body or one still at work."""
        mark = hashlib.sha256(self._target.encode() + b"\0" + hashlib.sha256(body).digest()).hexdigest()
        kept = await self._replies.claim(self._key, mark)
        if kept is None:
            self._taken = True
        elif kept.fingerprint != mark:
            raise Conflict(f"the {HEADER} was used for another request", details={"field": HEADER})
        elif kept.status is None:
            raise Conflict("the first request with this key is still being worked on", details={"retry_after_s": 5})
        else:
            raise Replayed(
                web.Response(
                    body=kept.body,
                    status=kept.status,
                    content_type="application/json",
                    headers={REPLAYED: "true"},
                )
            )

    async def settle(self, response: web.StreamResponse | None) -> None:
        """Keep a success for a day; after a failure, which is None, the key is free again."""
        if not self._taken:
            return
        self._taken = False
        body = response.body if isinstance(response, web.Response) else None
        try:
            async with asyncio.timeout(_PATIENCE_S):
                if response is not None and isinstance(body, bytes) and len(body) <= _LARGEST_BODY:
                    await self._replies.keep(self._key, status=response.status, body=body)
                else:
                    await self._replies.release(self._key)
        except (HomeSentryError, OSError) as err:
            # the claim ends by itself
            _LOGGER.warning("The answer to a request was not kept: %s", type(err).__name__)


_CLAIM: Final = web.RequestKey("home_sentry_claim", Claim)


def claim_of(request: web.BaseRequest, replies: Replies, caller: Caller) -> Claim | None:
    """Read the key of a request, None without one; raises ``InvalidRequest``. The store never sees the key itself."""
    given = request.headers.get(HEADER)
    if given is None:
        return None
    if not given or len(given) > _LONGEST or not given.isprintable():
        raise InvalidRequest(f"'{HEADER}' must be 1 to {_LONGEST} printable characters", details={"field": HEADER})
    owner = caller.key.partition("@")[0]
    key = hashlib.sha256(f"{owner}\0{given}".encode()).hexdigest()
    claim = Claim(replies, key, f"{request.method} {request.rel_url.raw_path_qs}")
    request[_CLAIM] = claim
    return claim


async def arrived(request: web.BaseRequest, body: bytes) -> None:
    """Tell that the body is there; raises what ``Claim.take`` raises."""
    claim = request.get(_CLAIM)
    if claim is not None:
        await claim.take(body)
