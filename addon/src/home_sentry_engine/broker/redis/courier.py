"""Carries what was committed to Redis, and finds by comparison what a crash or an outage kept from being carried."""

import asyncio
from collections import deque
from functools import partial
import logging
from typing import Final

from home_sentry_engine.broker.sql.ledger import Change, JobLedger
from home_sentry_engine.broker.sql.queue import Transactions
from home_sentry_engine.domain.clock import Clock

from .dispatch import Dispatch

_LOGGER = logging.getLogger(__name__)
_AT_ONCE: Final = 500


class Courier:
    """Changes in the order of their commits. One that fails is not kept: the next comparison covers it."""

    def __init__(self, database: Transactions, ledger: JobLedger, dispatch: Dispatch, clock: Clock) -> None:
        """Take the record, and the dispatch that has to follow it."""
        self._database = database
        self._ledger = ledger
        self._dispatch = dispatch
        self._clock = clock
        self._waiting: deque[Change] = deque()
        self._turn = asyncio.Lock()
        self._doubtful = True
        self.news = asyncio.Event()

    def add(self, change: Change) -> None:
        """Take a committed change along; call it on the event loop."""
        self._waiting.append(change)
        self.news.set()

    def doubt(self) -> None:
        """Compare before anything is claimed again."""
        self._doubtful = True
        self.news.set()

    async def flush(self) -> None:
        """Return when all that was added is in Redis; raises ``RedisUnreachable`` or the store's errors."""
        if not self._waiting and not self._doubtful:
            return
        async with self._turn:
            self.news.clear()
            if self._doubtful:
                await self._settle()
            while self._waiting:
                await self._carry([self._waiting.popleft() for _ in range(min(len(self._waiting), _AT_ONCE))])

    async def settle(self) -> None:
        """Compare the record with Redis and mend what differs; raises ``RedisUnreachable`` or the store's errors."""
        async with self._turn:
            await self._settle()

    async def _settle(self) -> None:
        self._waiting.clear()
        mended = 0
        on_record = await self._database.read(self._ledger.queues)
        for queue in sorted(on_record | await self._dispatch.queues()):
            mended += await self._mend(queue)
        self._doubtful = False
        if mended:
            _LOGGER.info("Brought %d jobs in Redis up to the record", mended)

    async def _mend(self, queue: str) -> int:
        # Redis first: what it knows was committed before, so what the record lacks afterwards is over
        known = await self._dispatch.fences(queue)
        fences = await self._database.read(lambda conn: self._ledger.fences(conn, queue))
        behind = sorted(job_id for job_id, fence in fences.items() if known.get(job_id, -1) < fence)
        over = sorted(known.keys() - fences.keys())
        for start in range(0, len(behind), _AT_ONCE):
            ids = behind[start : start + _AT_ONCE]
            rows = await self._database.read(partial(self._ledger.rows, ids=ids))
            await self._carry([Change(queue=queue, placed=rows)])
        for start in range(0, len(over), _AT_ONCE):
            await self._carry([Change(queue=queue, gone=tuple(over[start : start + _AT_ONCE]))])
        return len(behind) + len(over)

    async def _carry(self, changes: list[Change]) -> None:
        try:
            await self._dispatch.apply(changes, self._clock.steady())
        except BaseException:
            self._doubtful = True
            self.news.set()
            raise
