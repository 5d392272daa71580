"""Waiting for what is true in the end, however slow the machine is; nothing here counts milliseconds."""

import asyncio
from collections.abc import Callable

from tests.fakes.clock import FakeClock

LONG_S = 60.0


async def turns(count: int = 50) -> None:
    """Let the loop go round: who waits for no thread, file or socket gets as far as he can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(done: Callable[[], object], *, within_s: float = LONG_S) -> None:
    """Wait until a condition holds, looking every 10 ms."""
    async with asyncio.timeout(within_s):
        while not done():  # noqa: ASYNC110 - the condition is anything that a test can see
            await asyncio.sleep(0.01)


async def pass_until(clock: FakeClock, done: Callable[[], object], *, step_s: float = 5.0) -> None:
    """Let time go by until a condition holds, while somebody sleeps: threads and sockets take none of it."""
    async with asyncio.timeout(LONG_S):
        while not done():
            if clock.asleep:
                await clock.advance(step_s)
            await asyncio.sleep(0.01)
