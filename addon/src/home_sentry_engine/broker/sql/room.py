"""Tells whether a queue is full without counting it for every job."""

import logging
from typing import Final

from sqlalchemy import Connection

from home_sentry_engine.broker.queue import QueueLimits

from .statements import COUNT

_LOGGER = logging.getLogger(__name__)
_RECOUNT: Final = 1000


class Room:
    """Counts a queue, then lets as many jobs in as surely fit before it counts again.

    Exact for one engine process; several on one database may exceed the limit by 1,000 jobs each.
    """

    def __init__(self, limits: QueueLimits) -> None:
        """Take the bounds of each queue."""
        self._limits = limits
        self._left: dict[str, int] = {}
        self._pressed: set[str] = set()

    def take(self, conn: Connection, queue: str) -> bool:
        """Take the place of one job; False if the queue is full."""
        left = self._left.get(queue, 0)
        if left > 0:
            self._left[queue] = left - 1
            return True
        count = conn.execute(COUNT, {"in_queue": queue}).scalar_one()
        self._warn(queue, count)
        if count >= self._limits.limit:
            return False
        checkpoint = self._limits.warn_at if count < self._limits.warn_at else self._limits.limit
        self._left[queue] = min(checkpoint - count, _RECOUNT) - 1
        return True

    def _warn(self, queue: str, count: int) -> None:
        if count < self._limits.warn_at:
            self._pressed.discard(queue)
        elif queue not in self._pressed:
            self._pressed.add(queue)
            _LOGGER.warning("The queue %s holds %d of %d jobs", queue, count, self._limits.limit)
