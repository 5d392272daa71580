"""Who goes on asking at once after many refusals is answered slowly, which keeps the loop free for the others."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from aiohttp import web

from .auth import address_of
from .limits import Limit, Windows
from .protocol import HttpProtocol

_BORNE: Final = Limit(per_minute=60, burst=40)
_SHORTEST_S: Final = 0.25
_LONGEST_S: Final = 5.0
_APART_S: Final = 0.01
_MOST_HELD: Final = 5000
_MOST_CALLERS: Final = 10_000


class Slowing:
    """Holds refusals back: those to one address leave one after the other, in the order in which they are due."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Count refusals on a clock of seconds that never goes back."""
        self._refusals = Windows(_BORNE, monotonic)
        self._due: OrderedDict[str, float] = OrderedDict()
        self._held = 0

    async def hold(self, request: web.BaseRequest) -> bool:
        """Wait before a refusal as long as its caller deserves, unless it leaves or the engine stops.

        False where too many are held already: this one is to be answered at once, and its connection closed.
        """
        address = address_of(request)
        if not self._refusals.take(address):
            return True
        protocol = request.protocol
        if self._held >= _MOST_HELD or not isinstance(protocol, HttpProtocol):
            return False
        self._held += 1
        try:
            await protocol.stay(self._delay_s(address))
        finally:
            self._held -= 1
        return True

    def _delay_s(self, address: str) -> float:
        now = asyncio.get_running_loop().time()
        due = max(now + _SHORTEST_S, self._due.pop(address, 0.0) + _APART_S)
        if due > now + _LONGEST_S:
            # more than fit one after the other: they share the time evenly, for none is to wait longer
            due = now + _SHORTEST_S
        self._due[address] = due
        while len(self._due) > _MOST_CALLERS:
            self._due.popitem(last=False)
        return due - now
