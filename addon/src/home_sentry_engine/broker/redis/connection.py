"""How this room reaches the server: one address, short deadlines, one error for whatever keeps it from answering."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from home_sentry_engine.domain.errors import HomeSentryError

_CONNECT_S: Final = 5.0
_ANSWER_S: Final = 5.0
_PING_S: Final = 15


class RedisUnreachable(HomeSentryError, ConnectionError):
    """The Redis server does not answer or cannot write; whether the last command took effect is not known."""


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Redis]:
    """Hold a client for an address ``redis://…``, which connects when it is used; raises ``ValueError`` for another."""
    client = Redis.from_url(
        url,
        socket_connect_timeout=_CONNECT_S,
        socket_timeout=_ANSWER_S,
        socket_keepalive=True,
        health_check_interval=_PING_S,
        # what is tried again is decided by who knows whether it may be
        retry=Retry(NoBackoff(), 0),
    )
    try:
        yield client
    finally:
        with suppress(RedisError, OSError):
            await client.aclose()


@contextmanager
def reaching() -> Iterator[None]:
    """Turn the driver's failures into ``RedisUnreachable``; a command that Redis refuses as wrong stays an error."""
    try:
        yield
    except ResponseError as err:
        # a server that is loading, read-only or out of memory says so in the reply
        if not str(err).startswith(("LOADING", "READONLY", "OOM", "MISCONF", "MASTERDOWN", "BUSY")):
            raise
        raise RedisUnreachable(f"Redis cannot work now: {err}") from err
    except (RedisError, OSError) as err:
        raise RedisUnreachable(f"Redis cannot be reached: {err}") from err
