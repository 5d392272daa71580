"""Deadlines that end when a test says so, and therefore never before, however slow the machine is."""

import asyncio
from contextlib import suppress

import pytest


class Deadlines:
    """Sees each ``asyncio.timeout`` that is made from now on; choose a length that would outlast the test."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._made: list[tuple[float | None, asyncio.Timeout]] = []
        real = asyncio.timeout

        def noted(delay: float | None) -> asyncio.Timeout:
            made = real(delay)
            self._made.append((delay, made))
            return made

        patch.setattr(asyncio, "timeout", noted)

    def ends(self, length_s: float) -> list[float]:
        """Give when those with this length are up, in the loop's time; some may be over."""
        return [when for length, one in self._made if length == length_s and (when := one.when()) is not None]

    def end(self, length_s: float) -> int:
        """Let the time of all that run with this length be up; gives how many they are."""
        now, ended = asyncio.get_running_loop().time(), 0
        for length, one in self._made:
            # RuntimeError: it is over, or has not begun
            if length == length_s:
                with suppress(RuntimeError):
                    one.reschedule(now)
                    ended += 1
        return ended
