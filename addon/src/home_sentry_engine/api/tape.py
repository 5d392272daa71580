"""The newest sequenced messages in memory, so that a reconnecting client seldom costs a read of the database."""

from bisect import bisect_right
from typing import Final

from .ports import Published

_TRIM_AT: Final = 1024


class Tape:
    """Messages in the order of their numbers, bounded in count and bytes; what is older lies in the database."""

    def __init__(self, start: int, *, most_messages: int, most_bytes: int) -> None:
        """Begin empty after sequence number ``start``."""
        self._start = start
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._messages: list[Published] = []
        self._numbers: list[int] = []
        self._ends: list[int] = []
        self._head = 0
        self._dropped_bytes = 0
        self._written_bytes = 0
        self._last = start

    @property
    def last(self) -> int:
        """Number of the newest message that was added."""
        return self._last

    def add(self, message: Published) -> bool:
        """Append a message; False for one that is not newer than the last."""
        if message.seq <= self._last:
            return False
        self._last = message.seq
        self._written_bytes += len(message.body)
        self._messages.append(message)
        self._numbers.append(message.seq)
        self._ends.append(self._written_bytes)
        while (
            len(self._messages) - self._head > self._most_messages
            or self._written_bytes - self._dropped_bytes > self._most_bytes
        ):
            self._start = self._numbers[self._head]
            self._dropped_bytes = self._ends[self._head]
            self._head += 1
        if self._head > _TRIM_AT and self._head * 2 > len(self._messages):
            del self._messages[: self._head], self._numbers[: self._head], self._ends[: self._head]
            self._head = 0
        return True

    def after(self, seq: int, limit: int) -> tuple[Published, ...] | None:
        """Give up to ``limit`` messages after ``seq``; None when some of them are not on the tape any more."""
        if seq < self._start:
            return None
        first = bisect_right(self._numbers, seq, lo=self._head)
        return tuple(self._messages[first : first + limit])

    def behind(self, seq: int) -> tuple[int, int]:
        """Tell how many messages and bytes of the tape come after ``seq``."""
        first = bisect_right(self._numbers, seq, lo=self._head)
        before = self._ends[first - 1] if first > self._head else self._dropped_bytes
        return len(self._messages) - first, self._written_bytes - before
