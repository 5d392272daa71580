"""Second chances: visits that only rules judged are judged by the model when it is back, worst first."""

from datetime import timedelta
import logging
from typing import Final

from home_sentry_engine.contract import BatchReason
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.jobs import ASSESS, PRIORITY_SPARE, NewJob

from .ports import ModelAvailability, Store, Tx

_LOGGER = logging.getLogger(__name__)
_LOOKING_BACK: Final = timedelta(hours=24)
_TRIES: Final = 3
_AT_ONCE: Final = 20
_EVERY_S: Final = 60.0


class SecondChances:
    """Queues assessments behind all others, for visits of the last 24 hours, at most three times for each."""

    def __init__(self, store: Store, model: ModelAvailability, clock: Clock, *, every_s: float = _EVERY_S) -> None:
        """Take the rows, what knows whether the model answers, and the clock."""
        self._store = store
        self._model = model
        self._clock = clock
        self._every_s = every_s

    async def run(self) -> None:
        """Look every minute until cancelled."""
        while True:
            await self._clock.sleep(self._every_s)
            if self._model.answers():
                await self.round()

    async def round(self) -> int:
        """Queue the worst visits that wait for a model; gives how many."""
        queued = await self._store.write(self._queue)
        if queued:
            _LOGGER.info("%d visits are judged again by the model", queued)
        return queued

    def _queue(self, tx: Tx) -> int:
        wanted = tx.events.unjudged(tx.now - _LOOKING_BACK, tries=_TRIES, limit=_AT_ONCE)
        for event_id, tries in wanted:
            event = tx.events.get(event_id)
            stored = tx.batches.get(event.batch_id) if event is not None else None
            if event is None or stored is None:
                continue
            _batch, version = stored
            tx.jobs.put(
                NewJob(
                    queue=ASSESS,
                    payload={
                        "event_id": event_id,
                        "batch_id": event.batch_id,
                        "version": version,
                        "reason": BatchReason.FORCED.value,
                    },
                    key=event.camera_id,
                    unique=f"{event.batch_id}:{version}:again{tries + 1}",
                    priority=PRIORITY_SPARE,
                )
            )
            tx.events.note_second_chance(event_id)
        return len(wanted)
