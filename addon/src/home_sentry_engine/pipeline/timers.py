"""Timers of the visits: close batches that are due, end visits that nothing joined."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
import logging

from home_sentry_engine.contract import BatchReason
from home_sentry_engine.domain.batch import Batcher, Closure, OpenBatch
from home_sentry_engine.domain.clock import Clock

from .gathering import Gathering
from .ports import Store, Tx
from .visit import Visit
from .worker import WorkerCounts

_LOGGER = logging.getLogger(__name__)
_AT_ONCE = 100
_ALL = 100_000


class VisitTimers:
    """Sweeps the open batches; a bad one is logged and does not stop the others."""

    def __init__(
        self, *, store: Store, gathering: Gathering, batcher: Batcher, visit: Visit, clock: Clock, interval_s: float
    ) -> None:
        """Take the rows, the rules of closing and the time between two sweeps."""
        self._store = store
        self._gathering = gathering
        self._batcher = batcher
        self._visit = visit
        self._clock = clock
        self._interval_s = interval_s
        self.counts = WorkerCounts()

    async def run(self) -> None:
        """Sweep until cancelled, at each deadline and at least every interval."""
        while True:
            await self.sweep()
            await self._clock.sleep(await self._pause())

    async def sweep(self) -> int:
        """Close what is due and end what is over; gives how many batches and visits changed."""
        due = await self._store.read(lambda tx: tx.batches.due(tx.now, _AT_ONCE))
        changed = 0
        for batch in due:
            changed += await self._guarded(partial(self._close, seen=batch), batch.batch_id)
        before = timedelta(seconds=self._batcher.rules.idle_s)
        over = await self._store.read(lambda tx: tx.batches.closed_unended(tx.now - before))
        for event_id in over:
            changed += await self._guarded(partial(self._end, event_id=event_id), event_id)
        if changed:
            self.counts.processed += changed
            self.counts.last_processed_at = self._clock.now()
        return changed

    async def force_close(self, batch_id: str) -> bool:
        """Close one open batch now; False if it is not open."""

        def work(tx: Tx) -> bool:
            stored = tx.batches.get(batch_id)
            if stored is None or not isinstance(stored[0], OpenBatch):
                return False
            self._gathering.close(tx, Closure(batch=stored[0], reason=BatchReason.FORCED), tx.now)
            return True

        return await self._store.write(work)

    async def _guarded(self, work: Callable[[Tx], bool], name: str) -> int:
        try:
            return int(await self._store.write(work))
        except Exception:
            _LOGGER.exception("Closing %s failed; the next sweep tries again", name)
            self.counts.retried += 1
            return 0

    def _close(self, tx: Tx, seen: OpenBatch) -> bool:
        stored = tx.batches.get(seen.batch_id)
        if stored is None or not isinstance(stored[0], OpenBatch):
            return False
        reason = self._batcher.due(stored[0], tx.now)
        if reason is None:
            return False
        self._gathering.close(tx, Closure(batch=stored[0], reason=reason), tx.now)
        return True

    def _end(self, tx: Tx, event_id: str) -> bool:
        event = tx.events.get(event_id)
        current = tx.batches.open_for(event.camera_id) if event is not None else None
        if event is None or event.ended_at is not None or (current is not None and current.event_id == event_id):
            return False
        sightings = tx.detections.sightings_of_event(event_id, best=_ALL)
        last_at = max((sighting.at for sighting in sightings), default=event.started_at)
        ended = self._visit.ended(event, last_at=last_at, now=tx.now)
        tx.events.save(ended)
        tx.outbox.add("event_updated", ended, camera_id=ended.camera_id)
        return True

    async def _pause(self) -> float:
        deadline = await self._store.read(lambda tx: tx.batches.next_deadline())
        if deadline is None:
            return self._interval_s
        until = (deadline - self._clock.steady()).total_seconds()
        return min(self._interval_s, max(0.05, until))
