"""What one connection may see of the feed: everything, or what its caller's camera limits leave."""

from dataclasses import replace
from typing import Final

from home_sentry_engine.contract import Snapshot, SystemStatus, encode

from .caller import Caller
from .narrowing import Narrowing
from .peer import Services
from .ports import Published

_FRESH_S: Final = 1.0


class View:
    """The feed as a caller sees it; ``caller`` may change while it is connected."""

    def __init__(self, shared: Services, caller: Caller) -> None:
        """Take what every connection shares, and who asks."""
        self._shared = shared
        self._narrowing: Narrowing | None = None
        self._made_at = 0.0
        self.caller = caller

    @property
    def is_limited(self) -> bool:
        """Some cameras are not seen, so nothing goes out as it was encoded for everybody."""
        return self.caller.cameras is not None

    def turn(self, caller: Caller) -> None:
        """See as another caller from now on."""
        self.caller, self._narrowing = caller, None

    async def snapshot(self, snapshot: Snapshot) -> bytes:
        """Encode a snapshot with who it is for."""
        mine = replace(snapshot, caller=self.caller.describe())
        narrowing = await self._sieve()
        return encode(mine) if narrowing is None else narrowing.body(encode(narrowing.snapshot(mine)))

    async def status(self, encoded: bytes) -> bytes:
        """Give the newest status."""
        narrowing = await self._sieve()
        if narrowing is None:
            return encoded
        status = narrowing.status(await self._shared.health.status())
        return narrowing.body(encode(SystemStatus(status=status)))

    async def message(self, message: Published) -> Published | None:
        """Give what is left of a message, None for nothing."""
        narrowing = await self._sieve()
        if narrowing is None:
            return message
        body = narrowing.message(message)
        return None if body is None else replace(message, body=body)

    async def _sieve(self) -> Narrowing | None:
        now = self._shared.clock.monotonic()
        if self._narrowing is None or now - self._made_at >= _FRESH_S:
            self._narrowing = await Narrowing.of(self.caller.cameras, self._shared.catalogue)
            self._made_at = now
        return self._narrowing
