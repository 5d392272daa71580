"""What a model elsewhere may be asked for in a day."""

from collections.abc import Awaitable, Callable
from datetime import date, tzinfo
from typing import Final

from home_sentry_engine.contract import AnalysisReason
from home_sentry_engine.domain.clock import Clock

from .backends.base import Completion
from .errors import LanguageError

_UNKNOWN: Final = 1000

type Read = Callable[[], Awaitable[tuple[date, int] | None]]
type Keep = Callable[[date, int], Awaitable[None]]


class AllowanceSpent(LanguageError, PermissionError):
    """The tokens of this day are used up."""

    reason = AnalysisReason.GATED


class Allowance:
    """A cap of tokens for each day at home, which holds over restarts."""

    def __init__(self, cap: int, *, clock: Clock, zone: tzinfo, read: Read, keep: Keep) -> None:
        """Take the tokens of a day, and where the count is read from and kept."""
        self.cap = cap
        self.spent = 0
        self._clock = clock
        self._zone = zone
        self._read = read
        self._keep = keep
        self._day: date | None = None

    async def require(self) -> None:
        """Raise ``AllowanceSpent`` when the tokens of today are used up."""
        await self._today()
        if self.spent >= self.cap:
            raise AllowanceSpent(f"the {self.cap} tokens of this day are used up (vlm_daily_tokens)")

    async def take(self, completion: Completion) -> None:
        """Count what an answer took; a server that tells no numbers is taken to have used a thousand."""
        await self._today()
        assert self._day is not None
        self.spent += completion.prompt_tokens + completion.answer_tokens or _UNKNOWN
        await self._keep(self._day, self.spent)

    async def _today(self) -> None:
        today = self._clock.now().astimezone(self._zone).date()
        if self._day is None:
            kept = await self._read()
            if kept is not None:
                self._day, self.spent = kept
        if self._day != today:
            self._day, self.spent = today, 0
