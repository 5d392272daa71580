"""Who waits, in turn: one that floods does not keep the others waiting."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns[T]:
    """Things in lines by name; those of one line come out in the order in which they went in.

    Who has just come goes before those that wait for their next turn.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._new: dict[str, deque[T]] = {}
        self._served: dict[str, deque[T]] = {}

    def __bool__(self) -> bool:
        return bool(self._new or self._served)

    def __contains__(self, name: object) -> bool:
        return name in self._new or name in self._served

    @property
    def fresh(self) -> bool:
        """Tell whether somebody waits for a first turn."""
        return bool(self._new)

    def append(self, name: str, thing: T) -> None:
        """Put a thing at the end of a line."""
        lines = self._served if name in self._served else self._new
        lines.setdefault(name, deque()).append(thing)

    def popleft(self) -> T:
        """Take the first thing of the line whose turn it is; raises ``IndexError`` without any."""
        lines = self._new or self._served
        if not lines:
            raise IndexError("nothing waits")
        name = next(iter(lines))
        line = lines.pop(name)
        thing = line.popleft()
        if line:
            # its next turn is after everybody else's
            self._served[name] = line
        return thing


class Gate:
    """Lets so many in at once; the others wait by name, in turn. Used from one event loop."""

    def __init__(self, slots: int) -> None:
        """Take how many may be inside."""
        self._free = slots
        self._waiting = Turns[asyncio.Future[None]]()

    @asynccontextmanager
    async def entered(self, name: str) -> AsyncIterator[None]:
        """Be inside during the block."""
        await self._enter(name)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, name: str) -> None:
        if self._free:
            self._free -= 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(name, place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
