"""Waiting for something that another program does."""

import asyncio
from collections.abc import Awaitable, Callable
import time
from typing import Final

from .errors import TooLate

_PAUSE_S: Final = 0.25
_WORD_EVERY_S: Final = 10.0


async def until[T](
    look: Callable[[], Awaitable[T | None]],
    *,
    what: str,
    deadline_s: float,
    say: Callable[[str], None] | None = None,
) -> T:
    """Look again and again until there is something; says every ten seconds that it still waits.

    Raises ``TooLate`` naming what did not come.
    """
    began = time.monotonic()
    spoke = began
    while True:
        found = await look()
        if found is not None:
            return found
        now = time.monotonic()
        if now - began > deadline_s:
            raise TooLate(f"{what}: not within {deadline_s:.0f} s")
        if say and now - spoke >= _WORD_EVERY_S:
            spoke = now
            say(f"... {what}, {now - began:.0f} s so far")
        await asyncio.sleep(_PAUSE_S)
