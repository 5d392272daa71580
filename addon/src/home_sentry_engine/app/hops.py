"""Takes the time of each hop of a picture, from what the workers finish."""

import asyncio
from collections import OrderedDict, deque
from datetime import datetime
from functools import partial
import logging
from typing import Final

from home_sentry_engine.contract import Event
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.jobs import ASSESS, DETECT, Job
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.operations.latency import Latencies
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.telemetry.metrics import Registry

from .tables import Tables
from .tallies import Tallies

_LOGGER = logging.getLogger(__name__)
_MOST: Final = 1000


class Hops:
    """Hears of looks and finished jobs.

    ``watch_detect``: accepted to looked at; ``detect_batch``: looked at to committed with its batch; ``batch_analyse``:
    queued for judgement to judged; ``total``: the visit's picture accepted to judged.
    """

    def __init__(self, database: Database, tables: Tables, clock: Clock, metrics: Registry, tallies: Tallies) -> None:
        """Take where events are looked up, and who counts their verdicts."""
        self._database = database
        self._tables = tables
        self._clock = clock
        self._tallies = tallies
        self.latencies = Latencies(clock)
        self._looked: OrderedDict[str, float] = OrderedDict()
        self._judged: deque[tuple[str, datetime]] = deque(maxlen=_MOST)
        self._news = asyncio.Event()
        self._seconds = metrics.histogram("stage_seconds", "Time of a job in its stage", ("stage",))

    def looked(self, media: Media) -> None:
        """Hear that a file was looked at."""
        self.latencies.note("watch_detect", (self._clock.now() - media.received_at).total_seconds())
        self._looked[media.media_id] = self._clock.monotonic()
        while len(self._looked) > _MOST:
            self._looked.popitem(last=False)

    def finished(self, job: Job, seconds: float) -> None:
        """Hear that a job was done and committed."""
        self._seconds.observe(seconds, stage=job.queue)
        if job.queue == DETECT:
            since = self._looked.pop(str(job.payload.get("media_id")), None)
            if since is not None:
                self.latencies.note("detect_batch", self._clock.monotonic() - since)
        elif job.queue == ASSESS:
            now = self._clock.now()
            self.latencies.note("batch_analyse", (now - job.enqueued_at).total_seconds())
            self._judged.append((str(job.payload.get("event_id")), now))
            self._news.set()

    async def run(self) -> None:
        """Look up when the pictures of judged visits were accepted, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._judged:
                event_id, judged_at = self._judged.popleft()
                try:
                    found = await self._database.read(partial(self._found, event_id=event_id))
                except (HomeSentryError, OSError) as err:
                    _LOGGER.debug("The time of a visit is not known: %s", err)
                    continue
                if found is not None:
                    self._tell(*found, judged_at)

    def _tell(self, event: Event, received_at: datetime | None, judged_at: datetime) -> None:
        self._tallies.judged(event)
        if received_at is not None:
            self.latencies.note("total", (judged_at - received_at).total_seconds())

    def _found(self, conn: Connection, event_id: str) -> tuple[Event, datetime | None] | None:
        event = self._tables.events.get(conn, event_id)
        if event is None:
            return None
        stored = self._tables.media.get(conn, event.media_id)
        return event, stored.media.received_at if stored is not None else None
