"""Everything that grows with time and is not part of a visit: when each kind of row goes.

A new table either hangs on a visit or a file, which ``operations.retention`` deletes, or gets its line here.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from home_sentry_engine.context.baseline import BaselineRules
from home_sentry_engine.settings import Settings
from home_sentry_engine.storage.database import Connection
from home_sentry_engine.storage.repositories.calibrations import Calibrations
from home_sentry_engine.storage.repositories.deliveries import Deliveries
from home_sentry_engine.storage.repositories.gpu_stats import GpuStats
from home_sentry_engine.storage.repositories.replies import Replies

from .tables import Tables

_REPLAY: Final = timedelta(hours=24)
_SOURCES: Final = timedelta(days=7)
_SLACK: Final = timedelta(days=2)
_WEEKS_KEPT: Final = timedelta(weeks=104)

type Expire = Callable[[Connection, datetime], int]


def expiries(tables: Tables, settings: Settings) -> Mapping[str, Expire]:
    """Give what deletes old rows, by what they are; each takes the time and tells how many rows went."""
    kept = timedelta(days=settings.operations.retention_days)
    sources = max(_SOURCES, timedelta(hours=settings.ingest.catch_up_h) * 2)
    habits = timedelta(days=BaselineRules().window_days) + _SLACK
    replay = settings.api.replay_messages
    return {
        "fingerprints": tables.media.sweep_claims,
        "source keys": lambda conn, now: tables.media.forget_sources(conn, now - sources),
        "announcements": lambda conn, now: tables.outbox.prune(conn, replay, now - _REPLAY),
        "dead letters": tables.queue.prune_dead,
        "replies": Replies().prune,
        "graphics cards": GpuStats().prune,
        "habits": lambda conn, now: tables.activity.trim(conn, (now - habits).date()),
        "changes of views": lambda conn, now: tables.scenes.prune_changes(conn, now - kept),
        "looks": lambda conn, now: len(tables.traces.expire(conn, now)),
        "samples": tables.household.expire,
        "vectors of entities": tables.entities.expire_vectors,
        "entities": lambda conn, now: tables.entities.prune(conn, now - kept),
        "recognitions": lambda conn, now: tables.recognitions.prune(conn, now - kept),
        "facts of the household": tables.facts.expire,
        "changes of cameras": lambda conn, now: tables.states.prune(conn, now - kept),
        "spells of engines": lambda conn, now: tables.spells.prune(conn, now - kept),
        "summaries": lambda conn, now: tables.summaries.prune(conn, now - kept),
        "trials of prompts": lambda conn, now: tables.shadow_runs.prune(conn, now - kept),
        "weeks of figures": lambda conn, now: Calibrations().prune(conn, (now - _WEEKS_KEPT).date()),
        "deliveries": lambda conn, now: Deliveries().prune(conn, now - kept),
        "exports": tables.exports.prune,
        "plates": tables.plates.expire,
        "keys of alerts": lambda conn, now: tables.alerting.raised.prune(conn, now - _REPLAY),
    }
