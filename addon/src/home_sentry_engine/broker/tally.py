"""Counts what a process did with its queues."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import partial
from typing import Final

from home_sentry_engine.domain.jobs import Job

from .queue import PutOutcome, PutResult, QueueCounts

_NAMES: Final = tuple(one.name for one in fields(QueueCounts))


class Tally:
    """Counters by queue, read as ``QueueCounts``."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._counts: Counter[tuple[str, str]] = Counter()

    def put(self, queue: str, result: PutResult) -> None:
        """Count a put by its outcome."""
        self._counts[queue, result.outcome.value] += 1
        if result.dropped is not None:
            self._counts[queue, "dropped"] += 1
        if result.displaced is not None:
            self._counts[queue, "dead_lettered"] += 1

    def put_in(self, queue: str, result: PutResult, after_commit: Callable[[Callable[[], None]], None]) -> None:
        """Count a put of a transaction when that is committed; a refused one at once, because it undoes it."""
        count = partial(self.put, queue, result)
        if result.outcome is PutOutcome.REJECTED:
            count()
        else:
            after_commit(count)

    def claimed(self, queue: str, jobs: Iterable[Job]) -> None:
        """Count claimed jobs; one with an earlier claim is a redelivery."""
        for job in jobs:
            self._counts[queue, "claimed"] += 1
            self._counts[queue, "redelivered"] += job.fence > 1

    def of(self, queue: str) -> QueueCounts:
        """Give the counts of one queue."""
        return QueueCounts(**{name: self._counts[queue, name] for name in _NAMES})
