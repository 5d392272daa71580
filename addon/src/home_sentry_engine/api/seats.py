"""Who may have a WebSocket: a peer is a stranger until it shows a token, and strangers never keep others out."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from home_sentry_engine.contract.errors import RateLimited, ServiceUnavailable

from .caller import INSTALLATION, Caller

_MOST_CLIENTS: Final = 2000
_MOST_STRANGERS: Final = 256
_MOST_OF_A_KEY: Final = 64
_LATER_S: Final = 10


@dataclass(slots=True, kw_only=True, eq=False)
class Seat:
    """The place of one connection; ``caller`` is None until it showed a token that counts."""

    transport: asyncio.Transport
    caller: Caller | None = None


class Seats:
    """Counts them: so many clients, so many of one key, so many strangers.

    Beyond the last number the stranger that waits longest is cut off, which a client has long ceased to be.
    """

    def __init__(self, admit: Callable[[str, str], Caller]) -> None:
        """Take what checks a token from an address."""
        self._check = admit
        self._taken: dict[Seat, None] = {}

    def refuse_full(self) -> None:
        """Raise ``ServiceUnavailable`` where no client more can be served."""
        if sum(seat.caller is not None for seat in self._taken) >= _MOST_CLIENTS:
            raise ServiceUnavailable("too many clients", details={"retry_after_s": _LATER_S})

    def take(self, transport: asyncio.Transport) -> Seat:
        """Give a stranger its place."""
        strangers = [seat for seat in self._taken if seat.caller is None and not seat.transport.is_closing()]
        if len(strangers) >= _MOST_STRANGERS:
            strangers[0].transport.abort()
        seat = Seat(transport=transport)
        self._taken[seat] = None
        return seat

    def leave(self, seat: Seat) -> None:
        """Note that a connection is over."""
        self._taken.pop(seat, None)

    def admit(self, seat: Seat, token: str, address: str) -> Caller:
        """Check a token as the gate does; also raises ``RateLimited`` for a key that is shown too often at once."""
        caller = self._check(token, address)
        if caller.id != INSTALLATION and self._of_key(caller.id) >= _MOST_OF_A_KEY:
            details = {"retry_after_s": _LATER_S}
            raise RateLimited(f"this key has {_MOST_OF_A_KEY} connections open: close some of them", details=details)
        seat.caller = caller
        return caller

    def _of_key(self, key_id: str) -> int:
        return sum(seat.caller is not None and seat.caller.id == key_id for seat in self._taken)
