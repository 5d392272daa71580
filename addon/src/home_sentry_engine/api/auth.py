"""Who may call: bearer token in the header, or in the first message of a WebSocket; nowhere else."""

from collections.abc import Callable
from dataclasses import dataclass
import ipaddress
from typing import Final

from aiohttp import web

from home_sentry_engine.contract.errors import RateLimited, Unauthorized
from home_sentry_engine.domain.clock import Clock

from .limits import Buckets, Limit
from .tokens import TokenKeys

_PROXIES: Final = frozenset({"127.0.0.1", "::1"})
_LONGEST_TOKEN: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An authenticated peer; ``key`` names it in rate limits and never shows the token."""

    key: str
    address: str


class Gate:
    """Checks tokens and counts failures; a wrong token is slowed down, a right one is never locked out."""

    def __init__(self, keys: Callable[[], TokenKeys], clock: Clock, failures_per_minute: int) -> None:
        """Ask ``keys`` at every check, so that a rotated token counts at once."""
        self._keys = keys
        self._clock = clock
        self._failures = Buckets(Limit(per_minute=failures_per_minute), clock.monotonic)

    def open(self, request: web.BaseRequest) -> Caller:
        """Check the ``Authorization`` header; raises ``Unauthorized`` or ``RateLimited``."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        address = address_of(request)
        if not token.strip() or scheme.lower() != "bearer":
            raise Unauthorized("a bearer token is needed in the Authorization header")
        return self.admit(token.strip(), address)

    def admit(self, token: str, address: str) -> Caller:
        """Check a token from that address; raises ``Unauthorized``, or ``RateLimited`` after too many wrong ones."""
        keys = self._keys()
        if len(token) <= _LONGEST_TOKEN and keys.accepts(token, self._clock.now()):
            return Caller(key=f"{keys.current[:12]}@{address}", address=address)
        wait_s = self._failures.take(address)
        if wait_s:
            raise RateLimited("too many wrong tokens from this address", details={"retry_after_s": round(wait_s, 3)})
        raise Unauthorized("the token is wrong")


def address_of(request: web.BaseRequest) -> str:
    """Tell the client's address; only a proxy on this machine may name another one."""
    address = request.remote or "unknown"
    if address in _PROXIES and (forwarded := request.headers.get("X-Forwarded-For")):
        try:
            return str(ipaddress.ip_address(forwarded.rpartition(",")[2].strip()))
        except ValueError:
            return address
    return address
