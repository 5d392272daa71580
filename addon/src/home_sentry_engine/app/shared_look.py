"""One look for all who ask at the same time, so that a crowd costs hardly more than one."""

import asyncio
from collections.abc import Awaitable, Callable


class SharedLook[T]:
    """Gives everybody what one look found that began after they asked; at most one runs and one waits for it."""

    def __init__(self, look: Callable[[], Awaitable[T]]) -> None:
        """Take how to look."""
        self._look = look
        self._running: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """Look, or share a look that has not begun; raises what it raises."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._running), name="shared look")
        return await asyncio.shield(self._next)

    async def _after(self, earlier: asyncio.Task[T] | None) -> T:
        if earlier is not None and not earlier.done():
            await asyncio.wait((earlier,))
        self._running, self._next = self._next, None
        return await self._look()
