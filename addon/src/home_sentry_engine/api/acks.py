"""Messages that a client has to acknowledge: what is out, when to ask again, when to give up."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

_LEAST_JITTER: Final = 0.1
_JITTER_SPAN: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class AckRules:
    """How long to wait for an acknowledgement, doubling each time, and how often to send again."""

    first_s: float = 5.0
    longest_s: float = 30.0
    tries: int = 3
    most: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    body: bytes
    due: float
    tries: int


class Unacknowledged:
    """What one client has not acknowledged yet; times are seconds of a clock that never goes back.

    Each wait is lengthened by 10 to 30 %, so that clients do not answer in step.
    """

    def __init__(self, rules: AckRules, random: Callable[[], float]) -> None:
        """``random`` gives numbers from 0 to 1."""
        self._rules = rules
        self._random = random
        self._open: dict[int, _Open] = {}

    def __len__(self) -> int:
        """Count what is out."""
        return len(self._open)

    def sent(self, seq: int, body: bytes, now: float) -> None:
        """Note that a message went out for the first time."""
        if len(self._open) < self._rules.most:
            self._open[seq] = _Open(body=body, due=now + self._wait_s(0), tries=0)

    def acknowledged(self, seq: int) -> None:
        """Forget a message; a number that is not out changes nothing."""
        self._open.pop(seq, None)

    def clear(self) -> None:
        """Forget everything: a snapshot shows the client how it is now."""
        self._open.clear()

    def next_due(self) -> float | None:
        """Tell when to ask again, None while nothing is out."""
        return min((one.due for one in self._open.values()), default=None)

    def again(self, now: float) -> tuple[bytes, ...] | None:
        """Give what has to be sent once more, in order; None when a message was sent often enough."""
        due = sorted(seq for seq, one in self._open.items() if one.due <= now)
        if any(self._open[seq].tries >= self._rules.tries for seq in due):
            return None
        for seq in due:
            tries = self._open[seq].tries + 1
            self._open[seq] = replace(self._open[seq], tries=tries, due=now + self._wait_s(tries))
        return tuple(self._open[seq].body for seq in due)

    def _wait_s(self, tries: int) -> float:
        step_s = min(self._rules.first_s * 2.0**tries, self._rules.longest_s)
        return step_s * (1 + _LEAST_JITTER + _JITTER_SPAN * self._random())
