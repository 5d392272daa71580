"""What a model elsewhere may be asked for in a day."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Final

from home_sentry_engine.contract import AnalysisReason
from home_sentry_engine.domain.clock import Clock

from .backends.base import Completion
from .errors import LanguageError

_UNKNOWN: Final = 1000
_MILLION: Final = 1_000_000

type Read = Callable[[], Awaitable[tuple[date, int] | None]]
type Keep = Callable[[date, int], Awaitable[None]]


class AllowanceSpent(LanguageError, PermissionError):
    """The tokens of this day are used up."""

    reason = AnalysisReason.GATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Most of a day: ``tokens``, and money, of which a million tokens take ``price``; None where nobody said."""

    tokens: int
    price: float | None = None
    money: float | None = None

    @property
    def affordable(self) -> int:
        """Give the tokens that both caps allow."""
        if self.price is None or self.money is None:
            return self.tokens
        return min(self.tokens, int(self.money / self.price * _MILLION))

    @property
    def decisive(self) -> str:
        """Name the setting of the cap that is reached first."""
        return "vlm_daily_tokens" if self.affordable == self.tokens else "vlm_daily_cost"


class Allowance:
    """A cap of tokens for each day at home, which holds over restarts."""

    def __init__(self, caps: Caps, *, clock: Clock, zone: tzinfo, read: Read, keep: Keep) -> None:
        """Take the caps of a day, and where the count is read from and kept."""
        self.cap = caps.affordable
        self.spent = 0
        self._caps = caps
        self._clock = clock
        self._zone = zone
        self._read = read
        self._keep = keep
        self._day: date | None = None

    @property
    def cost(self) -> float | None:
        """Give what the tokens of this day cost, None without a price."""
        return None if self._caps.price is None else round(self.spent * self._caps.price / _MILLION, 4)

    @property
    def most_cost(self) -> float | None:
        """Give the most that a day may cost, None where only tokens are capped."""
        return self._caps.money

    async def require(self) -> None:
        """Raise ``AllowanceSpent`` when the tokens of today are used up."""
        await self._today()
        if self.spent >= self.cap:
            raise AllowanceSpent(f"the {self.cap} tokens of this day are used up ({self._caps.decisive})")

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
