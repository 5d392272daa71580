"""One lane for the jobs of a process, which a suspect may have to itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Lane:
    """Lets jobs run side by side, or one of them with nothing beside it; used from one event loop.

    A job that was in hand at several deaths of its process is a suspect, and so is each that was in hand with it. The
    one that ends the process once more while it is alone has proved it; the others come through.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._inside = 0
        self._open = asyncio.Event()
        self._open.set()
        self._left = asyncio.Event()
        self._turns = asyncio.Lock()

    @asynccontextmanager
    async def beside_others(self) -> AsyncIterator[None]:
        """Enter as soon as nobody is alone or waits to be."""
        # closed again by the next one, perhaps, before this task had its turn
        while not self._open.is_set():
            await self._open.wait()
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            self._left.set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Keep others out, wait until those inside have left, and enter."""
        async with self._turns:
            self._open.clear()
            try:
                while self._inside:
                    self._left.clear()
                    await self._left.wait()
                yield
            finally:
                self._open.set()
