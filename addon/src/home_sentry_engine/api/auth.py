"""Who may call: bearer token in the header, or in the first message of a WebSocket; nowhere else."""

from collections.abc import Callable
import ipaddress
from typing import Final

from aiohttp import web

from home_sentry_engine.contract.errors import KeyExpired, RateLimited, Unauthorized
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.storage.repositories.keys import StoredKey

from .caller import Caller
from .key_book import KeyBook
from .limits import Limit, Windows
from .tokens import TokenKeys, hash_of

_PROXIES: Final = frozenset({"127.0.0.1", "::1"})
_LONGEST_TOKEN: Final = 512


class Gate:
    """Checks tokens and counts failures; a wrong token is slowed down, a right one is never locked out."""

    def __init__(self, keys: Callable[[], TokenKeys], book: KeyBook, clock: Clock, failures_per_minute: int) -> None:
        """Ask ``keys`` and ``book`` at every check, so that a rotated token or a revoked key counts at once."""
        self._keys = keys
        self._book = book
        self._clock = clock
        self._failures = Windows(Limit(per_minute=failures_per_minute), clock.monotonic)

    def open(self, request: web.BaseRequest) -> Caller:
        """Check the ``Authorization`` header; raises ``Unauthorized`` or ``RateLimited``."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        address = address_of(request)
        if not token.strip() or scheme.lower() != "bearer":
            raise Unauthorized("a bearer token is needed in the Authorization header")
        return self.admit(token.strip(), address)

    def admit(self, token: str, address: str) -> Caller:
        """Check a token from that address.

        Raises ``Unauthorized``, ``KeyExpired``, or ``RateLimited`` after too many wrong ones.
        """
        if len(token) <= _LONGEST_TOKEN:
            proof = hash_of(token)
            caller = self._installation(proof, address)
            known = self._book.find(proof)
            if caller is not None:
                return caller
            if known is not None:
                return self._holder(known, address)
        wait_s = self._failures.take(address)
        if wait_s:
            raise RateLimited("too many wrong tokens from this address", details={"retry_after_s": round(wait_s, 3)})
        raise Unauthorized("the token is wrong")

    def again(self, caller: Caller) -> Caller:
        """Check once more what a peer showed before; raises ``Unauthorized`` or ``KeyExpired``."""
        found = self._installation(caller.proof, caller.address)
        if found is not None:
            return found
        known = self._book.find(caller.proof)
        if known is None:
            raise Unauthorized("the token was replaced")
        return self._holder(known, caller.address)

    def _installation(self, proof: str, address: str) -> Caller | None:
        keys = self._keys()
        if not keys.accepts(proof, self._clock.now()):
            return None
        return Caller(key=f"{keys.current[:12]}@{address}", address=address, proof=proof)

    def _holder(self, known: StoredKey, address: str) -> Caller:
        # who holds the secret is no guesser: these refusals are not counted as failures
        key = known.key
        if key.revoked_at is not None:
            raise Unauthorized("the key was revoked")
        if key.expires_at is not None and key.expires_at <= self._clock.now():
            raise KeyExpired("the key has expired")
        self._book.use(key.id)
        return Caller(
            key=f"key:{key.id}",
            address=address,
            id=key.id,
            name=key.name,
            role=key.role,
            cameras=frozenset(key.cameras) or None,
            expires_at=key.expires_at,
            proof=known.sha256,
        )


def address_of(request: web.BaseRequest) -> str:
    """Tell the client's address; only a proxy on this machine may name another one."""
    address = request.remote or "unknown"
    if address in _PROXIES and (forwarded := request.headers.get("X-Forwarded-For")):
        try:
            return str(ipaddress.ip_address(forwarded.rpartition(",")[2].strip()))
        except ValueError:
            return address
    return address
